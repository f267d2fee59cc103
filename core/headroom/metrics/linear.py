"""Errors in log and linear light, on aligned images in camera units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "LogErrors",
    "headroom_stops",
    "linear_psnr",
    "log_errors",
    "luminance",
    "mu_law_psnr",
]

Array = npt.NDArray[np.floating]

# ITU-R BT.709: the weights of luminance.
LUMINANCE = (0.2126, 0.7152, 0.0722)

# Below one thirtieth of sRGB's first 8-bit code: keeps log2 finite where a method answers zero.
LOG_FLOOR = 1e-5

# Kalantari and Ramamoorthi 2017, eq. 3.
MU = 5000.0

# "The peak" of an image, for headroom and for normalised PSNR: robust against single fireflies.
PEAK_PERCENTILE = 99.9


@dataclass(frozen=True)
class LogErrors:
    """Error of log2(test / truth), in stops; ``rmse**2 == bias**2 + spread**2``."""

    rmse: float
    bias: float
    """Mean error: negative is too dark."""
    spread: float
    """Standard deviation of the error: what no gain for the whole region can mend."""
    samples: int


def luminance(lin: Array) -> Array:
    """(H, W) Rec.709 luminance of (H, W, 3) linear light."""
    red, green, blue = LUMINANCE
    return np.asarray(red * lin[..., 0] + green * lin[..., 1] + blue * lin[..., 2])


def log_errors(test: Array, truth: Array, where: npt.NDArray[np.bool_]) -> LogErrors:
    """Errors over the samples (or pixels: all their samples) in ``where``; NaN where there are none.

    Both sides are floored at 1e-5 of the clip level.
    """
    chosen = truth[where]
    if chosen.size == 0:
        return LogErrors(math.nan, math.nan, math.nan, 0)
    error = np.log2(test[where].clip(LOG_FLOOR)) - np.log2(chosen.clip(LOG_FLOOR))
    error = error.astype(np.float64)
    bias = float(error.mean())
    spread = float(error.std())
    return LogErrors(math.hypot(bias, spread), bias, spread, int(chosen.size))


def headroom_stops(truth: Array) -> float:
    """Stops between the clip level and the truth's peak: what there is to be recovered."""
    return math.log2(max(float(np.percentile(truth.max(-1), PEAK_PERCENTILE)), LOG_FLOOR))


def mu_law_psnr(test: Array, truth: Array, where: npt.NDArray[np.bool_] | None = None) -> float:
    """PSNR in dB after the mu-law (mu = 5000), both divided by the whole truth's 99.9th percentile.

    Above the percentile the law goes on as it is; nothing is clipped. ``where`` (H, W): over these pixels only.
    """
    peak = max(float(np.percentile(truth, PEAK_PERCENTILE)), LOG_FLOOR)
    if where is not None:
        test, truth = test[where], truth[where]
    error = float(np.mean(np.square(_mu_law(test / peak) - _mu_law(truth / peak)), dtype=np.float64))
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def linear_psnr(test: Array, truth: Array) -> float:
    """PSNR in dB of linear light, peak = the truth's 99.9th percentile."""
    peak = max(float(np.percentile(truth, PEAK_PERCENTILE)), LOG_FLOOR)
    error = float(np.mean(np.square((test - truth) / peak), dtype=np.float64))
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def _mu_law(x: Array) -> Array:
    return np.asarray(np.log1p(MU * x.clip(0.0)) / math.log1p(MU))
