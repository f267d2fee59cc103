"""Where the worker is: chosen, named in the environment, set up by a plug-in, used last, or on PATH."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .installed import installed_command

__all__ = ["VARIABLE", "Found", "command_of", "config_folder", "find_worker", "last_used", "remember"]

VARIABLE = "HEADROOM_WORKER"
_PROGRAMS = ("headroom", "headroom.exe")
_PYTHONS = ("python", "python3", "python.exe")
_FOLDERS = ("bin", "Scripts", ".")


class Found(NamedTuple):
    """The command that starts a worker, and where it was found, in words for a person."""

    command: tuple[str, ...]
    where: str


def find_worker(preferred: str | None = None, environment_dir: Path | None = None) -> Found | None:
    """The first that is there: ``preferred``, $HEADROOM_WORKER, the plug-in's environment, used last, PATH.

    ``preferred`` and the variable may name the program, a Python that has headroom, a folder with either
    (a virtual environment), or a whole command. Looking starts nothing.
    """
    for text, where in ((preferred, "chosen by hand"), (os.environ.get(VARIABLE), f"${VARIABLE}")):
        command = command_of(text) if text and text.strip() else None
        if command:
            return Found(command, where)
    command = installed_command(Path(environment_dir)) if environment_dir is not None else None
    if command:
        return Found(command, "the plug-in's own environment")
    command = last_used()
    if command:
        return Found(command, "used last")
    command = command_of("headroom")
    return Found(command, "PATH") if command else None


def command_of(text: str) -> tuple[str, ...] | None:
    """The worker command that a person meant by a path, a name on PATH or a command line; None: nothing there."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2:
        text = text[1:-1]  # a path as Windows copies it
    path = Path(text).expanduser()
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return _program(path)
    except (OSError, ValueError):  # a name that no file could have
        return None
    found = shutil.which(text)
    if found:
        return _program(Path(found))
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError:
        return None
    words = [word.strip('"') for word in words]
    if len(words) < 2:
        return None
    program = shutil.which(str(Path(words[0]).expanduser()))
    return (program, *words[1:]) if program else None


def remember(command: Sequence[str]) -> None:
    """Notes the command of a worker that has said hello; a folder that cannot be written to is no error."""
    path = config_folder() / "worker.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_text(json.dumps({"command": list(command)}), "utf-8")
        beside.replace(path)
    except OSError:
        pass


def last_used() -> tuple[str, ...] | None:
    """The command noted by `remember`, while its program is still there."""
    try:
        command = json.loads((config_folder() / "worker.json").read_text("utf-8"))["command"]
        if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
            return None
        return tuple(command) if shutil.which(command[0]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def config_folder() -> Path:
    """The user's folder for headroom's settings, by the system's custom."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "headroom"


def _in_folder(folder: Path) -> tuple[str, ...] | None:
    command = installed_command(folder)
    if command:
        return command
    for names in (_PROGRAMS, _PYTHONS):
        for inner in _FOLDERS:
            for name in names:
                if (folder / inner / name).is_file():
                    return _program(folder / inner / name)
    return None


def _program(path: Path) -> tuple[str, ...]:
    # Not resolved: a virtual environment's Python is a link to another one.
    whole = str(path if path.is_absolute() else path.absolute())
    if path.name.lower().startswith("python"):
        return (whole, "-m", "headroom", "worker")
    return (whole, "worker")
