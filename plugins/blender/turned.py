"""Whether a camera stored a photograph turned: the engine sets it upright, Blender does not."""

import os
import struct

__all__ = ["is_turned"]

_ORIENTATION = 0x0112
_START = 1 << 17
"""Bytes: the Exif block stands among the first segments of a JPEG and is at most 64 KiB long."""


def is_turned(path: str) -> bool:
    """Whether a JPEG's Exif block asks for a rotation or a flip (Exif 2.32, tag 0x0112, 1 is upright)."""
    if os.path.splitext(path)[1].lower() not in (".jpg", ".jpeg", ".jpe"):
        return False
    try:
        with open(path, "rb") as file:
            data = file.read(_START)
    except OSError:
        return False
    start = data.find(b"Exif\0\0")
    if start < 0:
        return False
    tiff = data[start + 6 :]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return False
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for index in range(count):
            tag, _kind, _length, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * index)
            if tag == _ORIENTATION:
                return 1 < value <= 8
    except struct.error:
        return False
    return False
