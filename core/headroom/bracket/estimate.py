"""How much more light one frame gathered than another, measured in the pictures.

Frames of one scene hold the same light in the same shares, whatever the camera moved between them: what is brighter
than 30 % of one is brighter than 30 % of the other. So the quantiles of two frames, channel by channel, are the same
light seen through two exposures, without any alignment (Grossberg and Nayar 2003, "Determining the camera response
from images: what is knowable?", section 4, histogram specification). Every pair of frames that both recorded some of
the quantiles votes, by how well each is known; a pair's doubt is what its answer varies by over the tones and channels
(a response curve that is not the camera's) and over the parts of the picture (content that came or went). All pairs
together give the exposures by weighted least squares. Ratios out of pictures are truer than EXIF's nominal times:
Hanji, Zhong and Mantiuk 2020, "Noise-aware merging of high dynamic range image stacks without camera calibration".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.bracket.stack import in_fixed_order
from headroom.errors import PlateError
from headroom.plate import FloatArray, Plate

__all__ = ["Estimate", "estimate_stops"]

CELLS_ACROSS = 384
"""Cells of the longer side, whose means are ranked."""
SAMPLES = 4
"""Samples of a cell to a side: a large frame is looked at through a grid of them."""
MID_RANGE = (0.008, 0.85)
"""Linear light between which a quantile counts as well recorded; above lies what clips, below what codes round."""
QUANTILES = np.concatenate([np.linspace(0.005, 0.985, 197), 1 - np.logspace(-2, -3.7, 18)])
"""Fine towards the top: of a very dark frame only the lamps are well recorded."""
SHARES = np.gradient(QUANTILES)
LEAST_QUANTILES = 4
LEAST_SAMPLES = 32
"""Cells of a channel that two frames must share."""
ONE_PART = 0.1
"""Doubt in stops where all that two frames share lies in one part of the picture: it may have moved."""
PARTS = 2
"""The picture in so many parts to a side, whose answers are compared."""
LEAST_SIGMA = 0.005
"""Nobody knows an exposure better than this, in stops."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Stops of every frame over the darkest, in the order in which the frames came."""

    stops: tuple[float, ...]
    sigma_stops: tuple[float, ...]
    """One standard deviation of the difference to the frame next to it by exposure (the surer of the two)."""


@dataclass(frozen=True)
class _Ratio:
    dark: int
    bright: int
    stops: float
    sigma: float


def estimate_stops(plates: Sequence[Plate], decode: Callable[[FloatArray], FloatArray]) -> Estimate:
    """Exposures of frames in any order; ``decode`` takes codes to linear light, white at 1.

    The answer for a frame does not depend on the order given. ``PlateError`` names the frames that share nothing.
    """
    views = [_view(plate, decode) for plate in plates]
    order = in_fixed_order(plates, [float(view.mean()) for view in views])
    ratios = [
        ratio
        for a in range(len(order))
        for b in range(a + 1, len(order))
        if (ratio := _vote(views[order[a]], views[order[b]], a, b)) is not None
    ]
    _check_joined(ratios, [plates[k] for k in order])
    stops, sigma = _solve(ratios, len(order))
    at = {k: place for place, k in enumerate(order)}
    return Estimate(tuple(float(stops[at[k]]) for k in range(len(plates))),
                    tuple(float(sigma[at[k]]) for k in range(len(plates))))  # fmt: skip


