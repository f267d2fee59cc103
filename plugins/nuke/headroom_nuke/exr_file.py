"""Is an OpenEXR file whole? Read from its header and its table of offsets; no pixel is touched.

Layout: "OpenEXR File Layout", openexr.com: magic, version, attributes, then one 64-bit offset for each chunk, then the
chunks, each a line number and a size before its data. A writer that was stopped leaves zeros in the table or a file
that ends before its last chunk.
"""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["attributes", "data_window", "is_whole", "layout"]

MAGIC = b"\x76\x2f\x31\x01"
TILED, DEEP, MULTI_PART = 0x200, 0x800, 0x1000
LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""By the number of the compression: none, rle, zips, zip, piz, pxr24, b44, b44a, dwaa, dwab."""
HEADER_LIMIT = 1 << 20
FLOAT = 2
"""Pixel type of a 32-bit float channel."""


def is_whole(path: str) -> bool:
    """Whether a scan-line file has all its chunks. Tiled, deep and multi-part files: only that they have a header."""
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            found = _header(file.read(HEADER_LIMIT))
            if found is None:
                return False
            attributes, end, flags = found
            if flags & (TILED | DEEP | MULTI_PART):
                return True
            _, top, _, bottom = struct.unpack("<4i", attributes["dataWindow"])
            chunks = -(-(bottom - top + 1) // LINES_PER_CHUNK[attributes["compression"][0]])
            file.seek(end)
            table = file.read(8 * chunks)
            if len(table) < 8 * chunks:
                return False
            offsets = struct.unpack(f"<{chunks}Q", table)
            if min(offsets) < end + 8 * chunks:
                return False
            file.seek(max(offsets))
            last = file.read(8)
            return len(last) == 8 and max(offsets) + 8 + struct.unpack("<ii", last)[1] <= size
    except (OSError, struct.error, KeyError, IndexError, ValueError):
        return False


def data_window(path: str) -> tuple[int, int, int, int] | None:
    """left, top, right, bottom, all inclusive; None where there is no header."""
    try:
        with Path(path).open("rb") as file:
            found = _header(file.read(HEADER_LIMIT))
        if found is None:
            return None
        left, top, right, bottom = struct.unpack("<4i", found[0]["dataWindow"])
    except (OSError, struct.error, KeyError):
        return None
    return left, top, right, bottom


def attributes(path: str) -> dict[str, str]:
    """The header's text attributes; empty where there is no header."""
    with Path(path).open("rb") as file:
        found = _header(file.read(HEADER_LIMIT))
    return {name: value.decode("utf-8", "replace") for name, value in (found[0] if found else {}).items()}


def layout(content: bytes) -> tuple[list[str], tuple[int, int, int, int], int]:
    """Channels in the order of a scan line, the data window, and where the table of offsets begins.

    For uncompressed scan lines of 32-bit floats; ValueError for what is none.
    """
    found = _header(content)
    if found is None or found[2] & (TILED | DEEP | MULTI_PART) or found[0]["compression"] != b"\0":
        raise ValueError("not an uncompressed scan-line EXR")
    names, at, table = [], 0, found[0]["channels"]
    while table[at]:
        end = table.index(b"\0", at)
        names.append(table[at:end].decode("utf-8"))
        if struct.unpack_from("<i", table, end + 1)[0] != FLOAT:
            raise ValueError(f"channel {names[-1]} is not 32-bit float")
        at = end + 17
    left, top, right, bottom = struct.unpack("<4i", found[0]["dataWindow"])
    return names, (left, top, right, bottom), found[1]


def _header(head: bytes) -> tuple[dict[str, bytes], int, int] | None:
    """The attributes by name, where they end, and the flags; None where this is no whole EXR header."""
    if not head.startswith(MAGIC):
        return None
    flags = struct.unpack_from("<I", head, 4)[0]
    attributes: dict[str, bytes] = {}
    at = 8
    while at < len(head):
        if head[at] == 0:
            return attributes, at + 1, flags
        name_end = head.index(b"\0", at)
        type_end = head.index(b"\0", name_end + 1)
        length = struct.unpack_from("<i", head, type_end + 1)[0]
        start = type_end + 5
        attributes[head[at:name_end].decode("latin-1")] = head[start : start + length]
        at = start + length
    return None
