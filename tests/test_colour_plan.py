"""A plate's colours end to end: exact, hues in place, white at 1.0, log and views as promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PyOpenColorIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import colour_checker
from headroom.colour import gamut
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.colour.ocio import DEFAULT_CONFIG, load_config
from headroom.colour.plan import ColourPlan, describe, plan
from headroom.errors import ColourError, UnknownSpaceError
from headroom.plate import FloatArray

CONFIGS = Path(__file__).parent / "data" / "ocio"
BUILTINS = [row[0] for row in PyOpenColorIO.BuiltinConfigRegistry().getBuiltinConfigs()]
STYLES = ["nuke_style", "aces12_style", "blender_style"]
ACES1 = "ACES 1.0 - SDR Video"


def config_of(name: str) -> str:
    return str(CONFIGS / name) if name in STYLES else name


def grey(*levels: float) -> FloatArray:
    return np.repeat(np.array(levels, np.float32)[:, None], 3, axis=1)


def ocio_srgb(code: FloatArray) -> np.ndarray:
    """OCIO's sRGB curve in float64: its break is where curve and slope meet, not IEC's rounded one."""
    gamma, offset = 2.4, 0.055
    x = code.astype(np.float64)
    start = offset / (gamma - 1)
    slope = ((gamma - 1) / offset) * (offset * gamma / ((gamma - 1) * (1 + offset))) ** gamma
    return np.where(x < start, x * slope, ((np.maximum(x, start) + offset) / (1 + offset)) ** gamma)


# ---- exactness


@pytest.mark.parametrize("config", BUILTINS)
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_srgb_codes_are_their_closed_form(config: str, bits: int) -> None:
    top = 2**bits - 1
    code = grey(*(np.arange(top + 1) / top))
    chosen = plan(None, config=config, to="Linear Rec.709 (sRGB)")
    result = chosen.base(code)
    np.testing.assert_allclose(result, ocio_srgb(code), rtol=1e-6, atol=0)
    np.testing.assert_allclose(result, srgb_decode(code), rtol=3e-4, atol=0)
    assert (result[-1] == 1.0).all()
    assert (result[0] == 0.0).all()


@pytest.mark.parametrize("config", STYLES)
def test_a_configs_own_srgb_table_is_followed(config: str) -> None:
    code = grey(*(np.arange(256) / 255))
    result = plan(None, config=config_of(config)).base(code)
    np.testing.assert_allclose(result, srgb_decode(code), rtol=5e-4, atol=2e-6)


SOURCES = [None, "ACEScg", "ARRI LogC3 (EI800)", "Cineon", "sRGB Encoded P3-D65", "inverse-view:"]


@pytest.mark.parametrize("frm", SOURCES)
@pytest.mark.parametrize("config", ["cg-config", "studio-config", BUILTINS[-1], *STYLES])
def test_a_pixel_has_the_same_bits_in_any_band(frm: str | None, config: str) -> None:
    chosen = plan(None, frm=frm, config=config_of(config))
    code = np.random.default_rng(5).random((23, 37, 3), np.float32)
    for convert in (chosen.base, chosen.to_lin709, chosen.from_lin709, chosen.to_network):
        whole = convert(code)
        for rows in (1, 2, 5):
            bands = [convert(code[y : y + rows]) for y in range(0, 23, rows)]
            assert (np.concatenate(bands) == whole).all()
        columns = [convert(code[:, x : x + 3]) for x in range(0, 37, 3)]
        assert (np.concatenate(columns, axis=1) == whole).all()
        pixels = [convert(pixel[None]) for pixel in code.reshape(-1, 3)[:50]]
        assert (np.concatenate(pixels) == whole.reshape(-1, 3)[:50]).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-4, 5e4, width=32), min_size=3, max_size=3))
def test_linear_input_is_not_clamped(values: list[float]) -> None:
    chosen = plan(None, is_float=True, to="Linear Rec.709 (sRGB)")
    pixels = np.array([values], np.float32)
    assert (chosen.base(pixels) == pixels).all()
    through = plan(None, is_float=True)
    back = gamut.rgb_to_rgb(gamut.GAMUTS["AP1"], gamut.REC709, gamut.BRADFORD) @ through.base(pixels)[0]
    np.testing.assert_allclose(back, values, rtol=1e-3, atol=2e-3 * max(1.0, *np.abs(values)))


# ---- white and hue


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
@pytest.mark.parametrize("to", [None, "Linear Rec.709", "ACES2065-1", "ACEScg", "Linear Rec.2020"])
def test_white_of_an_srgb_plate_is_one(config: str, to: str | None) -> None:
    chosen = plan(None, config=config_of(config), to=to)
    np.testing.assert_allclose(chosen.base(grey(1.0)), 1.0, rtol=2e-6)
    assert chosen.white == chosen.clip_code == 1.0
    assert chosen.kind == "display"
    assert not chosen.mixes_channels


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
@pytest.mark.parametrize("to", [None, "ACES2065-1", "Linear Rec.709 (sRGB)"])
def test_colour_checker_keeps_its_colours(config: str, to: str | None) -> None:
    """Codes -> output space -> CIE L*a*b* by the chromaticities we would write: the measured patches."""
    chosen = plan(None, config=config_of(config), to=to)
    assert chosen.chromaticities is not None
    light = chosen.base(colour_checker.CODES).reshape(-1, 3).astype(np.float64)
    d50 = (0.34567, 0.35850)
    xyz_d50 = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, *d50)
    lab = colour_checker.lab_d50(
        light @ gamut.rgb_to_rgb(chosen.chromaticities, xyz_d50, gamut.BRADFORD).T * np.array([0.96422, 1.0, 0.82521])
    )
    wanted = colour_checker.LAB_D50
    difference = np.linalg.norm(lab - wanted, axis=1)
    inside = np.arange(24) != colour_checker.CYAN
    assert difference[inside].max() < 0.7  # half an 8-bit code each way
    chroma = np.hypot(wanted[:, 1], wanted[:, 2])
    turn = np.angle(np.exp(1j * (np.arctan2(lab[:, 2], lab[:, 1]) - np.arctan2(wanted[:, 2], wanted[:, 1]))))
    assert np.degrees(np.abs(turn[inside & (chroma > 5)])).max() < 1.5


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
def test_colour_checker_there_and_back(config: str) -> None:
    there = plan(None, config=config_of(config))
    back = plan(None, frm=there.to_space, to="sRGB", config=config_of(config), is_float=True)
    codes = back.base(there.base(colour_checker.CODES)) * 255
    np.testing.assert_allclose(codes.reshape(-1, 3), colour_checker.SRGB, atol=0.02)


@pytest.mark.parametrize("frm", [None, "LogC3", "AdobeRGB", "ACEScct"])
@pytest.mark.parametrize("config", ["studio-config", "cg-config", *STYLES])
def test_both_ways_to_the_output_agree_and_a_gain_turns_no_hue(frm: str | None, config: str) -> None:
    chosen = plan(None, frm=frm, config=config_of(config))
    base = chosen.base(colour_checker.CODES)
    lin709 = chosen.to_lin709(colour_checker.CODES)
    scale = float(np.abs(base).max())
    np.testing.assert_allclose(chosen.from_lin709(lin709), base, rtol=1e-5, atol=2e-6 * scale)
    np.testing.assert_allclose(chosen.from_lin709(lin709 * np.float32(8)), base * 8, rtol=1e-5, atol=2e-5 * scale)


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("Linear Rec.709", "Rec.709"),
        ("ACEScg", "AP1"),
        ("ACES2065-1", "AP0"),
        ("lin_p3d65", "P3-D65"),
        ("Linear Rec.2020", "Rec.2020"),
        ("Linear AdobeRGB", "AdobeRGB"),
        ("Linear S-Gamut3", "S-Gamut3"),
        ("Linear S-Gamut3.Cine", "S-Gamut3.Cine"),
        ("Linear V-Gamut", "V-Gamut"),
        ("Linear REDWideGamutRGB", "REDWideGamutRGB"),
        ("Linear ARRI Wide Gamut 3", "ARRI Wide Gamut 3"),
        ("Linear ARRI Wide Gamut 4", "ARRI Wide Gamut 4"),
    ],
)
def test_chromaticities_are_those_of_the_standard(to: str, name: str) -> None:
    assert plan(None, to=to).chromaticities == gamut.GAMUTS[name]


def test_an_encoded_output_is_said_to_be_one() -> None:
    chosen = plan(None, to="sRGB")
    assert chosen.chromaticities is None
    assert any("not linear" in line for line in chosen.warnings)


# ---- which space


@pytest.mark.parametrize(
    ("hint", "is_float", "frm", "space"),
    [
        (None, False, None, "sRGB Encoded Rec.709 (sRGB)"),
        (None, True, None, "Linear Rec.709 (sRGB)"),
        ("ACEScg", True, None, "ACEScg"),
        ("AdobeRGB", False, None, "Gamma 2.2 Encoded AdobeRGB"),
        ("ACEScg", True, "ARRI LogC4", "ARRI LogC4"),
    ],
)
def test_plate_space(hint: str | None, is_float: bool, frm: str | None, space: str) -> None:
    chosen = plan(hint, frm=frm, is_float=is_float)
    assert chosen.from_space == space
    assert chosen.to_space == "ACEScg"
    assert chosen.warnings == ()


@pytest.mark.parametrize(
    "hint",
    [
        "sRGB Encoded Rec.709 (sRGB)",
        "sRGB Encoded P3-D65",
        "sRGB Encoded AP1",
        "AdobeRGB",
        "Gamma 1.8 Encoded Rec.709",
        "Gamma 2.2 Encoded Rec.709",
        "Gamma 2.4 Encoded Rec.709",
        "Camera Rec.709",
        "Linear Rec.709 (sRGB)",
        "Linear P3-D65",
        "Linear AdobeRGB",
        "Linear Rec.2020",
        "ACEScg",
        "ACES2065-1",
        "Rec.2100-PQ - Display",
        "Rec.2100-HLG - Display",
        "Cineon",
    ],
)
@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
def test_whatever_a_file_may_state_is_found_in_every_config(hint: str, config: str) -> None:
    chosen = plan(hint, config=config_of(config), is_float=hint.startswith(("Linear", "ACES")))
    light = chosen.base(grey(0.0, 0.25, 0.5, 0.75))
    assert np.isfinite(light).all()
    assert (np.diff(light, axis=0) > 0).all()
    assert (chosen.kind == "linear") == hint.startswith(("Linear", "ACES"))


def test_what_a_file_states_but_no_config_has_is_a_warning() -> None:
    chosen = plan("My own space", is_float=False)
    assert chosen.from_space == "sRGB Encoded Rec.709 (sRGB)"
    assert "My own space" in chosen.warnings[0] and "--from" in chosen.warnings[0]


def test_what_the_user_states_must_exist() -> None:
    with pytest.raises(UnknownSpaceError, match="nearest"):
        plan(None, frm="My own space")
    with pytest.raises(UnknownSpaceError, match="nearest"):
        plan(None, to="My own space")


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
@pytest.mark.parametrize("where", ["hint", "frm", "to"])
def test_data_is_refused(config: str, where: str) -> None:
    spaces = {"frm": "Raw"} if where == "frm" else {"to": "Raw"} if where == "to" else {}
    with pytest.raises(ColourError, match="data"):
        plan("Raw" if where == "hint" else None, config=config_of(config), **spaces)


def test_a_space_from_elsewhere_is_said_to_be() -> None:
    chosen = plan(None, frm="S-Log3 S-Gamut3.Cine", config="cg-config")
    assert any("cg-config" in line and "S-Log3" in line for line in chosen.warnings)
    assumed = plan(None, to="ACEScg", config=config_of("nuke_style")).warnings
    assert any("Rec.709 is assumed" in line for line in assumed)
    curve = plan(None, frm="AlexaV3LogC", config=config_of("nuke_style")).warnings
    assert any("curve alone" in line for line in curve)


# ---- log

# Linear value of code 1.0 and code of middle grey: the makers' formulas, as OCIO 2.6 was measured.
LOGS = [
    ("ARRI LogC3 (EI800)", 55.08, 0.391),
    ("ARRI LogC4", 469.8, 0.278),
    ("S-Log3 S-Gamut3", 38.42, 0.411),
    ("S-Log3 S-Gamut3.Cine", 38.42, 0.411),
    ("V-Log", 46.09, 0.423),
    ("REDLog3G10", 184.3, 0.333),
    ("ADX10", 22.76, None),
    ("ACEScct", 222.9, 0.414),
    ("Cineon", 13.52, 0.457),
]


@pytest.mark.parametrize(("frm", "white", "middle"), LOGS)
@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
def test_log_plates(frm: str, white: float, middle: float | None, config: str) -> None:
    chosen = plan(None, frm=frm, config=config_of(config), bits=10)
    assert chosen.kind == "log"
    assert chosen.clip_code == 1.0
    assert chosen.white == pytest.approx(white, rel=1e-3)
    seen = chosen.to_network(grey(0.0, 0.5, 1.0))
    assert seen[0].max() < 0.01 and seen[2] == pytest.approx([1.0] * 3, abs=1e-4)
    if middle is not None:
        assert chosen.to_lin709(grey(middle))[0] == pytest.approx([0.18] * 3, rel=0.02)


def test_log_keeps_light_below_black() -> None:
    """LogC3's code 0 is -0.0173: a clamp there would lift the noise floor."""
    chosen = plan(None, frm="LogC3", to="Linear ARRI Wide Gamut 3")
    np.testing.assert_allclose(chosen.base(grey(0.0)), -0.0173, rtol=1e-2)


