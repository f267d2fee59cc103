"""Which light of those that are possible: the network states a gain and how far it may be off, the user picks.

``gain_log2`` and the spread s (stops) describe a log-normal light. Its median is 2^gain; its mean, which is right on
average and so for what the light does to a scene, is 2^(gain + ln(2)/2 s^2); a bold pick lies one spread above.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from headroom.engine.run import BandOutput

__all__ = ["picked"]

SPREAD_STOPS_MAX = 3.0
"""A wider doubt adds no more: its mean would be ruled by lights that hardly ever are. Adds 3.1 stops at most."""


def picked(result: BandOutput, light: str) -> BandOutput:
    """``result`` with the gain of one of ``settings.LIGHTS``; the median is the network's own answer, untouched."""
    if light == "median":
        return result
    spread = np.exp2(result.spread_log2.clip(-8, math.log2(SPREAD_STOPS_MAX)))[..., None]
    more = np.float32(math.log(2) / 2) * spread * spread if light == "mean" else spread
    gain = np.asarray(result.gain_log2 + more, np.float32)  # where nothing clipped, alpha takes it away again
    return replace(result, gain_log2=gain)
