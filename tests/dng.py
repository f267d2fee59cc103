"""A camera RAW made by hand: DNG 1.4, one uncompressed Bayer mosaic with EXIF (TIFF 6.0, DNG specification)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

BLACK, WHITE = 256, 4095
NEUTRAL = (0.5, 1.0, 0.625)
"""What a grey thing reads in the camera's channels: the inverse of its white balance."""
PRIMARIES = np.array([[0.8, 0.15, 0.05], [0.1, 0.85, 0.05], [0.02, 0.18, 0.8]])
"""Linear Rec.709 light to what the camera's channels see of it, before its neutral; rows sum to 1."""
# IEC 61966-2-1, CIE XYZ to linear Rec.709.
XYZ_TO_REC709 = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


def write_dng(
    path: Path, linear: np.ndarray, *, seconds: float = 0.01, f_number: float = 8.0, iso: int = 100,
    taken: str = "2026:05:01 12:00:00", subsec: str = "00", orientation: int = 1, neutral: tuple[float, ...] = NEUTRAL,
) -> None:  # fmt: skip
    """``linear``: (H, W, 3) Rec.709 light, both even; the sensor clips where a channel of it passes 1."""
    height, width = linear.shape[:2]
    camera = linear @ PRIMARIES.T * np.asarray(neutral)
    mosaic = camera[..., 1].copy()
    mosaic[0::2, 0::2] = camera[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = camera[1::2, 1::2, 2]
    raw = (BLACK + mosaic.clip(0, 1) * (WHITE - BLACK) + 0.5).astype("<u2").tobytes()
    exif = [
        (33434, 5, 1, _rational(seconds)), (33437, 5, 1, _rational(f_number)), (34855, 3, 1, struct.pack("<H", iso)),
        (36867, 2, 20, taken.encode() + b"\0"), (37521, 2, len(subsec) + 1, subsec.encode() + b"\0"),
    ]  # fmt: skip
    matrix = b"".join(
        struct.pack("<ii", round(v * 10000), 10000) for v in (np.diag(neutral) @ PRIMARIES @ XYZ_TO_REC709).ravel()
    )
    entries: list[tuple[int, int, int, Any]] = [
        (254, 4, 1, struct.pack("<I", 0)), (256, 4, 1, struct.pack("<I", width)),
        (257, 4, 1, struct.pack("<I", height)), (258, 3, 1, struct.pack("<H", 16)), (259, 3, 1, struct.pack("<H", 1)),
        (262, 3, 1, struct.pack("<H", 32803)), (271, 2, 9, b"headroom\0"), (272, 2, 5, b"test\0"),
        (273, 4, 1, "raw"), (274, 3, 1, struct.pack("<H", orientation)), (277, 3, 1, struct.pack("<H", 1)),
        (278, 4, 1, struct.pack("<I", height)), (279, 4, 1, struct.pack("<I", len(raw))),
        (33421, 3, 2, struct.pack("<HH", 2, 2)), (33422, 1, 4, bytes([0, 1, 1, 2])), (34665, 4, 1, "exif"),
        (50706, 1, 4, bytes([1, 4, 0, 0])), (50708, 2, 14, b"headroom test\0"),
        (50714, 4, 1, struct.pack("<I", BLACK)), (50717, 4, 1, struct.pack("<I", WHITE)),
        (50721, 10, 9, matrix), (50728, 5, 3, b"".join(_rational(v) for v in neutral)),
        (50778, 3, 1, struct.pack("<H", 21)),
    ]  # fmt: skip
    exif_at = 8 + _ifd_size(entries)
    raw_at = exif_at + _ifd_size(exif)
    places = {"exif": struct.pack("<I", exif_at), "raw": struct.pack("<I", raw_at)}
    filled = [(tag, kind, count, places.get(value, value)) for tag, kind, count, value in entries]
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + _ifd(filled, 8) + _ifd(exif, exif_at) + raw)


def _rational(value: float) -> bytes:
    return struct.pack("<II", round(value * 1_000_000), 1_000_000)


def _ifd_size(entries: list[tuple[int, int, int, Any]]) -> int:
    long = [len(value) for *_, value in entries if isinstance(value, bytes) and len(value) > 4]
    return 2 + 12 * len(entries) + 4 + sum(size + size % 2 for size in long)


def _ifd(entries: list[tuple[int, int, int, Any]], at: int) -> bytes:
    head, tail = struct.pack("<H", len(entries)), b""
    data_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if len(value) > 4:
            head += struct.pack("<HHII", tag, kind, count, data_at + len(tail))
            tail += value + b"\0" * (len(value) % 2)
        else:
            head += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return head + struct.pack("<I", 0) + tail
