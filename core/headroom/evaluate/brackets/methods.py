"""What is compared on brackets: baselines, bounds, and what a method is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from headroom.bracket.align import Way
from headroom.bracket.classical import merge_inverse_variance
from headroom.bracket.frames import FrameRows
from headroom.bracket.noise import NoiseModel
from headroom.evaluate.brackets import opencv
from headroom.evaluate.brackets.frames import Frames
from headroom.evaluate.brackets.ground import Ground
from headroom.evaluate.brackets.names import (
    MERTENS,
    OPENCV_DEBEVEC,
    OPENCV_ROBERTSON,
    OPENCV_TOLD,
    ORACLE,
    REFERENCE,
)
from headroom.plate import FloatArray

__all__ = ["BracketFunction", "BracketMethod", "BracketOracle", "bracket_baselines", "bracket_oracles"]

BracketFunction = Callable[[Frames], FloatArray]
"""A bracket to (H, W, 3) linear light, best in the reference's scale."""

RIGHT_STOPS = 0.15
RIGHT_SIGMAS = 3.0
"""A sample is right that lies within so many stops of the truth, or within so many standard deviations of its noise."""


@dataclass(frozen=True)
class BracketMethod:
    """A way to merge."""

    name: str
    run: BracketFunction
    align: Way | None = None
    """How the frames are to be aligned before its time is taken; None: it sees to that itself."""
    is_light: bool = True
    """Whether it makes linear light; else a picture to be looked at."""
    gflop_per_mp: float = math.nan
    """Of its network; NaN where it has none."""
    parameters: int = 0
    trained: bool = True
    """False: without weights, good for timing alone."""


@dataclass(frozen=True)
class BracketOracle:
    """A bound, not a method: it is shown the truth."""

    name: str
    run: Callable[[Frames, Ground], FloatArray]


def bracket_baselines(*, with_opencv: bool = True) -> tuple[BracketMethod, ...]:
    """The reference frame alone, and what OpenCV makes of the bracket."""
    found = [BracketMethod(REFERENCE, reference_alone)]
    if with_opencv:
        found += [
            BracketMethod(OPENCV_TOLD, opencv.debevec_told),
            BracketMethod(OPENCV_DEBEVEC, opencv.debevec),
            BracketMethod(OPENCV_ROBERTSON, opencv.robertson),
            BracketMethod(MERTENS, opencv.mertens, is_light=False),
        ]
    return tuple(found)


def reference_alone(frames: Frames) -> FloatArray:
    """The reference frame, decoded: no ghosts, no more light than it holds."""
    return frames.decode(frames.codes[frames.reference] / np.float32(255))


def bracket_oracles() -> tuple[BracketOracle, ...]:
    """The bounds that every table shows."""
    return (BracketOracle(ORACLE, right_samples),)


def right_samples(frames: Frames, ground: Ground) -> FloatArray:
    """The inverse-variance merge of the aligned frames' samples that agree with the truth, and of the reference's.

    What a perfect judgement of what is a ghost would give; where every frame clipped it knows no more than they.
    """
    kept = []
    for number, (frame, exposure) in enumerate(zip(frames.window("flow"), frames.exposures, strict=True)):
        if number != frames.reference:
            right = _right(frame, ground.truth * np.float32(exposure), frames.noise("flow"))
            frame = replace(frame, valid=frame.valid * right)
        kept.append(frame)
    return merge_inverse_variance(kept, frames.exposures, frames.reference, frames.noise("flow")).radiance


def _right(frame: FrameRows, own_truth: FloatArray, model: NoiseModel) -> FloatArray:
    """(h, w) 1 where all channels of a frame are what it should have recorded."""
    expected = own_truth.clip(0, 1)
    error = np.abs(frame.linear.clip(0, 1) - expected)
    noise = np.float32(RIGHT_SIGMAS) * np.sqrt(model.variance(expected))
    limit = np.maximum(noise, expected * np.float32(2.0**RIGHT_STOPS - 1))
    return np.asarray((error <= limit).all(-1), np.float32)
