"""Which of the possible lights: the numbers behind --light, and that nothing recorded is moved by it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from command import headroom, save_picture
from headroom.colour import names
from headroom.colour.plan import plan
from headroom.engine import run
from headroom.engine.doubt import SPREAD_STOPS_MAX, evened, picked
from headroom.errors import UsageError
from headroom.networks.headroom1 import one_spread
from headroom.networks.single_image import NORMAL_90, RIGHT_WITHIN, Local
from headroom.options import Options
from headroom.panorama.reconstruct import reconstruct_sphere
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor
from headroom.settings import LIGHTS
from tiny_model import make_tiny_model

EVERYWHERE = torch.ones(1, 3, 4, 5)


def even(value: float) -> torch.Tensor:
    return torch.full((1, 1, 4, 5), value)


def answer(gain: float, spread_stops: float) -> Local:
    return Local(even(gain).expand(-1, 3, -1, -1), even(math.log2(spread_stops)), None)


def stated(gain: float, below: float, above: float, lift: float) -> Local:
    doubt = torch.cat([even(math.log2(below)), even(math.log2(above)), even(lift)], 1)
    return answer(gain, 1.0)._replace(doubt=doubt)


def stops(local: Local, light: str) -> float:
    gain = picked(local, EVERYWHERE, light).gain_log2
    assert gain.shape == (1, 3, 4, 5) and torch.allclose(gain, gain[0, 0, 0, 0])
    return float(gain[0, 0, 0, 0])


@pytest.mark.parametrize("spread_stops", [0.25, 1.0, 2.0])
def test_the_lights_are_those_of_the_stated_distribution(spread_stops: float) -> None:
    drawn = np.random.default_rng(0).normal(3.5, spread_stops, 4_000_000)
    light = 2.0**drawn
    local = answer(3.5, spread_stops)
    assert picked(local, EVERYWHERE, "median") is local
    assert 2 ** stops(local, "mean") == pytest.approx(light.mean(), rel=0.05)
    assert 2 ** stops(local, "bold") == pytest.approx(np.quantile(light, 0.8413), rel=0.02)
    assert 2 ** stops(local, "high") == pytest.approx(np.quantile(light, 0.9), rel=0.02)
    assert stops(local, "low") == pytest.approx(max(0, np.quantile(drawn, 0.1)), abs=0.01)


def test_a_network_that_states_both_ends_and_the_mean_is_taken_at_its_word() -> None:
    local = stated(1.5, 0.5, 2.0, 0.7)
    found = {light: stops(local, light) for light in ("low", "median", "mean", "bold", "high")}
    assert found == pytest.approx({"low": 1.0, "median": 1.5, "mean": 2.2, "bold": 3.5, "high": 3.5})
    assert stops(stated(0.3, 0.5, 2.0, 0.7), "low") == 0


def test_a_doubt_without_end_adds_no_light_without_end() -> None:
    wide, widest = (stops(answer(2.0, spread), "mean") for spread in (SPREAD_STOPS_MAX, 200.0))
    assert wide == widest < 2.0 + 3.2
    assert stops(stated(2.0, 1.0, 16.0, 4.0), "bold") == pytest.approx(2.0 + NORMAL_90 * SPREAD_STOPS_MAX)
    assert stops(stated(2.0, 1.0, 16.0, 4.0), "high") == 18 and stops(stated(2.0, 16.0, 1.0, 4.0), "low") == 0


@pytest.mark.parametrize(("below", "above"), [(1.0, 1.0), (0.3, 2.5), (3.0, 0.1), (0.02, 0.02), (16.0, 16.0)])
def test_the_confidence_counts_both_sides(below: float, above: float) -> None:
    rng = np.random.default_rng(1)
    sides = np.where(rng.random(1_000_000) < 0.5, -below, above) / NORMAL_90
    error = np.abs(rng.normal(0, 1, 1_000_000)) * sides
    spread = one_spread(torch.log2(torch.tensor([below, above])).reshape(1, 2, 1, 1))
    assert torch.isfinite(spread).all()
    assert math.tanh(RIGHT_WITHIN / 2 ** float(spread)) == pytest.approx((np.abs(error) < 1).mean(), abs=0.02)
    if below == above:
        assert 2 ** float(spread) == pytest.approx(max(below / NORMAL_90, 0.117), rel=0.01)


@pytest.fixture(scope="module", params=[0, 6], ids=["one spread", "both ends"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reconstructor:
    """A tiny headroom-1 of either kind."""
    folder = tmp_path_factory.mktemp("models")
    return Reconstructor(make_tiny_model(folder, name="headroom-1", doubt_width=request.param), precision="fp32")


def picture(rows: int, columns: int) -> Plate:
    y, x = np.mgrid[:rows, :columns]
    level = np.random.default_rng(0).normal(250, 12, (rows, columns, 3)) + 30 * np.sin(x / 20 + y / 30)[..., None]
    return Plate(codes=level.clip(0, 255).astype(np.uint8))


def test_a_picked_light_is_brighter_where_it_clipped_and_the_same_elsewhere(model: Reconstructor) -> None:
    plate = picture(61, 83)
    plain, mean, bold = (model(plate, Options(light=light)) for light in LIGHTS)
    recorded, clipped = plain.mask == 0, plain.mask == 1
    for hdr in (mean, bold):
        assert hdr.pixels[recorded].tobytes() == plain.pixels[recorded].tobytes()
        assert (hdr.gain_stops[clipped] > plain.gain_stops[clipped]).all()
    low, high = (model(plate, Options(light=light)) for light in ("low", "high"))
    assert (low.gain_stops[clipped] < plain.gain_stops[clipped]).all() and low.gain_stops.min() >= 0
    assert (high.gain_stops[clipped] >= bold.gain_stops[clipped]).all()
    assert mean.report["options"]["light"] == "mean"


def test_tiles_give_what_the_frame_gives_in_every_light(model: Reconstructor, monkeypatch: pytest.MonkeyPatch) -> None:
    plate = picture(150, 333)
    wholes = {light: model(plate, Options(light=light)) for light in LIGHTS}
    monkeypatch.setattr(run, "TILE_PX_LARGEST", 64)
    for light, whole in wholes.items():
        np.testing.assert_allclose(model(plate, Options(light=light)).pixels, whole.pixels, rtol=1e-4)


def test_a_sphere_picks_as_a_plate_does(model: Reconstructor) -> None:
    plate = picture(64, 128)
    colour = plan(None, to=names.LINEAR_REC709)
    read = {light: reconstruct_sphere(model, plate, colour, Options(light=light)).read(0, 64) for light in LIGHTS}
    clipped, recorded = read["median"].mask == 1, read["median"].mask == 0
    for light in ("mean", "bold"):
        assert (read[light].pixels[clipped] > read["median"].pixels[clipped]).any(axis=1).all()
        assert read[light].pixels[recorded].tobytes() == read["median"].pixels[recorded].tobytes()


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
    inside = evened(level, alpha)[..., 8:-8, 8:-8]
    assert torch.allclose(inside, level.mean().expand_as(inside), atol=1e-5)
    alpha[..., :30] = 0
    clipped = torch.where(alpha[:, :1] > 0, level, 50.0)
    even = evened(clipped, alpha)
    assert torch.equal(even[..., :30], clipped[..., :30]) and even[..., 30:].max() < 3


def test_the_shipped_weights_are_evened_within_their_halo(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Reconstructor("headroom-1", precision="fp32")
    plate = picture(150, 333)
    whole = shipped(plate, Options(light="mean"))
    plain = shipped(plate, Options())
    assert (whole.gain_stops[whole.mask > 0.5] > plain.gain_stops[whole.mask > 0.5] + 0.01).mean() > 0.5
    for tile in (64, 128):
        monkeypatch.setattr(run, "TILE_PX_LARGEST", tile)
        tiled = shipped(plate, Options(light="mean"))
        np.testing.assert_allclose(tiled.pixels, whole.pixels, rtol=1e-4)
