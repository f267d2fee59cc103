"""What a shot's results are measured against, worked out once for all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.errors import Cancelled
from headroom.evaluate.shots.shot import SyntheticShot
from headroom.evaluate.shots.trajectories import Pair, log2_light, pairs
from headroom.metrics import well_exposed
from headroom.plate import FloatArray

__all__ = ["Ground", "SLOW_LAG", "survey"]

Mask = npt.NDArray[np.bool_]

SLOW_LAG = 6
"""Frames between which slow drift is looked for: a quarter of a second."""

WAYS_OUTSIDE = 6000
"""Ways a pair outside the clip: enough for an RMS, and cheap."""


@dataclass(frozen=True)
class Ground:
    """Stacks are (frames, H, W[, 3]) in the order of the shot."""

    shot: SyntheticShot
    codes: FloatArray
    truth: FloatArray
    truth_log2: FloatArray
    """(frames, H, W) of luminance."""
    clipped: Mask
    """Whether some channel of the truth is at or above the clip level."""
    well_exposed: Mask
    ways: tuple[Pair, ...]
    """In the clip, from frame to frame."""
    slow_ways: tuple[Pair, ...]
    """In the clip, over ``SLOW_LAG`` frames."""
    outside_ways: tuple[Pair, ...]
    """On recorded pixels, from frame to frame."""


def survey(shot: SyntheticShot, *, cancelled: Callable[[], bool] | None = None) -> Ground:
    """Make every frame of a shot and follow its points."""
    codes, truth = [], []
    for frame in shot.frames:
        if cancelled and cancelled():
            raise Cancelled(f"{shot.name}: cancelled")
        codes.append(shot.code(frame))
        truth.append(shot.truth(frame))
    clipped = [light.max(-1) >= 1.0 for light in truth]
    recorded = [well_exposed(code) for code in codes]
    in_clip = dict(zip(shot.frames, clipped, strict=True))
    outside = dict(zip(shot.frames, recorded, strict=True))
    return Ground(
        shot=shot,
        codes=np.stack(codes),
        truth=np.stack(truth),
        truth_log2=np.stack([log2_light(light) for light in truth]),
        clipped=np.stack(clipped),
        well_exposed=np.stack(recorded),
        ways=tuple(pairs(shot, 1, in_clip)),
        slow_ways=tuple(pairs(shot, SLOW_LAG, in_clip)),
        outside_ways=tuple(pairs(shot, 1, outside, at_most=WAYS_OUTSIDE)),
    )
