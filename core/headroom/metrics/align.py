"""One scale for a whole image, from what the camera recorded well."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import LOG_FLOOR

__all__ = ["align_scale", "well_exposed"]

Array = npt.NDArray[np.floating]

# Codes of 255: neither near the clip nor in the noise and the coarse steps of the toe.
WELL_EXPOSED = (25, 230)

# With fewer pixels than this the median says nothing about the image.
FEWEST_PIXELS = 64


def well_exposed(code: Array) -> npt.NDArray[np.bool_]:
    """(H, W): whether all channels of code values 0..1 lie in 25..230 of 255."""
    low, high = WELL_EXPOSED
    steps = np.rint(code * 255.0)
    return np.asarray(((steps >= low) & (steps <= high)).all(-1))


def align_scale(test: Array, truth: Array, where: npt.NDArray[np.bool_]) -> float:
    """Return exp(median(log truth - log test)) over the pixels in ``where``.

    Falls back to 1.0 where fewer than 64 pixels are left to compare: the scale is then the
    camera's own. Samples where either side is at or below 1e-5 are left out.
    """
    a, b = truth[where], test[where]
    usable = (a > LOG_FLOOR) & (b > LOG_FLOOR)
    if np.count_nonzero(usable) < 3 * FEWEST_PIXELS:
        return 1.0
    ratio = a[usable].astype(np.float64) / b[usable]
    return math.exp(float(np.median(np.log(ratio))))
