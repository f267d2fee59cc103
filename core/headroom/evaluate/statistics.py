"""Means with intervals, and paired differences; the unit is the scene, never the crop or the exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "Paired", "bootstrap", "paired", "ratio"]

RESAMPLES = 4000
CONFIDENCE = 0.95
SEED = 20260


@dataclass(frozen=True)
class Interval:
    """Mean over scenes with its 95 % bootstrap interval, and the median."""

    mean: float
    low: float
    high: float
    median: float
    scenes: int


@dataclass(frozen=True)
class Paired:
    """Difference between two methods on the same scenes; positive: the first is better."""

    mean: float
    low: float
    high: float
    worst: float
    worst_scene: str
    scenes: int

    @property
    def is_better(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0.0


def bootstrap(values: Sequence[float]) -> Interval:
    """Percentile bootstrap of the mean; NaN are left out."""
    known = np.array([value for value in values if not math.isnan(value)], np.float64)
    if known.size == 0:
        return Interval(math.nan, math.nan, math.nan, math.nan, 0)
    low, high = _interval(known)
    return Interval(float(known.mean()), low, high, float(np.median(known)), int(known.size))


def paired(first: Mapping[str, float], second: Mapping[str, float], *, higher_is_better: bool) -> Paired:
    """Compare values by scene name, over the scenes that both have."""
    sign = 1.0 if higher_is_better else -1.0
    gains = {
        scene: sign * (first[scene] - second[scene])
        for scene in first
        if scene in second and not math.isnan(first[scene] - second[scene])
    }
    if not gains:
        return Paired(math.nan, math.nan, math.nan, math.nan, "", 0)
    worst = min(gains, key=lambda scene: gains[scene])
    values = np.array(list(gains.values()), np.float64)
    low, high = _interval(values)
    return Paired(float(values.mean()), low, high, gains[worst], worst, len(gains))


def ratio(first: Mapping[str, float], second: Mapping[str, float]) -> tuple[float, float, float]:
    """Mean of ``first`` over the mean of ``second`` and its interval, which draws scenes, each with both values.

    Scenes that one of them lacks, or where ``second`` is not above 0, are left out; NaN where none is left.
    """
    pairs = np.array([(first[scene], second[scene]) for scene in first if second.get(scene, 0.0) > 0.0], np.float64)
    pairs = pairs.reshape(-1, 2)[~np.isnan(pairs.reshape(-1, 2)).any(axis=1)]
    if not len(pairs):
        return math.nan, math.nan, math.nan
    rng = np.random.default_rng(SEED)
    sums = pairs[rng.integers(0, len(pairs), (RESAMPLES, len(pairs)))].sum(axis=1)
    return float(pairs[:, 0].sum() / pairs[:, 1].sum()), *_percentiles(sums[:, 0] / sums[:, 1])


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    rng = np.random.default_rng(SEED)
    return _percentiles(values[rng.integers(0, values.size, (RESAMPLES, values.size))].mean(axis=1))


def _percentiles(means: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(means, [50.0 * (1.0 - CONFIDENCE), 50.0 * (1.0 + CONFIDENCE)])
    return float(low), float(high)
