"""Ghosts: what a method leaves where a moving thing was, sees where it will be, or smooths away where it has just come.

Looked for in shots in which a lamp, a cut-out highlight or something dark moves over the scene.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from headroom.evaluate.shots.ground import Ground
from headroom.plate import FloatArray

__all__ = ["REACH", "ghosts", "swept"]

Mask = npt.NDArray[np.bool_]

REACH = 3
"""Frames before and after which a pixel counts as just left, or as about to be entered."""

# Of a pixel's area: covered by the mover, and free of it.
ON, OFF = 0.99, 0.01


def swept(covered: FloatArray) -> tuple[Mask, Mask]:
    """(frames, H, W) twice, from how much a mover covers each pixel.

    Around: free now, covered some frames before or after: where a trail, or a ghost that runs ahead, would be. Inside:
    covered now, free some frames before or after: where the thing has just come or is about to leave.
    """
    on, off = covered > ON, covered < OFF
    near_on, near_off = np.zeros_like(on), np.zeros_like(off)
    frames = len(covered)
    for step in range(1, min(REACH, frames - 1) + 1):
        near_on[step:] |= on[:-step]
        near_on[:-step] |= on[step:]
        near_off[step:] |= off[:-step]
        near_off[:-step] |= off[step:]
    return off & near_on, on & near_off


def ghosts(result_log2: FloatArray, ground: Ground) -> dict[str, float]:
    """Log errors (stops) in the swept pixels; NaN where nothing moves on its own.

    ``ghost_clip``: RMSE on clipped pixels around and inside the mover's edges, where a reconstruction may err. To be
    read against the same measure of the same model frame by frame: what is more is a ghost. ``ghost_trail``: RMSE on
    the recorded pixels around it, where a trail has no excuse. ``ghost_bias``: mean error on the clipped pixels around
    it, positive where a bright thing left light behind.
    """
    shot = ground.shot
    if shot.mover is None:
        return {"ghost_clip": math.nan, "ghost_trail": math.nan, "ghost_bias": math.nan}
    around, inside = swept(np.stack([shot.covered(frame) for frame in shot.frames]))
    error = (result_log2 - ground.truth_log2).astype(np.float64)
    clip = error[(around | inside) & ground.clipped]
    trail = error[around & ground.well_exposed]
    beside = error[around & ground.clipped]
    return {
        "ghost_clip": math.sqrt(float(np.square(clip).mean())) if clip.size else math.nan,
        "ghost_trail": math.sqrt(float(np.square(trail).mean())) if trail.size else math.nan,
        "ghost_bias": float(beside.mean()) if beside.size else math.nan,
    }
