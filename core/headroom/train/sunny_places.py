"""Suns of known power for training: places photographed under a dull sky, under a new sky and relit by it.

The published panoramas hold few suns, some of them clipped. A place under an overcast sky shows its ground and its
trees without shadows: what they reflect. So their sky is taken out, one of ``clear_sky`` is put behind them, and they
are lit by it and by its sun: the ground with small slopes and with shade in patches, what stands on it by its azimuth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.sphere import directions, pixel_at, solid_angles
from headroom.panorama.sun_disc import disc_pixels
from headroom.plate import FloatArray
from headroom.train.clear_sky import Sky, cloud_noise, draw_sky

__all__ = ["DULL_PLACES", "DullPlace", "sunny"]

Array = npt.NDArray[np.float64]

DULL_PLACES = (
    "arboretum", "bryanston_park_sunrise", "canary_wharf", "farmland_overcast", "greenwich_park_02", "potsdamer_platz",
    "pmndrs_venice", "sunset_fairway", "outdoor_umbrellas", "phalzer_forest_01", "kloppenheim_07", "evening_meadow",
    "immenstadter_horn", "resting_place",
)  # fmt: skip
"""Training panoramas, looked at: no sun or a weak one, and a sky that brightness alone tells from the rest."""
REFLECTANCE_MOST = 1.2
SOFT_STOPS = 0.8
"""Over which sky fades into what stands before it."""
TRIES = 6
"""Skies drawn for one whose sun is not behind something."""
EYE_METRES = 1.6


@dataclass(frozen=True)
class DullPlace:
    """What a place reflects, and where its sky is."""

    reflectance: Array
    """(H, W, 3) radiance over the light from above / pi."""
    sky: Array
    """(H, W) 0..1."""

    @classmethod
    def of(cls, lin: FloatArray) -> DullPlace:
        """From a lat-long under an overcast sky; the sky is what is brighter than the best cut in two (Otsu 1979)."""
        light = lin.astype(np.float64)
        height, width = light.shape[:2]
        up, omega = directions(height, width)[..., 1], solid_angles(height, width)[:, None]
        level = np.log2(luminance(light).clip(1e-6))
        upper = up > -0.02
        values, weights = level[upper], np.broadcast_to(omega, level.shape)[upper]
        low, high = np.quantile(values, [0.02, 0.98])
        cuts = np.linspace(low, high, 128)[8:-8]
        nothing_before_it = high - low < SOFT_STOPS
        cut = low - SOFT_STOPS if nothing_before_it else max(cuts, key=lambda cut: _between(values, weights, cut))
        from_above = (light * (omega * up.clip(0))[..., None]).sum((0, 1))
        reflectance = (light / from_above * math.pi).clip(0, REFLECTANCE_MOST)
        return cls(reflectance, np.clip((level - cut) / SOFT_STOPS + 0.5, 0, 1) * upper)


def sunny(place: DullPlace, rng: np.random.Generator) -> FloatArray:
    """(H, W, 3) the place in a light drawn at random, its mean luminance 1."""
    height = len(place.sky)
    for _ in range(TRIES):
        sky = draw_sky(rng, height)
        in_view = _sampled(place.sky, sky.sun) > 0.5
        if in_view:
            break
    toward, omega = directions(height, 2 * height), solid_angles(height, 2 * height)[:, None]
    up = toward[..., 1]
    from_above = (sky.radiance * (omega * up.clip(0))[..., None]).sum((0, 1))
    direct = _lit_by_the_sun(toward, sky, rng)
    diffuse = np.where(up < 0, 1.0, 0.6)  # an upright surface sees half of the sky, and the ground
    strength = math.exp(rng.normal(0, 0.25))
    ground = place.reflectance * strength / math.pi * (diffuse[..., None] * from_above + direct[..., None] * sky.direct)
    out = ground * (1 - place.sky[..., None]) + sky.radiance * place.sky[..., None]
    if in_view:
        disc = disc_pixels(sky.sun, height, 2 * height)
        out[disc.y, disc.x] += disc.radiance[:, None] * sky.direct
    return np.asarray(out / luminance(out).mean(), np.float32)


def _lit_by_the_sun(toward: Array, sky: Sky, rng: np.random.Generator) -> Array:
    """(H, W) share of the sun's normal irradiance that the surfaces receive."""
    up = toward[..., 1]
    rise = math.radians(sky.elevation_degrees)
    flat = (-up).clip(0.03)
    x, z = toward[..., 0] / flat * EYE_METRES, toward[..., 2] / flat * EYE_METRES
    patches = cloud_noise(x * 1.5 + 50, z * 1.5 + 50, rng)
    step = 0.15
    to_sun = np.array([sky.sun[0], sky.sun[2]]) / max(math.hypot(sky.sun[0], sky.sun[2]), 1e-6)
    seed = int(rng.integers(1 << 31))
    here, beyond = (
        cloud_noise((x + far * to_sun[0]) * 3 + 50, (z + far * to_sun[1]) * 3 + 50, np.random.default_rng(seed))
        for far in (0.0, step)
    )
    slope = (beyond - here) / step * rng.uniform(0.0, 0.06) * np.clip(8 / np.hypot(x, z), 0, 1)
    facing = (math.sin(rise) - slope * math.cos(rise)).clip(0) / math.sqrt(1.02)
    shade = 1 / (1 + np.exp(-(patches - rng.uniform(-3.0, 0.6)) * 12))
    in_light = shade if rng.random() < 0.75 else np.ones_like(shade)
    level = toward[..., [0, 2]] / np.linalg.norm(toward[..., [0, 2]], axis=-1, keepdims=True).clip(1e-6)
    upright = np.clip(-(level @ to_sun), 0, 1) * math.cos(rise) * rng.uniform(0.5, 1.0) + 0.12 * math.sin(rise)
    return np.asarray(np.where(up < 0, facing * in_light, upright))


def _between(values: Array, weights: Array, cut: float) -> float:
    """Variance between the two sides of a cut."""
    above = values >= cut
    heavy, light = weights[above].sum(), weights[~above].sum()
    means = [np.average(values[side], weights=weights[side]) for side in (above, ~above)]
    return float(heavy * light * (means[0] - means[1]) ** 2)


def _sampled(values: Array, direction: Array) -> float:
    """The pixel of an (H, W) lat-long at a direction."""
    height, width = values.shape
    x, y = pixel_at(direction, height, width)
    return float(values[min(int(y), height - 1), int(x) % width])
