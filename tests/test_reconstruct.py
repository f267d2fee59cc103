"""The promises of the page, on a real plate and with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headroom import curve, io
from headroom.colour.plan import ColourPlan, plan
from headroom.engine import run
from headroom.errors import Cancelled, DeviceError, PlateError, UsageError
from headroom.plate import Plate
from headroom.reconstruct import Options, Reconstructor

EXAMPLE = Path(__file__).parents[1] / "examples" / "hangar.jpg"
SRGB = "sRGB Encoded Rec.709 (sRGB)"


@pytest.fixture(scope="module")
def model() -> Reconstructor:
    return Reconstructor(device="cpu")


@pytest.fixture(scope="module")
def plate() -> Plate:
    return io.read(EXAMPLE)


@pytest.fixture(scope="module")
def colour() -> ColourPlan:
    return plan(SRGB, to="ACEScg")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(run, "TILE_PX_LARGEST", 128)
    yield


def noise_plate(height: int, width: int, seed: int = 0, top: int = 330) -> Plate:
    codes = np.random.default_rng(seed).integers(0, top, (height, width, 3)).clip(0, 255)
    return Plate(codes=codes.astype(np.uint8))


@pytest.mark.parametrize(
    "options", [Options(), Options(boost=1.5, strength=0.7, peak_stops=3), Options(tau=0.8), Options(light="mean")]
)
def test_recorded_pixels_are_their_exact_linearisation(
    model: Reconstructor, plate: Plate, colour: ColourPlan, options: Options
) -> None:
    hdr = model(plate, options, colour=colour)
    recorded = hdr.mask == 0
    assert 0.5 < recorded.mean() < 0.95
    exact = colour.base(plate.rows(0, plate.height))
    assert hdr.pixels[recorded].tobytes() == exact[recorded].tobytes()
    assert (hdr.gain_stops[recorded] == 0).all()


def test_clipped_pixels_get_light_and_never_lose_any(model: Reconstructor, plate: Plate, colour: ColourPlan) -> None:
    to_rec709 = plan(SRGB, to="Linear Rec.709 (sRGB)")
    hdr = model(plate, colour=to_rec709)
    exact = to_rec709.base(plate.rows(0, plate.height))
    assert (hdr.pixels >= exact - 1e-5).all()
    clipped = (plate.codes == 255).all(axis=2)
    assert np.median(hdr.gain_stops[clipped]) > 0.5
    assert hdr.report["gain_stops_peak"] == pytest.approx(hdr.gain_stops.max())


def test_tiles_give_what_the_whole_frame_gives(
    model: Reconstructor, plate: Plate, colour: ColourPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model(plate, colour=colour).pixels
    for tile in (64, 256):
        monkeypatch.setattr(run, "TILE_PX_LARGEST", tile)
        tiled = model(plate, colour=colour).pixels
        assert np.abs(tiled - whole).max() <= 1e-5 * np.abs(whole).max()
        np.testing.assert_allclose(tiled, whole, rtol=1e-5, atol=1e-6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 131), width=st.integers(1, 131))
def test_any_size(model: Reconstructor, colour: ColourPlan, height: int, width: int) -> None:
    hdr = model(noise_plate(height, width), colour=colour)
    assert hdr.pixels.shape == (height, width, 3)
    assert hdr.mask.shape == hdr.gain_stops.shape == (height, width)
    assert np.isfinite(hdr.pixels).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4000), (67, 131), (2, 3)])
def test_named_sizes(model: Reconstructor, colour: ColourPlan, height: int, width: int) -> None:
    assert model(noise_plate(height, width), colour=colour).pixels.shape == (height, width, 3)


def test_a_fully_clipped_frame_and_one_with_nothing_clipped(model: Reconstructor, colour: ColourPlan) -> None:
    white = model(Plate(codes=np.full((70, 90, 3), 255, np.uint8)), colour=colour)
    assert np.isfinite(white.pixels).all()
    assert (white.mask == 1).all()
    dim = noise_plate(70, 90, top=200)
    hdr = model(dim, colour=colour)
    assert (hdr.mask == 0).all()
    assert hdr.pixels.tobytes() == colour.base(dim.rows(0, 70)).tobytes()
    assert hdr.report["gain_stops_peak"] == 0


def test_strength_zero_is_the_linearisation(model: Reconstructor, plate: Plate, colour: ColourPlan) -> None:
    hdr = model(plate, Options(strength=0), colour=colour)
    np.testing.assert_allclose(hdr.pixels, colour.base(plate.rows(0, plate.height)), rtol=3e-6, atol=1e-6)


def test_peak_stops_bends_only_what_is_above_its_knee(model: Reconstructor, plate: Plate, colour: ColourPlan) -> None:
    free = model(plate, colour=colour).gain_stops
    held = model(plate, Options(peak_stops=1.5), colour=colour).gain_stops
    assert held.max() <= 1.5 < free.max()
    low = (free > 0) & (free < 0.5)
    np.testing.assert_allclose(held[low], free[low], atol=1e-5)


def test_dequantising_moves_recorded_pixels_by_half_a_code_at_most(
    model: Reconstructor, plate: Plate, colour: ColourPlan
) -> None:
    to_plate = plan(SRGB, to=SRGB)
    code = plate.rows(0, plate.height)
    hdr = model(plate, Options(dequantize=True), colour=to_plate)
    recorded = (code < 0.94).all(axis=2)
    assert np.abs(hdr.pixels[recorded] - code[recorded]).max() <= 0.5 / 255 + 1e-5


def test_out_of_memory_halves_the_tile_and_goes_on(
    model: Reconstructor, plate: Plate, colour: ColourPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model(plate, colour=colour).pixels
    local = model.runner._local

    def small_machine(x: torch.Tensor, *rest: torch.Tensor, **options: bool) -> object:
        if x.shape[-1] > 600:
            raise torch.OutOfMemoryError("no more")
        return local(x, *rest, **options)

    monkeypatch.setattr(model.runner, "_local", small_machine)
    np.testing.assert_allclose(model(plate, colour=colour).pixels, whole, rtol=1e-5, atol=1e-6)

    def no_machine(*_: torch.Tensor, **__: bool) -> object:
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr(model.runner, "_local", no_machine)
    with pytest.raises(DeviceError, match="out of memory"):
        model(noise_plate(40, 40), colour=colour)


def test_cancel_and_progress(model: Reconstructor, plate: Plate, colour: ColourPlan, small_tiles: None) -> None:
    seen: list[float] = []
    list(model.bands(plate, colour, progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with pytest.raises(Cancelled):
        list(model.bands(plate, colour, cancelled=lambda: len(seen) > 5))


def test_hdr_input_passes_through_with_a_warning(model: Reconstructor) -> None:
    codes = np.full((20, 30, 3), 0.5, np.float32)
    codes[5, 5] = 40
    plate = Plate(codes=codes, is_float=True, bits=32)
    colour = plan(None, to="Linear Rec.709 (sRGB)", is_float=True)
    hdr = model(plate, colour=colour)
    assert hdr.pixels[5, 5, 0] == 40
    assert hdr.report["passed_through"]
    assert any("passed through" in warning for warning in hdr.report["warnings"])


def test_empty_plates_and_senseless_options_are_refused(model: Reconstructor, colour: ColourPlan) -> None:
    with pytest.raises(PlateError, match="no pixels"):
        model(Plate(codes=np.zeros((0, 5, 3), np.uint8)), colour=colour)
    for wrong in ({"curve": "magic"}, {"tau": 1.5}, {"boost": 0}, {"peak_stops": -1}, {"strength": -1}):
        with pytest.raises(UsageError):
            Options(**wrong)  # type: ignore[arg-type]


def test_low_precision_stays_close(plate: Plate, colour: ColourPlan, model: Reconstructor) -> None:
    exact = model(plate, colour=colour).gain_stops
    rough = Reconstructor(device="cpu", precision="bf16")
    assert rough.runner.precision == "bfloat16"
    assert np.abs(rough(plate, colour=colour).gain_stops - exact).mean() < 0.03
    # float16 convolutions do not exist on every CPU: the fallback is float32.
    assert Reconstructor(device="cpu", precision="fp16").runner.precision == "float32"


def test_a_budget_sets_the_tile_and_one_too_small_is_said(plate: Plate, colour: ColourPlan) -> None:
    tiles = {}
    for megabytes in (60, 1000, 8000):
        small = Reconstructor(device="cpu", memory_bytes=megabytes << 20)
        tiles[megabytes] = small.runner.plan(4096, 2160)
    assert tiles[60].tile_px == run.TILE_PX_SMALLEST < tiles[1000].tile_px < tiles[8000].tile_px
    assert tiles[60].over_budget
    assert not tiles[1000].over_budget
    tiny = Reconstructor(device="cpu", memory_bytes=60 << 20)
    assert any("do not hold one tile" in w for w in tiny(noise_plate(40, 40), colour=colour).report["warnings"])


def test_the_stated_curve_is_left_only_on_evidence(
    model: Reconstructor, plate: Plate, monkeypatch: pytest.MonkeyPatch
) -> None:
    colour = plan(SRGB, to="Linear Rec.709 (sRGB)")
    estimate = Options(curve="estimate", strength=0)
    declared = model(plate, Options(strength=0), colour=colour)
    monkeypatch.setattr(curve, "KEPT_PROBABILITY", 0.0)
    kept = model(plate, estimate, colour=colour)
    assert kept.report["curve"]["used"] == "declared"
    assert kept.pixels.tobytes() == declared.pixels.tobytes()
    monkeypatch.setattr(curve, "KEPT_PROBABILITY", 1.1)
    left = model(plate, estimate, colour=colour)
    assert left.report["curve"]["used"] == "estimate"
    white = (plate.codes == 255).all(axis=2)
    np.testing.assert_allclose(left.pixels[white], 1.0, atol=2e-5)
    # One rising curve for all: the order of any two codes stays.
    order = np.argsort(declared.pixels[..., 1], axis=None)
    assert (np.diff(left.pixels[..., 1].ravel()[order]) >= -1e-5).all()
    with pytest.raises(UsageError, match="display-referred"):
        model(plate, estimate, colour=plan("ARRI LogC3 (EI800)"))
