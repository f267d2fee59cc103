"""What kind of place a panorama shows: looked at once, in 64 x 32 cells."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.sphere import directions, solid_angles
from headroom.plate import FloatArray

__all__ = ["Surroundings"]

Array = npt.NDArray[np.float64]

CELLS_X, CELLS_Y = 64, 32
UPPER, LOWER = slice(0, 10), slice(20, 32)
"""Rows of cells more than 34 degrees above the horizon, and more than 22 below it."""

# Outdoors, seen on 107 panoramas at a clipped share of 5 %: the upper part is blue; or it is far brighter than the
# ground and bluer; or so much brighter that it can be nothing but a sky.
BLUE_STOPS = 0.35
BRIGHTER_STOPS, BLUER_STOPS = 1.5, 0.6
MUCH_BRIGHTER_STOPS = 3.4
FLOOR = 1e-4


class Surroundings:
    """Mean light of each cell, weighted by solid angle; gathered from bands in any order, each row once."""

    def __init__(self) -> None:
        self._light = np.zeros((CELLS_Y, CELLS_X, 3))
        self._weight = np.zeros((CELLS_Y, CELLS_X))

    def add(self, recorded: FloatArray, y0: int, height: int) -> None:
        """Rows y0.. of a lat-long of ``height`` rows, (h, W, 3) linear as recorded: white is 1."""
        rows, width = recorded.shape[:2]
        omega = solid_angles(height, width)[y0 : y0 + rows]
        cells, starts = np.unique(np.arange(width) * CELLS_X // width, return_index=True)
        sums = np.add.reduceat(recorded, starts, axis=1, dtype=np.float64)
        count = np.diff(np.r_[starts, width])
        row_cell = (y0 + np.arange(rows)) * CELLS_Y // height
        for cell in np.unique(row_cell):
            inside = row_cell == cell
            self._light[cell, cells] += np.tensordot(omega[inside], sums[inside], 1)
            self._weight[cell, cells] += omega[inside].sum() * count

    @property
    def outdoors(self) -> bool:
        """Whether there is a sky."""
        up, low = self._mean(UPPER), self._mean(LOWER)
        brighter = _stops(luminance(up)) - _stops(luminance(low))
        blue_up, blue_low = (_stops(mean[2]) - _stops(mean[0]) for mean in (up, low))
        bluer = blue_up - blue_low
        return bool(
            blue_up >= BLUE_STOPS
            or (brighter >= BRIGHTER_STOPS and bluer >= BLUER_STOPS)
            or brighter >= MUCH_BRIGHTER_STOPS
        )

    @property
    def red_over_blue(self) -> float:
        """Of the whole place."""
        mean = self._mean(slice(None))
        return float((mean[0] + FLOOR) / (mean[2] + FLOOR))

    def level_near(self, direction: tuple[float, float, float], degrees: float) -> float:
        """Median luminance of the cells above the horizon within so many degrees of a direction; 0 without any."""
        near = _cells() @ np.asarray(direction) > math.cos(math.radians(degrees))
        near &= (self._weight > 0) & (_cells()[..., 1] > 0)
        if not near.any():
            return 0.0
        return float(np.median(luminance(self._light[near] / self._weight[near][:, None])))

    def _mean(self, rows: slice) -> Array:
        """(3,) linear; of no cells: 0."""
        total = self._weight[rows].sum()
        mean: Array = self._light[rows].sum((0, 1)) / max(total, 1e-30)
        return mean


@functools.cache
def _cells() -> Array:
    return directions(CELLS_Y, CELLS_X)


def _stops(value: npt.ArrayLike) -> float:
    return math.log2(max(float(np.asarray(value)), FLOOR))
