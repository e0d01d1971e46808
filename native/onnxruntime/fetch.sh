#!/bin/sh
# Puts ONNX Runtime's shared library into a folder: fetch.sh <folder>
# Source: the npm package onnxruntime-node, of which only libonnxruntime.so.1 is taken (CPU provider, MIT licence).
# To use another build (a GPU one, say), do not run this: set ENGINE_ONNXRUNTIME to the path of its library.
set -eu

version=1.30.0
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    folder=x64
    sha256=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23 ;;
  Linux-aarch64)
    folder=arm64
    sha256=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76 ;;
  *)
    echo "fetch.sh: there is no pinned ONNX Runtime for $(uname -s) $(uname -m); set ENGINE_ONNXRUNTIME to a libonnxruntime of your own" >&2
    exit 1 ;;
esac

if [ $# -ne 1 ]; then
  echo "usage: fetch.sh <folder that receives libonnxruntime.so.1>" >&2
  exit 2
fi

matches() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]; }

target="$1/libonnxruntime.so.1"
if matches "$target"; then
  echo "onnxruntime $version: already at $target"
  exit 0
fi

command -v npm >/dev/null 2>&1 || {
  echo "fetch.sh: npm is needed to download onnxruntime-node $version; install it (Debian: npm) or set ENGINE_ONNXRUNTIME" >&2
  exit 1
}

mkdir -p "$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT INT TERM
member="package/bin/napi-v6/linux/$folder/libonnxruntime.so.1"
# pack downloads the archive only: no install script runs.
(cd "$work" && npm pack --silent "onnxruntime-node@$version" >/dev/null && tar -xzf "onnxruntime-node-$version.tgz" "$member")
if ! matches "$work/$member"; then
  echo "fetch.sh: sha256 of the downloaded libonnxruntime.so.1 is not $sha256; nothing was installed" >&2
  exit 1
fi

# A copy beside the target and a rename: a reader never sees half a file.
cp "$work/$member" "$target.part"
chmod 0755 "$target.part"
mv -f "$target.part" "$target"
echo "onnxruntime $version: $target"
