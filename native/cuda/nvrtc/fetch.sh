#!/bin/sh
# Puts NVIDIA's run-time compiler (NVRTC) into a folder: fetch.sh <folder>
# Source: Debian 13's packages libnvrtc12 and libnvrtc-builtins12.4 (non-free, NVIDIA's licence, which is laid beside them). They are unpacked, not
# installed; apt checks Debian's signatures with the machine's own keyring. Only for checking on a machine without a GPU that the CUDA kernels compile:
# to use another NVRTC, do not run this, set ENGINE_NVRTC to the path of its library.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: fetch.sh <folder that receives libnvrtc.so.12 and libnvrtc-builtins.so.12.4>" >&2
  exit 2
fi

fail() { echo "fetch.sh: $*" >&2; exit 1; }

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "there is no NVRTC package for $(uname -s) $(uname -m); set ENGINE_NVRTC to a libnvrtc of your own"
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is needed, this is not a Debian system; set ENGINE_NVRTC to a libnvrtc of your own"
done
[ -r "$keyring" ] || fail "$keyring is missing (Debian package debian-archive-keyring); without it nothing can be checked"

# The mirror that the machine has its own packages from.
mirror="$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | head -n 1)"
[ -n "$mirror" ] || fail "apt has no source of packages; set ENGINE_NVRTC to a libnvrtc of your own"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/files"
echo "deb [arch=amd64 signed-by=$keyring] $mirror trixie non-free" >"$work/source.list"

# A source list and state of its own: the machine's are neither read nor changed.
apt() {
  apt-get -q -o Dir::Etc::sourcelist="$work/source.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=1 -o Acquire::http::Timeout=15 "$@"
}

apt update || fail "Debian's package list could not be had or its signature is not good"
(cd "$work" && apt download libnvrtc12 libnvrtc-builtins12.4) || fail "the packages could not be had"
for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/files"; done

found="$work/files/usr/lib/x86_64-linux-gnu"
[ -e "$found/libnvrtc.so.12" ] && [ -e "$found/libnvrtc-builtins.so.12.4" ] || fail "the packages do not hold what was expected"
mkdir -p "$1"
# A copy beside the target and a rename: a reader never sees half a file. The compiler goes last, it is what is looked for.
for file in libnvrtc-builtins.so.12.4 libnvrtc.so.12; do
  cp -L "$found/$file" "$1/$file.part"
  mv -f "$1/$file.part" "$1/$file"
done
cp "$work/files/usr/share/doc/libnvrtc12/copyright" "$1/copyright"
echo "nvrtc: $1/libnvrtc.so.12"
