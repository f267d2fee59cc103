"""What is measured of a frame, at its full size, band by band."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray
from headroom.report.frame import Band, brightest_of

__all__ = ["PERCENTILES", "UNTOUCHED_LIMIT", "Measures"]

LUMINANCE_709 = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709-6
STOPS_LOW, STOPS_HIGH, BINS_PER_STOP = -20, 44, 48
SHOWN_BINS_PER_STOP = 4
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
WHITE = 1.0005
"""The plate's white, with the rounding of half floats: what is clipped is not above it."""
UNTOUCHED_FLOOR = 2.0**-10
"""Recorded light below this is compared by difference, not by ratio: half floats and other primaries round it."""
UNTOUCHED_LIMIT = 0.01
"""A recorded pixel that is off by more than this share was changed: rounding to half floats stays within a tenth."""

Counts = npt.NDArray[np.int64]


def stops_of(light: float) -> float | None:
    """Stops from white; None where there is no light."""
    return math.log2(light) if light > 0 else None


@dataclass
class Light:
    """Statistics of one picture's light. The brightest channel of a pixel counts; 1 is the plate's white."""

    histogram: Counts = field(default_factory=lambda: np.zeros((STOPS_HIGH - STOPS_LOW) * BINS_PER_STOP, np.int64))
    pixels: int = 0
    luminance_sum: float = 0.0
    peak: float = -math.inf
    peak_at: tuple[int, int] = (0, 0)
    """Column and row."""
    above_white: int = 0
    negative: int = 0

    def add(self, light: FloatArray, y0: int) -> None:
        """Counts rows from ``y0`` on, (h, W, 3) linear Rec.709."""
        brightest = brightest_of(light)
        at = int(brightest.argmax())
        if brightest.flat[at] > self.peak:
            self.peak = float(brightest.flat[at])
            self.peak_at = at % light.shape[1], y0 + at // light.shape[1]
        self.above_white += int(np.count_nonzero(brightest > WHITE))
        self.negative += int(np.count_nonzero(-brightest_of(-light) < -UNTOUCHED_FLOOR))
        self.pixels += brightest.size
        self.luminance_sum += float((light @ LUMINANCE_709).sum(dtype=np.float64))
        stops = np.log2(brightest[brightest > 0])
        bins = ((stops - STOPS_LOW) * BINS_PER_STOP).clip(0, len(self.histogram) - 1).astype(np.int64)
        self.histogram += np.bincount(bins, minlength=len(self.histogram))

    def percentile_stops(self, percent: float) -> float | None:
        """Stops from white below which this share of the pixels lies, to a 48th; None: black."""
        rank = percent / 100 * self.pixels - (self.pixels - int(self.histogram.sum()))
        if rank <= 0:
            return None
        found = int(np.searchsorted(np.cumsum(self.histogram), rank))
        top = stops_of(self.peak)
        middle = (found + 0.5) / BINS_PER_STOP + STOPS_LOW
        return middle if top is None else min(middle, top)

    def as_dict(self) -> dict[str, Any]:
        """For the page; stops are from white."""
        shown = self.histogram.reshape(-1, BINS_PER_STOP // SHOWN_BINS_PER_STOP).sum(axis=1)
        lit = np.flatnonzero(shown)
        first, last = (int(lit[0]), int(lit[-1]) + 1) if len(lit) else (0, 0)
        return {
            "peak": self.peak,
            "peak_stops": stops_of(self.peak),
            "peak_at": list(self.peak_at),
            "mean_luminance": self.luminance_sum / self.pixels,
            "mean_stops": stops_of(self.luminance_sum / self.pixels),
            "above_white_share": self.above_white / self.pixels,
            "negative_share": self.negative / self.pixels,
            "percentile_stops": {f"{percent:g}": self.percentile_stops(percent) for percent in PERCENTILES},
            "histogram": {
                "low_stops": STOPS_LOW + first / SHOWN_BINS_PER_STOP,
                "bins_per_stop": SHOWN_BINS_PER_STOP,
                "shares": [round(float(share), 9) for share in shown[first:last] / self.pixels],
            },
        }


@dataclass
class Measures:
    """Everything that a frame's page says in numbers."""

    hdr: Light = field(default_factory=Light)
    ldr: Light | None = None
    masked: int = 0
    gain_sum: float = 0.0
    gain_peak: float = 0.0
    masked_luminance: float = 0.0
    untouched_worst: float = 0.0
    """Largest deviation of the result from the plate where nothing was reconstructed, as a share of the light."""
    untouched_off: int = 0
    """Pixels there that deviate by more than ``UNTOUCHED_LIMIT``."""
    untouched: int = 0

    def add(self, band: Band) -> None:
        """Counts a band."""
        self.hdr.add(band.hdr, band.y0)
        touched = band.mask > 0
        self.masked += int(np.count_nonzero(touched))
        self.masked_luminance += float((band.hdr[touched] @ LUMINANCE_709).sum(dtype=np.float64))
        if band.gain is not None and touched.any():
            self.gain_sum += float(band.gain[touched].sum(dtype=np.float64))
            self.gain_peak = max(self.gain_peak, float(band.gain[touched].max()))
        if band.ldr is None:
            return
        self.ldr = self.ldr or Light()
        self.ldr.add(band.ldr, band.y0)
        kept = ~touched if band.seen is None else ~touched & band.seen
        kept_ldr, kept_hdr = band.ldr[kept], band.hdr[kept]
        if len(kept_ldr):
            scale = np.maximum(brightest_of(np.abs(kept_ldr)), UNTOUCHED_FLOOR)
            off = brightest_of(np.abs(kept_hdr - kept_ldr)) / scale
            self.untouched += len(off)
            self.untouched_worst = max(self.untouched_worst, float(off.max()))
            self.untouched_off += int(np.count_nonzero(off > UNTOUCHED_LIMIT))

    def as_dict(self, *, clipped_share: float | None, has_gain: bool) -> dict[str, Any]:
        """For the page and for JSON."""
        total = self.hdr.pixels
        return {
            "hdr": self.hdr.as_dict(),
            "ldr": None if self.ldr is None else self.ldr.as_dict(),
            "clipped_share": clipped_share,
            "masked_share": self.masked / total,
            "masked_mean_stops": stops_of(self.masked_luminance / self.masked) if self.masked else None,
            "gain_mean_stops": self.gain_sum / self.masked if has_gain and self.masked else None,
            "gain_peak_stops": self.gain_peak if has_gain and self.masked else None,
            "untouched": None
            if self.ldr is None or not self.untouched
            else {
                "share": self.untouched / total,
                "worst": self.untouched_worst,
                "off_share": self.untouched_off / self.untouched,
            },
        }
