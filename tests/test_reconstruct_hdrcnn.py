"""The page's promises for a network of the papers: random weights in the authors' layout, every step real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from command import headroom
from hdrcnn_reference import author_file, author_parameters, hdrcnn
from headroom import io
from headroom.colour.plan import ColourPlan, plan
from headroom.engine import run
from headroom.errors import UsageError
from headroom.importers.table import import_model
from headroom.plate import Plate
from headroom.reconstruct import Options, Reconstructor

SRGB = "sRGB Encoded Rec.709 (sRGB)"
WIDTH = 1 / 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose one model is hdrcnn-small."""
    models = tmp_path_factory.mktemp("papers")
    import_model("hdrcnn", [author_file(models / "p.npz", author_parameters(WIDTH))], models / "hdrcnn-small")
    return models


@pytest.fixture(scope="module")
def model(folder: Path) -> Reconstructor:
    return Reconstructor(folder / "hdrcnn-small", device="cpu")


@pytest.fixture(scope="module")
def colour() -> ColourPlan:
    return plan(SRGB, to="Linear Rec.709 (sRGB)")


def noise_plate(height: int, width: int, seed: int = 0, top: int = 330) -> Plate:
    codes = np.random.default_rng(seed).integers(0, top, (height, width, 3)).clip(0, 255)
    return Plate(codes=codes.astype(np.uint8))


def test_what_clipped_is_the_paper_s_light_on_the_plate_s_own_scale(model: Reconstructor, colour: ColourPlan) -> None:
    plate = noise_plate(64, 96)
    code = plate.rows(0, 64)
    hdr = model(plate, colour=colour)
    light = np.exp(hdrcnn(author_parameters(WIDTH), code)) - 1 / 255
    clipped = (code == 1).all(axis=2)  # there x^2 and sRGB's curve agree
    assert clipped.sum() > 20
    np.testing.assert_allclose(hdr.pixels[clipped], np.clip(light[clipped], 1, 2.0**16), rtol=2e-3)
    assert hdr.report["curve"]["looked_at"] == "fixed"


@pytest.mark.parametrize("options", [Options(), Options(boost=1.5, strength=0.7, peak_stops=3), Options(scaling=1.1)])
def test_recorded_pixels_are_their_exact_linearisation(model: Reconstructor, options: Options) -> None:
    to_acescg = plan(SRGB, to="ACEScg")
    plate = noise_plate(70, 90)
    hdr = model(plate, options, colour=to_acescg)
    recorded = hdr.mask == 0
    assert 0.02 < recorded.mean() < 0.98
    exact = to_acescg.base(plate.rows(0, 70))
    assert hdr.pixels[recorded].tobytes() == exact[recorded].tobytes()
    assert (hdr.gain_stops >= 0).all()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 100), width=st.integers(1, 100))
def test_any_size(model: Reconstructor, colour: ColourPlan, height: int, width: int) -> None:
    hdr = model(noise_plate(height, width), colour=colour)
    assert hdr.pixels.shape == (height, width, 3)
    assert np.isfinite(hdr.pixels).all()


