"""Recorded light and reconstructed light, put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headroom.curve import EstimatedCurve
from headroom.encode import Encoder, Rows, largest_channel
from headroom.engine.run import BandOutput
from headroom.networks.single_image import RIGHT_WITHIN
from headroom.options import Options
from headroom.plate import FloatArray

__all__ = ["Band", "blend", "light_by_estimate"]

PEAK_KNEE = 0.5
"""Share of --peak-stops below which gains are left alone."""


@dataclass(frozen=True)
class Band:
    """Finished rows ``y0 ..`` of the result."""

    y0: int
    pixels: FloatArray
    """(h, W, 3) linear, output space, un-premultiplied."""
    mask: FloatArray
    """(h, W) 0..1 how much of the pixel is reconstructed."""
    gain_stops: FloatArray
    """(h, W) stops added to the pixel's most raised channel."""
    confidence: FloatArray
    """(h, W) probability that the median's gain is right within a stop; 1 where nothing was reconstructed."""


def blend(
    y0: int, rows: Rows, result: BandOutput, encoder: Encoder, estimate: EstimatedCurve, options: Options
) -> Band:
    """Recorded pixels through ``base`` alone; the others also through their gain, in linear Rec.709."""
    colour, code, x_srgb = encoder.colour, rows.code, rows.x_srgb
    if result.dequantize is not None:
        half_code = np.float32(0.5 / (2**encoder.plate.bits - 1))
        code = code + result.dequantize * half_code * (rows.alpha == 0)
        x_srgb = encoder.seen(code)
    gain = _limit(result.gain_log2 * np.float32(options.boost * options.strength) * rows.alpha, options.peak_stops)
    mask = largest_channel(rows.alpha)
    touched = mask > 0
    if options.curve == "estimate" and not estimate.keeps_stated:
        lin709 = light_by_estimate(code, x_srgb, encoder, estimate)
        pixels = colour.from_lin709(lin709 * np.exp2(gain))
    else:
        pixels = colour.base(code)
        if touched.any():
            lin709 = colour.to_lin709(code[touched][None])
            pixels[touched] = colour.from_lin709(lin709 * np.exp2(gain[touched][None]))[0]
    confidence = np.ones_like(mask)
    if touched.any():
        spread = np.exp2(result.spread_log2[touched].clip(-8, 8))
        confidence[touched] = np.tanh(np.float32(RIGHT_WITHIN) / spread)
    return Band(y0, pixels, mask, largest_channel(gain), confidence)


def light_by_estimate(code: FloatArray, x_srgb: FloatArray, encoder: Encoder, estimate: EstimatedCurve) -> FloatArray:
    """Linear Rec.709 by the estimated curve in place of the stated one; 1.0 at the clip level stays where it was."""
    level = np.full((1, 1, 3), encoder.level, np.float32)
    top = np.float32(encoder.colour.to_lin709(level).max())
    x = x_srgb if encoder.boost == 1.0 else x_srgb ** np.float32(encoder.boost)
    # What lies outside Rec.709's gamut or above the level has no place on the curve: it is carried over as it is.
    lin709 = encoder.colour.to_lin709(code)
    light: FloatArray = estimate.decode(x) * top + (lin709 - lin709.clip(0, top))
    return light


def _limit(gain_log2: FloatArray, peak_stops: float | None) -> FloatArray:
    """Leave gains below the knee alone and bend the rest towards ``peak_stops``."""
    if peak_stops is None:
        return gain_log2
    knee = np.float32(PEAK_KNEE * peak_stops)
    room = np.float32(peak_stops) - knee
    bent = knee + room * np.tanh((gain_log2 - knee) / room)
    limited: FloatArray = np.where(gain_log2 > knee, bent, gain_log2).astype(np.float32, copy=False)
    return limited
