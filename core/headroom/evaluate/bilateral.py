"""Cross-bilateral filter on a coarse grid of position and guide.

Chen, Paris, Durand, "Real-time edge-aware image processing with the bilateral grid", SIGGRAPH 2007.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

__all__ = ["cross_bilateral"]

Array = npt.NDArray[np.floating]
Array64 = npt.NDArray[np.float64]

# A Gaussian of one cell, cut at three.
TAPS = np.exp(-0.5 * np.arange(-3, 4) ** 2.0)


def cross_bilateral(values: Array, guide: Array, sigma_px: float, sigma_guide: float) -> FloatArray:
    """Smooth (H, W) ``values`` among pixels that are near and alike in ``guide`` (H, W)."""
    height, width = values.shape
    cell = max(sigma_px, 1.0)
    y = np.arange(height) / cell
    x = np.arange(width) / cell
    z = (guide.astype(np.float64) - float(guide.min())) / sigma_guide
    shape = (math.ceil(y[-1]) + 2, math.ceil(x[-1]) + 2, math.ceil(float(z.max())) + 2)
    nearest = np.rint(y)[:, None] * shape[1] + np.rint(x)[None, :]
    index = (nearest * shape[2] + np.rint(z)).astype(np.int64).ravel()
    size = math.prod(shape)
    total = np.bincount(index, values.ravel().astype(np.float64), size).reshape(shape)
    count = np.bincount(index, minlength=size).reshape(shape).astype(np.float64)
    for axis in range(3):
        total, count = _blur(total, axis), _blur(count, axis)
    return _slice(total / np.maximum(count, 1e-12), y, x, z).astype(np.float32)


def _blur(grid: Array64, axis: int) -> Array64:
    reach = len(TAPS) // 2
    padding = [(reach, reach) if i == axis else (0, 0) for i in range(3)]
    padded = np.pad(grid, padding)
    size = grid.shape[axis]
    return sum((tap * padded.take(range(i, i + size), axis) for i, tap in enumerate(TAPS)), np.zeros_like(grid))


def _slice(grid: Array64, y: Array64, x: Array64, z: Array64) -> Array64:
    """Trilinear lookup at (H,), (W,), (H, W) coordinates."""
    y0, x0, z0 = y.astype(np.int64)[:, None], x.astype(np.int64)[None, :], z.astype(np.int64)
    fy, fx, fz = y[:, None] - y0, x[None, :] - x0, z - z0
    result = np.zeros(z.shape)
    for dy in (0, 1):
        for dx in (0, 1):
            plane = (fy if dy else 1.0 - fy) * (fx if dx else 1.0 - fx)
            for dz in (0, 1):
                result += plane * (fz if dz else 1.0 - fz) * grid[y0 + dy, x0 + dx, z0 + dz]
    return result
