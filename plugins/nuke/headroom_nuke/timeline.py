"""Which frames are wanted, and which file frame of a Read each of them shows. Integers only; no node is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Clip", "clip_to"]


@dataclass(frozen=True)
class Clip:
    """A Read's frames on the timeline. ``first``..``last`` are file frames, ``start`` shows the first of them."""

    first: int
    last: int
    start: int
    before: str = "hold"
    after: str = "hold"

    @classmethod
    def of(cls, first: int, last: int, mode: str, frame: int, before: str, after: str) -> Clip:
        """By Read's ``frame_mode``: "start at" names the timeline frame of the first, "offset" moves it."""
        start = frame if mode == "start at" else first + (frame if mode == "offset" else 0)
        return cls(first, max(first, last), start, before, after)

    @property
    def end(self) -> int:
        """Timeline frame of the last file."""
        return self.start + self.last - self.first

    def file_frame(self, frame: int) -> int | None:
        """The file frame that a timeline frame shows; None where it shows black."""
        count = self.last - self.first + 1
        index = frame - self.start
        if 0 <= index < count:
            return self.first + index
        way = self.before if index < 0 else self.after
        if way == "loop":
            return self.first + index % count
        if way == "bounce" and count > 1:
            index %= 2 * (count - 1)
            return self.first + min(index, 2 * (count - 1) - index)
        if way == "black":
            return None
        return self.first if index < 0 else self.last

    def is_held(self, frame: int) -> bool:
        """Whether the frame only repeats the first or the last file."""
        way = self.before if frame < self.start else self.after
        return not self.start <= frame <= self.end and way not in ("loop", "bounce", "black")


def clip_to(frames: Sequence[int], first: int, last: int) -> tuple[list[int], list[int]]:
    """The frames within ``first``..``last``, and the others."""
    inside = [frame for frame in frames if first <= frame <= last]
    return inside, [frame for frame in frames if not first <= frame <= last]
