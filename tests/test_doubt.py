"""Which of the possible lights: the numbers behind --light, and that nothing recorded is moved by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from command import headroom, save_picture
from headroom.doubt import SPREAD_STOPS_MAX, picked
from headroom.engine import run
from headroom.engine.even_doubt import even_doubt
from headroom.engine.run import BandOutput
from headroom.errors import UsageError
from headroom.options import Options
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor


def answer(gain: float, spread_stops: float) -> BandOutput:
    return BandOutput(np.full((2, 3, 3), gain, np.float32), np.full((2, 3), np.log2(spread_stops), np.float32), None)


@pytest.mark.parametrize("spread_stops", [0.25, 1.0, 2.0])
def test_the_lights_are_those_of_the_stated_distribution(spread_stops: float) -> None:
    stops = np.random.default_rng(0).normal(1.5, spread_stops, 4_000_000)
    light = 2.0**stops
    result = answer(1.5, spread_stops)
    assert picked(result, "median") is result
    mean, bold = (2.0 ** picked(result, name).gain_log2.astype(np.float64) for name in ("mean", "bold"))
    assert mean.flat[0] == pytest.approx(light.mean(), rel=0.05)
    assert bold.flat[0] == pytest.approx(np.quantile(light, 0.8413), rel=0.02)


def test_a_doubt_without_end_adds_no_light_without_end() -> None:
    wide, widest = (picked(answer(2.0, stops), "mean").gain_log2 for stops in (SPREAD_STOPS_MAX, 200.0))
    assert np.array_equal(wide, widest) and wide.max() < 2.0 + 3.2


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> Reconstructor:
    return Reconstructor(tiny_models / "headroom-1")


def test_a_picked_light_is_brighter_where_it_clipped_and_the_same_elsewhere(model: Reconstructor) -> None:
    codes = np.random.default_rng(0).integers(0, 330, (61, 83, 3)).clip(0, 255).astype(np.uint8)
    plain, mean, bold = (model(Plate(codes=codes), Options(light=light)) for light in ("median", "mean", "bold"))
    recorded, clipped = plain.mask == 0, plain.mask == 1
    for hdr in (mean, bold):
        assert hdr.pixels[recorded].tobytes() == plain.pixels[recorded].tobytes()
        assert (hdr.gain_stops[clipped] > plain.gain_stops[clipped]).all()
    assert mean.report["options"]["light"] == "mean"


def test_a_network_without_doubt_of_its_own_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_picture(tmp_path / "plate.png", clipped=0.3)
    said = headroom(
        capsys,
        "convert",
        tmp_path / "plate.png",
        "-o",
        tmp_path / "out.exr",
        "--model",
        "hdrcnn-small",
        "--light",
        "mean",
    )
    assert said.code != 0 and "does not say how far it may be off" in said.err and not (tmp_path / "out.exr").exists()
    with pytest.raises(UsageError, match="median, mean or bold"):
        Options(light="brightest")


def test_a_pattern_of_eight_pixels_is_gone_and_what_is_not_clipped_has_no_say() -> None:
    level = torch.from_numpy(np.random.default_rng(2).normal(0, 1, (1, 1, 8, 8)).astype(np.float32)).tile(1, 1, 6, 8)
    alpha = torch.ones(1, 3, 48, 64)
    inside = even_doubt(level, alpha)[..., 8:-8, 8:-8]
    assert torch.allclose(inside, level.mean().expand_as(inside), atol=1e-5)
    alpha[..., :30] = 0
    clipped = torch.where(alpha[:, :1] > 0, level, 50.0)
    even = even_doubt(clipped, alpha)
    assert torch.equal(even[..., :30], clipped[..., :30]) and even[..., 30:].max() < 3


def test_tiles_give_what_the_frame_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Reconstructor("headroom-1", precision="fp32")
    y, x = np.mgrid[:150, :333]
    codes = (np.random.default_rng(0).normal(250, 12, (150, 333, 3)) + 30 * np.sin(x / 20 + y / 30)[..., None]).clip(
        0, 255
    )
    plate = Plate(codes=codes.astype(np.uint8))
    whole = shipped(plate, Options(light="mean"))
    plain = shipped(plate, Options())
    assert (whole.gain_stops[whole.mask > 0.5] > plain.gain_stops[whole.mask > 0.5] + 0.01).mean() > 0.5
    for tile in (64, 128):
        monkeypatch.setattr(run, "TILE_PX_LARGEST", tile)
        tiled = shipped(plate, Options(light="mean"))
        np.testing.assert_allclose(tiled.pixels, whole.pixels, rtol=1e-4)
