"""Skies with suns of known power, and places relit by them."""

from __future__ import annotations

import numpy as np
import pytest

from headroom.metrics import luminance
from headroom.panorama.sphere import directions, solid_angles
from headroom.train.clear_sky import airmass, clear_irradiance, draw_sky
from headroom.train.sunny_places import DullPlace, sunny

HEIGHT = 64
OMEGA = solid_angles(HEIGHT, 2 * HEIGHT)[:, None]
UP = directions(HEIGHT, 2 * HEIGHT)[..., 1]


def test_air_mass_and_clear_irradiance_are_the_published_ones() -> None:
    # Kasten and Young 1989, table 2.
    assert [airmass(h) for h in (90, 30, 10, 5)] == pytest.approx([1.0, 1.994, 5.59, 10.31], rel=5e-3)
    # pvlib's test of Ineichen and Perez, zenith 10 degrees, turbidity 3: 942 and 110 W/m2.
    direct, diffuse = clear_irradiance(80.0, 3.0, 0.0)
    assert direct == pytest.approx(942, rel=0.02)
    assert diffuse == pytest.approx(110, rel=0.15)


@pytest.mark.parametrize("elevation", [4.0, 10.0, 30.0, 70.0])
def test_haze_takes_from_the_sun_and_no_light_is_made(elevation: float) -> None:
    sine = np.sin(np.radians(elevation))
    found = [clear_irradiance(elevation, turbidity, 300.0) for turbidity in (2.0, 3.0, 5.0)]
    assert all(direct * sine + diffuse < 1361 * sine for direct, diffuse in found)
    assert all(one[0] > other[0] for one, other in zip(found, found[1:], strict=False))
    assert all(diffuse > 0 for _, diffuse in found)


def test_drawn_skies_have_suns_from_none_to_a_clear_one() -> None:
    ratios = []
    for seed in range(24):
        sky = draw_sky(np.random.default_rng(seed), HEIGHT)
        assert np.isfinite(sky.radiance).all()
        assert (sky.radiance >= 0).all()
        above = (luminance(sky.radiance) * OMEGA * UP.clip(0)).sum()
        ratios.append(float(luminance(sky.direct)) / above)
        assert np.degrees(np.arcsin(sky.sun[1])) == pytest.approx(sky.elevation_degrees)
    assert 5.0 < max(ratios) < 16.0  # clear skies of the training panoramas: 5 to 16
    assert min(ratios) < 0.3


TREE = (slice(16, 32), slice(10, 20))


def dull(rng: np.random.Generator, *, tree: bool = False) -> np.ndarray:
    """A grey sky over a ground that reflects a fifth of its light, textured."""
    light = np.where(UP > 0, 1.0, 0.2 * (1 + 0.1 * rng.standard_normal(UP.shape)))
    if tree:
        light[TREE] = 0.05
    return np.repeat(light[..., None], 3, 2).astype(np.float32)


def test_a_dull_place_shows_its_sky_and_what_it_reflects() -> None:
    place = DullPlace.of(dull(np.random.default_rng(1)))
    assert (place.sky[UP > 0] == 1).all()
    assert (place.sky[UP < -0.05] == 0).all()
    behind = DullPlace.of(dull(np.random.default_rng(1), tree=True))
    tree = np.zeros(UP.shape, bool)
    tree[TREE] = True
    assert (behind.sky[tree] < 0.2).all()
    assert (behind.sky[(UP > 0) & ~tree] == 1).all()
    assert place.reflectance[UP < -0.2].mean() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("seed", [0, 3, 5, 8])
def test_a_sunny_place_holds_the_sun_that_was_drawn_and_is_lit_by_no_more(seed: int) -> None:
    sky = draw_sky(np.random.default_rng(seed), HEIGHT)
    out = luminance(sunny(DullPlace.of(dull(np.random.default_rng(1))), np.random.default_rng(seed)).astype(np.float64))
    assert out.mean() == pytest.approx(1, rel=1e-5)
    drawn = luminance(sky.radiance)
    scale = np.median(out[UP > 0] / drawn[UP > 0])
    sun = ((out / scale - drawn) * OMEGA)[UP > 0].sum()
    assert sun == pytest.approx(float(luminance(sky.direct)), rel=1e-3)
    received = sun * sky.sun[1] + (drawn * OMEGA * UP.clip(0)).sum()
    ground = np.median(out[UP < -0.3]) / scale
    assert ground < 0.2 * 2.2 * received / np.pi  # reflectance times its random strength
    assert ground > 0.2 * 0.4 * (drawn * OMEGA * UP.clip(0)).sum() / np.pi
