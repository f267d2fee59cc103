"""How much of a grid a network draws into areas that hold nothing: the checkerboard of transposed convolutions.

A flat area has no structure of its own. What a network adds there is looked at in its spectrum: a grid of 2, 4 or 8
pixels stands as lines at exactly those frequencies, above their neighbours (Odena, Dumoulin and Olah 2016 on why).
"""

from __future__ import annotations

import numpy as np

from headroom.plate import FloatArray

__all__ = ["FLAT_PX", "GRID_PERIODS", "flattened", "grid_stops"]

FLAT_PX = 256
"""Side of the flat square."""
LOOKED_AT_PX = 192
"""Of its middle: what lies nearer to its border may show the border. A multiple of all periods."""
GRID_PERIODS = (2, 4, 8)
"""Pixels; slower ones cannot be told from shading."""
FLOOR = 1e-3


def flattened(clipped: FloatArray) -> FloatArray:
    """(H, W, 3) linear light with a flat, clipped square in its middle; as it is where it is too small for one."""
    height, width = clipped.shape[:2]
    if min(height, width) < FLAT_PX:
        return clipped
    result: FloatArray = clipped.copy()
    top, left = (height - FLAT_PX) // 2, (width - FLAT_PX) // 2
    result[top : top + FLAT_PX, left : left + FLAT_PX] = 1.0
    return result


def grid_stops(light: FloatArray) -> float:
    """RMS of the grid in the middle of (H, W, 3) light whose middle was flat, in stops, the channels' mean.

    NaN where the picture is too small.
    """
    height, width = light.shape[:2]
    if min(height, width) < FLAT_PX:
        return float("nan")
    top, left = (height - LOOKED_AT_PX) // 2, (width - LOOKED_AT_PX) // 2
    part = light[top : top + LOOKED_AT_PX, left : left + LOOKED_AT_PX].astype(np.float64)
    stops = np.log2(np.maximum(part, FLOOR)).mean(axis=2)
    window = np.hanning(LOOKED_AT_PX + 1)[:-1]
    # The window keeps shading from leaking along the axes; a line keeps its height times the window's mean.
    seen = _without_plane(stops) * np.outer(window, window)
    power = np.abs(np.fft.fft2(seen) / (seen.size * window.mean() ** 2)) ** 2
    on_grid = sorted({LOOKED_AT_PX * k // period for period in GRID_PERIODS for k in range(period)})
    excess = 0.0
    for row in on_grid:
        for column in on_grid:
            if row or column:
                around = power[np.ix_(_near(row), _near(column))]
                excess += max(0.0, float(power[row, column] - around.mean()))
    return float(np.sqrt(excess))


def _near(line: int) -> list[int]:
    """Frequencies beside a line, beyond those that the window lets it spill into."""
    return [(line + step) % LOOKED_AT_PX for step in (-4, -3, 3, 4)]


def _without_plane(values: np.ndarray) -> np.ndarray:
    """What is left when the best plane is taken off: a slope would leak into every frequency."""
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    basis = np.stack([np.ones(values.size), y.ravel(), x.ravel()], 1)
    fit, *_ = np.linalg.lstsq(basis, values.ravel(), rcond=None)
    return np.asarray(values - (basis @ fit).reshape(values.shape))
