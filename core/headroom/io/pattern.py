"""A file name with a place for the frame number, as the field writes it: ``####``, ``%04d``, ``$F4``, ``@@@@``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headroom.errors import UsageError
from headroom.io.frames import frames_of_range

__all__ = ["FramePattern", "is_pattern"]

_PADDING = re.compile(r"[#@]+|%\d*d|\$F\d*")
_RANGE = r"-?\d+(?:--?\d+(?:[xy:]\d+)?)?"
_BESIDE = re.compile(rf"(?P<name>.*\S)\s+(?P<range>{_RANGE}(?:,{_RANGE})*)")
"""``plate.####.exr 1001-1240``: how Nuke shows a sequence in its file browser and writes it to the clipboard."""
_LONE_HASH_WIDTH = 4
"""One ``#`` alone is four digits, as in RV and fileseq; of several each is one, as in Nuke and OpenImageIO."""


def is_pattern(path: Path | str) -> bool:
    """Whether the name (not the folder) has a place for a frame number, and is no file that exists."""
    path = Path(path)
    try:
        return _parsed(path.name) is not None and not path.exists()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, kw_only=True)
class FramePattern:
    """``folder / (head + number + tail)``."""

    folder: Path
    head: str
    tail: str
    width: int
    """Digits, zero-padded, a minus counted, as C's ``%04d`` and fileseq count; longer numbers stay whole."""
    any_width: bool
    """Whether other paddings are read as well: the pattern states none (``#``, ``@``, ``%d``, ``$F``)."""
    text: str
    """As the user wrote it."""
    frames: tuple[int, ...] | None = None
    """Of a range written into the name (``plate.1001-1240####.exr``) or after it."""

    @classmethod
    def of(cls, path: Path | str) -> FramePattern:
        """Parsed; ``UsageError`` where there is no place for a number, or more than one."""
        given = Path(path)
        name, frames = given.name, None
        if found := _BESIDE.fullmatch(name):
            name, frames = found["name"], frames_of_range(found["range"])
        parsed = _parsed(name)
        if parsed is None or "." in parsed.padding() or not _PADDING.fullmatch(parsed.padding()):
            many = len(_PADDING.findall(name)) > 1
            why = "more than one place for a frame number" if many else "no place for a frame number"
            raise UsageError(
                f"{path}: the name has {why}; write it like plate.####.exr, plate.%04d.exr or plate.$F4.exr"
            )
        if parsed.frameSet() is not None:
            frames = frames_of_range(str(parsed.frameSet()))
        lone_hash = parsed.padding() == "#"
        return cls(
            folder=given.parent,
            head=parsed.basename(),
            tail=parsed.extension(),
            width=_LONE_HASH_WIDTH if lone_hash else parsed.zfill(),
            any_width=lone_hash or parsed.zfill() <= 1,
            text=str(path),
            frames=frames,
        )

    @property
    def name(self) -> str:
        """The file name with ``#`` for each digit."""
        return f"{self.head}{'#' * self.width}{self.tail}"

    @property
    def suffix(self) -> str:
        """Of the files, with the dot."""
        return Path(f"1{self.tail}").suffix

    @property
    def stem(self) -> str:
        """The name without number and suffix, and without the dot or dash between them: ``plate``, ``sh010_left``."""
        middle = self.tail.removesuffix(self.suffix)
        return (self.head.rstrip("._- ") + middle.rstrip("._- ")).strip("._- ")

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.folder / f"{self.head}{frame:0{self.width}d}{self.tail}"

    def frame_of(self, name: str) -> int | None:
        """The number in a file's name; None where it is not one of this pattern."""
        if len(name) <= len(self.head) + len(self.tail) or not name.startswith(self.head):
            return None
        if not name.endswith(self.tail):
            return None
        digits = name[len(self.head) : len(name) - len(self.tail)]
        if not re.fullmatch(r"-?[0-9]+", digits):
            return None
        bare = digits.lstrip("-")
        # -002 as C pads it, -0002 as others do; 10000 in a sequence of four digits.
        fits = self.width in (len(digits), len(bare)) or (len(bare) > self.width and not bare.startswith("0"))
        return int(digits) if fits or self.any_width else None

    def with_folder(self, folder: Path) -> FramePattern:
        """The same names elsewhere."""
        return replace(self, folder=folder)


def _parsed(name: str) -> Any:
    """What fileseq makes of a name, or None where it sees no padding in it."""
    import fileseq
    from fileseq.constants import PAD_STYLE_HASH1
    from fileseq.exceptions import FileSeqException

    if not _PADDING.search(name):
        return None
    if found := _BESIDE.fullmatch(name):
        name = found["name"]
    try:
        parsed = fileseq.FileSequence(name, pad_style=PAD_STYLE_HASH1)
    except (FileSeqException, ValueError):
        return None
    # A name with a number and no padding (plate.1001.jpg) gets one made up: that is a file, not a pattern.
    padding = parsed.padding()
    return parsed if padding and _PADDING.match(padding) and padding in name else None
