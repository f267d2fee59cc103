"""A reconstructed panorama as the network for light powers sees it: a small view, its clipped regions, their numbers.

Everything is averaged by area into a lat-long of 128 x 256 and weighed by solid angle, so that the numbers hardly
depend on the panorama's size; none depends on where the azimuth begins, nor on left and right. 1.0 is the clip level.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.sphere import directions, solid_angles
from headroom.plate import FloatArray

__all__ = [
    "GAIN_MOST", "LIGHT_FLOOR", "REGIONS_MOST", "SHARPEN", "VIEW_COLUMNS", "VIEW_ROWS", "ClipRegions", "PowerView",
    "View", "cell_directions", "cell_weights", "grown", "split",
]  # fmt: skip

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]

VIEW_ROWS, VIEW_COLUMNS = 128, 256
REGIONS_MOST = 24
"""Regions that get a power of their own, by the light they hold; the others stay as they were reconstructed."""
MASK_LEAST = 1e-3
"""Share of a cell that clipped, from which the cell belongs to a region."""
SHARPEN = 2.0
"""Exponent on the reconstructed gain that says where in a region the light lies that the gain alone misses."""
GAIN_MOST = 16.0
LIGHT_FLOOR = 1e-5


@dataclass(frozen=True)
class View:
    """Area means over the cells of a lat-long."""

    clipped: Array
    """(128, 256, 3) linear light as recorded."""
    extra: Array
    """(128, 256, 3) what the reconstruction added to it."""
    sharp: Array
    """(128, 256, 3) ``extra * 2 ** (SHARPEN * gain)``, the gain in stops."""
    mask: Array
    """(128, 256) how much of the cell clipped."""


class PowerView:
    """Gathers a ``View`` from the rows of a panorama in bands, each row once, in any order."""

    def __init__(self, height: int, width: int, *, level: float = 1.0) -> None:
        """For a lat-long of this size; ``level`` is its clip level in linear light."""
        self.level = level
        self._rows, self._columns = _area(height, VIEW_ROWS), _area(width, VIEW_COLUMNS)
        self._sums = np.zeros((10, VIEW_ROWS, VIEW_COLUMNS))

    def add(self, pixels: FloatArray, mask: FloatArray, y0: int) -> None:
        """Rows y0.. : (h, W, 3) linear as reconstructed, and (h, W) 0..1."""
        pixels = pixels * np.float32(1.0 / self.level)
        floor, extra, gain = split(pixels)
        sharp = extra * np.exp2(np.float32(SHARPEN) * gain)[..., None]
        parts = (*np.moveaxis(floor, 2, 0), *np.moveaxis(extra, 2, 0), *np.moveaxis(sharp, 2, 0), mask)
        weights = self._rows[:, y0 : y0 + len(pixels)]
        touched = np.flatnonzero(weights.any(axis=1))
        for index, part in enumerate(parts):
            self._sums[index, touched] += weights[touched] @ (part @ self._columns.T)

    def done(self) -> View:
        """What was gathered."""
        clipped, extra, sharp = (np.moveaxis(self._sums[i : i + 3], 0, 2) for i in (0, 3, 6))
        return View(clipped, extra, sharp, self._sums[9])

    @classmethod
    def of(cls, pixels: FloatArray, mask: FloatArray, *, level: float = 1.0) -> View:
        """Of a whole panorama."""
        view = cls(*mask.shape, level=level)
        view.add(pixels, mask, 0)
        return view.done()


def split(pixels: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(h, W, 3) in units of the clip level to recorded light, what was added, and (h, W) the gain in stops."""
    floor = pixels.clip(None, np.float32(1))
    gain = np.log2(pixels.max(axis=2).clip(1.0, 2.0**GAIN_MOST))
    return floor, pixels - floor, gain.astype(np.float32, copy=False)


@dataclass(frozen=True)
class ClipRegions:
    """The clipped regions of a view, those with most light first."""

    view: View
    labels: Labels
    """(128, 256): 0 nothing, n region n - 1; regions beyond ``REGIONS_MOST`` are 0."""
    count: int
    all_labels: Labels
    """The same with all regions."""

    @classmethod
    def of(cls, view: View) -> ClipRegions:
        """Connected cells, round in azimuth and over the poles."""
        import cv2

        found = (view.mask > MASK_LEAST).astype(np.uint8)
        count, labels = cv2.connectedComponents(found, connectivity=8)
        labels = _joined(labels, count)
        light = luminance(view.clipped * view.mask[..., None] + view.extra) * cell_weights()
        power = np.bincount(labels.ravel(), light.ravel(), labels.max() + 1)
        power[0] = -1.0
        order = [n for n in np.argsort(-power, kind="stable") if power[n] > 0.0]
        rank = np.zeros(len(power), np.int32)
        rank[order] = np.arange(1, len(order) + 1)
        ranked = rank[labels]
        kept = np.where(ranked <= REGIONS_MOST, ranked, 0)
        return cls(view, kept.astype(np.int32), min(len(order), REGIONS_MOST), ranked.astype(np.int32))

    def sums(self, light: Array) -> Array:
        """(R, ...) integrals over the regions' solid angles of (128, 256, ...) light."""
        flat = light.reshape(VIEW_ROWS * VIEW_COLUMNS, -1) * cell_weights().reshape(-1, 1)
        cell = self.labels.ravel()
        out = np.stack([np.bincount(cell, column, self.count + 1)[1:] for column in flat.T], -1)
        return np.asarray(out.reshape(self.count, *light.shape[2:]), np.float64)


def grown(regions: ClipRegions) -> Labels:
    """(128, 256) labels with one cell more all round, for pixels in cells that hardly clipped; 0 in other regions."""
    import cv2

    padded = np.pad(regions.labels.astype(np.uint8), ((0, 0), (1, 1)), mode="wrap")
    wide = cv2.dilate(padded, np.ones((3, 3), np.uint8))[:, 1:-1]
    return np.where(regions.all_labels > 0, regions.labels, wide).astype(np.int32)


def _joined(labels: Labels, count: int) -> Labels:
    """Regions that meet round the azimuth's ends, or over a pole, become one."""
    parent = list(range(count))

    def root(n: int) -> int:
        while parent[n] != n:
            n = parent[n]
        return n

    def join(a: int, b: int) -> None:
        if a and b:
            first, second = sorted((root(a), root(b)))
            parent[second] = first

    for y in range(VIEW_ROWS):
        for beside in (y - 1, y, y + 1):
            if 0 <= beside < VIEW_ROWS:
                join(int(labels[y, 0]), int(labels[beside, -1]))
    for pole in (0, VIEW_ROWS - 1):
        touching = np.unique(labels[pole])
        for n in touching[touching > 0][1:]:
            join(int(touching[touching > 0][0]), int(n))
    return np.array([root(n) for n in range(count)], np.int32)[labels]


def _area(size: int, cells: int) -> Array:
    from headroom.networks.area import area_weights

    return np.asarray(area_weights(size, cells).numpy(), np.float64)


@functools.cache
def cell_weights() -> Array:
    """(128, 256) solid angle of each cell, steradian."""
    return np.repeat(solid_angles(VIEW_ROWS, VIEW_COLUMNS)[:, None], VIEW_COLUMNS, 1)


@functools.cache
def cell_directions() -> Array:
    """(128, 256, 3) unit vectors to the cells' centres."""
    return directions(VIEW_ROWS, VIEW_COLUMNS)
