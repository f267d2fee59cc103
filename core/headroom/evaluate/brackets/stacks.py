"""Real brackets, for which there is no truth: do the frames agree with the merge within their noise?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom.evaluate.table import table

__all__ = ["FrameFound", "StackFound", "stacks_table"]


@dataclass(frozen=True, kw_only=True)
class FrameFound:
    """One frame against the merge, over pixels that it recorded and that are not hidden from it."""

    file: str
    ev_stops: float
    pixels: int
    within_two_sigma: float
    """Share of the samples that lie within two standard deviations of their noise."""
    normalised: float
    """Median of |difference| over what the noise alone would have it be; 1 is noise alone."""
    stops_bias: float
    """Median log2 of frame over merge."""


@dataclass(frozen=True, kw_only=True)
class StackFound:
    """One stack."""

    name: str
    source: str
    """Where the exposures come from: EXIF, stated, estimated."""
    response: str
    align: str
    frames: list[FrameFound]

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> StackFound:
        """Read back what ``asdict`` gave."""
        frames: list[dict[str, Any]] = content["frames"]
        known: list[dict[str, Any]] = [{k: math.nan if v is None else v for k, v in f.items()} for f in frames]
        return cls(**{**content, "frames": [FrameFound(**frame) for frame in known]})


def stacks_table(stacks: Sequence[StackFound]) -> str:
    """A row a frame."""
    rows = [
        [
            stack.name if number == 0 else "",
            stack.response if number == 0 else "",
            f"{frame.file} ({frame.ev_stops:+.1f})",
            f"{frame.pixels:,}",
            f"{100 * frame.within_two_sigma:.1f} %",
            f"{frame.normalised:.2f}",
            f"{frame.stops_bias:+.3f}",
        ]
        for stack in stacks
        for number, frame in enumerate(stack.frames)
    ]
    head = ["stack", "response", "frame (EV)", "pixels", "within 2 sigma", "difference / noise", "bias, stops"]
    return table(head, rows)
