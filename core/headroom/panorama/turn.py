"""Where a panorama's azimuth begins: chosen by what it shows, so that turning it turns the result and nothing else.

A network works on a grid and cannot be equivariant to every shift by itself. Every panorama is therefore turned, by
whole pixels, until its light lies in the middle, and its result is turned back: two files that differ by a turn of
whole pixels are the same picture to the network, and nothing bright is near a seam.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.metrics.lighting import solid_angles

__all__ = ["light_column"]

LEAST_ONE_SIDED = 1e-3
"""Below this share of the whole, the light comes from all round and its direction is chance."""
ROUNDING = 0.381966
"""In place of a half: symmetric pictures have their light at whole and half columns, which noise must not move."""
BAND_PIXELS = 1 << 22


def light_column(codes: npt.NDArray[Any]) -> int:
    """The column (0..W-1) that the light of (H, W, 3) codes comes from; turning the codes turns it by as much.

    Phase of the first harmonic, over azimuth, of the squared codes by solid angle (about linear light). Where that
    is next to nothing: the start of the least of all rotations of the columns' sums, which any turn shares.
    """
    height, width = int(codes.shape[0]), int(codes.shape[1])
    weight = solid_angles(height, width)
    light, exact = np.zeros(width), np.zeros(width)
    rows = max(1, BAND_PIXELS // width)
    for y0 in range(0, height, rows):
        band = codes[y0 : y0 + rows].astype(np.float64)
        number = np.arange(y0, y0 + len(band)) % 251 + 1.0
        light += weight[y0 : y0 + rows] @ np.einsum("yxc,yxc->yx", band, band)
        exact += number @ (band @ [1.0, 3.0, 7.0])
    wave = np.exp(-2j * math.pi * np.arange(width) / width)
    first = complex(light @ wave)
    if abs(first) > LEAST_ONE_SIDED * float(light.sum()):
        return math.floor(-float(np.angle(first)) / (2 * math.pi) * width + ROUNDING) % width
    return (_least_rotation(exact) + width // 2) % width


def _least_rotation(values: npt.NDArray[np.float64]) -> int:
    """Start of the lexicographically least rotation (Booth 1980, by Duval's two candidates)."""
    n, i, j, k = len(values), 0, 1, 0
    sequence = values.tolist()
    while i < n and j < n and k < n:
        a, b = sequence[(i + k) % n], sequence[(j + k) % n]
        if a == b:
            k += 1
            continue
        if a > b:
            i += k + 1
        else:
            j += k + 1
        j += i == j
        k = 0
    return min(i, j)
