"""Which colour space the file itself states, as a name for the resolver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headroom.io.icc import PRIMARIES, description, space_of_profile
from headroom.io.jpeg import interoperability_index

__all__ = ["space_hint", "space_of_chromaticities"]

LINEAR_REC709 = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
ADOBE_RGB = "AdobeRGB"

_LINEAR = {
    "Rec.709": LINEAR_REC709,
    "P3-D65": "Linear P3-D65",
    "AdobeRGB": "Linear AdobeRGB",
    "Rec.2020": "Linear Rec.2020",
    "AP0": "ACES2065-1",
    "AP1": "ACEScg",
}
_CHROMATICITY_TOLERANCE = 0.002

# Color Interop Forum, "Color space encodings for texture assets" (2025).
_INTEROP = {
    "lin_ap0_scene": "ACES2065-1",
    "lin_ap1_scene": "ACEScg",
    "lin_rec709_scene": LINEAR_REC709,
    "lin_p3d65_scene": "Linear P3-D65",
    "lin_rec2020_scene": "Linear Rec.2020",
    "lin_adobergb_scene": "Linear AdobeRGB",
    "srgb_rec709_scene": SRGB,
    "g18_rec709_scene": "Gamma 1.8 Encoded Rec.709",
    "g22_rec709_scene": "Gamma 2.2 Encoded Rec.709",
    "g24_rec709_scene": "Gamma 2.4 Encoded Rec.709",
    "g22_adobergb_scene": ADOBE_RGB,
    "srgb_ap1_scene": "sRGB Encoded AP1",
    "srgb_p3d65_scene": "sRGB Encoded P3-D65",
    "data": "Raw",
}

# PNG cICP: ITU-T H.273 colour primaries and transfer characteristics.
_CICP = {
    (1, 13): SRGB,
    (1, 8): LINEAR_REC709,
    (1, 4): "Gamma 2.2 Encoded Rec.709",
    (1, 1): "Camera Rec.709",
    (12, 13): "sRGB Encoded P3-D65",
    (12, 8): "Linear P3-D65",
    (9, 8): "Linear Rec.2020",
    (9, 16): "Rec.2100-PQ - Display",
    (9, 18): "Rec.2100-HLG - Display",
}

# DPX transfer characteristics, SMPTE ST 268-1:2014 table 5A, as the reader words them.
_DPX_TRANSFER = {
    "printing density": "Cineon",
    "logarithmic": "Cineon",
    "linear": LINEAR_REC709,
    "itu-r 709-4": "Camera Rec.709",
    "smpte 274m": "Camera Rec.709",
}


def space_of_chromaticities(values: tuple[float, ...]) -> str | None:
    """The linear space with these primaries and white, or None."""
    if len(values) != 8:
        return None
    for name, known in PRIMARIES.items():
        if all(abs(a - b) <= _CHROMATICITY_TOLERANCE for a, b in zip(values, known, strict=True)):
            return _LINEAR[name]
    return None


def space_hint(path: Path, spec: Any, format_name: str) -> tuple[str | None, list[str]]:
    """(space or None, warnings) of one part of a file."""
    if format_name == "openexr":
        return _of_exr(path, spec)
    if format_name == "hdr":
        return LINEAR_REC709, []
    if format_name == "cineon":
        return "Cineon", []
    if format_name == "dpx":
        return _DPX_TRANSFER.get(str(spec.getattribute("dpx:Transfer") or "").lower()), []
    cicp = spec.getattribute("CICP")
    if cicp is not None and tuple(cicp)[:2] in _CICP:
        return _CICP[int(cicp[0]), int(cicp[1])], []
    profile = spec.getattribute("ICCProfile")
    if profile is not None:
        return _of_profile(path, bytes(bytearray(profile)), spec)
    if _states_adobe_rgb(path, spec, format_name):
        return ADOBE_RGB, []
    if spec.getattribute("Exif:ColorSpace") == 1:
        return SRGB, []
    if format_name == "png" and spec.getattribute("oiio:ColorSpace") == "lin_rec709_scene":
        return LINEAR_REC709, []  # gAMA 1.0
    if format_name == "png" and spec.getattribute("oiio:Gamma") is not None:
        return _of_gamma(path, float(spec.getattribute("oiio:Gamma")))
    return None, []


def _of_exr(path: Path, spec: Any) -> tuple[str | None, list[str]]:
    interop = spec.getattribute("colorInteropID")
    if interop and str(interop) != "unknown":
        return _INTEROP.get(str(interop), str(interop)), []
    if spec.getattribute("acesImageContainerFlag") == 1:
        return "ACES2065-1", []
    values = spec.getattribute("chromaticities")
    if values is None:
        return None, []
    stated = tuple(float(v) for v in values)
    space = space_of_chromaticities(stated)
    if space is not None:
        return space, []
    numbers = " ".join(f"{v:.4g}" for v in stated)
    return None, [
        f"{path.name}: its chromaticities ({numbers}) belong to no known space; "
        "taken as linear Rec.709, say which with --from"
    ]


def _of_profile(path: Path, profile: bytes, spec: Any) -> tuple[str | None, list[str]]:
    space = space_of_profile(profile)
    if space is not None:
        return space, []
    name = description(profile) or "without a name"
    assumed = "linear Rec.709" if str(spec.format) in ("half", "float", "double") else "sRGB"
    return None, [
        f"{path.name}: its ICC profile ({name}) is none of the known spaces; taken as {assumed}, say which with --from"
    ]


def _states_adobe_rgb(path: Path, spec: Any, format_name: str) -> bool:
    # DCF 2.0, 4.5: an optional-space file has ColorSpace 65535 and the index R03; some cameras write 2.
    stated = spec.getattribute("Exif:ColorSpace")
    if stated == 2:
        return True
    return format_name == "jpeg" and stated == 65535 and interoperability_index(path) == "R03"


def _of_gamma(path: Path, gamma: float) -> tuple[str | None, list[str]]:
    # The reader states the decoding gamma: 2.2 for gAMA 45455, which writers use to mean sRGB or 2.2.
    known = {1.8: "Gamma 1.8 Encoded Rec.709", 2.4: "Gamma 2.4 Encoded Rec.709"}
    for value, space in known.items():
        if abs(gamma - value) < 0.02:
            return space, []
    if abs(gamma - 2.2) < 0.02:
        return None, []
    return None, [f"{path.name}: states a gamma of {gamma:.3g}; taken as sRGB, say which with --from"]
