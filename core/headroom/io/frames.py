"""Pictures that follow each other in time: what a sequence of files and a movie have in common, and frame ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from headroom.errors import UsageError
from headroom.plate import Plate

__all__ = ["FrameSource", "frames_of_range", "gaps", "gaps_text", "nearest", "range_text"]

MOST_FRAMES = 1_000_000
"""A longer range is a slip of the keyboard: eleven and a half hours at 24 frames a second."""


class FrameSource(Protocol):
    """Numbered plates of one shot. Any order of reading gives the same plates; ascending order is cheap.

    ``read`` and ``identity`` may be called from several threads; an implementation that cannot locks itself.
    """

    @property
    def name(self) -> str:
        """As the user wrote it, for messages."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The numbers that exist, ascending; they may be negative."""

    @property
    def rate(self) -> Fraction | None:
        """Frames a second where known."""

    def read(self, frame: int) -> Plate:
        """The plate, its ``frame`` set; ``PlateError`` names file and frame."""

    def path(self, frame: int) -> Path:
        """The file to name in messages: the frame's own, or the movie."""

    def identity(self, frame: int) -> str:
        """Hex digest of what decides the plate's pixels; raises what ``read`` would where it cannot be told."""

    def close(self) -> None:
        """Lets go of files and threads; may be called twice."""


def frames_of_range(text: str) -> tuple[int, ...]:
    """``1001-1240``, ``1001-1240x2,1300``, ``-5-5``: the frames, ascending, each once."""
    import fileseq
    from fileseq.exceptions import FileSeqException

    tidy = "".join(text.split()).strip(",")
    hint = "write it like 1001-1240, 1001-1240x2,1300 or -5-5"
    try:
        if not tidy:
            raise UsageError(f"--frames {text!r}: no frame in it; {hint}")
        frames = [int(frame) for frame in fileseq.FrameSet(tidy) if frame == int(frame)]
    except (FileSeqException, ValueError, ArithmeticError) as error:
        why = "longer than any shot" if "MAX_FRAME_SIZE" in str(error) else "not a frame range"
        raise UsageError(f"--frames {text!r}: {why}; {hint}") from None
    if "." in tidy:
        raise UsageError(f"--frames {text!r}: frames are whole numbers; {hint}")
    if len(frames) > MOST_FRAMES:
        raise UsageError(f"--frames {text!r}: {len(frames)} frames are more than any shot has; {hint}")
    return tuple(sorted(set(frames)))


def gaps_text(missing: Iterable[range]) -> str:
    """Gaps as a range, however long they are."""
    ends = [(gap[0], gap[-1], gap.step if len(gap) > 1 else 1) for gap in missing]
    return ",".join(str(a) if a == b else f"{a}-{b}" + (f"x{step}" if step > 1 else "") for a, b, step in ends)


def range_text(frames: Iterable[int]) -> str:
    """The frames as a range, ``1001-1003,1010``; steps are found (``1-9x2``)."""
    import fileseq

    ordered = sorted(set(frames))
    return str(fileseq.framesToFrameRange(ordered, sort=False, compress=False)) if ordered else "none"


def gaps(frames: Sequence[int]) -> tuple[range, ...]:
    """What lacks between the first and the last, a range each; a shot that steps evenly (on twos) has no gaps."""
    steps = [after - before for before, after in zip(frames, frames[1:], strict=False)]
    usual = min(steps, default=1)
    pairs = zip(frames, steps, strict=False)
    return tuple(range(before + usual, before + step, usual) for before, step in pairs if step > usual)


def nearest(frames: Sequence[int], wanted: int) -> int:
    """The frame closest to ``wanted``; the earlier of two that are equally far."""
    return min(frames, key=lambda frame: (abs(frame - wanted), frame))
