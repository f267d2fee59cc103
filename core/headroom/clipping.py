"""Where a plate clipped: its clip level in code values, and the soft mask above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import UsageError
from headroom.plate import FloatArray, Plate

__all__ = ["ClipLevel", "TAU", "clip_level", "soft_mask"]

TAU = 0.95
"""Share of the clip level at which the mask starts (Eilertsen et al. 2017)."""
BINS = 1024
SEARCH_FROM = 0.80
"""A plate whose brightest pile lies lower than this is dim, not clipped."""
SPIKE_SHARE = 2e-4
"""Least share of the samples in a pile that counts as a clip."""
SPIKE_OVER_NEIGHBOURS = 4.0
"""A pile holds this many times what the codes below it hold on average."""
TAIL_SHARE = 0.5
"""What may lie above the pile (ringing of JPEG, sharpening), as a share of it."""
PILE_BINS = 3
NEIGHBOUR_BINS = 24
VIDEO_END = 1.25
"""Movies' codes are counted up to here, beyond what any range records: ringing must not pile up at the end."""
RINGING_BINS = 4
"""A movie's clip is spread by its compression over so many bins to either side."""
APART_BINS = 12
"""It is higher than anything that lies so near."""
VIDEO_OVER_NEIGHBOURS = 3.0
VIDEO_TAIL_SHARE = 1.0
OVERSHOOT = 1.02
"""A movie's codes up to here may be the ringing of its compression at white, not light recorded above it."""


@dataclass(frozen=True)
class ClipLevel:
    """Code value (0..1; float plates: any, limited-range movies: up to 1.09) from which samples are clipped."""

    code: float
    source: str
    """``user``, ``top code`` or ``detected``."""
    clipped_share: float
    """Share of pixels with some channel at the level."""
    peak: float
    """Largest code value in the plate."""


def soft_mask(code: Any, level: float, tau: float = TAU) -> Any:
    """0 up to ``tau * level``, 1 at the level, straight between; arrays and tensors of any shape."""
    return ((code / level - tau) / (1 - tau)).clip(0, 1)


def clip_level(plate: Plate, *, user: float | None = None) -> ClipLevel:
    """The plate's clip level.

    ``user``: 0..1, or an 8-bit code above 1. Otherwise a pile of samples at the bright end that nothing much lies
    above: compressed and re-encoded pictures often saturate at 235..254 instead of 255.

    Movies of limited range record light above white (235): there the level may lie above 1.0, and an 8-bit code is
    a code as the movie stores it.
    """
    if plate.video_top is not None and plate.is_float:
        return _video_level(plate, plate.video_top, user)
    if user is not None:
        level = user / 255 if user > 1 and not plate.is_float else user
        if not 0 < level <= (65504 if plate.is_float else 1):
            raise UsageError(f"--clip-level {user:g}: give a code value in 0..1, or in 1..255 for 8-bit codes")
        _, peak = _histogram(plate)
        return ClipLevel(level, "user", _share_at(plate, level), peak)
    histogram, peak = _histogram(plate)
    found = _pile(histogram, 2**plate.bits - 1) if not plate.is_float else _float_pile(plate, peak)
    if found is None or found >= 1 - 1 / 512:
        return ClipLevel(1.0, "top code", _share_at(plate, 1.0), peak)
    return ClipLevel(found, "detected", _share_at(plate, found), peak)


def _video_level(plate: Plate, top: float, user: float | None) -> ClipLevel:
    """Of a movie's float codes, which reach from below 0 to ``top`` and, through chroma, somewhat beyond."""
    is_limited = top > 1
    if user is not None:
        level = user if user <= top else (user - 16) / 219 if is_limited else user / 255
        if not 0 < level <= top:
            codes = "17..255 for 8-bit codes as stored" if is_limited else "1..255 for 8-bit codes"
            raise UsageError(f"--clip-level {user:g}: give a code value in 0..{top:.4g}, or in {codes}")
        _, peak = _histogram(plate)
        return ClipLevel(level, "user", _share_at(plate, level), peak)
    histogram, peak = _histogram(plate, VIDEO_END)
    found = _video_pile(histogram)
    if found is not None and found < top * (1 - 1 / 512):
        white = 219 << (plate.bits - 8) if is_limited else 2**plate.bits - 1
        level = round(found * white) / white if white < BINS else found
        return ClipLevel(level, "detected", _share_at(plate, level), peak)
    if found is None and is_limited and _share_at(plate, OVERSHOOT) < SPIKE_SHARE:
        return ClipLevel(1.0, "top code", _share_at(plate, 1.0), peak)  # nothing was recorded above white
    return ClipLevel(top, "top code", _share_at(plate, top), peak)


