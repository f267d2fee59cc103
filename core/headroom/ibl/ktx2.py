"""KTX 2.0: cubemaps with mips, uncompressed half floats, as the Khronos specification (KTX 2.0.4) lays them out.

No tool that is kept and installs by itself writes these (PyPI's pyktx needs the Khronos library and its headers);
an uncompressed file is a header, a descriptor and the levels. Tested against the reader ktx-parse 2.0.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from headroom.errors import WriteError
from headroom.plate import FloatArray

__all__ = ["write_cubemap"]

IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
VK_FORMAT_R16G16B16A16_SFLOAT = 97
VK_FORMAT_R32G32B32A32_SFLOAT = 109
HALF_MAX = 65504.0
FACES = 6
_CHANNELS = (0, 1, 2, 15)
"""KHR_DF_CHANNEL_RGBSDA_RED, GREEN, BLUE, ALPHA."""


def write_cubemap(path: Path, levels: Sequence[Sequence[FloatArray]], about: Mapping[str, str]) -> str:
    """Levels from the largest, each six (n, n, 3) faces px nx py ny pz nz, linear Rec.709; returns half or float.

    float32 where a value passes 65504. The file is written beside its place and renamed.
    """
    peak = max(float(face.max()) for level in levels for face in level)
    half = peak <= HALF_MAX
    size = levels[0][0].shape[0]
    kind = np.dtype("<f2" if half else "<f4")
    data = [b"".join(_rgba(face, kind) for face in level) for level in levels]
    descriptor = _descriptor(kind.itemsize)
    pairs = b"".join(_pair(key, about[key]) for key in sorted(about))
    head = 80 + 24 * len(levels)
    pairs_at = head + len(descriptor)
    align = 4 * kind.itemsize  # lcm(texel block, 4)
    place = -(-(pairs_at + len(pairs)) // align) * align
    offsets = {}
    for index in reversed(range(len(levels))):  # the smallest level lies first
        offsets[index] = place
        place += len(data[index])
    header = IDENTIFIER + struct.pack(
        "<9I",
        VK_FORMAT_R16G16B16A16_SFLOAT if half else VK_FORMAT_R32G32B32A32_SFLOAT,
        kind.itemsize, size, size, 0, 0, FACES, len(levels), 0,
    )  # fmt: skip
    header += struct.pack("<4I2Q", head, len(descriptor), pairs_at, len(pairs), 0, 0)
    level_index = b"".join(struct.pack("<3Q", offsets[i], len(part), len(part)) for i, part in enumerate(data))
    body = header + level_index + descriptor + pairs
    body += b"\0" * (offsets[len(levels) - 1] - len(body)) + b"".join(reversed(data))
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(body)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"cannot write {path}: {error.strerror or error}; choose another place") from None
    return "half" if half else "float"


def _rgba(face: FloatArray, kind: np.dtype[np.floating]) -> bytes:
    rgba = np.ones((*face.shape[:2], 4), kind)
    rgba[..., :3] = face
    return rgba.tobytes()


def _descriptor(bytes_a_channel: int) -> bytes:
    """Khronos basic data format descriptor: RGBSDA, BT.709, linear, signed floats from -1 to 1."""
    samples = b""
    bits = 8 * bytes_a_channel
    for n, channel in enumerate(_CHANNELS):
        kind = channel | 0xC0  # KHR_DF_SAMPLE_DATATYPE_FLOAT | _SIGNED
        samples += struct.pack("<HBB4BII", n * bits, bits - 1, kind, 0, 0, 0, 0, 0xBF800000, 0x3F800000)
    block = struct.pack("<IHH4B4B8B", 0, 2, 24 + len(samples), 1, 1, 1, 0, 0, 0, 0, 0, 4 * bytes_a_channel, *(0,) * 7)
    return struct.pack("<I", 4 + len(block) + len(samples)) + block + samples


def _pair(key: str, value: str) -> bytes:
    text = key.encode() + b"\0" + value.encode() + b"\0"
    return struct.pack("<I", len(text)) + text + b"\0" * (-len(text) % 4)
