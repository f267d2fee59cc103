"""Closed-form transfer curves, one definition for NumPy arrays and torch tensors of any float type.

Each curve is element-wise, keeps shape, type and device, and is continuous, increasing and
unclamped: above 1 the power law goes on, below 0 the toe does (odd mirror for the pure gamma).
``*_decode`` takes code values (0..1 is the plate's range) to linear light (1.0 is the plate's
white), ``*_encode`` goes back.

    curve    source                                       0.5 decodes to
    sRGB     IEC 61966-2-1:1999                           0.21404
    Rec.709  ITU-R BT.709-6, constants as in BT.2020-2    0.25972
    gamma    code ** g                                    0.5 ** g

torch is never imported here: the library is the one that the array came from.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar, cast

__all__ = [
    "gamma_decode",
    "gamma_encode",
    "rec709_decode",
    "rec709_encode",
    "srgb_decode",
    "srgb_encode",
]

A = TypeVar("A")
"""A float ``numpy.ndarray`` or ``torch.Tensor``."""

# IEC 61966-2-1:1999, sections 5.2 and 5.3.
SRGB_SLOPE = 12.92
SRGB_OFFSET = 0.055
SRGB_GAMMA = 2.4
SRGB_BREAK_LIN = 0.0031308
SRGB_BREAK_CODE = 0.04045

# ITU-R BT.2020-2, table 4: BT.709's 1.099 and 0.018, exact, so that curve and slope are continuous.
REC709_SLOPE = 4.5
REC709_ALPHA = 1.09929682680944
REC709_BREAK_LIN = 0.018053968510807
REC709_POWER = 0.45


def srgb_decode(code: A) -> A:
    """SRGB code values to linear light."""
    x: Any = code
    power = ((x.clip(min=SRGB_BREAK_CODE) + SRGB_OFFSET) / (1.0 + SRGB_OFFSET)) ** SRGB_GAMMA
    return cast(A, _where(x <= SRGB_BREAK_CODE, x / SRGB_SLOPE, power))


def srgb_encode(lin: A) -> A:
    """Linear light to sRGB code values."""
    x: Any = lin
    root = x.clip(min=SRGB_BREAK_LIN) ** (1.0 / SRGB_GAMMA)
    power = (1.0 + SRGB_OFFSET) * root - SRGB_OFFSET
    return cast(A, _where(x <= SRGB_BREAK_LIN, x * SRGB_SLOPE, power))


def rec709_decode(code: A) -> A:
    """Rec.709 camera code values to scene light (the inverse OETF, not a display's Rec.1886)."""
    x: Any = code
    break_code = REC709_SLOPE * REC709_BREAK_LIN
    base = (x.clip(min=break_code) + (REC709_ALPHA - 1.0)) / REC709_ALPHA
    power = base ** (1.0 / REC709_POWER)
    return cast(A, _where(x <= break_code, x / REC709_SLOPE, power))


def rec709_encode(lin: A) -> A:
    """Scene light to Rec.709 camera code values (the OETF)."""
    x: Any = lin
    power = REC709_ALPHA * x.clip(min=REC709_BREAK_LIN) ** REC709_POWER - (REC709_ALPHA - 1.0)
    return cast(A, _where(x <= REC709_BREAK_LIN, x * REC709_SLOPE, power))


def gamma_decode(code: A, gamma: float = 2.2) -> A:
    """``code ** gamma``; negative codes mirror."""
    x: Any = code
    power = abs(x) ** gamma
    return cast(A, _where(x < 0, -power, power))


def gamma_encode(lin: A, gamma: float = 2.2) -> A:
    """``lin ** (1 / gamma)``; negative light mirrors."""
    return gamma_decode(lin, 1.0 / gamma)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    library = sys.modules[type(yes).__module__.partition(".")[0]]
    return library.where(condition, yes, no)
