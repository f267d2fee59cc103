"""What the search for motion looks at: two frames as if they had been exposed alike.

The darker frame is raised to the brighter one's exposure and cut off at the same white (Kalantari and Ramamoorthi
2017, section 3.1), then matched to the other's histogram: exposures or a response curve that are somewhat off shift
tones by as much in both. What clipped in all channels is flat in both and counts as no evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from headroom.engine.tiles import halving_step
from headroom.plate import FloatArray

__all__ = ["Guide", "Recorded", "guide", "guide_step", "match_tones"]

GUIDE_PX = 4096
"""Longest side of a guide: finer ones cost more than they find."""
LUMA = np.array([0.3, 0.5, 0.2], np.float32)
"""Weights of R, G, B: edges of any colour count."""
LEAST_CODE = 0.02
"""Square-root code of the frame as recorded (light 0.0004, an sRGB code of 1) below which there is nothing, whatever
its black level is."""
CLIPPED = 0.5
"""Mean clip mask of a cell from which it counts as clipped."""
BAND = 256

Recorded = Callable[[int, int], tuple[FloatArray, FloatArray]]
"""Rows y0..y1 of a frame: linear light, how clipped; both (h, W, 3)."""
Gray = npt.NDArray[np.uint8]


def guide_step(height: int, width: int) -> int:
    """Pixels of the plate to a pixel of the guide, a power of two."""
    return halving_step(height, width, GUIDE_PX)


@dataclass(frozen=True)
class Guide:
    """A frame, small and grey."""

    gray: Gray
    """(h, w) square-root code of its light at the exposure asked for."""
    useful: Gray
    """(h, w) 255 where all channels were recorded, 0 where one clipped or it is too dark: beside a clipped channel a
    camera's curve is not what it is elsewhere, and a flow would follow that."""
    lit: Gray
    """(h, w) the same, but for what the frame's black level hides: a flow would follow the noise there, where points
    that move together still tell how the whole does."""


def guide(
    recorded: Recorded, height: int, width: int, *, gain: float, step: int, black: FloatArray | None = None
) -> Guide:
    """A frame whose light is raised ``gain`` times, in cells of ``step`` pixels; ``black``: (3,) its black level."""
    least = LEAST_CODE if black is None else max(LEAST_CODE, float(black @ LUMA) ** 0.5)
    shape = -(-height // step), -(-width // step)
    gray, useful, lit = (np.empty(shape, np.uint8) for _ in range(3))
    rows_at_once = max(BAND // step, 1) * step
    for y0 in range(0, height, rows_at_once):
        linear, clipped = recorded(y0, min(y0 + rows_at_once, height))
        luma = linear.clip(0, None) @ LUMA
        raised = (linear * np.float32(gain)).clip(0, 1) @ LUMA
        code = np.sqrt(np.stack([raised, luma], axis=-1))
        cells = _means(np.dstack([code, clipped.max(axis=2)]), step)
        part = slice(y0 // step, y0 // step + len(cells))
        gray[part] = (cells[..., 0] * 255 + 0.5).astype(np.uint8)
        useful[part] = ((cells[..., 1] > LEAST_CODE) & (cells[..., 2] < CLIPPED)) * np.uint8(255)
        lit[part] = useful[part] * (cells[..., 1] > least)
    return Guide(gray, useful, lit)


def match_tones(gray: Gray, like: Gray, where: npt.NDArray[np.bool_]) -> Gray:
    """A guide with its tones moved so that its histogram is the other's, both looked at ``where``."""
    if int(where.sum()) < 256:
        return gray
    here, there = (np.cumsum(np.bincount(picture[where], minlength=256)) for picture in (gray, like))
    # The middle of each tone's share: a tone that holds half the picture moves to the middle of that half.
    middle = here - np.diff(here, prepend=0) / 2
    centre = there - np.diff(there, prepend=0) / 2
    occupied = np.diff(there, prepend=0) > 0
    table = np.interp(middle, centre[occupied], np.flatnonzero(occupied))
    known = np.flatnonzero(np.diff(here, prepend=0) > 0)
    table = np.interp(np.arange(256), known, table[known])
    matched: Gray = cv2.LUT(gray, (table + 0.5).clip(0, 255).astype(np.uint8))
    return matched


def _means(values: FloatArray, step: int) -> FloatArray:
    if step == 1:
        return values
    bottom, right = -values.shape[0] % step, -values.shape[1] % step
    if bottom or right:
        values = np.pad(values, ((0, bottom), (0, right), (0, 0)), mode="edge")
    rows = values.reshape(values.shape[0] // step, step, values.shape[1], -1).mean(axis=1)
    means: FloatArray = rows.reshape(rows.shape[0], rows.shape[1] // step, step, -1).mean(axis=2)
    return means