# ---- views


@pytest.mark.parametrize("spelling", ["frm", "view"])
def test_inverse_view_is_the_view_read_backwards(spelling: str) -> None:
    name = f"sRGB - Display/{ACES1}"
    chosen = (
        plan(None, frm=f"inverse-view:{name}", config=DEFAULT_CONFIG)
        if spelling == "frm"
        else plan(None, view=name, config=DEFAULT_CONFIG)
    )
    assert chosen.from_space == f"inverse-view:{name}"
    assert chosen.kind == "display"
    assert chosen.white == pytest.approx(16.29, rel=1e-3)
    light = chosen.base(grey(0.5, 0.9, 1.0))
    np.testing.assert_allclose(light[:, 1], [0.303, 1.925, 16.29], rtol=5e-3)

    raw = load_config(DEFAULT_CONFIG).raw
    forward = raw.getProcessor(
        PyOpenColorIO.DisplayViewTransform(src="ACEScg", display="sRGB - Display", view=ACES1)
    ).getDefaultCPUProcessor()
    codes = colour_checker.CODES.copy()
    shown = chosen.base(codes)
    forward.applyRGB(shown)
    # ACES 1 reads its red modifier backwards approximately: up to one 8-bit code.
    np.testing.assert_allclose(shown, codes, atol=1 / 255)


