#!/usr/bin/env bash
# The part of run.sh that runs on the machine with the GPU, in the folder that was carried there: go.sh <device> [checkout of world-model-eval].
set -euo pipefail

device="${1:-cuda}" upstream="${2:-}"
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
export ENGINE_GOLDEN="$PWD/golden" ENGINE_ROOT="$PWD" ENGINE_CACHE="$PWD/cache" DOTNET_gcServer=0
mkdir -p results log
say() { echo "go.sh: $*" >&2; }

# PyTorch brings an NVRTC of its own; where none is installed that one will do.
python="$(command -v python3 || true)"
has_torch=0
if [[ -n "$python" ]] && "$python" -c 'import torch' 2>/dev/null; then has_torch=1; fi
if [[ -z "${ENGINE_NVRTC:-}" && "$has_torch" == 1 ]] && ! ldconfig -p 2>/dev/null | grep -q 'libnvrtc\.so'; then
  found="$("$python" - <<'P'
import glob, os, torch
folders = [os.path.join(os.path.dirname(torch.__file__), "lib"), os.path.join(os.path.dirname(os.path.dirname(torch.__file__)), "nvidia")]
print(next((path for folder in folders for path in sorted(glob.glob(folder + "/**/libnvrtc*.so*", recursive=True)) if "builtins" not in path), ""))
P
)"
  if [[ -n "$found" ]]; then export ENGINE_NVRTC="$found"; fi
fi

if [[ "$device" == cuda* ]]; then
  name="$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)"
else
  name="emulated"
fi
result="results/$(tr '[:upper:] /' '[:lower:]--' <<<"$name").md"

{
  echo "# $name"
  echo
  echo "By \`bench/cuda/run.sh\`, $(date -u +%Y-%m-%d)."
  echo
  echo '```'
  program/Engine.Host doctor 2>/dev/null | sed -n '/^GPU/,/^[A-Z]/p' | sed '$d' || true
  if [[ "$device" == cuda* ]]; then nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv || true; fi
  echo '```'
  echo
} >"$result"

# ---- checks ----------------------------------------------------------------------------------------------------------------

echo "## Checks" >>"$result"
echo >>"$result"
failed=0
check() {
  local title="$1" log="log/$2.log" status=0
  shift 2
  say "$title"
  ENGINE_TEST_DEVICE="$device" "$@" -noLogo -noColor >"$log" 2>&1 || status=$?
  echo "- $title: $(grep -E 'Total: [0-9]+' "$log" | tail -n 1 | sed 's/^ *//' || true)" >>"$result"
  if ((status != 0)); then
    failed=1
    { echo; echo '```'; grep -A 3 -F '[FAIL]' "$log" | head -n 60 || tail -n 20 "$log"; echo '```'; echo; } >>"$result"
  fi
}

kernels=(kernels/Engine.Kernels.Tests) dreams=(runtime/Engine.Runtime.Tests)
if [[ "$device" == emulated ]]; then
  check "one kernel against its reference" kernels "${kernels[@]}" -class '*CudaNormalisationTests'
  check "the original's generated sequences" dreams "${dreams[@]}" -method '*Generated_sequences_equal_the_original_to_the_rounding_of_bfloat16*'
else
  check "every kernel against its reference, and cubins within their budgets" kernels "${kernels[@]}" -namespace 'Engine.Kernels.Tests.Cuda.Elementwise' -namespace 'Engine.Kernels.Tests.Cuda.Tensor' -class '*NvrtcTests'
  check "dreams, and the original's generated sequences" dreams "${dreams[@]}" -namespace 'Engine.Runtime.Tests.WorldModel.Cuda'
  if command -v compute-sanitizer >/dev/null; then
    check "compute-sanitizer memcheck over the dreams" memcheck compute-sanitizer --error-exitcode 9 --target-processes all "${dreams[@]}" -class '*CudaDreamStateTests'
    check "compute-sanitizer racecheck over one kernel of each kind" racecheck compute-sanitizer --tool racecheck --error-exitcode 9 --target-processes all "${kernels[@]}" -class '*CudaNormalisationTests' -class '*SpatialAttentionCudaTests'
  else
    echo "- compute-sanitizer is not installed here" >>"$result"
  fi
fi

# ---- times -----------------------------------------------------------------------------------------------------------------

{ echo; echo "## Times"; echo; } >>"$result"
say "timing"
if [[ "$device" == emulated ]]; then
  program/Engine.Host bench cuda --device emulated --size tiny --environments 1 2 >>"$result"
  program/Engine.Host bench dream --device emulated --size tiny --environments 1 2 --pairs 1 >>"$result"
else
  program/Engine.Host bench dream --device "$device" --size original-10 --environments 1 32 --pairs 5 ${upstream:+--upstream "$upstream"} >>"$result"
  program/Engine.Host bench cuda --device "$device" --size original-10 --environments 1 32 >>"$result"
  program/Engine.Host bench dream --device "$device" --size medium --environments 1 32 256 --pairs 5 >>"$result"
fi

if [[ "$has_torch" == 1 && "$device" == cuda* ]]; then
  say "timing PyTorch"
  "$python" torch_side.py >>"$result" 2>log/torch.log || { failed=1; echo "PyTorch's side failed: $(tail -n 1 log/torch.log)" >>"$result"; }
else
  echo "python3 with torch is not here (or there is no GPU): nothing to compare with." >>"$result"
fi

say "written: $PWD/$result"
exit "$failed"
