"""PSNR and SSIM on perceptually uniform code values.

Mantiuk and Azimi, "PU21: A novel perceptually uniform encoding for adapting existing quality
metrics for HDR", PCS 2021; constants of the ``banding_glare`` variant from gfxdisp/pu21. The peak
for PSNR and SSIM is 256, the PU21 code of 100 cd/m2 white. SSIM: Wang et al. 2004.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.plate import FloatArray

__all__ = [
    "psnr",
    "pu21_curve",
    "pu21_decode",
    "pu21_encode",
    "pu21_psnr",
    "pu21_psnr_luminance",
    "pu21_ssim",
    "ssim",
    "to_nits",
]

Array = npt.NDArray[np.floating]

# p1..p7 of the banding + glare variant.
P1, P2, P3, P4 = 0.353487901, 0.3734658629, 8.277049286e-05, 0.9062562627
P5, P6, P7 = 0.09150303166, 0.9099517204, 596.3148142

NITS_FLOOR = 0.005
NITS_CEILING = 10_000.0
PEAK = 256.0

# ITU-R BT.2408: HDR reference (diffuse) white; here the level at which the plate clips.
DIFFUSE_WHITE_NITS = 203.0

# Wang et al. 2004: an 11 x 11 Gaussian window of 1.5 px, K1 and K2.
SSIM_RADIUS = 5
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03


def to_nits(lin: Array) -> FloatArray:
    """Camera units to cd/m2 on the reference display, limited to what PU21 covers."""
    nits = np.asarray(lin, np.float32) * np.float32(DIFFUSE_WHITE_NITS)
    return np.asarray(nits.clip(NITS_FLOOR, NITS_CEILING), np.float32)


def pu21_encode(nits: Array) -> Array:
    """Luminance or colour channels in cd/m2 (0.005..10,000) to PU21 units (0..about 595)."""
    return np.asarray(pu21_curve(nits))


def pu21_curve(nits: Any) -> Any:
    """The curve itself, on arrays and on tensors, where it has a gradient."""
    power = nits.clip(NITS_FLOOR, NITS_CEILING) ** P4
    return P7 * (((P1 + P2 * power) / (1.0 + P3 * power)) ** P5 - P6)


def pu21_decode(code: Array) -> Array:
    """PU21 units to cd/m2, the inverse of :func:`pu21_encode`."""
    ratio = (code / P7 + P6).clip(0.0) ** (1.0 / P5)
    return np.asarray(((ratio - P1).clip(0.0) / (P2 - P3 * ratio)) ** (1.0 / P4))


def psnr(test: Array, reference: Array, peak: float) -> float:
    """Peak signal-to-noise ratio in dB; infinite where both are equal."""
    error = float(np.mean(np.square(test - reference), dtype=np.float64))
    return math.inf if error == 0.0 else 10.0 * math.log10(peak * peak / error)


def pu21_psnr(test: Array, reference: Array) -> float:
    """PSNR in dB over R, G and B of two linear images in camera units."""
    return psnr(pu21_encode(to_nits(test)), pu21_encode(to_nits(reference)), PEAK)


def pu21_psnr_luminance(test: Array, reference: Array) -> float:
    """PSNR in dB over luminance of two linear images in camera units."""
    return pu21_psnr(luminance(test), luminance(reference))


def pu21_ssim(test: Array, reference: Array) -> float:
    """Structural similarity (-1..1) over the luminance of two linear images in camera units."""
    coded = [pu21_encode(to_nits(luminance(image))) for image in (test, reference)]
    return ssim(coded[0], coded[1], PEAK)


def ssim(test: Array, reference: Array, peak: float) -> float:
    """Mean structural similarity of two (H, W) images; edges are repeated outwards."""
    return float(np.mean(ssim_map(test, reference, peak)))


def ssim_map(test: Array, reference: Array, peak: float) -> npt.NDArray[np.float64]:
    """Structural similarity (H, W) around each pixel."""
    x, y = np.asarray(test, np.float64), np.asarray(reference, np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x * mean_x
    var_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * peak) ** 2, (SSIM_K2 * peak) ** 2
    above = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    below = (mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)
    return np.asarray(above / below)


def _blur(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    taps = np.exp(-0.5 * (np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1) / SSIM_SIGMA) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        size = image.shape[axis]
        padding = [(0, 0), (0, 0)]
        padding[axis] = (SSIM_RADIUS, SSIM_RADIUS)
        padded = np.pad(image, padding, mode="edge")
        image = np.zeros_like(image)
        for offset, tap in enumerate(taps):
            image += tap * padded.take(range(offset, offset + size), axis)
    return image
