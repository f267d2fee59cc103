"""How much more light one frame gathered than another, measured in the pictures.

Every pair of frames that recorded some of the same things votes: the ratio of their linear light over small cells,
weighted by how well each cell is known (inverse variance), outliers left out. A pair's doubt is what its answer varies
by over the picture (motion) and over the tones (a response curve that is not the camera's). All pairs together give
the exposures by weighted least squares. Ratios out of pictures are truer than EXIF's nominal times: Hanji, Zhong &
Mantiuk 2020, "Noise-aware merging of high dynamic range image stacks without camera calibration", section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.bracket.stack import content_digest
from headroom.errors import PlateError
from headroom.metrics.linear import luminance
from headroom.plate import FloatArray, Plate

__all__ = ["Estimate", "estimate_stops"]

CELLS_ACROSS = 384
"""Cells of the longer side: hand-held frames move by a cell or two."""
SAMPLES = 4
"""Samples of a cell to a side: a large frame is looked at through a grid of them."""
MID_RANGE = (0.008, 0.85)
"""Linear light between which a cell counts as well recorded; above lies what clips, below what codes round."""
LEAST_CELLS = 48
BLOCKS = 8
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
class _View:
    light: Array
    """(h, w) mean linear light of the cells."""
    known: npt.NDArray[np.bool_]
    """(h, w) no sample of the cell lies near black or clip."""


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
    digests = [content_digest(plate) for plate in plates]
    order = sorted(range(len(plates)), key=lambda k: (float(views[k].light.mean()), digests[k]))
    ratios = [
        ratio
        for a in range(len(order))
        for b in range(a + 1, len(order))
        if (ratio := _ratio(views[order[a]], views[order[b]], a, b)) is not None
    ]
    _check_joined(ratios, [plates[k] for k in order])
    stops, sigma = _solve(ratios, len(order))
    at = {k: place for place, k in enumerate(order)}
    return Estimate(tuple(float(stops[at[k]]) for k in range(len(plates))),
                    tuple(float(sigma[at[k]]) for k in range(len(plates))))  # fmt: skip


def _view(plate: Plate, decode: Callable[[FloatArray], FloatArray]) -> _View:
    cell = max(1, round(max(plate.width, plate.height) / CELLS_ACROSS))
    step = max(1, cell // SAMPLES)
    side = max(1, cell // step)
    rows = [np.ascontiguousarray(plate.rows(y, y + 1)[:, ::step]) for y in range(0, plate.height, step)]
    linear = decode(np.concatenate(rows)).astype(np.float64)
    height, width = (max(1, n // side) for n in linear.shape[:2])
    if min(linear.shape[:2]) < side:
        side, (height, width) = 1, linear.shape[:2]
    linear = linear[: height * side, : width * side]
    top = linear.max(axis=2).reshape(height, side, width, side).max(axis=(1, 3))
    light = luminance(linear).reshape(height, side, width, side).mean(axis=(1, 3))
    return _View(light, (light > MID_RANGE[0]) & (top < MID_RANGE[1]))


def _ratio(dark: _View, bright: _View, a: int, b: int) -> _Ratio | None:
    both = dark.known & bright.known
    if both.sum() < LEAST_CELLS:
        return None
    x, y = dark.light[both], bright.light[both]
    stops = np.log2(y / x)
    weight = 1 / (1 / x + 1 / y)  # shot noise: the variance of a log is 1 / light
    middle = _median(stops, weight)
    spread = max(1.4826 * _median(np.abs(stops - middle), weight), 1e-6)
    near = np.abs(stops - middle) <= 3 * spread
    if near.sum() < LEAST_CELLS:
        return None
    mean = float(np.average(stops[near], weights=weight[near]))
    over_tones = _over_tones(np.log2(x * y)[near] / 2, stops[near], weight[near])
    over_place = _over_place(both, near, stops, weight)
    return _Ratio(a, b, mean, float(np.sqrt(over_tones**2 + over_place**2 + LEAST_SIGMA**2)))


def _median(values: Array, weight: Array) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _over_tones(tone: Array, stops: Array, weight: Array) -> float:
    """How far the answer drifts over the middle half of the tones: a wrong curve shows there."""
    zero = np.average(tone, weights=weight)
    variance = np.average((tone - zero) ** 2, weights=weight)
    if variance < 1e-6:
        return 0.0
    slope = np.average((tone - zero) * (stops - np.average(stops, weights=weight)), weights=weight) / variance
    return float(abs(slope) * np.sqrt(variance) * 0.67)  # the middle half of a normal distribution is +-0.67 sigma


def _over_place(both: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_], stops: Array, weight: Array) -> float:
    """Standard error of the mean, from how the parts of the picture differ."""
    y, x = np.nonzero(both)
    block = (y * BLOCKS // both.shape[0]) * BLOCKS + x * BLOCKS // both.shape[1]
    held = np.bincount(block[near], weight[near], BLOCKS**2)
    summed = np.bincount(block[near], (weight * stops)[near], BLOCKS**2)
    means, share = summed[held > 0] / held[held > 0], held[held > 0] / held.sum()
    if len(means) < 2:
        return float(stops[near].std())
    spread = np.sqrt(np.sum(share * (means - np.sum(share * means)) ** 2))
    return float(spread * np.sqrt(np.sum(share**2) / (1 - np.sum(share**2))))


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
