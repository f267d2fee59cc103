"""What is to be compared: a result, its plate where there is one, as stills or frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from headroom import io
from headroom.errors import PlateError, UsageError
from headroom.io.frames import FrameSource, frames_of_range, range_text
from headroom.io.movie import MovieSource, is_movie
from headroom.io.pattern import is_pattern
from headroom.io.sequence import SequenceSource
from headroom.plate import Plate
from headroom.report.header import Header

__all__ = ["Pair", "open_pair"]


@dataclass
class Still:
    """One picture as a source of one frame."""

    name: str
    frames: tuple[int, ...] = (0,)
    rate: Fraction | None = None

    def read(self, frame: int) -> Plate:
        """The picture."""
        return io.read(Path(self.name))

    def path(self, frame: int) -> Path:
        """The picture's file."""
        return Path(self.name)

    def identity(self, frame: int) -> str:
        """Nothing is kept between runs, so that the name does."""
        return self.name

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class Pair:
    """The two sides and the frames that both have."""

    result: FrameSource
    plate: FrameSource | None
    frames: tuple[int, ...]
    is_shot: bool
    warnings: tuple[str, ...] = ()

    def close(self) -> None:
        """Lets go of both."""
        self.result.close()
        if self.plate is not None:
            self.plate.close()


def open_pair(
    plate: Path | None,
    result: Path,
    frames: str | None = None,
    *,
    from_space: str | None = None,
    first_frame: int | None = None,
) -> Pair:
    """Finds both sides; ``frames`` as in ``--frames``. UsageError where they cannot belong together.

    ``from_space`` and ``first_frame`` are for movies: PQ and HLG are read only where their space is named.
    """
    for path in (plate, result):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        if shown != str(path):
            raise PlateError(f"{shown}: the name is not UTF-8, which the image libraries need; rename it")
    if is_movie(result):
        raise UsageError(f"{result} is a movie, not a result: name the EXR frames (hdr.####.exr) made from it")
    is_shot = is_pattern(result)
    if first_frame is not None and (plate is None or not is_movie(plate)):
        raise UsageError("--first-frame is for a movie as the plate; files have their own numbers")
    if plate is not None and (is_pattern(plate) or is_movie(plate)) != is_shot:
        shot, still = (result, plate) if is_shot else (plate, result)
        raise UsageError(f"{shot} is a shot and {still} is not: name a pattern such as plate.####.jpg for both")
    if not is_shot:
        if frames is not None:
            raise UsageError(f"--frames {frames}: {result} is a single picture; name a pattern such as hdr.####.exr")
        for path in (plate, result):
            _check_readable(path)
        return Pair(Still(str(result)), None if plate is None else Still(str(plate)), (0,), False)
    results = SequenceSource(result)
    plates: FrameSource | None = None
    if plate is not None:
        plates = _movie(plate, results, from_space, first_frame) if is_movie(plate) else SequenceSource(plate)
    return _shot(results, plates, frames)


def _movie(plate: Path, results: SequenceSource, from_space: str | None, first_frame: int | None) -> MovieSource:
    space = from_space or Header.of(io.header(results.path(results.frames[0]))).source_space
    return MovieSource(plate, from_space=space, first_frame=first_frame)


def _shot(results: SequenceSource, plates: FrameSource | None, frames: str | None) -> Pair:
    asked = set(results.frames if frames is None else frames_of_range(frames))
    found = asked & set(results.frames)
    warnings = []
    if frames is not None and asked - found:
        warnings.append(f"asked for, but {results.name} has no frames {range_text(asked - found)}")
    elif frames is None and results.gaps:
        lacking = [frame for gap in results.gaps for frame in gap]
        warnings.append(f"{results.name} has gaps: frames {range_text(lacking)} are missing")
    both = found if plates is None else found & set(plates.frames)
    if plates is not None and found - both:
        warnings.append(f"left out: {plates.name} has no frames {range_text(found - both)}")
    if not both:
        sides = f"{results.name} has {range_text(results.frames)}"
        if plates is not None:
            sides += f", {plates.name} has {range_text(plates.frames)}"
        raise PlateError(f"no frame to report on: {sides}" + (f", asked for were {frames}" if frames else ""))
    return Pair(results, plates, tuple(sorted(both)), True, tuple(warnings))


def _check_readable(path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise PlateError(f"{path} is a folder; name a picture, or a pattern such as {path}/plate.####.exr")
