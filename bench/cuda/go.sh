#!/usr/bin/env bash
# The part of run.sh that runs on the machine with the GPU, in the folder that was carried there: go.sh <device> [checkout of world-model-eval] [minutes].
#
# What it finds out stands in results/<gpu>.md as soon as it is known, whatever fails or takes too long afterwards: every part has a time limit and is followed by the next one. First whether the
# numbers are right (three minutes), then the times, then the memory checker, each as far as the minutes reach.
set -uo pipefail

device="${1:-cuda}" upstream="${2:-}" minutes="${3:-10}"
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
export ENGINE_GOLDEN="$PWD/golden" ENGINE_ROOT="$PWD" ENGINE_CACHE="$PWD/cache" DOTNET_gcServer=0
mkdir -p results log
deadline=$((SECONDS + 60 * minutes))
say() { echo "go.sh: $*" >&2; }

if [[ "$device" == cuda:* ]]; then
  export CUDA_VISIBLE_DEVICES="${device#cuda:}"
  device=cuda
fi

# ---- parts -----------------------------------------------------------------------------------------------------------------

failed=0
note() { printf '%s\n' "$@" >>"$result"; }

# limited <seconds> <command…>: at most so long, and no longer than there is time; 125 where there is none.
limited() {
  local limit="$1" left=$((deadline - SECONDS))
  shift
  ((left >= 5)) || return 125
  ((limit <= left)) || limit=$left
  timeout --kill-after=5 "$limit" "$@"
}

reason() {
  case "$1" in
    124 | 137) echo "it took too long and was stopped" ;;
    125) echo "no time was left for it" ;;
    *) echo "status $1" ;;
  esac
}

# check <title> <log> <seconds> <test program and filters…>; its status is the tests'.
check() {
  local title="$1" log="log/$2.log" limit="$3" status=0 total
  shift 3
  say "$title"
  ENGINE_TEST_DEVICE="$device" limited "$limit" "$@" -noLogo -noColor >"$log" 2>&1 || status=$?
  total="$(grep -E 'Total: [0-9]+' "$log" | tail -n 1 | sed 's/^ *//')"
  if ((status == 0)); then
    note "- $title: ${total:-no test was found}"
    if [[ -z "$total" ]]; then status=1; fi
  elif ((status == 125)); then
    note "- **$title: not passed** ($(reason "$status"))"
  else
    note "- **$title: not passed** ($(reason "$status")) $total" "" '```'
    { grep -A 3 -F '[FAIL]' "$log" || tail -n 15 "$log"; } | head -n 40 >>"$result"
    note '```' ""
  fi
  return "$status"
}

# measure <title> <log> <seconds> <command…>: what it writes is the report, also of what it did not finish.
measure() {
  local title="$1" log="log/$2" limit="$3" status=0
  shift 3
  say "$title"
  limited "$limit" "$@" >"$log.md" 2>"$log.log" || status=$?
  cat "$log.md" >>"$result"
  if ((status != 0)); then
    failed=1
    note "" "**$title: not finished** ($(reason "$status")). $(tail -n 1 "$log.log")" ""
  fi
}


# ---- the machine -----------------------------------------------------------------------------------------------------------

# PyTorch brings an NVRTC of its own; where none is installed that one will do.
python="$(command -v python3 || true)"
has_torch=0
if [[ "$device" == cuda && -n "$python" ]] && timeout 60 "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then has_torch=1; fi
if [[ -z "${ENGINE_NVRTC:-}" && "$has_torch" == 1 ]] && ! ldconfig -p 2>/dev/null | grep -q 'libnvrtc\.so'; then
  found="$("$python" - <<'P'
import glob, os, torch
folders = [os.path.join(os.path.dirname(torch.__file__), "lib"), os.path.join(os.path.dirname(os.path.dirname(torch.__file__)), "nvidia")]
print(next((path for folder in folders for path in sorted(glob.glob(folder + "/**/libnvrtc*.so*", recursive=True)) if "builtins" not in path), ""))
P
)"
  if [[ -n "$found" ]]; then export ENGINE_NVRTC="$found"; fi
fi

name=emulated
if [[ "$device" == cuda ]]; then name="$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)"; fi
result="results/$(tr '[:upper:] /' '[:lower:]--' <<<"${name:-unknown-gpu}").md"
{
  echo "# ${name:-unknown GPU}"
  echo
  echo "By \`bench/cuda/run.sh\`, $(date -u +%Y-%m-%d)."
  echo
  echo '```'
  timeout 60 program/Engine.Host doctor 2>/dev/null | sed -n '/^GPU/,/^[A-Z]/p' | sed '$d'
  if [[ "$device" == cuda ]]; then nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv 2>/dev/null; fi
  echo '```'
  echo
} >"$result"

