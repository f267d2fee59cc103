"""A stack's response curve is found again, by every way that looks for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bracket_views import bracket, hand, scene, seen
from headroom.bracket.response import Response, declared
from headroom.bracket.response_adapt import exposed_as
from headroom.bracket.response_find import find_response
from headroom.bracket.response_fits import FITS, rising
from headroom.bracket.response_plot import plot_response
from headroom.bracket.stack import Bracket
from headroom.camera import Response as Camera
from headroom.colour.plan import plan
from headroom.errors import PlateError, UsageError
from headroom.plate import FloatArray, Plate

HEIGHT, WIDTH = 200, 300
STOPS = (-3.3, -1.6, 0.0, 1.7)


@pytest.fixture(scope="module")
def light() -> FloatArray:
    return scene(2 * HEIGHT + 60, 2 * WIDTH + 60)


def shot(light: FloatArray, camera: Camera, *, moved: bool = False, bits: int = 8) -> Bracket:
    hands = [hand(WIDTH, HEIGHT, 3.0 * k, -2.0 * k, 0.3 * k) if moved else np.eye(3) for k in (-1, 0, 1, 2)]
    frames = [seen(light, motion, HEIGHT, WIDTH) for motion in hands]
    return bracket(frames, STOPS, response=camera, shot_noise=0.005, bits=bits)


def error_stops(found: Response, camera: Camera) -> float:
    """RMS over well-exposed codes, after the best common exposure."""
    codes = np.linspace(15 / 255, 240 / 255, 200, dtype=np.float32)
    light = found.decode(np.repeat(codes[:, None], 3, axis=1))
    return float(np.std(np.log2(light / camera.inverse(codes)[:, None])))


@pytest.mark.parametrize(("name", "most"), [("debevec", 0.08), ("robertson", 0.2), ("emor", 0.05)])
@pytest.mark.parametrize("moved", [False, True])
def test_a_cameras_curve_is_found(light: FloatArray, name: str, most: float, moved: bool) -> None:
    camera = Camera.emor([2.0, -0.8, 0.3])
    stack = shot(light, camera, moved=moved)
    stated = declared(plan(None))
    found = find_response(name, [stack], plan(None))
    assert error_stops(stated, camera) > 0.25
    assert error_stops(found, camera) < most
    assert found.residual_stops is not None
    assert found.residual_stops < 0.1
    assert found.decode(np.ones((1, 3), np.float32)).tolist() == [[1, 1, 1]]
    assert found.decode(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]


def test_channels_of_one_curve_share_it(light: FloatArray) -> None:
    camera = Camera.picture_style(0.4)
    found = find_response("debevec", [shot(light, camera, bits=16)], plan(None))
    assert found.table is not None
    assert found.table.shape[0] == 1
    assert found.offsets_stops == ()
    assert error_stops(found, camera) < 0.1


def test_a_channel_with_a_black_level_of_its_own_gets_a_curve_of_its_own(light: FloatArray) -> None:
    stack = shot(light, Camera.srgb())
    lifted = np.array([12 / 255, 0, 0], np.float32)
    plates = []
    for plate in stack.plates:
        codes = plate.codes / np.float32(255)
        plates.append(replace(plate, codes=np.rint((codes * (1 - lifted) + lifted) * 255).astype(np.uint8)))
    found = find_response("emor", [replace(stack, plates=tuple(plates))], plan(None))
    assert found.table is not None
    assert found.table.shape[0] == 3
    dark = found.decode(np.full((1, 3), 40 / 255, np.float32))[0]
    true = Camera.srgb().inverse((40 / 255 - lifted) / (1 - lifted))
    assert np.log2(true[1] / true[0]) > 0.7  # what one curve for all would tint this grey by
    assert abs(np.log2((true[1] / true[0]) / (dark[1] / dark[0]))) < 0.3
    grey = found.decode(np.full((1, 3), 0.5, np.float32))
    assert np.ptp(grey) < 0.05 * grey.mean()


@pytest.mark.parametrize("off", [0.0, 0.3])
def test_a_frame_that_was_exposed_otherwise_than_stated_is_found(light: FloatArray, off: float) -> None:
    camera = Camera.emor([2.0, -0.8, 0.3])
    frames = [seen(light, np.eye(3), HEIGHT, WIDTH) for _ in range(5)]
    taken = (-4.0, -2.0 + off, 0.0, 1.5, 3.0)
    stack = bracket(frames, taken, response=camera, shot_noise=0.005)
    stated = replace(stack, ev_stops=(-4.0, -2.0, 0.0, 1.5, 3.0))
    found = find_response("emor", [stated], plan(None))
    mended = exposed_as(stated, found.offsets_stops, found.offsets_sigma)
    assert error_stops(found, camera) < 0.06
    assert np.abs(np.subtract(mended.ev_stops, taken)).max() < 0.06
    assert len(mended.notes) == (1 if off else 0)
    if off:
        assert "-2.00" in mended.notes[0]


def test_a_panoramas_brackets_share_one_curve(light: FloatArray) -> None:
    camera = Camera.emor([-1.5, 0.5])
    one = shot(light, camera)
    other = shot(light[::-1, ::-1].copy(), camera).seen_from(2)
    found = find_response("emor", [one, other], plan(None))
    assert error_stops(found, camera) < 0.05
    assert found.facts["places"] > 64


def test_what_the_plates_state_is_exact() -> None:
    codes = np.random.default_rng(0).random((4, 5, 3), np.float32)
    colour = plan(None)
    assert np.array_equal(declared(colour).decode(codes), colour.to_lin709(codes))
    log = declared(plan("ARRI LogC4"))
    assert log.white > 2
    assert log.decode(np.ones((1, 3), np.float32)).max() == pytest.approx(1)


def test_a_lut_file_is_a_response(tmp_path: Path) -> None:
    lut = tmp_path / "square.spi1d"
    steps = "\n".join(str((i / 63) ** 2) for i in range(64))
    lut.write_text(f"Version 1\nFrom 0.0 1.0\nLength 64\nComponents 1\n{{\n{steps}\n}}\n")
    found = find_response(str(lut), [], plan(None))
    assert found.name == "square.spi1d"
    assert found.decode(np.full((1, 3), 0.5, np.float32)).mean() == pytest.approx(0.25, abs=1e-3)


def test_the_network_says_a_curve(light: FloatArray, tiny_headroom_1: Path) -> None:
    found = find_response("network", [shot(light, Camera.srgb())], plan(None))
    table = found.decode(np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[:, None], 3, axis=1))
    assert (np.diff(table[:, 0]) >= 0).all()
    assert found.facts["frames"] == 4
    assert found.residual_stops is not None


def test_what_cannot_be_is_said(light: FloatArray) -> None:
    stack = shot(light, Camera.srgb())
    with pytest.raises(UsageError, match="declared, debevec"):
        find_response("crf", [stack], plan(None))
    with pytest.raises(UsageError, match="LogC4"):
        find_response("debevec", [stack], plan("ARRI LogC4"))
    flat = tuple(Plate(codes=np.full((64, 64, 3), code, np.uint8)) for code in (1, 255))
    nothing = Bracket(plates=flat, ev_stops=(0.0, 8.0), reference=0, source="stated")
    with pytest.raises(PlateError, match="--response declared"):
        find_response("emor", [nothing], plan(None))


def test_curves_never_fall() -> None:
    assert set(FITS) == {"debevec", "robertson", "emor"}
    bumpy = np.linspace(0, 1, 256) + 0.05 * np.sin(np.linspace(0, 40, 256))
    curve = rising(bumpy)
    assert (np.diff(curve) >= 0).all()
    assert (curve[0], curve[-1]) == (0, 1)


def test_codes_beyond_the_table_go_on_straight() -> None:
    found = Response(name="table", table=np.array([[0, 0.25, 1.0]], np.float32))
    assert found.decode(np.array([[1.5, -0.5, 0.75]], np.float32)).tolist() == [[1.75, -0.25, 0.625]]


def test_the_curve_is_drawn(light: FloatArray, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = find_response("debevec", [shot(light, Camera.srgb())], plan(None))
    plot_response(found, tmp_path / "curve.png", stated=declared(plan(None)))
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