def test_inverse_view_clamps_only_what_the_view_cannot_mean() -> None:
    chosen = plan(None, view=f"sRGB - Display/{ACES1}", is_float=True)
    assert (chosen.base(grey(1.1)) == chosen.base(grey(1.0))).all()
    assert any("clamped" in line for line in chosen.warnings)


def test_through_a_view_the_network_sees_the_displayed_picture() -> None:
    srgb = plan(None, view=f"sRGB - Display/{ACES1}")
    codes = colour_checker.CODES
    np.testing.assert_allclose(srgb.to_network(codes), codes, atol=1e-3)
    v1 = plan(None, view="", config=config_of("aces12_style"))
    np.testing.assert_allclose(v1.to_network(codes), codes, atol=1e-6)


# ---- what the network sees


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1, width=32))
def test_srgb_plates_reach_the_network_as_they_are(level: float) -> None:
    assert plan(None).to_network(grey(level)) == pytest.approx(grey(level), abs=1e-4)


def test_network_input_is_the_srgb_curve_within_its_range() -> None:
    chosen: ColourPlan = plan("ACEScg", is_float=True)
    code = np.array([[-1.0, 0.5, 9.0], [0.18, 0.18, 0.18]], np.float32)
    seen = chosen.to_network(code)
    assert seen.dtype == np.float32
    assert seen.min() >= 0.0 and seen.max() <= 1.0
    np.testing.assert_allclose(seen[1], srgb_encode(np.float32(0.18)), rtol=1e-5)
    assert chosen.mixes_channels


def test_description_is_json_and_complete() -> None:
    told = json.loads(json.dumps(describe(plan(None, frm="LogC3"))))
    assert told["from"] == "ARRI LogC3 (EI800)"
    assert told["to"] == "ACEScg"
    assert told["config"] == DEFAULT_CONFIG
    assert told["config_cache_id"]
    assert told["ocio"].startswith("2.")
    assert told["kind"] == "log"
    assert len(told["chromaticities"]) == 8


def test_the_networks_curve_is_the_closed_form() -> None:
    chosen = plan(None, frm="Linear Rec.709", is_float=True)
    lin = grey(*np.geomspace(1e-6, 1.0, 4001))
    np.testing.assert_allclose(chosen.to_network(lin), srgb_encode(lin), rtol=0, atol=2e-5)
