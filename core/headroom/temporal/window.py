"""Which frames decide a frame: by numbers alone, so that everybody who works on a shot says the same."""

from __future__ import annotations

from headroom.temporal.analysis import Analysis

__all__ = ["RADIUS", "window_of"]

RADIUS = 4
"""Frames on either side. Measured on the flicker benchmark: docs/shots-how-it-works.md."""


def window_of(analysis: Analysis, frame: int, radius: int = RADIUS) -> tuple[int, ...]:
    """Ascending, ``frame`` among them; ends at cuts, at flashes and where a number is missing."""
    segment = analysis.segment(frame)
    if frame in analysis.alone:
        return (frame,)
    step, known, alone = analysis.step, analysis.known, analysis.alone
    sides: list[list[int]] = []
    for direction in (-step, step):
        side: list[int] = []
        number = frame + direction
        while len(side) < radius and segment.first <= number <= segment.last and number in known:
            if number in alone:
                break
            side.append(number)
            number += direction
        sides.append(side)
    return (*reversed(sides[0]), frame, *sides[1])
