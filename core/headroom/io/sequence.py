"""A sequence of picture files as a `FrameSource`: found once, gaps known, each frame read on its own."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import threading
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from headroom.errors import PlateError
from headroom.io.formats import is_readable_suffix
from headroom.io.frames import gaps, range_text
from headroom.io.metadata import FRAME_RATE
from headroom.io.pattern import FramePattern
from headroom.plate import Plate

__all__ = ["SequenceSource", "digest_of_file", "pattern_of_file", "sequences_in"]

_CHUNK_BYTES = 1 << 20


class SequenceSource:
    """The files that a pattern finds when this is made; ``PlateError`` names what is there where it finds none."""

    def __init__(self, pattern: FramePattern | Path | str, *, part: str | int | None = None) -> None:
        """``part``: a part or layer of multi-part EXRs, by name or number."""
        self.pattern = pattern if isinstance(pattern, FramePattern) else FramePattern.of(pattern)
        self.name = self.pattern.text
        self._part = part
        self._files = _find(self.pattern)
        self.frames: tuple[int, ...] = tuple(sorted(self._files))
        self._identities: dict[int, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()
        self._rate: Fraction | None | bool = False

    @property
    def gaps(self) -> tuple[range, ...]:
        """What lacks between the first and the last."""
        return gaps(self.frames)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, from the header of the first file that can be read."""
        if isinstance(self._rate, bool):
            self._rate = _stated_rate(self._files[self.frames[0]])
        return self._rate

    def path(self, frame: int) -> Path:
        """The file of a frame; of one that is not there, the name it would have."""
        return self._files.get(frame) or self.pattern.path(frame)

    def read(self, frame: int) -> Plate:
        """The plate of a frame."""
        from headroom.io.reading import read

        if frame not in self._files:
            raise PlateError(f"{self.name}: there is no frame {frame}; there are {range_text(self.frames)}")
        try:
            plate = read(self._files[frame], part=self._part)
        except PlateError as error:
            raise type(error)(f"frame {frame}: {error}") from None
        except OSError as error:
            raise PlateError(f"frame {frame}: cannot read {self._files[frame]}: {error.strerror or error}") from error
        plate.frame = frame
        return plate

    def identity(self, frame: int) -> str:
        """SHA-256 of the file's bytes; computed again where size or time of the file have changed."""
        path = self.path(frame)
        try:
            state = _state(path)
            with self._lock:
                known = self._identities.get(frame)
            if known is not None and known[0] == state:
                return known[1]
            digest = digest_of_file(path)
        except OSError as error:
            raise PlateError(f"frame {frame}: cannot read {path}: {error.strerror or error}") from error
        with self._lock:
            self._identities[frame] = (state, digest)
        return digest

    def close(self) -> None:
        """Nothing is held open."""


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def pattern_of_file(path: Path) -> Path | None:
    """The pattern that a numbered picture is probably one of: ``plate.####.jpg`` for ``plate.1001.jpg``."""
    parts = _split(path.name)
    return None if parts is None else path.with_name(f"{parts[0]}{'#' * len(parts[1])}{parts[2]}")


def sequences_in(folder: Path) -> list[tuple[FramePattern, tuple[int, ...]]]:
    """The sequences of pictures in a folder, most frames first: pattern and frames."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for name in _names(folder):
        parts = _split(name)
        if parts is not None:
            head, digits, tail = parts
            found.setdefault((head, tail), []).append((digits, int(digits)))
    listed = []
    for (head, tail), numbers in found.items():
        padded = [digits for digits, _ in numbers if digits.lstrip("-").startswith("0") and len(digits) > 1]
        width = len(padded[0]) if padded else min(len(digits) for digits, _ in numbers)
        pattern = FramePattern(folder=folder, head=head, tail=tail, width=width, any_width=False, text="")
        listed.append((pattern, tuple(sorted({number for _, number in numbers}))))
    return sorted(listed, key=lambda item: (-len(item[1]), item[0].name))


def _find(pattern: FramePattern) -> dict[int, Path]:
    wanted = None if pattern.frames is None else set(pattern.frames)
    files: dict[int, Path] = {}
    for name in _names(pattern.folder, pattern.text):
        frame = pattern.frame_of(name)
        if frame is None or (wanted is not None and frame not in wanted):
            continue
        if frame in files:
            first, second = sorted((files[frame].name, name))
            raise PlateError(
                f"{pattern.text}: frame {frame} is there twice, as {first} and {second}; "
                "say how many digits you mean, such as ####"
            )
        files[frame] = pattern.folder / name
    if not files:
        raise PlateError(f"{pattern.text}: {_what_is_there(pattern)}")
    return files


def _what_is_there(pattern: FramePattern) -> str:
    where = f"in {pattern.folder}"
    if pattern.frames is not None:
        there = sorted(n for n in map(pattern.frame_of, _names(pattern.folder)) if n is not None)
        if there:
            return f"none of the frames {range_text(pattern.frames)} is there; there are {range_text(there)}"
    sequences = sequences_in(pattern.folder)
    if not sequences:
        return f"no file matches, and there are no numbered pictures {where}; check the folder"
    close = difflib.get_close_matches(pattern.name, [found.name for found, _ in sequences], n=3, cutoff=0.3)
    rank = {name: place for place, name in enumerate(close)}
    sequences.sort(key=lambda item: rank.get(item[0].name, len(rank)))
    shown = ", ".join(f"{found.name} ({range_text(frames)})" for found, frames in sequences[:3])
    more = f" and {len(sequences) - 3} more" if len(sequences) > 3 else ""
    return f"no file matches; {where} there is {shown}{more}"


def _names(folder: Path, text: str | None = None) -> Iterable[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir()]
    except FileNotFoundError:
        raise PlateError(f"{text or folder}: there is no folder {folder}; check the name") from None
    except OSError as error:
        raise PlateError(f"{text or folder}: cannot list {folder} ({error.strerror}); check the permissions") from None


def _split(name: str) -> tuple[str, str, str] | None:
    """Head, digits and tail of a numbered picture; the last number before the suffix counts."""
    if not is_readable_suffix(Path(name)):
        return None
    stem, suffix = name[: -len(Path(name).suffix)], Path(name).suffix
    found = re.fullmatch(r"(.*?)((?:(?<=[._])-)?[0-9]+)([^0-9]*)", stem)
    return (found[1], found[2], found[3] + suffix) if found else None


def _state(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def _stated_rate(path: Path) -> Fraction | None:
    from headroom.io.headers import header

    try:
        attributes: dict[str, Any] = header(path)["parts"][0]["attributes"]
    except PlateError:
        return None
    stated = next((value for name, value in attributes.items() if name.lower() == FRAME_RATE.lower()), None)
    try:
        rate = Fraction(str(stated)).limit_denominator(1001) if stated is not None else None
    except (ValueError, ZeroDivisionError):
        return None
    return rate if rate is not None and rate > 0 else None
