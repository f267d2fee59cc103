"""What is in a picture: range, clipped share, spaces, header. Reads, never writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headroom import io
from headroom.clipping import clip_level
from headroom.colour.plan import ColourPlan, plan
from headroom.io.movie import MovieSource, is_movie
from headroom.io.origin import STATED_ODDS
from headroom.plate import Plate

__all__ = ["inspect"]

BAND_PX = 1 << 22
# Histogram of linear light in stops about white, in twelfths: percentiles to 0.1 stops in one pass.
STOPS_LOW, STOPS_HIGH, BINS_PER_STOP = -32, 32, 12
LOW_SHARE, HIGH_SHARE = 0.01, 0.9999
"""Range is told between these quantiles: single hot or dead pixels do not count."""


def inspect(
    path: Path, *, part: str | int | None = None, frm: str | None = None, config: str | None = None
) -> dict[str, Any]:
    """Plain values, ready for JSON: ``file``, ``plate``, ``light``, ``clip`` and ``warnings``.

    Of a movie the frame in its middle is looked at.
    """
    if is_movie(path):
        movie = MovieSource(path, part=part, from_space=frm)
        told = movie.header()
        plate = movie.read(movie.frames[len(movie.frames) // 2])
        movie.close()
    else:
        told = io.header(path)
        plate = io.read(path, part=part)
    colour = plan(plate.space, frm=frm, config=config, is_float=plate.is_float, bits=plate.bits)
    clip = clip_level(plate)
    return {
        "file": told,
        "plate": {
            "width": plate.width,
            "height": plate.height,
            "bits": plate.bits,
            "float": plate.is_float,
            "movie_frame": plate.frame,
            "movie_top": plate.video_top,
            "grey": plate.is_grey,
            "alpha": plate.alpha is not None,
            "space_stated": plate.space,
            "origin": plate.origin,
            "stated_curve_odds": STATED_ODDS.get(plate.origin or "", 1.0),
            "space": colour.from_space,
            "kind": colour.kind,
            "config": colour.config_name,
        },
        "light": _light(plate, colour),
        "clip": {"level": clip.code, "source": clip.source, "share": clip.clipped_share, "peak_code": clip.peak},
        "warnings": list(dict.fromkeys([*plate.warnings, *colour.warnings])),
    }


def _light(plate: Plate, colour: ColourPlan) -> dict[str, Any]:
    """Linear Rec.709, white is 1: least and largest value, peak over white and range in stops."""
    low, high, above = np.inf, -np.inf, 0
    histogram = np.zeros((STOPS_HIGH - STOPS_LOW) * BINS_PER_STOP, np.int64)
    rows = max(1, BAND_PX // plate.width)
    for y in range(0, plate.height, rows):
        lin = colour.to_lin709(plate.rows(y, min(y + rows, plate.height)))
        low, high = min(low, float(lin.min())), max(high, float(lin.max()))
        brightest = lin.max(axis=-1)
        above += int((brightest > 1).sum())
        stops = np.log2(brightest[brightest > 0])
        bins = ((stops - STOPS_LOW) * BINS_PER_STOP).clip(0, len(histogram) - 1).astype(np.int64)
        histogram += np.bincount(bins, minlength=len(histogram))
    lit = int(histogram.sum())
    ends = np.searchsorted(np.cumsum(histogram), [LOW_SHARE * lit, HIGH_SHARE * lit]) if lit else np.zeros(2)
    return {
        "min": low,
        "max": high,
        "peak_stops": float(np.log2(high)) if high > 0 else None,
        "range_stops": float(ends[1] - ends[0]) / BINS_PER_STOP,
        "share_above_white": above / (plate.width * plate.height),
        "share_black": 1 - lit / (plate.width * plate.height),
    }
