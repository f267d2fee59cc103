"""Which file becomes which: inputs and ``-o`` in, a list of tasks out. Nothing is read or written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headroom.errors import PlateError, UsageError
from headroom.io.formats import WRITABLE_SUFFIXES, is_readable_suffix

__all__ = ["Task", "plan_tasks"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One picture in, one picture out."""

    source: Path
    target: Path
    frame: int | None = None
    """Number of the result in its shot."""
    reads: int | None = None
    """Number of the plate it is made from: another one only where that is missing."""


def plan_tasks(inputs: Sequence[Path], output: Path) -> tuple[list[Task], list[Path]]:
    """The tasks, in a fixed order, and the files of folders that were left out as no pictures.

    One file and an ``output`` with a known suffix: that file. Otherwise ``output`` is a folder, and each result is
    named after its source. A folder among the inputs stands for the pictures in it (not in its sub-folders).
    """
    if not inputs:
        raise UsageError("no input: name at least one picture or folder")
    sources: list[Path] = []
    left_out: list[Path] = []
    for given in inputs:
        if given.is_dir():
            pictures, others = _list_folder(given)
            sources += pictures
            left_out += others
        else:
            sources.append(given)
    sources = list(dict.fromkeys(sources))
    if not sources:
        raise PlateError(f"{inputs[0]}: no pictures in this folder")

    one_file = _is_one_file(inputs, output)
    tasks = [Task(source=sources[0], target=output)] if one_file else _into_folder(sources, output)
    for task in tasks:
        if task.source.resolve() == task.target.resolve():
            raise UsageError(f"{task.source}: input and output are the same file; choose another -o")
    return tasks, left_out


def _is_one_file(inputs: Sequence[Path], output: Path) -> bool:
    suffix = output.suffix.lower()
    if output.is_dir():
        return False
    if len(inputs) == 1 and not inputs[0].is_dir():
        if suffix in WRITABLE_SUFFIXES:
            return True
        if suffix:
            known = ", ".join(sorted(WRITABLE_SUFFIXES))
            raise UsageError(f"{output}: cannot write '{suffix}' files; use {known}, or name a folder")
        return False
    if suffix in WRITABLE_SUFFIXES:
        raise UsageError(f"{output}: several inputs need a folder after -o, not a file")
    if output.exists():
        raise UsageError(f"{output}: several inputs need a folder after -o, and this is a file")
    return False


def _list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise PlateError(f"{folder}: cannot list this folder ({error.strerror})") from error
    pictures = [path for path in files if is_readable_suffix(path)]
    return pictures, [path for path in files if path not in set(pictures)]


def _into_folder(sources: Sequence[Path], folder: Path) -> list[Task]:
    """Named after the stem; where two sources share one (a.jpg, a.png), after the whole name (a.jpg.exr)."""
    shared = Counter(source.stem.casefold() for source in sources)
    names = [source.stem if shared[source.stem.casefold()] == 1 else source.name for source in sources]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: two inputs of this name would become one file in {folder}; convert them apart")
    return [Task(source=source, target=folder / f"{name}.exr") for source, name in zip(sources, names, strict=True)]
