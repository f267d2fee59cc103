"""What becomes of rendered light before it is stored: its scale, and figures about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["HALF_MAX", "balanced", "facts_of", "rescaled"]

HALF_MAX = 65504.0
GREY = 0.18
"""Where the picture's median goes."""
DARKEST_GREY = 0.01
"""How far below that it may go for a sun or lamp to fit into half floats, which hold 11 bits down to 0.00006."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def balanced(light: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float32]:
    """White balance as of a camera: the picture's mean colour (of logarithms) goes so much of the way to grey."""
    means = np.log(light + 1e-3 * np.median(light @ LUMINANCE) + 1e-12).mean(axis=(0, 1))
    gains = np.exp(share * (means @ LUMINANCE - means)).astype(np.float32)
    return light * (gains / (gains @ LUMINANCE))


def rescaled(light: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """Light whose median is GREY, or less where its peak would not fit half floats; and the factor.

    Nothing is cut: what does not fit at DARKEST_GREY stays above HALF_MAX, and the file is of 32 bits.
    """
    median = max(float(np.median(light @ LUMINANCE)), 1e-12)
    fits = HALF_MAX / max(float(light.max()), 1e-12)
    scale = min(GREY / median, max(fits, DARKEST_GREY / median))
    return (light * np.float32(scale)).astype(np.float32), scale


def facts_of(light: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Peak and stops, for the manifest."""
    luminance = (light @ LUMINANCE).clip(1e-7)
    low, median = (float(np.percentile(luminance, share)) for share in (1, 50))
    top = np.percentile(light.max(axis=2), [85, 95, 98, 99.7])
    return {
        "median": _short(median),
        "max": _short(float(light.max())),
        "stops_p1_max": _short(float(np.log2(light.max() / low))),
        # How far the brightest pixel lies above the clip of an exposure that clips so much of the picture.
        "stops_above_clip": {
            f"{s} %": _short(float(np.log2(light.max() / t))) for s, t in zip((15, 5, 2, 0.3), top, strict=True)
        },
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")
