"""Which frames become which: patterns, movies and ``--frames`` in, shots out. Nothing is decoded or written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headroom.errors import PlateError, UsageError
from headroom.io.formats import WRITABLE_SUFFIXES
from headroom.io.frames import FrameSource, frames_of_range, gaps, gaps_text, nearest, range_text
from headroom.io.pattern import FramePattern, is_pattern
from headroom.io.sequence import SequenceSource
from headroom.jobs.naming import Task

__all__ = ["Missing", "Shot", "is_shot", "plan_shots"]

Missing = Literal["error", "skip", "nearest"]

_MOVIE_WIDTH = 4
"""Digits of the results of a movie."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One source, the frames asked for, and where they go."""

    source: FrameSource
    output: FramePattern
    tasks: tuple[Task, ...]
    """Ascending; ``frame`` and ``reads`` are set."""
    missing: tuple[int, ...]
    """Asked for and not there."""
    notes: tuple[str, ...] = ()
    """What the user should know before it begins."""

    @property
    def stem(self) -> str:
        """Names the files that lie beside the results."""
        return self.output.stem or "shot"


def is_shot(path: Path) -> bool:
    """Whether an input is a pattern or a movie rather than a picture or a folder."""
    from headroom.io.movie import is_movie

    return is_pattern(path) or is_movie(path)


def plan_shots(
    inputs: Sequence[Path],
    output: Path,
    *,
    frames: str | None = None,
    missing: Missing | None = None,
    part: str | int | None = None,
    from_space: str | None = None,
    movie: Mapping[str, Any] | None = None,
) -> list[Shot]:
    """A shot for each input; ``frames`` picks of each of them.

    ``missing`` is what becomes of frames that were asked for and are not there. None: an error where ``frames``
    names them; a mere gap in what is there is told and passed over. ``movie``: how a movie is to be
    understood, by the names of `MovieSource` (first_frame, levels, matrix).
    """
    wanted = None if frames is None else frames_of_range(frames)
    shots: list[Shot] = []
    for given in inputs:
        source = _open(given, part, from_space, movie or {})
        shots.append(_plan(source, _output_of(source, output, len(inputs)), wanted, missing))
    targets: dict[Path, Shot] = {}
    for shot in shots:
        for task in shot.tasks:
            if task.source.resolve() == task.target.resolve():
                raise UsageError(f"{task.source}: input and output are the same file; choose another -o")
            if other := targets.get(task.target):
                raise UsageError(
                    f"{other.source.name} and {shot.source.name} would both become {task.target}; convert them apart"
                )
            targets[task.target] = shot
    return shots


def _open(given: Path, part: str | int | None, from_space: str | None, movie: Mapping[str, Any]) -> FrameSource:
    from headroom.io.movie import MovieSource, is_movie

    if not is_pattern(given) and is_movie(given):
        return MovieSource(given, from_space=from_space, part=part, **movie)
    if movie:
        raise UsageError(f"--{next(iter(movie)).replace('_', '-')} is for movies; {given} is a frame pattern")
    return SequenceSource(given, part=part)


def _output_of(source: FrameSource, output: Path, inputs: int) -> FramePattern:
    suffix = output.suffix.lower()
    if is_pattern(output):
        pattern = FramePattern.of(output)
        if pattern.frames is not None:
            raise UsageError(f"{output}: name the frames with --frames, not in -o")
        if inputs > 1:
            raise UsageError(f"{output}: several shots need a folder after -o, not a pattern")
        if pattern.suffix.lower() not in WRITABLE_SUFFIXES:
            known = ", ".join(sorted(WRITABLE_SUFFIXES))
            raise UsageError(f"{output}: cannot write '{pattern.suffix}' files; use {known}, or name a folder")
        return pattern
    if suffix in WRITABLE_SUFFIXES and not output.is_dir():
        hint = output.with_name(f"{output.stem}.####{output.suffix}")
        raise UsageError(f"{output}: a shot becomes many files; write {hint}, or name a folder")
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: a shot needs a folder or a pattern after -o, and this is a file")
    if isinstance(source, SequenceSource):
        stem, width = source.pattern.stem, source.pattern.width
    else:
        stem, width = source.path(source.frames[0]).stem, _MOVIE_WIDTH
    head = f"{stem}." if stem else ""
    return FramePattern(
        folder=output,
        head=head,
        tail=".exr",
        width=width,
        any_width=False,
        text=str(output / f"{head}{'#' * width}.exr"),
    )


def _plan(source: FrameSource, output: FramePattern, wanted: Sequence[int] | None, missing: Missing | None) -> Shot:
    there = set(source.frames)
    holes = gaps(source.frames)
    notes = list(getattr(source, "warnings", ()))
    if wanted is None:
        if holes and missing is None:
            notes.append(
                f"{source.name}: frames {gaps_text(holes)} are missing between the others; --missing says what to do"
            )
        lacking = tuple(frame for hole in holes for frame in hole) if missing is not None else ()
        wanted = sorted({*source.frames, *lacking})
    else:
        lacking = tuple(frame for frame in wanted if frame not in there)
        missing = missing or "error"
    if lacking and missing == "error":
        raise PlateError(
            f"{source.name}: frames {range_text(lacking)} are not there (there are {range_text(source.frames)}); "
            "--missing skip leaves them out, --missing nearest puts the nearest frame in their place"
        )
    if lacking:
        done = "left out" if missing == "skip" else "made from the nearest frame"
        notes.append(f"{source.name}: frames {range_text(lacking)} are missing; {done}")
    tasks = []
    for frame in wanted:
        reads = frame
        if frame not in there:
            if missing == "skip":
                continue
            reads = nearest(source.frames, frame)
        tasks.append(Task(source=source.path(reads), target=output.path(frame), frame=frame, reads=reads))
    if not tasks:
        raise PlateError(f"{source.name}: none of the frames asked for is there; there are {range_text(source.frames)}")
    return Shot(source=source, output=output, tasks=tuple(tasks), missing=lacking, notes=tuple(notes))