def _spans(plate: Plate) -> Iterator[tuple[int, int]]:
    rows = max(1, (1 << 22) // plate.width)
    for y in range(0, plate.height, rows):
        yield y, min(y + rows, plate.height)


def _bands(plate: Plate) -> Iterator[FloatArray]:
    for y0, y1 in _spans(plate):
        yield plate.rows(y0, y1)


def _histogram(plate: Plate, end: float = 1.0) -> tuple[npt.NDArray[np.int64], float]:
    """(1024,) counts over codes 0..end (integers: 0..1), and the largest code value."""
    if plate.codes.dtype.kind == "u" and not plate.premultiplied:
        top = int(np.iinfo(plate.codes.dtype).max)
        counts = np.zeros(top + 1, np.int64)
        for y0, y1 in _spans(plate):  # bincount makes 64-bit copies of what it counts
            counts += np.bincount(plate.codes[y0:y1].ravel(), minlength=top + 1)
        bins = (np.arange(top + 1) / top * (BINS - 1) + 0.5).astype(np.int64)
        histogram = np.bincount(bins, counts, BINS).astype(np.int64)
        return histogram, float(np.flatnonzero(counts)[-1] / top)
    histogram = np.zeros(BINS, np.int64)
    peak = 0.0
    for band in _bands(plate):
        peak = max(peak, float(band.max()))
        bins = (band.clip(0, end) * np.float32((BINS - 1) / end) + np.float32(0.5)).astype(np.int64)
        histogram += np.bincount(bins.ravel(), minlength=BINS)
    return histogram, peak


def _pile(histogram: npt.NDArray[np.int64], steps: int) -> float | None:
    """The topmost pile of the histogram as a share of its range, which codes divide into so many ``steps``."""
    total = histogram.sum()
    first = int(SEARCH_FROM * BINS)
    for b in range(BINS - 1, first, -1):
        low = max(0, b - PILE_BINS + 1)
        pile = histogram[low : b + 1].sum()
        if pile < SPIKE_SHARE * total:
            continue
        above = histogram[b + 1 :].sum()
        # 8-bit codes leave every fourth bin occupied: compare sums over whole stretches, not single bins.
        neighbours = histogram[max(0, low - NEIGHBOUR_BINS - 8) : low - 8].sum() / NEIGHBOUR_BINS * 4
        if pile > SPIKE_OVER_NEIGHBOURS * neighbours and above <= TAIL_SHARE * pile:
            occupied = np.flatnonzero(histogram[low : b + 1]) + low
            fullest = int(occupied[np.argmax(histogram[occupied])])
            if steps >= BINS:
                return (fullest - 0.5) / (BINS - 1)  # its lower edge: a bin holds many codes
            return round(fullest / (BINS - 1) * steps) / steps
        if above > TAIL_SHARE * pile:
            return None
    return None


def _video_pile(histogram: npt.NDArray[np.int64]) -> float | None:
    """The topmost pile of a compressed picture's histogram over 0..VIDEO_END, as a code value.

    Ringing falls off to both sides of a clip: the pile is a summit there and not, as in a still, the last code.
    """
    wide = 2 * RINGING_BINS + 1
    total = int(histogram.sum())
    pile = np.convolve(histogram, np.ones(wide, np.int64), "same")
    above = total - np.cumsum(histogram)
    for b in range(BINS - 1 - APART_BINS, int(SEARCH_FROM / VIDEO_END * BINS), -1):
        if pile[b] < SPIKE_SHARE * total or pile[b] < pile[b - APART_BINS : b + APART_BINS + 1].max():
            continue
        below = histogram[b - APART_BINS - NEIGHBOUR_BINS : b - APART_BINS].sum() / NEIGHBOUR_BINS * wide
        if pile[b] > VIDEO_OVER_NEIGHBOURS * below and above[b + RINGING_BINS] <= VIDEO_TAIL_SHARE * pile[b]:
            low = b - RINGING_BINS
            fullest = low + int(np.argmax(histogram[low : b + RINGING_BINS + 1]))
            return fullest / (BINS - 1) * VIDEO_END
    return None


def _float_pile(plate: Plate, peak: float) -> float | None:
    """A float plate clips where many samples share its largest value."""
    if not SEARCH_FROM <= peak <= 1.0:
        return None
    same = sum(int((band >= peak).sum()) for band in _bands(plate))
    return peak if same >= max(2, SPIKE_SHARE * plate.width * plate.height * 3) else None


def _share_at(plate: Plate, level: float) -> float:
    """Share of the pixels with some channel at the level or above."""
    threshold = level * (1 - 1e-6)
    if plate.codes.dtype.kind == "u" and not plate.premultiplied:
        least = int(np.ceil(threshold * np.iinfo(plate.codes.dtype).max))
        count = sum(_reaching(plate.codes[y0:y1], least) for y0, y1 in _spans(plate))
    else:
        count = sum(_reaching(band, threshold) for band in _bands(plate))
    return count / (plate.width * plate.height)


def _reaching(codes: npt.NDArray[Any], level: float) -> int:
    reached = codes[..., 0] >= level
    for channel in (1, 2):
        reached |= codes[..., channel] >= level
    return int(reached.sum())
