"""Area means of a frame that comes in bands of rows, on one thread.

A matrix product would do the same, but a BLAS library takes every core for it: beside a network that runs on those
cores it is many times slower, and how it splits the sums is its own affair. Here each number has one order of adding.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from headroom.networks.area import area_weights

__all__ = ["AreaMeans"]

Rows = npt.NDArray[np.float32]
Shares = tuple[tuple[tuple[int, np.float32], ...], ...]


class AreaMeans:
    """The frame at (h, w), one (h', W, 3) band after the other, top to bottom."""

    def __init__(self, size: tuple[int, int], small: tuple[int, int]) -> None:
        """``size`` and ``small``: height and width of the frame and of its means."""
        (self._height, self._width), (self._h, self._w) = size, small
        self._tall = np.zeros((self._h, self._width * 3), np.float32)
        self._next_row = 0

    def see(self, rows: Rows) -> None:
        """The next rows, (h', W, 3)."""
        shares = _shares(self._height, self._h)[self._next_row : self._next_row + len(rows)]
        _spread(rows.reshape(len(rows), -1), shares, self._tall)
        self._next_row += len(rows)

    def means(self) -> Rows:
        """(h, w, 3), once all rows were seen."""
        turned = np.ascontiguousarray(self._tall.reshape(self._h, self._width, 3).transpose(1, 0, 2))
        wide = np.zeros((self._w, self._h * 3), np.float32)
        _spread(turned.reshape(self._width, -1), _shares(self._width, self._w), wide)
        return np.ascontiguousarray(wide.reshape(self._w, self._h, 3).transpose(1, 0, 2))


def _spread(rows: Rows, shares: Shares, into: Rows) -> None:
    """Add each row to the rows of ``into`` that it has a share in."""
    part = np.empty_like(into[0])
    for row, places in zip(rows, shares, strict=True):
        for place, share in places:
            np.multiply(row, share, out=part)
            np.add(into[place], part, out=into[place])


@lru_cache(maxsize=8)
def _shares(n_in: int, n_out: int) -> Shares:
    """For each sample, the places it goes to and its share of them: the columns of `area_weights`."""
    weights = area_weights(n_in, n_out).numpy().T
    return tuple(tuple((int(place), column[place]) for place in np.flatnonzero(column)) for column in weights)
