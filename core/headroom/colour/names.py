"""What the same colour space is called in different configs: one literal table.

A row holds one space's names, the most exact meaning first: OCIO's ACES configs (names, then
aliases and interop ids), ``aces_1.2``, ``nuke-default``, Blender, and what people and file
headers write. Letter case and punctuation do not count. A name stands in one row only.
"""

from __future__ import annotations

import re

__all__ = ["DATA", "LINEAR_REC709", "ROWS", "SRGB", "key", "row_of"]

LINEAR_REC709 = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
DATA = "Raw"

ROWS: tuple[tuple[str, ...], ...] = (
    # Scene-linear
    (
        LINEAR_REC709,
        "lin_rec709_srgb",
        "lin_rec709_scene",
        "lin_rec709",
        "lin_srgb",
        "Utility - Linear - sRGB",
        "Utility - Linear - Rec.709",
        "Linear Rec.709",
        "Linear BT.709",
        "Linear sRGB",
    ),
    ("ACEScg", "lin_ap1_scene", "lin_ap1", "ACES - ACEScg"),
    ("ACES2065-1", "lin_ap0_scene", "lin_ap0", "aces2065_1", "ACES - ACES2065-1", "aces"),
    (
        "Linear P3-D65",
        "lin_p3d65_scene",
        "lin_p3d65",
        "lin_displayp3",
        "Linear Display P3",
        "Utility - Linear - P3-D65",
        "Linear DCI-P3 D65",
    ),
    (
        "Linear Rec.2020",
        "lin_rec2020_scene",
        "lin_rec2020",
        "Utility - Linear - Rec.2020",
        "Linear BT.2020",
    ),
    (
        "Linear AdobeRGB",
        "lin_adobergb_scene",
        "lin_adobergb",
        "Utility - Linear - Adobe RGB",
    ),
    (
        "CIE XYZ-D65 - Scene-referred",
        "lin_ciexyzd65_scene",
        "cie_xyz_d65_scene",
        "Linear CIE-XYZ D65",
    ),
    # Display-referred
    (
        SRGB,
        "srgb_encoded_rec709_srgb",
        "srgb_rec709_scene",
        "sRGB - Texture",
        "srgb_tx",
        "srgb_texture",
        "Utility - sRGB - Texture",
        "Input - Generic - sRGB - Texture",
        "sRGB",
        "sRGB IEC61966-2.1",
    ),
    ("sRGB - Display", "srgb_display", "srgb_rec709_display"),
    (
        "sRGB Encoded P3-D65",
        "srgb_encoded_p3d65",
        "srgb_p3d65_scene",
        "srgb_p3d65",
        "srgb_displayp3",
        "sRGB Encoded P3-D65 - Texture",
        "Display P3 - Display",
        "displayp3_display",
        "srgb_p3d65_display",
        "Utility - sRGB - P3-D65 - Texture",
        "Display P3",
    ),
    (
        "Gamma 2.2 Encoded AdobeRGB",
        "g22_encoded_adobergb",
        "g22_adobergb_scene",
        "adobergb",
        "Adobe RGB (1998)",
    ),
    (
        "Gamma 1.8 Encoded Rec.709",
        "g18_encoded_rec709",
        "g18_rec709_scene",
        "g18_rec709",
        "Gamma 1.8 Rec.709 - Texture",
        "Utility - Gamma 1.8 - Rec.709 - Texture",
        "Gamma1.8",
    ),
    (
        "Gamma 2.2 Encoded Rec.709",
        "g22_encoded_rec709",
        "g22_rec709_scene",
        "g22_rec709",
        "Gamma 2.2 Rec.709 - Texture",
        "Utility - Gamma 2.2 - Rec.709 - Texture",
        "Gamma2.2",
    ),
    (
        "Gamma 2.4 Encoded Rec.709",
        "g24_encoded_rec709",
        "g24_rec709_scene",
        "g24_rec709",
        "Gamma 2.4 Rec.709 - Texture",
        "Utility - Rec.709 - Display",
        "rec709_display",
        "Rec.1886 Rec.709 - Display",
        "rec1886_rec709_display",
        "g24_rec709_display",
        "Rec.1886",
        "BT1886",
        "Gamma2.4",
    ),
    (
        "Camera Rec.709",
        "camera_rec709",
        "rec709_camera",
        "Utility - Rec.709 - Camera",
        "itu709_rec709_scene",
        "rec709",
    ),
    ("Camera Rec.2020", "camera_rec2020", "rec2020_camera", "Utility - Rec.2020 - Camera", "itu2020_rec2020_scene"),
    ("Rec.1886 Rec.2020 - Display", "rec1886_rec2020_display", "g24_rec2020_display", "Rec.2020"),
    ("sRGB Encoded AP1", "srgb_encoded_ap1", "srgb_ap1_scene", "sRGB Encoded AP1 - Texture"),
    ("Gamma 2.2 Encoded AP1", "g22_encoded_ap1", "g22_ap1_scene", "Gamma 2.2 AP1 - Texture"),
    ("Rec.2100-PQ - Display", "rec2100_pq_display", "pq_rec2020_display", "Rec.2100-PQ"),
    ("Rec.2100-HLG - Display", "rec2100_hlg_display", "hlg_rec2020_display", "Rec.2100-HLG"),
    # Camera and film log
    (
        "ARRI LogC3 (EI800)",
        "arri_logc3_ei800",
        "logc3ei800_alexawide",
        "Input - ARRI - V3 LogC (EI800) - Wide Gamut",
        "arrilogc3_awg3_scene",
        "ARRI LogC3",
        "LogC3",
        "LogC",
        "AlexaV3LogC",
    ),
    ("ARRI LogC4", "arri_logc4", "arrilogc4_awg4_scene", "LogC4"),
    (
        "S-Log3 S-Gamut3",
        "slog3_sgamut3",
        "Input - Sony - S-Log3 - S-Gamut3",
        "slog3_sgamut3_scene",
    ),
    (
        "S-Log3 S-Gamut3.Cine",
        "slog3_sgamut3cine",
        "slog3_sgamutcine",
        "Input - Sony - S-Log3 - S-Gamut3.Cine",
        "slog3_sgamut3cine_scene",
    ),
    (
        "V-Log V-Gamut",
        "vlog_vgamut",
        "Input - Panasonic - V-Log - V-Gamut",
        "vlog_vgamut_scene",
        "V-Log",
    ),
    (
        "Log3G10 REDWideGamutRGB",
        "log3g10_redwidegamutrgb",
        "rl3g10_rwg",
        "Input - RED - REDLog3G10 - REDWideGamutRGB",
        "redlog3g10_rwg_scene",
        "REDLog3G10",
        "Log3G10",
    ),
    ("ADX10", "Input - ADX - ADX10", "adx10_apd_scene"),
    ("ADX16", "Input - ADX - ADX16", "adx16_apd_scene"),
    ("ACEScct", "acescct_ap1_scene", "acescct_ap1", "ACES - ACEScct"),
    ("ACEScc", "acescc_ap1_scene", "acescc_ap1", "ACES - ACEScc"),
    ("Cineon", "Cineon Log", "Printing density"),
    # No colour at all
    (DATA, "Utility - Raw", "Non-Color", "Non-Colour Data", "none", "data"),
)


def key(name: str) -> str:
    """A name without letter case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_ROW_OF_KEY = {key(name): row for row in ROWS for name in row}


def row_of(name: str) -> tuple[str, ...]:
    """The other names of a well-known space, best first; empty where the name is not known."""
    return _ROW_OF_KEY.get(key(name.removeprefix("ocio:")), ())
