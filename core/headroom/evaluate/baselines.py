"""What a reconstruction has to beat: doing nothing, one gain for all, and the operators of the literature.

Each takes code values 0..1 and the declared response, and answers linear light in which 1.0 is the
plate's white; the benchmark aligns the scale of what was recorded for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headroom.camera import Response
from headroom.evaluate.bilateral import cross_bilateral
from headroom.evaluate.expandnet import expandnet_methods
from headroom.evaluate.methods import BASE, Method, MethodFunction, inverse_response
from headroom.metrics import luminance
from headroom.plate import FloatArray

__all__ = ["BASE", "baselines", "clip_mask"]

# Where highlights begin in code values: the seed papers' tau.
TAU = 0.95

FIXED_GAIN = 4.0

# Mean of log2(truth) in the clip over the 95 training scenes at 2, 5 and 15 % clipped.
TRAINING_MEAN_STOPS = 1.05

# Akyuz et al. 2007 found the linear stretch preferred.
AKYUZ_EXPONENT = 1.0

# Kovaleski and Oliveira 2014: stills are bright above 254; brightness rises up to fourfold;
# sigmas of 150 px for a frame 1920 wide and of 25 codes.
KO_THRESHOLD = 254.0 / 255.0
KO_GAIN = 4.0
KO_SIGMA_SHARE = 150.0 / 1920.0
KO_SIGMA_RANGE = 25.0 / 255.0

# Landis 2002: light above mid grey is raised by the square of its distance from it.
LANDIS_THRESHOLD = 0.5
LANDIS_EXPONENT = 2.0
LANDIS_PEAK = 4.0


def baselines(peers: Path | None = None) -> tuple[Method, ...]:
    """All baselines; ExpandNet's two only where ``peers``/expandnet/weights.pth is there."""
    return (
        Method(BASE, inverse_response),
        Method("constant gain x4", constant_gain(float(np.log2(FIXED_GAIN)))),
        Method("constant gain, training mean", constant_gain(TRAINING_MEAN_STOPS)),
        Method("Akyuz 2007", akyuz),
        Method("Landis 2002", landis),
        Method("Kovaleski-Oliveira 2014", kovaleski_oliveira),
        *expandnet_methods(peers),
    )


def clip_mask(code: FloatArray) -> FloatArray:
    """(H, W, 1): 0 below tau, 1 at the top code, linear between, of the brightest channel."""
    peak = code.max(axis=-1, keepdims=True)
    mask = ((peak - np.float32(TAU)) / np.float32(1.0 - TAU)).clip(0.0, 1.0)
    return np.asarray(mask, np.float32)


def constant_gain(stops: float) -> MethodFunction:
    """The same gain for everything that clipped, feathered by the clip mask."""

    def run(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        lin = inverse_response(code, declared, is_jpeg)
        return np.asarray(lin * np.exp2(np.float32(stops) * clip_mask(code)), np.float32)

    return run


def akyuz(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
    """Akyuz et al. 2007: L' = Lmax ((L - Lmin) / (Lmax - Lmin)) ** g."""

    def expand(lum: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        low, high = lum.min(), lum.max()
        if high <= low:
            return lum
        return np.asarray(high * ((lum - low) / (high - low)) ** AKYUZ_EXPONENT)

    return _by_luminance(inverse_response(code, declared, is_jpeg), expand)


def landis(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
    """Landis 2002: a power-law rise from mid grey up to the peak."""

    def expand(lum: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        span = max(float(lum.max()) - LANDIS_THRESHOLD, 1e-6)
        weight = ((lum - LANDIS_THRESHOLD) / span).clip(0.0) ** LANDIS_EXPONENT
        return np.asarray(lum * (1.0 + weight * (LANDIS_PEAK - 1.0)))

    return _by_luminance(inverse_response(code, declared, is_jpeg), expand)


def kovaleski_oliveira(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
    """Kovaleski and Oliveira 2014: the mask of bright pixels, smoothed along edges, raises brightness."""
    bright = (code.max(axis=-1) > KO_THRESHOLD).astype(np.float32)
    sigma_px = KO_SIGMA_SHARE * max(code.shape[:2])
    smooth = cross_bilateral(bright, luminance(code), sigma_px, KO_SIGMA_RANGE)
    lin = inverse_response(code, declared, is_jpeg)
    return np.asarray(lin * (1.0 + (KO_GAIN - 1.0) * smooth)[..., None], np.float32)


def _by_luminance(
    lin: FloatArray, expand: Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]
) -> FloatArray:
    lum = luminance(lin)
    ratio = expand(lum) / np.maximum(lum, 1e-6)
    return (lin * ratio[..., None]).astype(np.float32)
