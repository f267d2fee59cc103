"""A part of a panorama put in its place on the whole sphere, and the rest filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.metrics.lighting import solid_angles

__all__ = ["Crop", "placed", "whole_sphere"]


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Where a picture lies in the full lat-long, in the picture's own pixels."""

    full_width: int
    full_height: int
    left: int
    top: int
    width: int
    height: int

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to fill."""
        return (self.left, self.top, self.width, self.height) == (0, 0, self.full_width, self.full_height)


def placed(codes: npt.NDArray[Any], crop: Crop) -> tuple[npt.NDArray[Any], float]:
    """(H, W, 3) full lat-long in the same type, and the share of the sphere that was filled in.

    A gap in azimuth goes straight from one edge to the other; towards a pole the last row fades to its own mean,
    so that no star forms there.
    """
    full = np.empty((crop.full_height, crop.full_width, codes.shape[2]), codes.dtype)
    top, bottom = crop.top, crop.top + crop.height
    columns = (crop.left + np.arange(crop.width)) % crop.full_width
    full[top:bottom, columns] = codes
    gap = crop.full_width - crop.width
    if gap:
        share = ((np.arange(gap) + 1) / (gap + 1))[:, None]
        between = (columns[-1] + 1 + np.arange(gap)) % crop.full_width
        for y in range(crop.height):
            first, last = codes[y, -1].astype(np.float64), codes[y, 0].astype(np.float64)
            full[top + y, between] = _as(first + (last - first) * share, codes.dtype)
    for edge, rows in ((top, range(top)), (bottom - 1, range(crop.full_height - 1, bottom - 1, -1))):
        if not len(rows):
            continue
        row = full[edge].astype(np.float64)
        mean = row.mean(axis=0)
        for i, y in enumerate(rows):  # from the pole to the edge
            near = (i + 1) / (len(rows) + 1)
            full[y] = _as(mean + (row - mean) * (near * near * (3 - 2 * near)), codes.dtype)
    weight = solid_angles(crop.full_height, crop.full_width)
    seen = float(weight[top:bottom].sum()) * crop.width / (4 * np.pi)
    return full, 1.0 - seen


def whole_sphere(width: int, height: int) -> Crop:
    """A picture that is all of it."""
    return Crop(full_width=width, full_height=height, left=0, top=0, width=width, height=height)


def _as(values: npt.NDArray[np.float64], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.rint(values) if np.dtype(dtype).kind == "u" else values
