"""A frame's light at other places than its pixels, without ringing and without clamping."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

__all__ = ["MARGIN_PX", "PARTS", "inside", "resample"]

MARGIN_PX = 2
"""Pixels that the bicubic kernel reaches beyond a position."""
PARTS = 32
"""OpenCV tells so many positions within a pixel apart."""
OVERSHOOT = 0.25
"""How far a sample may leave the range of its four nearest pixels, as a share of that range. A bicubic kernel in
linear light otherwise draws dark rims about bright edges; where the pixels are level, nothing overshoots at all."""
FEATHER_PX = 8.0
"""A frame fades out over so many pixels towards its border, so that no seam shows where it ends."""


def resample(linear: FloatArray, clipped: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(H, W, 3) light and clip mask at (h, w, 2) positions x, y; at whole pixels exactly what is there.

    Bicubic. The clip mask is that of the worst of the four nearest pixels: a sample that mixes clipped light in is
    too dark, by as much as nobody knows.
    """
    at = np.round(at * PARTS) / np.float32(PARTS)
    corner = np.floor(at)
    light: FloatArray = cv2.remap(linear, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    low, high = (
        cv2.remap(part(linear, _FOUR, anchor=(0, 0)), corner, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        for part in (cv2.erode, cv2.dilate)
    )
    slack = (high - low) * np.float32(OVERSHOOT)
    light = np.minimum(np.maximum(light, low - slack), high + slack)
    if not clipped.any():
        return light, np.zeros_like(light)
    worst: FloatArray = cv2.remap(
        cv2.dilate(clipped, _FOUR, anchor=(0, 0)), corner, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    whole = (at == corner).all(axis=2)
    if whole.any():
        plain = cv2.remap(clipped, corner, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        worst[whole] = plain[whole]
    return light, worst


_FOUR = np.ones((2, 2), np.uint8)


def inside(at: npt.NDArray[np.float64], height: int, width: int) -> FloatArray:
    """(h, w) 0..1 of positions (h, w, 2): 0 outside the frame's pixel centres, 1 well inside."""
    x, y = at[..., 0], at[..., 1]
    margin = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    share: FloatArray = (margin / np.float32(FEATHER_PX)).clip(0, 1).astype(np.float32)
    return share
