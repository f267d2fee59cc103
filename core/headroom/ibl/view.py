"""A finished map made small, by solid angle, while its rows go by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headroom.panorama.sphere import solid_angles
from headroom.plate import FloatArray

__all__ = ["ViewSums"]

VIEW_ROWS = 512
"""A preview's spheres need no more."""


class ViewSums:
    """Means of at most 1024 x 512 cells; each row once, in any order."""

    def __init__(self, height: int, width: int) -> None:
        self._height, self._omega = height, solid_angles(height, width)
        self._shape = min(VIEW_ROWS, height), min(2 * VIEW_ROWS, width)
        self._sum = np.zeros((*self._shape, 3))
        self._weight = np.zeros(self._shape)
        self._columns = np.arange(width) * self._shape[1] // width

    def add(self, pixels: FloatArray, y0: int) -> None:
        """(h, W, 3) linear rows y0.."""
        cells, starts = np.unique(self._columns, return_index=True)
        count = np.diff(np.r_[starts, len(self._columns)])
        summed = np.add.reduceat(pixels, starts, axis=1, dtype=np.float64)
        row_cell = (y0 + np.arange(len(pixels))) * self._shape[0] // self._height
        for cell in np.unique(row_cell):
            mine = row_cell == cell
            omega = self._omega[y0 : y0 + len(pixels)][mine]
            self._sum[cell, cells] += np.tensordot(omega, summed[mine], 1)
            self._weight[cell, cells] += omega.sum() * count

    def solid_angle(self, chosen: npt.NDArray[np.bool_], y0: int) -> float:
        """Steradians of the chosen pixels (h, W) of rows y0.."""
        return float(chosen.sum(axis=1) @ self._omega[y0 : y0 + len(chosen)])

    def mean(self) -> FloatArray:
        """(h, w, 3)."""
        result: FloatArray = (self._sum / np.maximum(self._weight, 1e-30)[..., None]).astype(np.float32)
        return result
