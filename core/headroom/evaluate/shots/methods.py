"""What is compared on shots: a method sees the plates of a shot and answers linear light, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from headroom.evaluate.methods import BASE, BEST_GAIN, inverse_response
from headroom.evaluate.shots.ground import Ground
from headroom.io.frames import FrameSource
from headroom.metrics.linear import LOG_FLOOR
from headroom.plate import FloatArray

__all__ = [
    "BASE",
    "BEST_GAIN",
    "TRUE_HIGHLIGHTS",
    "ShotFunction",
    "ShotMethod",
    "ShotOracle",
    "inverse",
    "shot_oracles",
]

TRUE_HIGHLIGHTS = "oracle: true highlights"

ShotFunction = Callable[[FrameSource], Iterator[FloatArray]]
"""The shot to its frames (H, W, 3), linear, 1.0 = the plate's white, in the order of ``source.frames``."""


@dataclass(frozen=True)
class ShotMethod:
    """A way to reconstruct shots."""

    name: str
    run: ShotFunction
    every: int = 1
    """1: runs on every shot; 4: on every fourth, where it is slow."""


@dataclass(frozen=True)
class ShotOracle:
    """A bound, not a method: it is shown the truth. Answers (frames, H, W, 3)."""

    name: str
    run: Callable[[Ground], FloatArray]
    brief: bool = False
    """Not measured by what costs seconds and says no more."""


def inverse(source: FrameSource) -> Iterator[FloatArray]:
    """Do nothing but undo the sRGB curve: steady, and wrong."""
    for frame in source.frames:
        plate = source.read(frame)
        yield inverse_response(plate.rows(0, plate.height), None)


def shot_oracles() -> tuple[ShotOracle, ...]:
    """The bounds that every table shows."""
    return (ShotOracle(BEST_GAIN, best_gain), ShotOracle(TRUE_HIGHLIGHTS, true_highlights, brief=True))


def best_gain(ground: Ground) -> FloatArray:
    """One gain for all clipped samples of the whole shot: the one with the least squared log error.

    As steady as the plate is: its excess is what interpolation leaves of the truth's own structure, the floor under
    every method; on shots whose exposure changes it is as wrong as doing nothing.
    """
    result = np.stack([inverse_response(code, None) for code in ground.codes])
    clipped = ground.truth >= 1.0
    if clipped.any():
        stops = np.log2(ground.truth[clipped]) - np.log2(result[clipped].clip(LOG_FLOOR))
        result[clipped] *= np.float32(2.0 ** float(stops.mean(dtype=np.float64)))
    return result


def true_highlights(ground: Ground) -> FloatArray:
    """The truth where it clipped, the decoded plate elsewhere: nobody can do better inside."""
    result = np.stack([inverse_response(code, None) for code in ground.codes])
    clipped = ground.truth >= 1.0
    result[clipped] = ground.truth[clipped]
    return result
