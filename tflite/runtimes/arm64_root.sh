#!/usr/bin/env bash
# Builds a folder with an ARM64 Python and LiteRT, to run under qemu-user: arm64_root.sh FOLDER PIP
# Needs Debian with apt-get and root. Nothing is installed into the system but qemu-user-static and a package index.
set -euo pipefail
root=$1 pip=$2
packages=(python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libssl3
  libbz2-1.0 liblzma5)
wheels=(ai-edge-litert==2.3.0 numpy==2.4.6 flatbuffers==25.12.19 typing_extensions tqdm==4.70.1 backports.strenum==1.2.8 protobuf)

if [ -e "$root/complete" ]; then
  exit 0
fi
rm -rf "$root"
mkdir -p "$root/downloads" "$root/proc" "$root/sys/devices/system/cpu" "$root/site"
dpkg --add-architecture arm64
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user-static unzip >/dev/null
(cd "$root/downloads" && apt-get download -qq "${packages[@]/%/:arm64}" 2>/dev/null)
for package in "$root"/downloads/*.deb; do dpkg-deb -x "$package" "$root"; done
"$pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 --platform manylinux2014_aarch64 \
  --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 --dest "$root/downloads" "${wheels[@]}"
for wheel in "$root"/downloads/*.whl; do unzip -oq "$wheel" -d "$root/site"; done
# The runtime asks for the processor's features; without these files it crashes.
printf 'processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n' >"$root/proc/cpuinfo"
printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0b\nCPU revision\t: 1\n' >>"$root/proc/cpuinfo"
rm -rf "$root/downloads"
touch "$root/complete"
