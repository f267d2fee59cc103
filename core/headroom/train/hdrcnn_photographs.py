"""Simulated HDR out of photographs that did not saturate: HDRCNN's pre-training (Eilertsen et al. 2017, section 5.2).

A photograph with next to no saturated pixel, linearised, is taken for the whole light of its scene; the virtual camera
then exposes it so that its brightest values clip. Any folder of pictures serves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from headroom.errors import PlateError
from headroom.plate import Plate
from headroom.train.photographs import SHORTEST_PX, pictures, shrunk
from headroom.train.scenes import HdrScene

__all__ = ["SATURATED_SHARE", "linearised", "photographs"]

SATURATED_SHARE = 50 / 256**2
"""Fewer than 50 saturated pixels in a picture of Places, of 256 x 256."""
SATURATED_CODE = 254.5 / 255
N, SIGMA = 0.9, 0.6
"""Of the virtual camera's mean curve, whose inverse linearises."""


def linearised(code: np.ndarray) -> np.ndarray:
    """Code values 0..1 to light by the inverse of the virtual camera's mean curve."""
    light: np.ndarray = (SIGMA * code / (1 + SIGMA - code)) ** (1 / N)
    return light


def photographs(folder: Path, *, cancelled: Callable[[], bool] | None = None) -> list[HdrScene]:
    """The unsaturated photographs below ``folder``, sorted by name; ``PlateError`` where there is none."""
    found: list[HdrScene] = []
    seen = 0
    for path, plate in pictures(folder, cancelled=cancelled):
        if plate is None:
            continue
        seen += 1
        if min(plate.width, plate.height) >= SHORTEST_PX and not _saturated(plate):
            pixels = shrunk(linearised(plate.rows(0, plate.height))).half()
            found.append(HdrScene(str(path.relative_to(folder)), pixels, latlong=False))
    if not found:
        raise PlateError(
            f"{folder}: {seen} photographs, none of at least {SHORTEST_PX} px a side with fewer than "
            f"{SATURATED_SHARE:.2%} of its pixels saturated; give a folder of well-exposed pictures"
        )
    return found


def _saturated(plate: Plate) -> bool:
    brightest = plate.rows(0, plate.height).max(axis=2)
    return bool((brightest >= SATURATED_CODE).mean() >= SATURATED_SHARE)
