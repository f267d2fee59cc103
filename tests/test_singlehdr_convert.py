"""headroom convert with SingleHDR: the promises that hold for every model, its stages, and its curve as a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import headroom
from headroom import io
from headroom.colour.ocio import load_lut
from headroom.colour.plan import plan
from headroom.errors import UsageError
from headroom.options import Options
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor
from headroom.settings import SETTINGS, checked, in_stages
from tiny_singlehdr import make_tiny_singlehdr

LIN709 = "Linear Rec.709 (sRGB)"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_tiny_singlehdr(folder, name="singlehdr-tiny")
    make_tiny_singlehdr(folder, name="singlehdr-refine", refine=True)
    return folder


@pytest.fixture(scope="module")
def network(models: Path) -> Reconstructor:
    return Reconstructor(models / "singlehdr-refine", device="cpu")


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[:height, :width]
    code = np.stack([(x + y) % 256, (3 * y) % 256, (2 * x) % 256], -1) * 0.8 + rng.integers(0, 40, (height, width, 3))
    code[height // 3 : height // 2 + 1, width // 4 : width // 2 + 1] = 255
    return code.clip(0, 255).astype(np.uint8)


@pytest.fixture
def convert(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    monkeypatch.setenv("HEADROOM_MODELS", str(models))

    def run(*arguments: object, code: int = 0) -> str:
        said = headroom(capsys, "convert", *arguments)
        assert said.code == code, said
        return said.out + said.err

    return run


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (37, 50), (96, 65), (130, 31)])
@pytest.mark.parametrize("everything", [False, True])
def test_any_size_comes_out_whole_with_its_recorded_pixels_exact(
    size: tuple[int, int], everything: bool, network: Reconstructor
) -> None:
    plate = Plate(codes=picture(*size))
    colour = plan(None, to=LIN709)
    options = Options(refine=True) if everything else Options()
    result = network(plate, options, colour=colour)
    assert result.pixels.shape == (*size, 3)
    assert np.isfinite(result.pixels).all()
    untouched = result.mask == 0
    np.testing.assert_array_equal(result.pixels[untouched], colour.base(plate.rows(0, size[0]))[untouched])
    clipped = plate.codes.min(axis=2) == 255
    assert (result.pixels[clipped] >= 1).all()
    assert (result.gain_stops[clipped] > 0).any()


def test_tiles_give_what_the_whole_frame_gives(models: Path) -> None:
    plate = Plate(codes=picture(64, 1000))
    options = Options(dequantize=True, curve="estimate")
    whole = Reconstructor(models / "singlehdr-tiny", device="cpu")
    tiled = Reconstructor(models / "singlehdr-tiny", device="cpu", memory_bytes=400 << 20)
    assert sum(len(row) for row in whole.tiles(plate).rows) == 1
    assert len(tiled.tiles(plate).rows[0]) > 4
    one, other = (r(plate, options, frm=None, to=LIN709) for r in (whole, tiled))
    np.testing.assert_allclose(other.pixels, one.pixels, rtol=1e-5, atol=1e-6)


def test_dequantising_keeps_every_code_inside_its_own_step(network: Reconstructor) -> None:
    plate = Plate(codes=picture(64, 96))
    light = network(plate, Options(dequantize=True, strength=0), to=LIN709).pixels
    plain = network(plate, Options(strength=0), to=LIN709).pixels
    assert (light != plain).any()
    back = plan(LIN709, is_float=True, to="sRGB Encoded Rec.709 (sRGB)").base(light)
    np.testing.assert_array_equal(np.rint(back.clip(0, 1) * 255), plate.codes)


def test_an_estimated_curve_is_read_at_the_dequantised_code(network: Reconstructor) -> None:
    plate = Plate(codes=picture(64, 96))
    both, curve = (
        network(plate, Options(curve="estimate", dequantize=dequantize, strength=0), to=LIN709).pixels
        for dequantize in (True, False)
    )
    assert np.abs(both - curve).max() > 1e-4
    assert np.abs(both - curve).max() < 2 / 255


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("dequantize", {"dequantize": True, "curve": "declared", "strength": 0.0, "refine": False}),
        ("linearize", {"dequantize": False, "curve": "estimate", "strength": 0.0}),
        ("hallucinate", {"dequantize": False, "curve": "declared", "strength": 1.0}),
        ("dequantize, linearize,hallucinate", {"dequantize": True, "curve": "estimate", "strength": 1.0}),
        ("hallucinate,refine", {"refine": True, "curve": "declared", "strength": 1.0}),
    ],
)
def test_stages_say_what_works(stages: str, expected: dict[str, object]) -> None:
    flat = in_stages(checked({"stages": stages}))
    assert {name: flat[name] for name in expected} == expected
    assert set(flat) == set(SETTINGS) - {"stages"}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"stages": "dequantise"}, "'dequantise' is not one of dequantize, linearize, hallucinate, refine"),
        ({"stages": "refine"}, "refine works on what hallucinate adds"),
        ({"stages": "hallucinate", "dequantize": True}, "leaves dequantize out, and dequantize is asked for"),
        ({"stages": "hallucinate", "curve": "estimate"}, "leaves linearize out, and curve estimate asks for it"),
        ({"stages": "linearize", "curve": __file__}, "linearize estimates the curve, and curve .* states it"),
    ],
)
def test_stages_that_contradict_the_rest_are_refused(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        in_stages(checked(chosen))


def test_a_stage_that_the_model_lacks_is_named(convert: Callable[..., str], tmp_path: Path) -> None:
    Image.fromarray(picture(40, 40)).save(tmp_path / "a.png")
    said = convert(
        tmp_path / "a.png", "-o", tmp_path / "a.exr", "--model", "singlehdr-tiny", "--stages", "hallucinate,refine",
        code=2,
    )  # fmt: skip
    assert "singlehdr-tiny has no stage refine" in said
    assert not (tmp_path / "a.exr").exists()


@pytest.mark.parametrize("suffix", [".spi1d", ".cube"])
def test_the_curve_comes_out_as_a_lut_that_gives_the_same_light(
    convert: Callable[..., str], tmp_path: Path, suffix: str
) -> None:
    source, lut = tmp_path / "a.png", tmp_path / f"curve{suffix}"
    Image.fromarray(picture(64, 80)).save(source)
    model = ("--model", "singlehdr-tiny", "--to", LIN709, "--depth", "float")
    convert(source, "-o", tmp_path / "a.exr", "--stages", "linearize,hallucinate", "--curve-out", lut, *model)
    convert(source, "-o", tmp_path / "b.exr", "--curve", lut, *model)
    a, b = (io.read(tmp_path / name).codes for name in ("a.exr", "b.exr"))
    np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], 3, axis=1)
    light = load_lut(lut)(ramp)  # OpenColorIO's own reading
    assert (np.diff(light[:, 0]) >= 0).all()
    np.testing.assert_allclose(light[[0, -1], 1], [0, 1], atol=1e-6)
    gathered = picture(64, 80)[0] / np.float32(255)
    np.testing.assert_allclose(a[0], load_lut(lut)(gathered), rtol=2e-3, atol=2e-5)


def test_headroom_1_s_curve_comes_out_too_and_is_drawn(convert: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a", "b"):
        Image.fromarray(picture(64, 80)).save(tmp_path / f"{name}.png")
    model = Path(__file__).parents[1] / "models" / "headroom-1"
    said = convert(tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out", "--model", model,
                   "--curve-out", tmp_path / "curves", "--curve-plot", tmp_path / "plots")  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "curves").iterdir()) == ["a.spi1d", "b.spi1d"]
    with Image.open(tmp_path / "plots" / "a.png") as plot:
        assert len(np.unique(np.asarray(plot))) > 10
    assert "that one was written" in said  # noise is no evidence against sRGB


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--curve-out", "curve.csv"), r"--curve-out curve\.csv: the suffix must be one of \.spi1d, \.cube"),
        (("--curve-out", "curve.cube", "second.png"), "one file for 2 curves; name a folder"),
        (("--curve-out", "curve.cube", "--from", "ACEScct"), "not for ACEScct"),
    ],
)
def test_a_curve_that_cannot_be_written_is_an_error_of_one_line(
    options: tuple[str, ...], message: str, convert: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "second.png"):
        Image.fromarray(picture(40, 40)).save(name)
    said = convert("a.png", "-o", "out", "--model", "singlehdr-tiny", *options, code=2)
    assert re.search(message, said)
    assert not list(tmp_path.glob("curve*"))


def test_a_shot_has_one_curve_and_it_comes_out(convert: Callable[..., str], tmp_path: Path) -> None:
    for frame in range(3):
        code = picture(64, 96)
        code[5 + frame] = 40
        Image.fromarray(code).save(tmp_path / f"a.{frame + 1:04d}.png")
    said = convert(
        tmp_path / "a.####.png", "-o", tmp_path / "out", "--model", "singlehdr-tiny", "--to", LIN709,
        "--depth", "float", "--stages", "linearize", "--curve-out", tmp_path / "shot.spi1d",
    )  # fmt: skip
    assert "shot.spi1d" in said
    lut = load_lut(tmp_path / "shot.spi1d")
    (analysis,) = (tmp_path / "out").glob("*.headroom.json")
    (segment,) = json.loads(analysis.read_text())["segments"]
    assert segment["curve"]["frames"] == [1, 2, 3]
    for frame in range(1, 4):
        code = io.read(tmp_path / f"a.{frame:04d}.png").rows(0, 64)
        light = io.read(next((tmp_path / "out").glob(f"*{frame:04d}.exr"))).codes
        np.testing.assert_allclose(light, lut(code), rtol=2e-3, atol=3e-5)
