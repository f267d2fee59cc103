"""What a bracket's frames say of the same light: flat little cells, seen by every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headroom.bracket.align import align
from headroom.bracket.black import black_code
from headroom.bracket.frames import FrameRows
from headroom.bracket.stack import Bracket
from headroom.colour.plan import ColourPlan
from headroom.errors import PlateError

__all__ = ["Samples", "hat", "residual_stops", "take_samples"]

CELL_PX = 4
"""Pixels to a side of a cell: its mean is a code with a quarter of the noise."""
WINDOWS = 14
"""To a side of the frame, or as many as fit: large frames are looked at in places."""
WINDOW_PX = 64
FLAT = 0.02
"""Spread of codes in a cell, over which its mean is not the code of its mean light."""
MOST_CELLS = 6000
"""Kept of the flat cells, spread evenly over the tones."""
LEAST_CELLS = 64
TONES = 64

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Observations of places by frames; each channel of a cell is a place of its own."""

    code: Array
    """(P, N) 0..1."""
    weight: Array
    """(P, N) 0..1: the hat over codes; 0 where the frame clipped, is black, or does not show the place."""
    ev_stops: Array
    """(P, N) of the frame."""
    channel: npt.NDArray[np.int64]
    """(P,) 0, 1, 2."""

    def of(self, channel: int | None) -> Samples:
        """Those of one channel; None: all."""
        if channel is None:
            return self
        mine = self.channel == channel
        return Samples(self.code[mine], self.weight[mine], self.ev_stops[mine], self.channel[mine])


def hat(code: Array) -> Array:
    """Debevec and Malik 1997, equation 4: full in the middle, nothing at either end."""
    return np.minimum(code, 1 - code).clip(0) * 2


def take_samples(brackets: Sequence[Bracket], colour: ColourPlan) -> Samples:
    """Of one bracket, or of the brackets of one panorama, which share a camera.

    Hand-held frames are aligned as a whole first; what moves by itself is for the fits to leave out.
    ``PlateError`` where too little is seen by two frames at once.
    """
    white = np.float32(colour.white)
    parts = []
    for bracket in brackets:
        alignment = align(bracket, lambda codes: colour.to_lin709(codes) / white, how="global")
        parts.append(_cells(replace(alignment, decode=lambda codes: codes).rows, bracket, WINDOWS))
    widest = max(part.code.shape[1] for part in parts)
    joined = Samples(
        code=np.concatenate([_padded(part.code, widest) for part in parts]),
        weight=np.concatenate([_padded(part.weight, widest) for part in parts]),
        ev_stops=np.concatenate([_padded(part.ev_stops, widest) for part in parts]),
        channel=np.concatenate([part.channel for part in parts]),
    )
    kept = _spread_over_tones(joined)
    if len(kept) < LEAST_CELLS:
        raise PlateError(
            f"{brackets[0].name}: {len(kept)} places are well exposed in two frames, too few for a response curve; "
            "say --response declared"
        )
    return Samples(joined.code[kept], joined.weight[kept], joined.ev_stops[kept], joined.channel[kept])


def residual_stops(log2_light: Array, samples: Samples) -> tuple[float, Array]:
    """How much frames disagree about the light of a place: weighted RMS in stops, and (P, N) differences.

    ``log2_light``: (P, N) of each observation through a curve, in its frame's own exposure.
    """
    light = log2_light - samples.ev_stops
    total = np.maximum(samples.weight.sum(axis=1, keepdims=True), 1e-12)
    apart = light - (samples.weight * light).sum(axis=1, keepdims=True) / total
    # Each place's mean takes one of its observations away.
    count = np.maximum((samples.weight > 0).sum(axis=1, keepdims=True), 2)
    share = samples.weight * (count - 1) / count
    return float(np.sqrt((samples.weight * apart**2).sum() / max(share.sum(), 1e-12))), apart


def _cells(rows: Callable[..., FrameRows], bracket: Bracket, windows: int) -> Samples:
    side = max(CELL_PX, min(WINDOW_PX, bracket.height, bracket.width) // CELL_PX * CELL_PX)
    tops, lefts = (
        np.unique(np.linspace(0, max(0, length - side), max(1, min(windows, length // side))).astype(int))
        for length in (bracket.height, bracket.width)
    )
    ev = np.asarray(bracket.ev_stops, np.float64)
    floors = [black_code(plate) for plate in bracket.plates]
    codes, weights = [], []
    for top in tops:
        for left in lefts:
            bottom, right = min(top + side, bracket.height), min(left + side, bracket.width)
            seen = [rows(k, top, bottom, left, right) for k in range(len(ev))]
            blocks = [_blocks(frame.linear) for frame in seen]
            mean = np.stack([block.mean(axis=(1, 3)) for block in blocks], axis=-1)
            spread = np.stack([block.std(axis=(1, 3)) for block in blocks], axis=-1)
            lost = np.stack([_blocks(f.clipped).max(axis=(1, 3)) for f in seen], axis=-1)
            there = np.stack([_blocks(f.valid[..., None]).min(axis=(1, 3)) for f in seen], axis=-1)
            good = (lost == 0) & (there > 0.99) & (mean > np.stack(floors, axis=-1)) & (spread < FLAT)
            codes.append(mean.reshape(-1, len(ev)))
            weights.append((hat(mean) * good).reshape(-1, len(ev)))
    code, weight = np.concatenate(codes).astype(np.float64), np.concatenate(weights).astype(np.float64)
    channel = np.arange(len(code)) % 3
    useful = (weight > 0).sum(axis=1) >= 2
    count = int(useful.sum())
    return Samples(code[useful], weight[useful], np.broadcast_to(ev, (count, len(ev))), channel[useful])


def _blocks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    h, w = (max(1, side // CELL_PX) * CELL_PX for side in values.shape[:2])
    values = np.pad(
        values[:h, :w], ((0, max(0, h - values.shape[0])), (0, max(0, w - values.shape[1])), (0, 0)), "edge"
    )
    return values.reshape(h // CELL_PX, CELL_PX, w // CELL_PX, CELL_PX, -1)


def _padded(values: Array, width: int) -> Array:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


def _spread_over_tones(samples: Samples) -> npt.NDArray[np.int64]:
    """Which places to keep: as many of each tone, drawn without chance."""
    if len(samples.code) <= MOST_CELLS:
        return np.arange(len(samples.code))
    total = samples.weight.sum(axis=1)
    tone = ((samples.weight * samples.code).sum(axis=1) / total * TONES).astype(int)
    rank = np.empty(len(tone), np.int64)
    for value in np.unique(tone):
        mine = np.flatnonzero(tone == value)
        # Every n-th: places far from each other.
        rank[mine] = np.argsort(np.argsort((np.arange(len(mine)) * 0.6180339887) % 1.0, kind="stable"))
    kept: npt.NDArray[np.int64] = np.sort(np.argsort(rank, kind="stable")[:MOST_CELLS])
    return kept
