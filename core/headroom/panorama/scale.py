"""From relative light to cd/m2: what 1.0 in the map is worth."""

from __future__ import annotations

import math

import numpy as np

from headroom.metrics.linear import luminance
from headroom.plate import FloatArray

__all__ = ["CARD_REFLECTANCE", "of_card", "of_ev"]

SATURATION_OVER_EV = 1.2
"""Luminance that saturates, over 2^EV100: 78 / (S q) with q = 0.65 (ISO 12232; Lagarde and de Rousiers 2014)."""
CARD_REFLECTANCE = 0.18


def of_ev(ev100: float) -> float:
    """cd/m2 for 1.0, the plate's white, at an exposure value for ISO 100."""
    return float(SATURATION_OVER_EV * 2.0**ev100)


def of_card(patch: FloatArray, value: float, unit: str) -> float:
    """cd/m2 for 1.0 from the pixels of an 18 % grey card: its luminance (``nits``) or the light on it (``lux``)."""
    seen = float(np.median(luminance(patch)))
    nits = value if unit == "nits" else value * CARD_REFLECTANCE / math.pi
    return nits / seen if seen > 0 else 0.0
