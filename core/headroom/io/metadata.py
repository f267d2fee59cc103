"""Metadata that travels from the plate to the output, as plain Python values with their types kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import OpenImageIO

__all__ = ["attach", "carried", "plain", "timecode_text"]

TIME_CODE, FRAME_RATE, KEY_CODE = "timeCode", "framesPerSecond", "keyCode"

_TYPED = {
    TIME_CODE: ("smpte:TimeCode", "timecode", 2),
    FRAME_RATE: ("framesPerSecond", "rational", 2),
    KEY_CODE: ("smpte:KeyCode", "keycode", 7),
    "worldToCamera": ("worldToCamera", "matrix", 16),
    "worldToNDC": ("worldToNDC", "matrix", 16),
    "chromaticities": ("chromaticities", "float[8]", 8),
}
"""Our key -> the library's name, its type, how many numbers."""
_FROM_LIBRARY = {name.lower(): key for key, (name, _, _) in _TYPED.items()}

# Facts of the stored file rather than of the picture, or facts that headroom states anew.
_DROPPED_PREFIXES = (
    "oiio:", "iccprofile", "openexr:", "tiff:", "jpeg:", "png:", "webp:", "gif:", "bmp:", "dpx:", "hdr:",
    "cineon:", "headroom:", "thumbnail", "exif:makernote", "exif:pixel", "exif:interop", "photoshop:",
    "dwacompression",
)  # fmt: skip
_DROPPED_NAMES = (
    "orientation compression compressionquality planarconfig xresolution yresolution resolutionunit software "
    "colorinteropid chromaticities cicp exif:colorspace exif:flashpixversion exif:exifversion name type "
    "version multiview textureformat wrapmodes tiles miplevels acesimagecontainerflag chunkcount linecount "
    "exif:componentsconfiguration exif:ycbcrpositioning preview"
)
_DROPPED = frozenset(_DROPPED_NAMES.split())
_MAX_TEXT = 10_000
# Manufacturer, type, prefix, count, offset, perforations a frame, a count: what the EXR library accepts.
_KEY_CODE_RANGES = ((0, 99), (0, 99), (0, 999_999), (0, 9999), (0, 119), (1, 15), (20, 120))


def carried(spec: Any) -> dict[str, Any]:
    """The attributes of a source that an output should have: str, int, float or tuples of numbers."""
    kept: dict[str, Any] = {}
    for attribute in spec.extra_attribs:
        name = str(attribute.name)
        low = name.lower()
        if low == "dpx:framerate" and _positive(attribute.value):
            kept.setdefault(FRAME_RATE, _rate(float(attribute.value)))
        if low in _DROPPED or low.startswith(_DROPPED_PREFIXES):
            continue
        value = plain(attribute.value)
        if low in _FROM_LIBRARY:
            name = _FROM_LIBRARY[low]
        if _fits(name, value):
            kept[name] = value
    return kept


def attach(spec: Any, metadata: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    """Sets carried metadata and then our own attributes on an output specification, each with its type."""
    for name, value in {**metadata, **attributes}.items():
        if name in _TYPED:
            known, kind, _ = _TYPED[name]
            if name == FRAME_RATE and isinstance(value, (int, float)):
                value = _rate(float(value))
            if _fits(name, value):
                spec.attribute(known, OpenImageIO.TypeDesc(kind), tuple(value))
        else:
            _attach_plain(spec, name, value)


def plain(value: Any) -> Any:
    """A library value as str, int, float, or a tuple of those (tuples of bytes and arrays too)."""
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return tuple(plain(v.item() if hasattr(v, "item") else v) for v in value)
    except TypeError:
        return str(value)


def timecode_text(value: tuple[int, int]) -> str:
    """``hh:mm:ss:ff`` of a SMPTE time code word (ST 12-1: binary coded decimals, flags masked out)."""
    word = int(value[0])
    pairs = [((word >> shift) & mask) for shift, mask in ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))]
    return ":".join(f"{(p >> 4) * 10 + (p & 0xF):02d}" for p in pairs)


def _attach_plain(spec: Any, name: str, value: Any) -> None:
    if isinstance(value, bool):
        spec.attribute(name, int(value))
    elif isinstance(value, int):
        if -(2**31) <= value < 2**31:
            spec.attribute(name, value)
        else:
            spec.attribute(name, str(value))
    elif isinstance(value, float):
        spec.attribute(name, value if math.isfinite(value) else str(value))
    elif isinstance(value, str):
        spec.attribute(name, _clean(value))
    elif isinstance(value, tuple) and value and all(isinstance(v, str) for v in value):
        spec.attribute(name, OpenImageIO.TypeDesc(f"string[{len(value)}]"), tuple(_clean(v) for v in value))
    elif isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
        spec.attribute(name, OpenImageIO.TypeDesc(f"int[{len(value)}]"), value)
    elif isinstance(value, tuple) and value and all(isinstance(v, (int, float)) for v in value):
        kind = {2: "float2", 3: "vector"}.get(len(value), f"float[{len(value)}]")
        spec.attribute(name, OpenImageIO.TypeDesc(kind), tuple(float(v) for v in value))
    elif value is not None:
        spec.attribute(name, _clean(str(value)))


def _fits(name: str, value: Any) -> bool:
    """Whether a value may be written back: known types complete and valid, others short and finite."""
    if name in _TYPED:
        if not isinstance(value, tuple) or len(value) != _TYPED[name][2]:
            return False
        if name == FRAME_RATE:
            return _positive(value[0]) and _positive(value[1])
        if name == KEY_CODE:
            return all(low <= v <= high for v, (low, high) in zip(value, _KEY_CODE_RANGES, strict=True))
        return all(_number(v) for v in value)
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT
    if isinstance(value, tuple):
        return 0 < len(value) <= 16 and all(isinstance(v, str) or math.isfinite(v) for v in value)
    return _number(value)


def _clean(text: str) -> str:
    return re.sub(r"\x00", "", text).encode("utf-8", "replace").decode("utf-8")


def _positive(value: Any) -> bool:
    return _number(value) and bool(value > 0)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _rate(fps: float) -> tuple[int, int]:
    """Frames a second as a ratio; 23.976 and its kin as n * 1000/1001 (SMPTE ST 12-1)."""
    whole = round(fps * 1001 / 1000)
    if abs(fps - whole) > 1e-3 and abs(whole * 1000 / 1001 - fps) < 1e-2:
        return whole * 1000, 1001
    ratio = Fraction(fps).limit_denominator(1000)
    return ratio.numerator, ratio.denominator
