"""Measures of an HDR reconstruction, each with its source.

Everything is in camera units: 1.0 is the level at which the plate clips. Arrays are (H, W, 3)
linear Rec.709 unless a function says otherwise. ``headroom.metrics.jod`` (ColorVideoVDP, optional
extra) is imported on its own.
"""

from headroom.metrics.align import align_scale, well_exposed
from headroom.metrics.curve_correction import correct_curve
from headroom.metrics.lighting import LightingErrors, lighting_errors
from headroom.metrics.linear import (
    LogErrors,
    headroom_stops,
    linear_psnr,
    log_errors,
    luminance,
    mu_law_psnr,
)
from headroom.metrics.pu21 import (
    psnr,
    pu21_decode,
    pu21_encode,
    pu21_psnr,
    pu21_psnr_luminance,
    pu21_ssim,
    ssim,
    to_nits,
)

__all__ = [
    "LightingErrors",
    "LogErrors",
    "align_scale",
    "correct_curve",
    "headroom_stops",
    "lighting_errors",
    "linear_psnr",
    "log_errors",
    "luminance",
    "mu_law_psnr",
    "psnr",
    "pu21_decode",
    "pu21_encode",
    "pu21_psnr",
    "pu21_psnr_luminance",
    "pu21_ssim",
    "ssim",
    "to_nits",
    "well_exposed",
]