# ---- checks ----------------------------------------------------------------------------------------------------------------

note "## Checks" ""
kernels=kernels/Engine.Kernels.Tests dreams=runtime/Engine.Runtime.Tests
golden() { check "the original's generated sequences$1" "$2" 60 "$dreams" -method "*CudaGenerateGoldenTests.$3*"; }

# In float32 there are neither tensor cores nor warp groups: a fault here is in what all precisions have in common.
golden ", float32" golden-float32 In_float32_they_equal_the_original || failed=1

# What is fast and was never seen on this GPU is left out where the numbers are wrong with it: one after the other, then both.
working=none
for without in "" warpgroups overlap overlap,warpgroups; do
  export ENGINE_CUDA_WITHOUT="$without"
  if golden ", bfloat16${without:+, without $without}" "golden-bfloat16-${without:-all}" Generated_sequences_equal_the_original; then
    working="$without"
    break
  fi
  failed=1
  ((deadline - SECONDS >= 5)) || break
done
if [[ "$working" == none ]]; then
  export ENGINE_CUDA_WITHOUT=overlap,warpgroups
  note "- **No variant gives the original's numbers**; what follows leaves out overlapping kernels and warp groups."
elif [[ -n "$working" ]]; then
  note "- Everything that follows is **without $working** (\`ENGINE_CUDA_WITHOUT=$working\`): with it the numbers above are wrong."
fi

if [[ "$device" == emulated ]]; then
  check "one kernel against its reference" kernels 60 "$kernels" -class '*CudaNormalisationTests' || failed=1
else
  check "every kernel against its reference" kernels 70 "$kernels" -namespace 'Engine.Kernels.Tests.Cuda.Elementwise' -namespace 'Engine.Kernels.Tests.Cuda.Tensor' || failed=1
  check "dreams" dreams 60 "$dreams" -class '*CudaDreamStateTests' -class '*CudaDreamWorkTests' -class '*CudaFloat8Tests' || failed=1
fi

# ---- times -----------------------------------------------------------------------------------------------------------------

note "" "## Times" ""
if [[ "$device" == emulated ]]; then
  measure "dreams" dreams 60 program/Engine.Host bench dream --device emulated --size tiny --environments 1 2 --pairs 1 --quiet
  measure "kernels" kernels 60 program/Engine.Host bench cuda --device emulated --size tiny --environments 1 2 --quiet
else
  # The table's lines first; the original after them, as it takes as long as all of ours.
  measure "dreams" dreams 120 program/Engine.Host bench dream --device "$device" --size original-10 --environments 1 32 --pairs 5 --quiet
  measure "kernels" kernels 60 program/Engine.Host bench cuda --device "$device" --size original-10 --environments 1 32 --quiet
  if ((has_torch)); then
    if [[ -n "$upstream" ]]; then
      measure "dreams beside the original's" upstream 90 program/Engine.Host bench dream --device "$device" --size original-10 --environments 1 --pairs 3 --upstream "$upstream" --python "$python" --quiet
    fi
    measure "PyTorch's kernels" torch 60 "$python" torch_side.py
  else
    note "python3 with torch that sees the GPU is not here: nothing to compare with." ""
  fi
  measure "dreams in float8" float8 60 program/Engine.Host bench dream --device "$device" --precision float8 --size original-10 --environments 1 32 --pairs 3 --quiet
  measure "dreams of the medium size" medium 45 program/Engine.Host bench dream --device "$device" --size medium --environments 1 32 256 --pairs 5 --quiet
fi

# ---- the memory checker ----------------------------------------------------------------------------------------------------

note "" "## Memory checker" ""
if [[ "$device" == emulated ]]; then
  note "- the emulation fences every buffer: the checks above are it"
elif command -v compute-sanitizer >/dev/null; then
  check "compute-sanitizer memcheck over the dreams" memcheck 150 compute-sanitizer --error-exitcode 9 --target-processes all "$dreams" -class '*CudaDreamStateTests' || failed=1
  check "compute-sanitizer racecheck over one kernel of each kind" racecheck 150 compute-sanitizer --tool racecheck --error-exitcode 9 --target-processes all "$kernels" -class '*CudaNormalisationTests' -class '*SpatialAttentionCudaTests' || failed=1
else
  note "- compute-sanitizer is not installed here"
fi

note "" "$((SECONDS - deadline + 60 * minutes)) s in all."
say "written: $PWD/$result"
exit "$failed"
