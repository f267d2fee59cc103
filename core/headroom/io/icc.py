"""What colour space an embedded ICC profile is, told by its primaries and curve, not its name."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from headroom.colour.curves import gamma_decode, srgb_decode

__all__ = ["PRIMARIES", "description", "space_of_profile"]

Array = npt.NDArray[np.float64]

PRIMARIES: dict[str, tuple[float, ...]] = {
    "Rec.709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),  # ITU-R BT.709-6
    "P3-D65": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),  # SMPTE EG 432-1
    "AdobeRGB": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),  # Adobe RGB (1998)
    "Rec.2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),  # ITU-R BT.2020-2
    "AP0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),  # SMPTE ST 2065-1
    "AP1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),  # Academy S-2014-004
}
"""Rx Ry Gx Gy Bx By Wx Wy."""

_SPACES = {
    ("Rec.709", "sRGB"): "sRGB Encoded Rec.709 (sRGB)",
    ("Rec.709", "linear"): "Linear Rec.709 (sRGB)",
    ("Rec.709", "1.8"): "Gamma 1.8 Encoded Rec.709",
    ("Rec.709", "2.2"): "Gamma 2.2 Encoded Rec.709",
    ("Rec.709", "2.4"): "Gamma 2.4 Encoded Rec.709",
    ("P3-D65", "sRGB"): "sRGB Encoded P3-D65",
    ("P3-D65", "linear"): "Linear P3-D65",
    ("AdobeRGB", "2.2"): "AdobeRGB",
    ("AdobeRGB", "linear"): "Linear AdobeRGB",
    ("Rec.2020", "linear"): "Linear Rec.2020",
    ("AP0", "linear"): "ACES2065-1",
    ("AP1", "linear"): "ACEScg",
    ("AP1", "sRGB"): "sRGB Encoded AP1",
}

D50 = (0.9642, 1.0, 0.8249)  # ICC.1:2022, 7.2.16: the profile connection space's white
# Bradford cone response, ICC.1:2022 annex E.
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
MATRIX_TOLERANCE = 0.004
"""In XYZ: the profiles of one space differ by up to 0.002, the nearest two spaces by 0.02."""
CURVE_TOLERANCE = 0.002
"""In linear light: sRGB's curve and 2.2 differ by 0.0036 at code 0.5, stored tables by 0.0002."""
_CODES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9])


def space_of_profile(profile: bytes) -> str | None:
    """The colour space's name, or None for a profile that is not one of the known ones."""
    try:
        tags = _tags(profile)
        curve = _curve_name(tags)
        if profile[16:20] == b"GRAY":
            return _SPACES.get(("Rec.709", curve))
        if profile[16:20] != b"RGB " or any(tag in tags for tag in (b"A2B0", b"A2B1")):
            return None
        matrix = np.stack([_xyz(tags[tag]) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    except (struct.error, KeyError, IndexError, ValueError, ZeroDivisionError):
        return None
    for name, chromaticities in PRIMARIES.items():
        if np.abs(matrix - _adapted(chromaticities)).max() < MATRIX_TOLERANCE:
            # Photo sites embed a tiny "sRGB" whose curve is one number (1.93): sRGB is what is meant.
            if name == "Rec.709" and not curve and description(profile).lower().startswith("srgb"):
                curve = "sRGB"
            return _SPACES.get((name, curve))
    return None


def description(profile: bytes) -> str:
    """The name that the profile gives itself, for messages; empty where there is none."""
    try:
        tag = _tags(profile)[b"desc"]
        if tag[:4] == b"mluc":
            length, offset = struct.unpack_from(">II", tag, 20)
            text = tag[offset : offset + length].decode("utf-16-be", "replace")
        else:
            (length,) = struct.unpack_from(">I", tag, 8)
            text = tag[12 : 12 + length].decode("latin-1")
    except (struct.error, KeyError):
        return ""
    return " ".join(text.replace("\0", " ").split())[:60]


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for k in range(min(count, 200)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * k)
        tags[name] = profile[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> Array:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536.0


def _curve_name(tags: dict[bytes, bytes]) -> str:
    """``sRGB``, ``linear`` or a gamma when all channels have that curve, else an empty string."""
    present = [tags[tag] for tag in (b"rTRC", b"gTRC", b"bTRC", b"kTRC") if tag in tags]
    curves = [_decode(tag) for tag in present]
    known = {
        "sRGB": srgb_decode(_CODES),
        "linear": _CODES,
        **{name: gamma_decode(_CODES, float(name)) for name in ("1.8", "2.2", "2.4")},
    }
    for name, expected in known.items():
        if curves and all(np.abs(curve - expected).max() < CURVE_TOLERANCE for curve in curves):
            return name
    return ""


def _decode(tag: bytes) -> Array:
    """The curve at ``_CODES``: ICC.1:2022, 10.6 curveType and 10.18 parametricCurveType."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return _CODES
        values = np.array(struct.unpack_from(f">{count}H", tag, 12), dtype=np.float64)
        if count == 1:
            return gamma_decode(_CODES, float(values[0]) / 256.0)
        table: Array = np.interp(_CODES, np.linspace(0.0, 1.0, count), values / 65535.0)
        return table
    if tag[:4] != b"para":
        raise ValueError("unknown curve type")
    (kind,) = struct.unpack_from(">H", tag, 8)
    number = (1, 3, 4, 5, 7)[kind]
    stated = [v / 65536.0 for v in struct.unpack_from(f">{number}i", tag, 12)]
    g, a, b, c, d, e, f = stated + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0][number - 1 :]
    if kind in (1, 2):
        d, e, f = -b / a, c, c
        c = 0.0
    power = np.clip(a * _CODES + b, 0.0, None) ** g + e
    curve: Array = np.where(d <= _CODES, power, c * _CODES + f)
    return curve


def _adapted(chromaticities: tuple[float, ...]) -> Array:
    """RGB to XYZ of D50, columns are the primaries."""
    xy = np.array(chromaticities).reshape(4, 2)
    xyz = np.concatenate([xy, 1.0 - xy.sum(axis=1, keepdims=True)], axis=1)
    white = xyz[3] / xyz[3, 1]
    columns = xyz[:3].T
    columns = columns * np.linalg.solve(columns, white)
    gain = (BRADFORD @ np.array(D50)) / (BRADFORD @ white)
    adapted: Array = np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD @ columns
    return adapted
