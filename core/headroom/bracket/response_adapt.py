"""What one shared curve and the stated exposures leave: each channel's own curve, each frame's own exposure.

A camera's JPEG may lift black in one channel and crush it in another; a shutter at 1/1000 s, or a lamp that flickers
with the mains, exposes by a third of a stop more than the dial says. Left in, frames disagree for no noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headroom.bracket.response_fits import KNOTS, departed, logarithm, trust_in
from headroom.bracket.samples import Samples, residual_stops
from headroom.bracket.stack import Bracket

__all__ = ["Adapted", "adapted", "exposed_as"]

Array = npt.NDArray[np.float64]

ROUNDS = 6
SHARED, LIFTED, LIFT_CODE = 0.02, 0.5, 0.08
"""Standard deviation, in natural logarithms, by which a channel may depart from the shared curve: a little, so that
greys stay grey, and towards black, over so many codes of 0..1, much: there its own black level shows."""
WORTH = 0.03
"""A curve per channel must explain so much of the frames' disagreement: else greys are better off with one."""
WORTH_STOPS = 0.05
"""Less than a shutter's usual tolerance is not mended."""
SURE = 3.0
"""Nor what is less than so many standard deviations."""
LEAST_SIGMA = 0.01
LEAST_PLACES = 30
"""Of a frame in one channel and one half of its codes, to have a say about its exposure."""


@dataclass(frozen=True)
class Adapted:
    """The answer."""

    tables: Array
    """(1 or 3, KNOTS) light over codes, white at 1."""
    offsets_stops: Array
    """(N,) what each frame gathered over what is stated; 0 where nothing contradicts it."""
    sigma_stops: Array
    """(N,) standard deviation of each, from how the channels and the tones of the frame differ about it."""


def adapted(samples: Samples, shared: Array, ev_stops: Sequence[float] | None) -> Adapted:
    """From a shared (KNOTS,) curve. ``ev_stops``: (N,) of the one bracket that the samples are of; None: of several."""
    count = samples.code.shape[1]
    none, one = np.zeros(count), shared[None]
    _, apart = _left(one, samples)
    offsets, sigma = none, np.full(count, np.inf)
    if ev_stops is not None and count > 2 and np.abs(_medians(apart, samples)).max() > WORTH_STOPS / 2:
        ev = np.asarray(ev_stops, np.float64)
        tables, found = _fitted(samples, shared, ev)
        sigma = _doubt(_left(tables, _moved(samples, found))[1], samples)
        found[np.abs(found) < np.maximum(SURE * sigma, WORTH_STOPS)] = 0
        offsets = found
    moved = _moved(samples, offsets)
    before, _ = _left(one, moved)
    tables, _ = _fitted(moved, shared, None)
    after, _ = _left(tables, moved)
    return Adapted(tables if after < (1 - WORTH) * before else one, offsets, sigma)


def exposed_as(bracket: Bracket, offsets_stops: Sequence[float], sigma_stops: Sequence[float]) -> Bracket:
    """The bracket with its frames' exposures as the pictures have them, and a note for each that moved."""
    if not any(offsets_stops):
        return bracket
    offsets = np.asarray(offsets_stops) - offsets_stops[bracket.reference]
    stops = [float(stated + off) for stated, off in zip(bracket.ev_stops, offsets, strict=True)]
    if stops != sorted(stops):
        return bracket
    told = "--ev" if bracket.source == "stated" else "EXIF"
    notes = [
        f"{plate.name}: {told} says {stated:+.2f} stops over the reference; through the fitted curve the pictures say "
        f"{found:+.2f} (+-{sigma:.2f}), which was taken"
        for plate, stated, found, sigma in zip(bracket.plates, bracket.ev_stops, stops, sigma_stops, strict=True)
        if found != stated
    ]
    return replace(bracket, ev_stops=tuple(stops), notes=(*bracket.notes, *notes))


def _fitted(samples: Samples, shared: Array, ev: Array | None) -> tuple[Array, Array]:
    """(3, KNOTS) curves and (N,) offsets in turn, outliers losing their say; no offsets without ``ev``."""
    log_shared = logarithm(shared)
    ridge = SHARED + LIFTED * np.exp(-np.linspace(0, 1, KNOTS) / LIFT_CODE)
    offsets = np.zeros(samples.code.shape[1])
    trust = np.ones_like(samples.weight)
    tables = np.repeat(shared[None], 3, axis=0)
    parts = [samples.channel == channel for channel in range(3)]
    for _ in range(ROUNDS):
        moved = _moved(samples, offsets)
        for channel, mine in enumerate(parts):
            if mine.any():
                tables[channel] = departed(moved.of(channel), log_shared, trust[mine], ridge=ridge)
        light = _light(tables, moved)
        trust = trust_in(light, moved)
        if ev is not None:
            offsets = offsets + _medians(residual_stops(light, moved)[1], moved)
            # All stops too long or too short together is what another curve does: that is the curve's to say.
            offsets -= _common(ev, offsets)
    return tables, offsets


def _common(ev: Array, offsets: Array) -> Array:
    """(N,) the line through most frames' offsets (Theil and Sen: the median slope); of three frames, through all."""
    if len(ev) < 4:
        return np.asarray(np.polyval(np.polyfit(ev, offsets, 1), ev), np.float64)
    first, second = np.triu_indices(len(ev), 1)
    apart = ev[second] - ev[first]
    known = apart > WORTH_STOPS
    slope = np.median((offsets[second] - offsets[first])[known] / apart[known])
    return np.asarray(slope * ev + np.median(offsets - slope * ev))


def _moved(samples: Samples, offsets: Array) -> Samples:
    return replace(samples, ev_stops=samples.ev_stops + offsets)


def _light(tables: Array, samples: Samples) -> Array:
    """(P, N) of log2 light through the tables."""
    codes = np.linspace(0, 1, KNOTS)
    light = np.empty_like(samples.code)
    for channel in range(3):
        mine = samples.channel == channel
        light[mine] = np.interp(samples.code[mine], codes, tables[channel % len(tables)])
    log2: Array = np.log2(np.maximum(light, 1e-9))
    return log2


def _left(tables: Array, samples: Samples) -> tuple[float, Array]:
    return residual_stops(_light(tables, samples), samples)


def _medians(apart: Array, samples: Samples) -> Array:
    """(N,) each frame's weighted median."""
    return np.array([_median(apart[:, k], samples.weight[:, k]) for k in range(apart.shape[1])])


def _median(values: Array, weight: Array) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)]) if total[-1] > 0 else 0.0


def _doubt(apart: Array, samples: Samples) -> Array:
    """(N,) standard error: a wrong exposure shows alike in every channel and tone, a wrong curve does not."""
    sigma = np.full(apart.shape[1], np.inf)
    for k in range(apart.shape[1]):
        counts = samples.weight[:, k] > 0
        if not counts.any():
            continue
        bright = samples.code[:, k] > np.median(samples.code[counts, k])
        answers = []
        for channel in range(3):
            for half in (bright, ~bright):
                mine = counts & half & (samples.channel == channel)
                if mine.sum() >= LEAST_PLACES:
                    answers.append(_median(apart[mine, k], samples.weight[mine, k]))
        if len(answers) > 2:
            sigma[k] = max(LEAST_SIGMA, float(np.std(answers) / (len(answers) - 1) ** 0.5))
    return sigma
