#!/bin/sh
# Debian sid in a folder, with its current Blender and what a window without a screen needs.
#
#   sudo sh make_chroot.sh [FOLDER]          default: /root/chroot-sid; about 3 GB
#
# The `bpy` module of PyPI has no window; a distribution's Blender has one, and Xvfb is its screen. Running it again
# updates what is there. STALE_MIRROR=1 accepts a mirror whose copy of sid has passed its date (still signed by Debian).
# Remove it with `sh make_chroot.sh --remove FOLDER`, which takes the mounts away first.
set -eu

[ "${1:-}" != "--remove" ] || {
    root=${2:?which folder?}
    [ -x "$root/usr/sbin/chroot" ] || { echo "$root is not a chroot made by this script" >&2; exit 1; }
    for point in work dev/shm dev/pts dev proc; do
        while mountpoint -q "$root/$point"; do umount "$root/$point"; done
    done
    exec rm -rf --one-file-system "$root"
}

root=${1:-/root/chroot-sid}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
dated=${STALE_MIRROR:+-o Acquire::Check-Valid-Until=false}
packages="blender xvfb matchbox-window-manager imagemagick xdotool x11-utils libgl1-mesa-dri fonts-dejavu-core"
packages="$packages python3-cattr python3-requests"

command -v debootstrap >/dev/null || apt-get install -y --no-install-recommends debootstrap
if [ ! -e "$root/.made" ]; then
    debootstrap --variant=minbase --include=ca-certificates sid "$root" "$mirror"
    touch "$root/.made"
fi
for point in proc dev dev/pts; do
    mountpoint -q "$root/$point" || mount --bind "/$point" "$root/$point"
done
mkdir -p "$root/dev/shm"
mountpoint -q "$root/dev/shm" || mount --bind /dev/shm "$root/dev/shm"
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true

# No services are to be started in there, and nothing is to be asked.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
# shellcheck disable=SC2086  the names and options are words
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -ec "
    apt-get $dated update -q
    apt-get $dated install -qy --no-install-recommends $packages
    apt-get clean"
chroot "$root" blender --version | head -n 1
