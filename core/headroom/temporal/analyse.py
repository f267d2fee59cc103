"""Looks at every plate of a shot once: cuts and flashes, clip levels, response curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import headroom
from headroom.clipping import ClipLevel, clip_level
from headroom.colour.plan import ColourPlan
from headroom.errors import Cancelled, PlateError
from headroom.io.frames import FrameSource
from headroom.options import Options
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor
from headroom.temporal.analysis import Analysis, Segment
from headroom.temporal.cuts import CutFinder, thumbnail
from headroom.temporal.pooled_curve import pool_curves

__all__ = ["analyse"]

FADED = 0.03
"""A frame whose own clip level is further from its segment's than this share keeps its own: a fade, or titles."""
PEAK_DIGITS = 6
"""Of the peak, which only decides whether a linear plate holds its highlights already."""


@dataclass
class _Run:
    """Frames that follow each other, all of one size: cuts are looked for inside."""

    finder: CutFinder = field(default_factory=CutFinder)
    frames: list[int] = field(default_factory=list)
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Look:
    """What was seen of one plate."""

    clip: ClipLevel
    kind: str
    """Of its colour plan."""


def analyse(
    source: FrameSource,
    frames: Sequence[int],
    reconstructor: Reconstructor,
    colour_of: Callable[[Plate], ColourPlan],
    options: Options | None = None,
    *,
    read: Callable[[int], Plate] | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Analysis:
    """The shot that ``frames`` of ``source`` are. Plates that cannot be read are noted and left out.

    ``read``: in place of ``source.read``; once for every frame in ascending order, then for a few of each segment.
    ``PlateError`` where not a single plate can be read.
    """
    options = options or Options()
    read = read or source.read
    numbers = tuple(sorted(frames))
    looks: dict[int, _Look] = {}
    made_from: dict[int, str | None] = {}
    runs: list[_Run] = []
    error: PlateError | None = None
    for done, frame in enumerate(numbers):
        if cancelled and cancelled():
            raise Cancelled(f"{source.name}: cancelled")
        try:
            plate = read(frame)
            identity = source.identity(frame)
        except PlateError as why:
            error = error or why
            made_from[frame] = None
            continue
        colour = colour_of(plate)
        picture = thumbnail(plate, colour)
        looks[frame] = _Look(clip_level(plate, user=options.clip_level), colour.kind)
        made_from[frame] = identity
        if not runs or runs[-1].shape != plate.codes.shape:
            runs.append(_Run(shape=plate.codes.shape))
        runs[-1].frames.append(frame)
        runs[-1].finder.see(picture)
        if progress:
            progress((done + 1) / len(numbers))
    if not looks:
        raise error or PlateError(f"{source.name}: no frames")
    firsts, flashes = [], []
    for run in runs:
        cuts, alone = run.finder.finish()
        firsts += [run.frames[index] for index in (0, *cuts)]
        flashes += [run.frames[index] for index in alone]
    unreadable = [frame for frame in numbers if frame not in looks]
    segments, levels = _segments(numbers, firsts, looks, set(flashes))
    if any(looks[frame].kind == "display" for frame in looks):
        segments = [
            pool_curves(segment, [f for f in looks if f not in flashes], looks_display(looks), read, reconstructor,
                        colour_of, options)
            for segment in segments
        ]  # fmt: skip
    made_with: dict[str, Any] = {
        "version": headroom.__version__,
        "weights": reconstructor.card.sha256,
        "curve": options.curve,
        "clip_level": options.clip_level,
        "tau": options.tau,
        "boost": options.boost,
        "scaling": options.scaling,
    }
    return Analysis(
        frames=numbers,
        segments=tuple(segments),
        alone=frozenset([*flashes, *unreadable]),
        levels=levels,
        made_from=made_from,
        made_with=made_with,
    )


def looks_display(looks: dict[int, _Look]) -> frozenset[int]:
    """Frames whose plates are display-referred."""
    return frozenset(frame for frame, look in looks.items() if look.kind == "display")


def _segments(
    numbers: Sequence[int], firsts: Sequence[int], looks: dict[int, _Look], flashes: set[int]
) -> tuple[list[Segment], dict[int, float]]:
    """Every number in one segment; what could not be read goes with what is before it."""
    starts = [numbers[0], *sorted(first for first in firsts[1:])]
    ends = [numbers[numbers.index(start) - 1] for start in starts[1:]] + [numbers[-1]]
    segments, levels = [], {}
    for first, last in zip(starts, ends, strict=True):
        seen = {f: looks[f].clip for f in numbers if first <= f <= last and f in looks}
        steady = {f: clip for f, clip in seen.items() if f not in flashes} or seen
        level, found_as = _common_level(list(steady.values()))
        peak = round(max(clip.peak for clip in seen.values()), PEAK_DIGITS)
        segments.append(Segment(first=first, last=last, clip_level=level, clip_source=found_as, peak=peak))
        for frame, clip in seen.items():
            if clip.source == "detected" and abs(clip.code / level - 1) > FADED:
                levels[frame] = clip.code
    return segments, levels


def _common_level(clips: Sequence[ClipLevel]) -> tuple[float, str]:
    """Median over frames, each with the weight of what is clipped in it: one frame's pile moves nothing."""
    order = sorted(clips, key=lambda clip: clip.code)
    total = sum(clip.clipped_share for clip in order)
    if total == 0:
        highest = order[-1]
        return highest.code, highest.source
    below = 0.0
    for clip in order:
        below += clip.clipped_share
        if below >= total / 2:
            return clip.code, clip.source
    raise AssertionError("the shares add up to their total")
