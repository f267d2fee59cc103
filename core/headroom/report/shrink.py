"""Pictures larger than the page should hold, as means over square blocks: light stays light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["block_of", "shrink"]


def block_of(width: int, height: int, most_px: int | None) -> int:
    """Side of the blocks that bring the longer side to at most ``most_px``; 1: the picture as it is."""
    return 1 if most_px is None else -(-max(width, height) // most_px)


def shrink(rows: npt.NDArray[np.float32], block: int) -> npt.NDArray[np.float32]:
    """(h, W, ...) to (h / block, W / block, ...), rounded up: a cut block at the edge is the mean of what it has."""
    if block == 1:
        return rows
    height, width = rows.shape[:2]
    edges = [np.arange(0, length, block) for length in (height, width)]
    counts = [np.diff(np.append(edge, length)) for edge, length in zip(edges, (height, width), strict=True)]
    summed = np.add.reduceat(np.add.reduceat(rows.astype(np.float64), edges[0], axis=0), edges[1], axis=1)
    area = (counts[0][:, None] * counts[1][None]).reshape(len(edges[0]), len(edges[1]), *(1,) * (rows.ndim - 2))
    mean: npt.NDArray[np.float32] = (summed / area).astype(np.float32)
    return mean
