"""A space is found by name, alias, role or well-known other name in every kind of config."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import PyOpenColorIO
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.colour import gamut, names, ocio, resolve
from headroom.errors import ColourError, UnknownSpaceError

CONFIGS = Path(__file__).parent / "data" / "ocio"
BUILTINS = [row[0] for row in PyOpenColorIO.BuiltinConfigRegistry().getBuiltinConfigs()]
STYLES = ["nuke_style", "aces12_style", "blender_style"]


def load(name: str) -> ocio.Config:
    return ocio.load_config(CONFIGS / name if name in STYLES else name)


def test_a_name_stands_in_one_row() -> None:
    count = Counter(key for row in names.ROWS for key in {names.key(name) for name in row})
    assert [key for key, times in count.items() if times > 1] == []


@pytest.mark.parametrize(
    ("config", "asked", "found"),
    [
        ("nuke_style", "sRGB Encoded Rec.709 (sRGB)", "sRGB"),
        ("nuke_style", "scene_linear", "linear"),
        ("nuke_style", "Camera Rec.709", "rec709"),
        ("nuke_style", "ARRI LogC3 (EI800)", "AlexaV3LogC"),
        ("nuke_style", "gamma2.2", "Gamma2.2"),
        ("aces12_style", "sRGB", "Utility - sRGB - Texture"),
        ("aces12_style", "ACEScg", "ACES - ACEScg"),
        ("aces12_style", "Linear Rec.709 (sRGB)", "Utility - Linear - sRGB"),
        ("aces12_style", "rec709", "Utility - Rec.709 - Camera"),
        ("aces12_style", "AlexaV3LogC", "Input - ARRI - V3 LogC (EI800) - Wide Gamut"),
        ("blender_style", "srgb_tx", "sRGB"),
        ("blender_style", "Linear Rec.709 (sRGB)", "Linear Rec.709"),
        ("blender_style", "lin_ap1", "ACEScg"),
        ("blender_style", "default_byte", "sRGB"),
        ("cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "sRGB", "sRGB - Texture"),
        ("cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "SCENE_LINEAR", "ACEScg"),
        ("cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "Linear Rec.709", "Linear Rec.709 (sRGB)"),
        (ocio.DEFAULT_CONFIG, "sRGB", "sRGB Encoded Rec.709 (sRGB)"),
        (ocio.DEFAULT_CONFIG, "slog3 sgamut3 cine", "S-Log3 S-Gamut3.Cine"),
        (ocio.DEFAULT_CONFIG, "REDLog3G10", "Log3G10 REDWideGamutRGB"),
        (ocio.DEFAULT_CONFIG, "Display P3", "sRGB Encoded P3-D65"),
        (ocio.DEFAULT_CONFIG, "AdobeRGB", "Gamma 2.2 Encoded AdobeRGB"),
    ],
)
def test_found(config: str, asked: str, found: str) -> None:
    assert resolve.resolve_space(load(config), asked) == found


@pytest.mark.parametrize("config", BUILTINS)
@pytest.mark.parametrize("asked", ["sRGB", "ACEScg", "ACES2065-1", "Linear Rec.709", "lin_rec2020", "srgb_tx"])
def test_the_everyday_spaces_are_in_each_builtin(config: str, asked: str) -> None:
    assert resolve.resolve_space(load(config), asked)


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
def test_every_own_name_is_itself(config: str) -> None:
    loaded = load(config)
    for name in loaded.names():
        assert resolve.resolve_space(loaded, name) == name
        assert resolve.resolve_space(loaded, name.upper()) == name


@pytest.mark.parametrize(
    ("config", "asked", "near"),
    [
        (ocio.DEFAULT_CONFIG, "ACESgc", "ACEScg"),
        (ocio.DEFAULT_CONFIG, "slog3", "S-Log3 S-Gamut3"),
        (ocio.DEFAULT_CONFIG, "Linear Rec709 sRBG", "Linear Rec.709 (sRGB)"),
        ("aces12_style", "srbg", "Utility - sRGB - Texture"),
        ("nuke_style", "AlexaLogC", "AlexaV3LogC"),
        ("blender_style", "Linear Rec 907", "Linear Rec.709"),
    ],
)
def test_a_wrong_name_lists_the_nearest(config: str, asked: str, near: str) -> None:
    with pytest.raises(UnknownSpaceError) as caught:
        resolve.find_space(load(config), asked)
    message = str(caught.value)
    assert asked in message and "\n" not in message
    assert near in message.split("nearest: ")[1]
    assert caught.value.exit_code == 2


@given(st.text(max_size=30))
def test_any_text_is_found_or_named(asked: str) -> None:
    config = ocio.load_config()
    try:
        assert resolve.resolve_space(config, asked) in config.names()
    except UnknownSpaceError as problem:
        assert "nearest" in str(problem)


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
@pytest.mark.parametrize("asked", ["Raw", "raw", "Non-Color", "Utility - Raw", "data", "none"])
def test_data_is_refused(config: str, asked: str) -> None:
    with pytest.raises(ColourError, match="data"):
        resolve.find_space(load(config), asked)


@pytest.mark.parametrize("config", [*BUILTINS, *STYLES])
def test_every_config_is_joined_to_the_builtin_one(config: str) -> None:
    loaded = load(config)
    link = resolve.bridge(loaded)
    assert link is not None
    assert link.assumed == (config == "nuke_style")
    source = ocio.Space(ocio.extended_config(), "Linear Rec.709 (sRGB)")
    there = resolve.convert(source, ocio.Space(loaded, link.here))
    back = resolve.convert(ocio.Space(loaded, link.here), source)
    pixels = np.random.default_rng(3).random((4, 5, 3), np.float32) * 8
    np.testing.assert_allclose(back(there(pixels)), pixels, rtol=2e-5, atol=2e-5)


def test_joined_configs_agree_with_one_config() -> None:
    one = ocio.load_config()
    cg = ocio.load_config("cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    pixels = np.random.default_rng(4).random((6, 5, 3), np.float32)
    whole = resolve.convert(ocio.Space(one, "ARRI LogC3 (EI800)"), ocio.Space(one, "ACEScg"))
    space = resolve.find_space(cg, "LogC3")
    assert space.config is ocio.extended_config()
    joined = resolve.convert(space, ocio.Space(cg, "ACEScg"))
    np.testing.assert_allclose(joined(pixels), whole(pixels), rtol=1e-5, atol=1e-5)


def test_a_config_with_nothing_to_hold_on_to(tmp_path: Path) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(
        "ocio_profile_version: 1\nstrictparsing: true\nroles: {default: odd}\ndisplays:\n  d:\n"
        "    - !<View> {name: v, colorspace: odd}\ncolorspaces:\n"
        "  - !<ColorSpace>\n    name: odd\n    bitdepth: 32f\n"
    )
    config = ocio.load_config(path)
    assert resolve.bridge(config) is None
    with pytest.raises(ColourError, match="use another config"):
        resolve.convert(ocio.Space(ocio.extended_config(), "ACEScg"), ocio.Space(config, "odd"))


def test_views() -> None:
    config = load("blender_style")
    assert resolve.find_view(config, "").name == "inverse-view:sRGB/Standard"
    assert resolve.find_view(config, "AgX").name == "inverse-view:sRGB/AgX"
    assert resolve.find_view(config, "srgb/agx").name == "inverse-view:sRGB/AgX"
    with pytest.raises(ColourError, match="data"):
        resolve.find_view(config, "sRGB/Raw")
    with pytest.raises(UnknownSpaceError, match="sRGB/AgX"):
        resolve.find_view(config, "sRGB/AgZ")


@pytest.mark.parametrize("name", gamut.GAMUTS)
@pytest.mark.parametrize("cones", [gamut.BRADFORD, gamut.CAT02], ids=["bradford", "cat02"])
def test_gamut_is_recognised_from_its_matrix(name: str, cones: np.ndarray) -> None:
    matrix = gamut.rgb_to_rgb(gamut.GAMUTS[name], gamut.REC709, cones)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-9)
    assert gamut.chromaticities(matrix) == gamut.GAMUTS[name]


def test_unknown_gamut_is_given_as_seen_under_d65() -> None:
    own = (0.60, 0.35, 0.25, 0.62, 0.16, 0.08, *gamut.D65)
    matrix = gamut.rgb_to_rgb(own, gamut.REC709, gamut.BRADFORD)
    np.testing.assert_allclose(gamut.chromaticities(matrix), own, atol=1e-9)
