"""The network's passes on the sphere: turn in, turn out; no seam, no star; recorded pixels stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headroom.colour import names
from headroom.colour.curves import srgb_encode
from headroom.colour.plan import plan
from headroom.options import Options
from headroom.panorama.reconstruct import Sphere, reconstruct_sphere, round_the_poles
from headroom.panorama.sphere import directions
from headroom.panorama.wrap import SphereRows, sphere_pad
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

HEIGHT, WIDTH = 64, 128


@pytest.fixture(scope="module")
def tiny(tiny_models: Path) -> Reconstructor:
    return Reconstructor(tiny_models / "headroom-1", device="cpu")


@pytest.fixture(scope="module")
def shipped(repository: Path) -> Reconstructor:
    return Reconstructor(repository / "models" / "headroom-1", device="cpu")


def _codes(height: int = HEIGHT, width: int = WIDTH, at: tuple[float, float, float] = (0.6, 0.5, -0.3)) -> np.ndarray:
    """A sky over ground, with a clipped glow about one direction, and a little texture."""
    d = directions(height, width)
    glow = ((d @ (np.array(at) / np.linalg.norm(at))).clip(0) ** 12)[..., None] * 3
    up = (d[..., 1:2] > 0) * np.array([0.25, 0.35, 0.6]) + (d[..., 1:2] <= 0) * np.array([0.2, 0.17, 0.12])
    wave = 0.03 * np.sin(9 * d @ np.array([1.0, 2.0, 3.0]))[..., None]
    lin = (up + glow + wave).clip(0, 1).astype(np.float32)
    return (srgb_encode(lin) * 255 + 0.5).astype(np.uint8)


def _run(model: Reconstructor, codes: np.ndarray, **options: object) -> Sphere:
    colour = plan(None, to=names.LINEAR_REC709)
    return reconstruct_sphere(model, Plate(codes=codes), colour, Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("shift", [1, 7, 16, 61, 100])
def test_turned_in_is_turned_out(tiny: Reconstructor, shift: int) -> None:
    codes = _codes()
    straight = _run(tiny, codes).read(0, HEIGHT)
    turned = _run(tiny, np.roll(codes, shift, axis=1)).read(0, HEIGHT)
    assert (np.roll(straight.pixels, shift, axis=1) == turned.pixels).all()
    assert straight.pixels.max() > 1.05


def test_the_shipped_weights_turn_too(shipped: Reconstructor) -> None:
    codes = _codes(128, 256)
    straight = _run(shipped, codes).read(0, 128).pixels
    turned = _run(shipped, np.roll(codes, 83, axis=1)).read(0, 128).pixels
    assert np.abs(np.roll(straight, 83, axis=1) - turned).max() <= 1e-4


@pytest.mark.parametrize("size", [(4, 8), (5, 10), (33, 66), (17, 35)])
def test_small_and_odd_panoramas_go_round(tiny: Reconstructor, size: tuple[int, int]) -> None:
    rows = _run(tiny, _codes(*size)).read(0, size[0])
    assert rows.pixels.shape == (*size, 3)
    assert np.isfinite(rows.pixels).all()
    assert (rows.pixels[rows.mask == 0] == rows.recorded[rows.mask == 0]).all()


def test_small_tiles_agree_with_one(tiny: Reconstructor, tiny_models: Path) -> None:
    codes = _codes(160, 320)
    whole = _run(tiny, codes).read(0, 160).pixels
    little = Reconstructor(tiny_models / "headroom-1", device="cpu", memory_bytes=1)
    assert little.runner.plan(320, 160).tile_px < 160
    assert np.abs(_run(little, codes).read(0, 160).pixels - whole).max() < 1e-5


def test_bands_are_what_the_whole_is(tiny: Reconstructor) -> None:
    sphere = _run(tiny, _codes())
    whole = sphere.read(0, HEIGHT)
    parts = [sphere.read(y, min(y + 9, HEIGHT)) for y in range(0, HEIGHT, 9)]
    for name in ("pixels", "recorded", "mask"):
        assert (np.concatenate([getattr(part, name) for part in parts]) == getattr(whole, name)).all()


def test_a_clipped_pole_has_no_star(shipped: Reconstructor) -> None:
    """A glow about the zenith is the same all round; its reconstruction must be so too."""
    codes = _codes(128, 256, at=(0.0, 1.0, 0.0))
    rows = _run(shipped, codes).read(0, 128)
    stops = np.log2(rows.pixels[:4].mean(axis=2))
    assert rows.mask[:4].min() == 1
    assert stops.max() > 0.3
    assert stops.std(axis=1).max() < 0.1
    # Across the pole: what lies half a turn away is as near as the next column.
    assert np.abs(stops[0] - np.roll(stops[0], 128)).max() < 0.2


def test_gains_round_a_pole_turn_evenly_and_recorded_ones_do_not_count() -> None:
    height, width = 64, 128
    rng = np.random.default_rng(2)
    gain = rng.normal(2.0, 0.5, (height, width, 3)).astype(np.float32)
    clipped = np.ones((height, width), np.float32)
    even = round_the_poles(gain, clipped, 0, height)
    assert (even[20:44] == gain[20:44]).all()  # away from the poles nothing changes
    for row, at_most in ((0, 0.1), (height - 1, 0.1), (3, 0.25)):
        assert even[row].std(axis=0).max() < at_most
        assert even[row].mean(axis=0) == pytest.approx(gain[row].mean(axis=0), abs=1e-5)
    bands = [round_the_poles(gain[y : y + 7], clipped[y : y + 7], y, height) for y in range(0, height, 7)]
    assert (np.concatenate(bands) == even).all()
    clipped[0, 40:] = 0.0
    gain[0, 40:] = -50.0
    assert round_the_poles(gain, clipped, 0, height)[0, :40].min() > 1.0
    assert (round_the_poles(gain, np.zeros_like(clipped), 0, height) == gain).all()


def test_a_light_across_the_file_s_edge_has_no_seam(shipped: Reconstructor) -> None:
    codes = _codes(128, 256, at=(0.0, 0.3, -1.0))  # behind: half of it at either edge
    stops = np.log2(_run(shipped, codes).read(0, 128).pixels.mean(axis=2))
    across = np.abs(stops[:, 0] - stops[:, -1])
    inside = np.abs(np.diff(stops, axis=1))[:, [*range(20), *range(-20, 0)]]
    assert across.max() <= inside.max()


def test_rows_beyond_a_pole_are_those_on_the_other_side(tiny: Reconstructor) -> None:
    sphere = _run(tiny, _codes())
    seen = SphereRows(sphere.encoder, 5)
    beyond, inside = seen.rows(-3, 2), seen.rows(0, 3)
    assert (beyond.x_srgb[2] == np.roll(inside.x_srgb[0], WIDTH // 2, axis=0)).all()
    assert (beyond.x_srgb[3:] == inside.x_srgb[:2]).all()
    below = seen.rows(HEIGHT - 1, HEIGHT + 1).x_srgb
    assert (below[1] == np.roll(below[0], WIDTH // 2, axis=0)).all()


def test_padding_goes_round_and_over() -> None:
    x = torch.arange(24.0).reshape(1, 1, 4, 6)
    padded = sphere_pad(x, 1, 1)
    assert (padded[0, 0, 1:-1, 0] == x[0, 0, :, -1]).all()
    assert (padded[0, 0, 0, 1:-1] == x[0, 0, 0].roll(3)).all()
    assert (padded[0, 0, -1, 1:-1] == x[0, 0, -1].roll(3)).all()


def test_a_linear_map_with_its_light_is_passed_through(tiny: Reconstructor) -> None:
    lin = (directions(32, 64)[..., :1].clip(0) ** 8 * 40 + 0.2).repeat(3, axis=2).astype(np.float32)
    colour = plan(names.LINEAR_REC709, to=names.LINEAR_REC709, is_float=True, bits=32)
    sphere = reconstruct_sphere(tiny, Plate(codes=lin, is_float=True, bits=32), colour)
    rows = sphere.read(0, 32)
    assert sphere.passed_through
    assert (rows.pixels == lin).all()
    assert rows.recorded.max() <= 1.0 + 1e-6
