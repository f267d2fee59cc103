"""The sun inside a large clipped sky: which region holds it, where, and the pixels of its disc."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.clip_regions import (
    GAIN_MOST,
    LIGHT_FLOOR,
    SHARPEN,
    VIEW_ROWS,
    ClipRegions,
    cell_directions,
    cell_weights,
)
from headroom.panorama.lights import SUN_DEGREES
from headroom.panorama.sphere import direction_at, pixel_at, solid_angles
from headroom.panorama.surroundings import Surroundings
from headroom.plate import FloatArray

__all__ = ["SUN_FLUX", "Disc", "compact", "disc_fits", "disc_pixels", "split_sun", "sun_in"]

Array = npt.NDArray[np.float64]

SUN_FLUX = 0.1
"""Least concentrated light of a sun over the recorded flux: 88 % of the training photographs with a sun have more, 10 %
of the overcast ones."""
COMPACT_SR = 0.004
"""In a region up to this size (a cap of 2 degrees) the light is concentrated as it is."""
REACH_DEGREES = 5.0
GLOW_MOST = 8.0
"""What the network of powers may do to a glow."""
SUBPIXELS = 8


@dataclass(frozen=True)
class Disc:
    """Pixels that a disc covers: what each gets of a power of 1, so that all of them together hold 1."""

    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    radiance: Array

    def add(self, pixels: FloatArray, mask: FloatArray, y0: int, colour: Array) -> None:
        """Onto rows y0.. where they clipped; ``colour`` (3,) is the power in each channel."""
        mine = (self.y >= y0) & (self.y < y0 + len(pixels))
        y, x, radiance = self.y[mine] - y0, self.x[mine], self.radiance[mine]
        clipped = mask[y, x] > 0
        pixels[y[clipped], x[clipped]] += (radiance[clipped][:, None] * colour).astype(np.float32)


def sun_in(regions: ClipRegions, near: Array) -> tuple[int, Array] | None:
    """The region that holds a sun to be painted and the direction (3,) to it; None where there is none.

    ``near``: (R,) what each region holds within 5 degrees of its peak, over the recorded flux.
    """
    if not regions.count:
        return None
    above = np.where(_in_the_sky(regions), near, 0.0)
    n = int(above.argmax())
    if above[n] < SUN_FLUX or not disc_fits(regions)[n]:
        return None
    return n, _brightest(_sharp(regions) * (regions.labels == n + 1), regions, n)


def disc_fits(regions: ClipRegions) -> npt.NDArray[np.bool_]:
    """(R,) the regions, large and in the sky, in which a sun would be painted as its disc."""
    if not regions.count:
        return np.zeros(0, bool)
    return _in_the_sky(regions) & (regions.sums(regions.view.mask) > COMPACT_SR)


def compact(energy: npt.NDArray[np.floating], toward: Array) -> float:
    """What of the (N,) energy lies within 5 degrees of its peak; ``toward`` (N, 3) unit vectors."""
    near = (toward @ _peak(energy, toward)) >= math.cos(math.radians(REACH_DEGREES))
    return float(energy[near].sum())


def split_sun(
    scale: Array, concentrated: Array, sun: Array, glow: Array, glow_near: Array | float
) -> tuple[Array, Array]:
    """Factor on the glow, and the disc's light, with which skies hold ``sun`` within 5 degrees and keep their power.

    ``scale`` is the factor so far; all others are light over the recorded flux, ``glow_near`` what of the ``glow`` lies
    within 5 degrees of its peak. Where the sun alone is more than the power was, the sky keeps its glow.
    """
    rest = glow * scale + concentrated - (sun - glow_near * scale).clip(0.0)
    factor = np.clip(rest / np.maximum(glow, 1e-9), np.minimum(scale, 1.0), GLOW_MOST)
    return factor, (sun - glow_near * factor).clip(0.0)


def disc_pixels(centre: Array, height: int, width: int) -> Disc:
    """The sun's disc at a direction, its edge by coverage; at least the pixel that the centre lies in."""
    radius = math.radians(SUN_DEGREES) / 2
    column, row = (float(v) for v in pixel_at(centre, height, width))
    polar = row / height * math.pi
    first = max(0, math.floor((polar - radius) / math.pi * height))
    last = min(height - 1, math.floor((polar + radius) / math.pi * height))
    near_pole = math.sin(radius) >= math.sin(polar)
    reach = math.pi if near_pole else math.asin(math.sin(radius) / math.sin(polar))
    half = min(width // 2, math.ceil(reach / (2 * math.pi) * width) + 1)
    left = math.floor(column) - half
    y, x = (grid.ravel() for grid in np.mgrid[first : last + 1, left : left + 2 * half + 1])
    sub = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS
    toward = direction_at(x[:, None, None] + sub, y[:, None, None] + sub[:, None], height, width)
    cover = (toward @ centre >= math.cos(radius)).mean((1, 2))
    cover[(y == math.floor(min(row, height - 1e-6))) & (x == math.floor(column))] += 1e-6
    x = np.mod(x, width)
    place, which = np.unique(y * width + x, return_inverse=True)
    share = np.zeros(len(place))
    np.maximum.at(share, which, cover)
    y, x, share = place[share > 0] // width, place[share > 0] % width, share[share > 0]
    return Disc(y, x, share / float((share * solid_angles(height, width)[y]).sum()))


def _in_the_sky(regions: ClipRegions) -> npt.NDArray[np.bool_]:
    """(R,) above the horizon, outdoors."""
    around = Surroundings()
    around.add(regions.view.clipped.astype(np.float32), 0, VIEW_ROWS)
    middle = regions.sums(cell_directions() * _sharp(regions)[..., None])
    return np.asarray((middle[:, 1] > 0) & around.outdoors)


def _peak(energy: npt.NDArray[np.floating], toward: Array) -> Array:
    """(3,) the middle of the brightest part."""
    centre: Array = toward[int(energy.argmax())]
    for _ in range(3):
        near = (toward @ centre) > math.cos(math.radians(REACH_DEGREES))
        mean = (energy[near][:, None] * toward[near]).sum(0)
        centre = mean / max(float(np.linalg.norm(mean)), 1e-30)
    return centre


def _sharp(regions: ClipRegions) -> Array:
    """(128, 256) where concentrated light lies, by the cells' own gain."""
    view = regions.view
    extra, recorded = luminance(view.extra), luminance(view.clipped).clip(LIGHT_FLOOR)
    gain = np.log2((1 + extra / recorded).clip(1.0, 2.0**GAIN_MOST))
    return np.asarray(extra * np.exp2(SHARPEN * gain))


def _brightest(sharp: Array, regions: ClipRegions, n: int) -> Array:
    """(3,) the middle of the brightest part of a region, moved into the region where it fell outside."""
    toward = cell_directions()
    centre = _peak((sharp * cell_weights()).ravel(), toward.reshape(-1, 3))
    cells = toward[(regions.labels == n + 1) & (regions.view.mask > 0.5)]
    if not len(cells):
        cells = toward[regions.labels == n + 1]
    nearest: Array = cells[int((cells @ centre).argmax())]
    # A cell's diagonal is two degrees: nearer than that the centre itself lies inside.
    return centre if float(nearest @ centre) > math.cos(math.radians(1.0)) else nearest
