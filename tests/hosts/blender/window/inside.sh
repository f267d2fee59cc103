#!/bin/sh
# In the chroot: a screen, a window manager that fills it, and Blender that runs a script. Called by take.py.
#
#   inside.sh DISPLAY WIDTH HEIGHT BLENDER_ARGUMENT...
set -eu
display=:$1 width=$2 height=$3
shift 3

Xvfb "$display" -screen 0 "${width}x${height}x24" +extension GLX -nolisten tcp >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
export DISPLAY="$display" LIBGL_ALWAYS_SOFTWARE=1
tries=0
until xdpyinfo >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "no X server on $display" >&2; exit 1; }
    sleep 0.1
done
matchbox-window-manager -use_titlebar no >/dev/null 2>&1 &
blender "$@"
