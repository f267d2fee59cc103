"""The inverse response curve that the network estimates, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom.camera import INVERSE_SAMPLES, inverse_emor_curve
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.engine.run import Runner
from headroom.io.origin import STATED_ODDS
from headroom.networks.curve_net import Curve, Lines
from headroom.plate import FloatArray

__all__ = [
    "EstimatedCurve",
    "curve_of_table",
    "estimated_curve",
    "frame_curve",
    "informed",
    "light_of",
    "looked_at",
    "stated_curve",
]

DoubleArray = npt.NDArray[np.float64]

SAMPLES = 1024
KNOTS = np.linspace(0, 1, INVERSE_SAMPLES)
KEPT_PROBABILITY = 0.2
"""At this probability of the stated curve or above, it is kept: a wrong departure costs more than a missed one.
Chosen on training scenes among 0.05 to 0.5 (docs/training-log.md)."""
LOOKS = 3
"""How often the lines are looked at: each time through the curve that was seen before, as if that were the stated one.
The network is surer of what little is left. Held-out scenes: 0.244, 0.234 and 0.231 stops off after 1, 2 and 3."""
LEAST_LINES = 200
"""Fewer lines than this decide nothing: the stated curve is kept."""
UNKNOWN_ERROR_STOPS = 16.0
"""Of networks that do not say how far off their curve may be; as large as an error is ever said to be."""
MID_CODES = (25 / 255, 230 / 255)
"""Codes between which two curves are compared: well exposed. No others teach the network."""


@dataclass(frozen=True)
class EstimatedCurve:
    """Inverse response over network space: 0 to 0, 1 to 1, never falling."""

    table: FloatArray
    """(1024,) linear light at x_srgb = i / 1023."""
    stated_probability: float
    """How likely the plate's stated curve is the right one, 0..1."""
    error_stops: float
    """Expected error of the estimate, in stops."""

    @property
    def keeps_stated(self) -> bool:
        """Whether there is too little evidence against the stated curve to leave it."""
        return self.stated_probability >= KEPT_PROBABILITY

    def decode(self, x_srgb: FloatArray) -> FloatArray:
        """0..1 to linear 0..1, element-wise, by linear interpolation."""
        return np.interp(x_srgb, np.linspace(0, 1, SAMPLES), self.table).astype(np.float32)

    @property
    def disagreement_stops(self) -> float:
        """RMS of the log ratio to the stated curve over well-exposed codes, after the best common exposure."""
        codes = np.linspace(*MID_CODES, 256)
        ratio = np.log2(np.maximum(self.decode(codes.astype(np.float32)), 1e-6) / srgb_decode(codes))
        return float(np.std(ratio))


def looked_at(look: Callable[[Sequence[Lines]], Curve], frames: Sequence[Lines]) -> tuple[Curve, DoubleArray]:
    """What the network first says of the lines of each frame, and (256,) linear light at code i / 255 after all looks.

    ``look``: all frames' lines to one curve.
    """
    first = look(frames)
    light = light_of(first)
    for _ in range(LOOKS - 1):
        seen = [Lines(_through(lines.x_srgb, light), lines.stride) for lines in frames]
        light = np.interp(srgb_encode(light), KNOTS, light_of(look(seen)))
    return first, light


def light_of(curve: Curve) -> DoubleArray:
    """(256,) linear light at code i / 255 of the network's answer for one frame, in double precision."""
    light: DoubleArray = inverse_emor_curve(curve.coefficients[:1].double())[0].numpy()
    # Below the codes that it learnt from, the network's curve means nothing: the toe is the stated one's.
    dark, stated = round(MID_CODES[0] * (INVERSE_SAMPLES - 1)), srgb_decode(KNOTS)
    light[:dark] = light[dark] / stated[dark] * stated[:dark]
    return light


def _through(x_srgb: Tensor, light: DoubleArray) -> Tensor:
    """Codes of the same light, had the stated curve been the camera's."""
    codes = srgb_encode(np.interp(x_srgb.numpy(), KNOTS, light)).clip(0, 1)
    return torch.from_numpy(codes.astype(np.float32))


def estimated_curve(curve: Curve, light: npt.ArrayLike, *, lines: int) -> EstimatedCurve:
    """From the network's first answer for one frame that showed it so many lines, and (256,) the light after all."""
    table = np.interp(np.linspace(0, 1, SAMPLES), KNOTS, np.asarray(light, np.float64))
    logit = float(curve.stated_logit[0])
    probability = 1 / (1 + math.exp(-logit)) if lines >= LEAST_LINES else 1.0
    return EstimatedCurve(table.astype(np.float32), probability, 2.0 ** min(float(curve.log2_error[0]), 4.0))


@lru_cache(maxsize=1)
def stated_curve() -> EstimatedCurve:
    """Where nothing asks for a curve: no departure from the stated one."""
    return EstimatedCurve(srgb_decode(np.linspace(0, 1, SAMPLES)).astype(np.float32), 1.0, 1.0)


def curve_of_table(table: npt.ArrayLike) -> EstimatedCurve:
    """A network's (1024,) curve that comes without a word on how sure it is: used wherever it is asked for."""
    return EstimatedCurve(np.asarray(table, np.float32), 0.0, UNKNOWN_ERROR_STOPS)


def informed(estimate: EstimatedCurve, origin: str | None) -> EstimatedCurve:
    """With what the picture's file says of where it comes from (``Plate.origin``) in the odds of the stated curve."""
    odds = STATED_ODDS.get(origin or "")
    if odds is None:
        return estimate
    stated = estimate.stated_probability * odds
    return replace(estimate, stated_probability=stated / (stated + 1 - estimate.stated_probability))


def frame_curve(runner: Runner, gathered: Any, origin: str | None = None) -> EstimatedCurve:
    """The curve that a network sees in the frame that it gathered; ``origin``: what the frame's file says."""
    if runner.contract.curve == "lines":
        first, light = looked_at(lambda frames: runner.curve(frames[0]), [gathered.lines])
        return informed(estimated_curve(first, light, lines=gathered.lines.stride.shape[1]), origin)
    return curve_of_table(runner.inverse_curve(gathered).numpy())
