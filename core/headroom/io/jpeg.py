"""What the image library does not tell of a JPEG: DCF's colour index, a missing end."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["interoperability_index", "is_cut_short"]

# TIFF tags, Exif 2.32 tables 4 and 13.
EXIF_IFD = 0x8769
INTEROPERABILITY_IFD = 0xA005
INTEROPERABILITY_INDEX = 0x0001
_MAX_HEADER = 1 << 18


def interoperability_index(path: Path) -> str | None:
    """``"R98"``, ``"R03"`` or another index of a JPEG's EXIF block; None where there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(_MAX_HEADER)
        block = _app1(head)
        return None if block is None else _index(block)
    except (OSError, struct.error, IndexError, ValueError):
        return None


def is_cut_short(path: Path) -> bool:
    """Whether the picture's end marker is missing: decoders fill the lost rows with grey and say nothing.

    Within coded data 0xFF is followed by 0 or a restart marker (ITU-T T.81, B.1.1.5), so 0xFFD9 is the end.
    """
    data = path.read_bytes()
    at = 2
    try:
        while data[at] == 0xFF and data[at + 1] != 0xDA:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    except (struct.error, IndexError):
        return True
    return data.find(b"\xff\xd9", at) < 0


def _app1(head: bytes) -> bytes | None:
    at = 2
    while head[at] == 0xFF and head[at + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", head, at + 2)
        if head[at + 1] == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            return head[at + 10 : at + 2 + length]
        at += 2 + length
    return None


def _index(block: bytes) -> str | None:
    order = {b"II": "<", b"MM": ">"}[block[:2]] if block[:2] in (b"II", b"MM") else None
    if order is None:
        return None
    (offset,) = struct.unpack_from(order + "I", block, 4)
    for tag in (EXIF_IFD, INTEROPERABILITY_IFD):
        entry = _entry(block, order, offset, tag)
        if entry is None:
            return None
        (offset,) = struct.unpack(order + "I", entry)
    text = _entry(block, order, offset, INTEROPERABILITY_INDEX)
    return None if text is None else text.rstrip(b"\0 ").decode("ascii", "replace") or None


def _entry(block: bytes, order: str, ifd: int, wanted: int) -> bytes | None:
    (count,) = struct.unpack_from(order + "H", block, ifd)
    for k in range(count):
        at = ifd + 2 + 12 * k
        (tag,) = struct.unpack_from(order + "H", block, at)
        if tag == wanted:
            return block[at + 8 : at + 12]
    return None