def test_tiles_give_what_the_whole_frame_gives(
    model: Reconstructor, colour: ColourPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = noise_plate(330, 500, seed=3)
    whole = model(plate, colour=colour).pixels
    monkeypatch.setattr(run, "TILE_PX_LARGEST", 128)
    before = model.runner.pixels_run
    tiled = model(plate, colour=colour).pixels
    assert model.runner.pixels_run - before > 500 * 330 * 2  # halos: it was tiled indeed
    np.testing.assert_allclose(tiled, whole, rtol=1e-3, atol=1e-6)  # in 16 stops of random light


def test_a_budget_gives_the_largest_tile_that_fits(model: Reconstructor, folder: Path) -> None:
    small, middling = (
        Reconstructor(folder / "hdrcnn-small", device="cpu", memory_bytes=m << 20).runner.plan(6000, 4000)
        for m in (900, 1500)
    )
    assert 128 <= small.tile_px < middling.tile_px
    assert small.tile_px % 32 == 0 and middling.tile_px % 32 == 0
    assert not middling.over_budget
    assert small.halo_px == 160


def test_boost_is_the_paper_s(model: Reconstructor, colour: ColourPlan) -> None:
    """y = f(x^(1/g))^g: the network sees the boosted picture and its light is raised to the same power."""
    plate, boost = noise_plate(64, 64), 1.8
    code = plate.rows(0, 64)
    clipped = (code == 1).all(axis=2)
    light = np.exp(hdrcnn(author_parameters(WIDTH), code ** (1 / boost))) - 1 / 255
    expected = np.clip(light[clipped], 1, 2.0**16) ** boost
    np.testing.assert_allclose(model(plate, Options(boost=boost), colour=colour).pixels[clipped], expected, rtol=5e-3)


def test_scaling_shows_the_network_the_picture_that_was_scaled(model: Reconstructor, colour: ColourPlan) -> None:
    """min(1, s x): what the network adds is what it adds to a plate whose codes were scaled before."""
    codes = np.random.default_rng(5).random((64, 64, 3)).astype(np.float32) * np.float32(0.9)
    codes[20:40, 10:50] = 0.9  # a compressed white
    scaling = 1 / 0.9
    compressed = Plate(codes=codes, is_float=True, bits=32)
    scaled = Plate(codes=np.minimum(1, codes * np.float32(scaling)), is_float=True, bits=32)
    seen = model(compressed, Options(scaling=scaling, clip_level=1.0), colour=colour)
    wanted = model(scaled, Options(clip_level=1.0), colour=colour)
    assert (seen.mask[20:40, 10:50] == 1).all()
    np.testing.assert_allclose(seen.mask, wanted.mask, atol=1e-4)
    np.testing.assert_allclose(seen.gain_stops[20:40, 10:50], wanted.gain_stops[20:40, 10:50], rtol=0.01, atol=0.01)
    recorded = seen.mask == 0
    assert seen.pixels[recorded].tobytes() == colour.base(codes)[recorded].tobytes()
    # Without it, 0.9 is a recorded code like any other.
    assert (model(compressed, Options(clip_level=1.0), colour=colour).mask == 0).all()


def test_scaling_is_for_display_referred_plates(model: Reconstructor) -> None:
    with pytest.raises(UsageError, match=r"--scaling .*--clip-level"):
        linear = Plate(codes=np.ones((8, 8, 3), np.float32), is_float=True, bits=32)
        model(linear, Options(scaling=1.2), colour=plan(None, to="ACEScg", is_float=True))
    with pytest.raises(UsageError, match="at least 1"):
        Options(scaling=0.5)


def test_its_own_curve_is_the_square(model: Reconstructor, colour: ColourPlan) -> None:
    plate = noise_plate(40, 40, top=200)
    hdr = model(plate, Options(curve="estimate"), colour=colour)
    np.testing.assert_allclose(hdr.pixels, plate.rows(0, 40) ** 2, atol=2e-6)
    declared = model(plate, colour=colour)
    assert declared.report["curve"]["used"] == "declared"
    assert not any("curve" in warning for warning in declared.report["warnings"])


def test_stages_that_it_lacks_are_named(model: Reconstructor) -> None:
    for options in (Options(dequantize=True), Options(refine=True)):
        with pytest.raises(UsageError, match="has no stage"):
            model.check(options)


def picture(path: Path, seed: int = 0) -> Path:
    Image.fromarray(noise_plate(48, 64, seed).codes).save(path)
    return path


def test_convert_a_still_and_a_shot(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADROOM_MODELS", str(folder))
    still = picture(tmp_path / "a.png")
    done = headroom(capsys, "convert", still, "-o", tmp_path / "a.exr", "--model", "hdrcnn", "--mask", "--json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)["files"][0]
    assert facts["model"] == "hdrcnn-small"
    assert any("small variant" in warning for warning in facts["warnings"])
    assert io.read(tmp_path / "a.exr").width == 64
    for frame in range(1001, 1004):
        picture(tmp_path / f"shot.{frame}.png", seed=frame)
    for curve in ("declared", "estimate"):
        shot = headroom(
            capsys, "convert", tmp_path / "shot.####.png", "-o", tmp_path / f"{curve}.####.exr", "--model", "hdrcnn",
            "--curve", curve,
        )  # fmt: skip
        assert shot.code == 0, shot.err
        assert (tmp_path / f"{curve}.1003.exr").is_file()
    lacking = headroom(capsys, "convert", still, "-o", tmp_path / "b.exr", "--model", "hdrcnn", "--dequantize")
    assert (lacking.code, lacking.err.count("\n")) == (2, 1)
    assert "has no stage dequantize" in lacking.err


def test_what_needs_headroom_1_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADROOM_MODELS", str(folder))
    Image.fromarray(noise_plate(32, 64).codes).save(tmp_path / "pano.png")
    said = headroom(capsys, "ibl", tmp_path / "pano.png", "-o", tmp_path / "env.exr", "--model", "hdrcnn-small")
    assert said.code == 2
    assert "use headroom-1 for panoramas" in said.err
    said = headroom(capsys, "models", "export", "hdrcnn-small", "--torchscript", "-o", tmp_path / "m.pt")
    assert said.code == 2
    assert "models for this: headroom-1" in said.err