def _view(plate: Plate, decode: Callable[[FloatArray], FloatArray]) -> Array:
    """(h, w, 3) mean linear light of the cells."""
    cell = max(1, round(max(plate.width, plate.height) / CELLS_ACROSS))
    step = max(1, cell // SAMPLES)
    side = max(1, cell // step)
    rows = [np.ascontiguousarray(plate.rows(y, y + 1)[:, ::step]) for y in range(0, plate.height, step)]
    linear = decode(np.concatenate(rows)).astype(np.float64)
    if min(linear.shape[:2]) < side:
        return linear
    height, width = (n // side for n in linear.shape[:2])
    cells: Array = linear[: height * side, : width * side].reshape(height, side, width, side, 3).mean(axis=(1, 3))
    return cells


def _vote(dark: Array, bright: Array, a: int, b: int) -> _Ratio | None:
    found = _matched(dark, bright)
    if found is None:
        return None
    stops, weight, tone, channel = found
    mean = float(np.average(stops, weights=weight))
    over_parts = _over_parts(dark, bright, mean)
    over_tones = _drift(stops, weight, tone)
    over_channels = np.std([np.average(stops[channel == c], weights=weight[channel == c]) for c in set(channel)])
    return _Ratio(a, b, mean, float(np.sqrt(over_parts**2 + over_tones**2 + over_channels**2 / 3 + LEAST_SIGMA**2)))


def _matched(dark: Array, bright: Array) -> tuple[Array, Array, Array, Array] | None:
    """Stops between the quantiles that both recorded, their weights, their tones, their channels."""
    parts = []
    for c in range(3):
        x, y = (np.quantile(view[..., c], QUANTILES) for view in (dark, bright))
        both = (x > MID_RANGE[0]) & (y < MID_RANGE[1]) & (y > MID_RANGE[0]) & (x < MID_RANGE[1])
        if both.sum() >= LEAST_QUANTILES and SHARES[both].sum() * dark[..., c].size >= LEAST_SAMPLES:
            x, y = x[both], y[both]
            weight = SHARES[both] / (1 / x + 1 / y)  # shot noise: the variance of a logarithm is 1 / light
            parts.append((np.log2(y / x), weight, np.log2(x * y) / 2, np.full(len(x), float(c))))
    if not parts:
        return None
    stops, weight, tone, channel = (np.concatenate(column) for column in zip(*parts, strict=True))
    return stops, weight, tone, channel


def _drift(stops: Array, weight: Array, tone: Array) -> float:
    """How far the answer drifts over the middle half of the tones: a wrong curve shows there."""
    zero, mean = np.average(tone, weights=weight), np.average(stops, weights=weight)
    variance = np.average((tone - zero) ** 2, weights=weight)
    if variance < 1e-6:
        return 0.0
    slope = np.average((tone - zero) * (stops - mean), weights=weight) / variance
    return float(abs(slope) * np.sqrt(variance) * 0.67)  # the middle half of a normal distribution is +-0.67 sigma


def _over_parts(dark: Array, bright: Array, mean: float) -> float:
    """Standard error of the mean, from how the parts of the picture differ from it."""
    rows, columns = (np.array_split(np.arange(n), PARTS) for n in dark.shape[:2])
    answers, weights = [], []
    for y in rows:
        for x in columns:
            found = _matched(dark[np.ix_(y, x)], bright[np.ix_(y, x)]) if len(y) and len(x) else None
            if found is not None:
                answers.append(np.average(found[0], weights=found[1]))
                weights.append(found[1].sum())
    if len(answers) < 2:
        return ONE_PART
    share = np.array(weights) / np.sum(weights)
    return float(np.sqrt(np.sum(share * (np.array(answers) - mean) ** 2) * np.sum(share**2)))


def _check_joined(ratios: Sequence[_Ratio], plates: Sequence[Plate]) -> None:
    joined = {0}
    while True:
        more = {end for r in ratios for end in (r.dark, r.bright) if {r.dark, r.bright} & joined} | joined
        if more == joined:
            break
        joined = more
    if len(joined) < len(plates):
        apart = next(k for k in range(len(plates)) if k not in joined)
        raise PlateError(
            f"{plates[apart].name}: shares too little that is well exposed with the other frames to measure its "
            "exposure; state the exposures with --ev"
        )


def _solve(ratios: Sequence[_Ratio], count: int) -> tuple[Array, Array]:
    """Stops over the first frame, and how well each is known against the best of its neighbours."""
    rows = np.zeros((len(ratios), count))
    for k, ratio in enumerate(ratios):
        rows[k, ratio.dark], rows[k, ratio.bright] = -1 / ratio.sigma, 1 / ratio.sigma
    values = np.array([ratio.stops / ratio.sigma for ratio in ratios])
    inverse = np.linalg.pinv(rows.T @ rows)
    stops = inverse @ (rows.T @ values)
    pairs = [(r.dark, r.bright) for r in ratios]
    found = {
        pair: float(np.sqrt(max(0.0, inverse[pair[0], pair[0]] + inverse[pair[1], pair[1]] - 2 * inverse[pair])))
        for pair in pairs
    }
    sigma = np.array([min(s for pair, s in found.items() if k in pair) for k in range(count)])
    return stops - stops.min(), sigma
