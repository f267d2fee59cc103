"""Files and folders in, one task a stack out. Headers are read, pixels are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headroom.bracket.shot import Shot, by_name, read_shot
from headroom.bracket.split import LeftOut, stacks_in
from headroom.errors import PlateError, UsageError
from headroom.io.formats import WRITABLE_SUFFIXES, is_readable_suffix
from headroom.io.raw import is_raw_suffix

__all__ = ["Plan", "Task", "plan_stacks"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One stack in, one picture out."""

    shots: tuple[Shot, ...]
    """In the order given; of a folder in order of time, or of name."""
    target: Path


@dataclass(kw_only=True)
class Plan:
    """What will be done."""

    tasks: list[Task]
    left_out: list[str] = field(default_factory=list)
    """Pictures of folders that belong to no stack, and why, one line each."""


def plan_stacks(
    inputs: Sequence[Path], output: Path, *, per_stack: int | None = None, frames: int | None = None,
    by_exposure: bool = True,
) -> Plan:  # fmt: skip
    """The stacks of the inputs.

    Files and an ``output`` file are one stack. With a folder after ``-o``, files are told apart as those of a folder
    are: by time, size and exposure. A folder that holds folders only stands for those. The rest as `stacks_in`.
    """
    if not inputs:
        raise UsageError("no input: name the frames of a bracket, or a folder")
    one_file = _is_one_file(output)
    folders = [folder for path in inputs if path.is_dir() for folder in _folders(path)]
    files = list(dict.fromkeys(path for path in inputs if not path.is_dir()))
    left_out: list[str] = []
    if files and not folders and one_file and per_stack is None:
        task = Task(shots=tuple(read_shot(path) for path in files), target=output)
        _refuse_same([task])
        return Plan(tasks=[task])
    found: list[tuple[Path | None, list[tuple[Shot, ...]]]] = []
    for folder, paths in [(None, files)] * bool(files) + [(folder, _pictures(folder, left_out)) for folder in folders]:
        shots = [read_shot(path) for path in paths]
        stacks, others = stacks_in(shots, per_stack=per_stack, frames=frames, by_exposure=by_exposure)
        left_out += [_line(other) for other in others]
        found.append((folder, stacks))
    count = sum(len(stacks) for _, stacks in found)
    if not count:
        why = f": {left_out[0]}" if left_out else ""
        raise PlateError(f"{inputs[0]}: no bracket of two frames or more in it{why}")
    if one_file and count > 1:
        raise UsageError(f"{output}: {count} stacks were found ({_stack_names(found)}); name a folder after -o")
    tasks = [Task(shots=stack, target=output) for _, stacks in found for stack in stacks]
    if not one_file:
        names = _target_names(found)
        tasks = [Task(shots=task.shots, target=output / f"{name}.exr") for task, name in zip(tasks, names, strict=True)]
    _refuse_same(tasks)
    return Plan(tasks=tasks, left_out=left_out)


def _is_one_file(output: Path) -> bool:
    if output.is_dir():
        return False
    suffix = output.suffix.lower()
    if suffix and suffix not in WRITABLE_SUFFIXES:
        known = ", ".join(sorted(WRITABLE_SUFFIXES))
        raise UsageError(f"{output}: cannot write '{suffix}' files; use {known}, or name a folder")
    if not suffix and output.exists():
        raise UsageError(f"{output}: this is a file; name a picture such as out.exr, or a folder")
    return bool(suffix)


def _folders(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=by_name)
    except OSError as error:
        raise PlateError(f"{folder}: cannot list this folder ({error.strerror})") from error
    if any(_is_picture(entry) for entry in entries):
        return [folder]
    inner = [
        entry for entry in entries if entry.is_dir() and any(_is_picture(path) for path in sorted(entry.iterdir()))
    ]
    if not inner:
        raise PlateError(f"{folder}: no pictures in this folder")
    return inner


def _is_picture(path: Path) -> bool:
    return not path.name.startswith(".") and (is_readable_suffix(path) or is_raw_suffix(path)) and path.is_file()


def _pictures(folder: Path, left_out: list[str]) -> list[Path]:
    """The folder's pictures; of a RAW and its JPEG, which the camera wrote together, the RAW."""
    pictures = [path for path in sorted(folder.iterdir(), key=by_name) if _is_picture(path)]
    raws = {path.stem.casefold() for path in pictures if is_raw_suffix(path)}
    doubled = [path for path in pictures if not is_raw_suffix(path) and path.stem.casefold() in raws]
    left_out += [f"{path}: the camera's own picture of the RAW beside it" for path in doubled]
    return [path for path in pictures if path not in doubled]


def _line(other: LeftOut) -> str:
    names = ", ".join(shot.path.name for shot in other.shots[:4]) + (", ..." if len(other.shots) > 4 else "")
    return f"{other.shots[0].path.parent / names}: {other.why}"


def _stack_names(found: Sequence[tuple[Path | None, list[tuple[Shot, ...]]]]) -> str:
    names = [_span(stack) for _, stacks in found for stack in stacks]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _target_names(found: Sequence[tuple[Path | None, list[tuple[Shot, ...]]]]) -> list[str]:
    """A folder's only stack is named after it, where there are several folders; others after their files."""
    folders = [folder for folder, _ in found if folder is not None]
    names = [
        folder.name if folder is not None and len(folders) > 1 and len(stacks) == 1 else _span(stack)
        for folder, stacks in found
        for stack in stacks
    ]
    owners = [folder.name if folder is not None else "" for folder, stacks in found for _ in stacks]
    shared = Counter(name.casefold() for name in names)
    names = [f"{owner}_{name}" if shared[name.casefold()] > 1 and owner else name
             for name, owner in zip(names, owners, strict=True)]  # fmt: skip
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}.exr: two stacks would become this one file; merge them apart")
    return names


def _span(stack: Sequence[Shot]) -> str:
    """``IMG_2600-IMG_2602``: the first and the last file by name."""
    stems = [shot.path.stem for shot in sorted(stack, key=lambda shot: by_name(shot.path))]
    return f"{stems[0]}-{stems[-1]}"


def _refuse_same(tasks: Sequence[Task]) -> None:
    for task in tasks:
        for shot in task.shots:
            if shot.path.resolve() == task.target.resolve():
                raise UsageError(f"{shot.path}: input and output are the same file; choose another -o")
