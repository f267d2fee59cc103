"""SMPTE time codes (ST 12-1): text, running frame count, and the packed word that EXR headers hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Timecode"]

_TEXT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_FASTEST_COUNT = 30
"""A time code counts frames up to this; faster material counts pairs of frames and marks the second of each."""

# Bits of the word as OpenEXR packs it (ImfTimeCode.h, TV60_PACKING).
_DROP_BIT = 1 << 6
_SECOND_OF_PAIR_BIT = 1 << 15


@dataclass(frozen=True)
class Timecode:
    """The time of a movie's first frame, able to tell that of any other."""

    start: int
    """Frames since 00:00:00:00."""
    fps: int
    """Frames that a second counts: the rate, rounded (29.97 counts 30)."""
    drop: bool = False
    """Drop-frame counting: two (of 60: four) numbers left out each minute but the tenth."""

    @classmethod
    def of(cls, text: str, rate: Fraction | None) -> Timecode | None:
        """``01:00:00:00``, with ``;`` before the frames for drop-frame; None where it is no time code at this rate."""
        found = _TEXT.fullmatch(text.strip())
        fps = round(rate) if rate is not None else 0
        if found is None or fps < 1:
            return None
        hours, minutes, seconds, frames = (int(found[n]) for n in (1, 2, 3, 5))
        drop = found[4] in ";." and fps % 30 == 0
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= fps:
            return None
        count = ((hours * 60 + minutes) * 60 + seconds) * fps + frames
        if drop:
            whole = hours * 60 + minutes
            count -= (fps // 15) * (whole - whole // 10)
        return cls(count, fps, drop)

    def at(self, index: int) -> tuple[int, int, int, int]:
        """Hours, minutes, seconds, frames of the frame ``index`` after the first; days wrap round."""
        count = self.start + index
        if self.drop:
            per_minute = self.fps // 15
            ten_minutes = 600 * self.fps - 9 * per_minute
            count %= 144 * ten_minutes
            tens, rest = divmod(count, ten_minutes)
            dropped = 9 * tens + max(0, (rest - per_minute) // (60 * self.fps - per_minute))
            count += per_minute * dropped
        count %= 24 * 3600 * self.fps
        seconds, frames = divmod(count, self.fps)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return hours, minutes, seconds, frames

    def text(self, index: int = 0) -> str:
        """``hh:mm:ss:ff``, or ``hh:mm:ss;ff`` where numbers are dropped."""
        hours, minutes, seconds, frames = self.at(index)
        return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if self.drop else ':'}{frames:02d}"

    def packed(self, index: int) -> tuple[int, int]:
        """The two words of an EXR ``timeCode``: binary coded decimals with flags, and no user data."""
        hours, minutes, seconds, frames = self.at(index)
        flags = _DROP_BIT if self.drop else 0
        if self.fps > _FASTEST_COUNT:
            pairs, second = divmod(frames, -(-self.fps // _FASTEST_COUNT))
            flags |= _SECOND_OF_PAIR_BIT if second else 0
            frames = pairs
        word = _bcd(frames) | _bcd(seconds) << 8 | _bcd(minutes) << 16 | _bcd(hours) << 24
        return word | flags, 0


def _bcd(number: int) -> int:
    return (number // 10) << 4 | number % 10
