"""The inverse response curve that the network estimates, and whether to believe it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.camera import INVERSE_SAMPLES, inverse_emor_curve
from headroom.colour.curves import srgb_decode
from headroom.engine.run import Runner
from headroom.io.origin import STATED_ODDS
from headroom.networks.curve_net import Curve
from headroom.plate import FloatArray

__all__ = ["EstimatedCurve", "curve_of_table", "estimated_curve", "frame_curve", "informed", "stated_curve"]

SAMPLES = 1024
KEPT_PROBABILITY = 0.2
"""At this probability of the stated curve or above, it is kept: a wrong departure costs more than a missed one.
Chosen on training scenes among 0.05 to 0.5 (docs/training-log.md)."""
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


def estimated_curve(curve: Curve, *, lines: int) -> EstimatedCurve:
    """From the network's answer for one frame that showed it so many lines, in double precision."""
    light: npt.NDArray[np.float64] = inverse_emor_curve(curve.coefficients[:1].double())[0].numpy()
    # Below the codes that it learnt from, the network's curve means nothing: the toe is the stated one's.
    knots = np.linspace(0, 1, INVERSE_SAMPLES)
    dark, stated = round(MID_CODES[0] * (INVERSE_SAMPLES - 1)), srgb_decode(knots)
    light[:dark] = light[dark] / stated[dark] * stated[:dark]
    table = np.interp(np.linspace(0, 1, SAMPLES), knots, light)
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
    """The curve that a network sees in the frame that it gathered."""
    if runner.contract.curve == "lines":
        seen = estimated_curve(runner.curve(gathered.lines), lines=gathered.lines.stride.shape[1])
        return informed(seen, origin)
    return curve_of_table(runner.inverse_curve(gathered).numpy())
