#!/usr/bin/env bash
# Everything there is to know about a GPU, in one command: checks (the original's golden files, every kernel against its reference) and times, written to
# bench/results/<gpu>.md. The machine with the GPU needs its driver and NVRTC, no .NET: what runs there is published here, self-contained. go.sh says in which order and how long; whatever fails,
# what was found out stands in the report.
#
#   bench/cuda/run.sh                        on this machine's GPU
#   bench/cuda/run.sh --host user@machine    on another one, over ssh
#   bench/cuda/run.sh --pack FILE            an archive for a machine that is reached in another way: there tar -xzf FILE && bash engine-cuda/go.sh cuda, and its results/ back
#   bench/cuda/run.sh --minutes N            for all of it on the GPU's machine, 10 unless given: what does not fit is left out, last things first
#   bench/cuda/run.sh --upstream DIR         with the original's own dream beside ours (a checkout of world-model-eval on the GPU's machine; needs python3 with torch)
#   bench/cuda/run.sh --device emulated      no GPU: the same way through with kernels on the processor and tiny shapes, to see that the way is sound
#
# Where python3 has torch, its attention, layer norm, GELU and a compiled GAE are timed in the same run; where compute-sanitizer is installed, it looks over the
# small shapes. Needs here: the .NET 10 SDK.
set -euo pipefail

root="$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")"
device=cuda host="" upstream="" pack="" minutes=10
while (($# > 0)); do
  case "$1" in
    --device) device="$2"; shift 2 ;;
    --host) host="$2"; shift 2 ;;
    --upstream) upstream="$2"; shift 2 ;;
    --pack) pack="$2"; shift 2 ;;
    --minutes) minutes="$2"; shift 2 ;;
    *) echo "run.sh: $1 is not known; see the head of this file" >&2; exit 2 ;;
  esac
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
bundle="$work/engine-cuda"
say() { echo "run.sh: $*" >&2; }

# Publishing for a runtime writes into the lock files, so it is done on a copy.
say "publishing, self-contained for linux-x64"
mkdir -p "$work/source"
(cd "$root" && tar -cf - --exclude=bin --exclude=obj Directory.Build.props Directory.Packages.props .editorconfig Engine.sln src native/cuda tests bench/upstream) | tar -xf - -C "$work/source"
publish() {
  if ! dotnet publish "$work/source/$1" -c Release -r linux-x64 --self-contained -o "$bundle/$2" -v quiet -clp:NoSummary -nodeReuse:false >"$work/publish.log" 2>&1; then
    tail -n 30 "$work/publish.log" >&2
    say "publishing $1 failed"
    exit 1
  fi
}
publish src/Engine.Host program
publish tests/Engine.Kernels.Tests kernels
publish tests/Engine.Runtime.Tests runtime
mkdir -p "$bundle/tests"
cp -r "$root/tests/golden" "$bundle/golden"
cp "$root/bench/cuda/go.sh" "$root/bench/cuda/torch_side.py" "$bundle/"
cp -r "$root/tests/Engine.Kernels.Tests" "$bundle/tests/"

if [[ -n "$pack" ]]; then
  tar -czf "$pack" -C "$work" engine-cuda
  say "$pack, $(du -m "$pack" | cut -f1) MB: tar -xzf it there, bash engine-cuda/go.sh $device, and take engine-cuda/results/*.md"
  exit 0
fi

# Whatever becomes of the checks, their report is fetched.
status=0
if [[ -n "$host" ]]; then
  say "carrying $(du -sm "$bundle" | cut -f1) MB to $host"
  tar -czf - -C "$work" engine-cuda | ssh "$host" 'rm -rf engine-cuda && tar -xzf -'
  ssh -t "$host" "cd engine-cuda && bash go.sh '$device' '$upstream' '$minutes'" || status=$?
  scp -q "$host:engine-cuda/results/*.md" "$work/"
else
  (cd "$bundle" && bash go.sh "$device" "$upstream" "$minutes") || status=$?
  cp "$bundle"/results/*.md "$work/"
fi

for result in "$work"/*.md; do
  if [[ "$device" == emulated ]]; then
    ((status == 0)) && say "the way is sound; nothing was measured:"
    cat "$result"
  else
    cp "$result" "$root/bench/results/"
    say "bench/results/$(basename "$result")"
  fi
done
if ((status != 0)); then say "not everything passed or was finished: the report says what"; fi
exit "$status"
