"""What Linearization-Net is shown of a frame: pixels as they are, never scaled, and never more than a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FrameSquares", "Squares"]

PIXELS_MOST = 1 << 19
"""A frame of up to so many pixels (1024 x 512) is shown whole, ..."""
PIECE_MOST = 1 << 18
"""... but from so many up in two halves: looking takes up to 1.2 kB a pixel of a piece, as much as a small tile."""
SIDE_PX = 256
"""Of the squares of a larger one: the authors trained on crops of this size."""


@dataclass(frozen=True)
class Squares:
    """Parts of one frame."""

    x_srgb: npt.NDArray[np.float32]
    """(N, h, w, 3) codes 0..1."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.x_srgb.nbytes


class FrameSquares:
    """Copies the squares out of a frame's rows as they come by, in order."""

    def __init__(self, height: int, width: int) -> None:
        """Squares, or the halves of a small frame, lie evenly from edge to edge, as far as there is room for them."""
        if height * width <= PIXELS_MOST:
            pieces = 1 if height * width <= PIECE_MOST else 2
            rows, columns = (pieces, 1) if height > width else (1, pieces)
            side_y, side_x = -(-height // rows), -(-width // columns)
        else:
            side_y, side_x = min(SIDE_PX, height), min(SIDE_PX, width)
            count = PIXELS_MOST // (side_y * side_x)
            wanted = math.sqrt(count * (height / side_y) / (width / side_x))
            rows = max(1, min(height // side_y, count, round(wanted)))
            columns = max(1, min(width // side_x, count // rows))
        self._corners = [(y, x) for y in _evenly(height - side_y, rows) for x in _evenly(width - side_x, columns)]
        self._found = np.zeros((len(self._corners), side_y, side_x, 3), np.float32)
        self._next_row = 0

    def see(self, x_srgb: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> None:
        """The next rows, (h, W, 3) each; how clipped they are is of no interest here."""
        del alpha
        first, last = self._next_row, self._next_row + len(x_srgb)
        side_y, side_x = self._found.shape[1:3]
        for square, (y, x) in zip(self._found, self._corners, strict=True):
            top, bottom = max(y, first), min(y + side_y, last)
            if top < bottom:
                square[top - y : bottom - y] = x_srgb[top - first : bottom - first, x : x + side_x]
        self._next_row = last

    def gathered(self) -> Squares:
        """Once all rows were seen."""
        return Squares(self._found)


def _evenly(room: int, count: int) -> list[int]:
    """Places of ``count`` things from 0 to ``room``; one alone stands in the middle."""
    if count == 1:
        return [room // 2]
    return [round(room * i / (count - 1)) for i in range(count)]
