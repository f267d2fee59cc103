"""The ways of scene points through a shot, known exactly, along which a reconstruction is compared with itself.

A pair of frames is sampled half a step to either side of the pixel grid: both are then interpolated by nearly the same
fraction, so that interpolation softens both alike and does not pass for a change in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headroom.evaluate.shots.geometry import Array64, pixel_grid
from headroom.evaluate.shots.scenery import sample
from headroom.evaluate.shots.shot import SyntheticShot
from headroom.metrics import luminance
from headroom.metrics.linear import LOG_FLOOR
from headroom.plate import FloatArray

__all__ = ["SELF_ERROR_STOPS", "Pair", "at", "log2_light", "pairs"]

WHOLE = 1 - 1e-3
"""Of a mask that is sampled: every pixel that the interpolation touches is in it."""

SELF_ERROR_STOPS = 0.1
"""Where the truth itself, carried along its true motion, misses the truth by more, a pixel is too fine for its grid
(the rim of a sun) and nothing that changes there can be told from interpolation: such ways are left out, for all
methods alike."""


@dataclass(frozen=True)
class Pair:
    """Ways from one frame to another: positions (N, 1, 2) and what the truth does along them, (N,) stops."""

    frame: int
    other: int
    here: Array64
    there: Array64
    truth_change: FloatArray
    exposure_change: float
    """Stops by which the camera's own exposure changed."""


def log2_light(lin: FloatArray) -> FloatArray:
    """(H, W) log2 of luminance, floored at 1e-5 of the clip level."""
    return np.asarray(np.log2(luminance(lin).clip(LOG_FLOOR)), np.float32)


def at(image: FloatArray, xy: Array64) -> FloatArray:
    """(N,) bilinear values of (H, W) at (N, 1, 2) pixel positions."""
    return sample(torch.from_numpy(np.ascontiguousarray(image))[None, None], xy)[:, 0, 0]


def pairs(
    shot: SyntheticShot, lag: int, masks: Mapping[int, npt.NDArray[np.bool_]], *, at_most: int | None = None
) -> Iterator[Pair]:
    """The ways from each frame to the one ``lag`` later that are in the mask at both ends.

    ``masks``: (H, W) for each frame. ``at_most``: so many ways a pair, evenly picked.
    """
    grid = pixel_grid(shot.spec.height, shot.spec.width)
    for frame, other in zip(shot.frames, shot.frames[lag:], strict=False):
        ahead, _ = shot.follow(frame, other, grid)
        here = grid - np.nan_to_num(ahead - grid, nan=1e9) / 2.0
        there, seen = shot.follow(frame, other, here)
        seen &= _all_in(masks[frame], here) & _all_in(masks[other], there)
        here, there = (position[seen][:, None] for position in (here, there))
        exposure = float(shot.ev_stops[shot.frames.index(other)] - shot.ev_stops[shot.frames.index(frame)])
        change = at(log2_light(shot.truth(other)), there) - at(log2_light(shot.truth(frame)), here)
        steady = np.abs(change - exposure) < SELF_ERROR_STOPS
        chosen = np.flatnonzero(steady)
        if at_most is not None and chosen.size > at_most:
            chosen = chosen[np.linspace(0, chosen.size - 1, at_most).astype(np.int64)]
        yield Pair(frame, other, here[chosen], there[chosen], change[chosen], exposure)


def _all_in(mask: npt.NDArray[np.bool_], xy: Array64) -> npt.NDArray[np.bool_]:
    values = sample(torch.from_numpy(mask.astype(np.float32))[None, None], np.nan_to_num(xy, nan=-9.0))
    return np.asarray(values[..., 0] > WHOLE)
