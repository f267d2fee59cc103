"""A Python that an environment for the engine can be made from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .process import clean_environment, spawn_options

__all__ = ["VERSIONS", "Python", "find_python"]

VERSIONS = ((3, 11), (3, 12), (3, 13), (3, 10))
"""What the engine runs on, the ones to be preferred first."""

_PROBE = (
    "import ensurepip, platform, ssl, struct, sys, venv; "
    "print(sys.version_info[0], sys.version_info[1], struct.calcsize('P') * 8, platform.python_version(), sep='|')"
)
_PROBE_S = 20


class Python(NamedTuple):
    """An interpreter that has venv, ensurepip and ssl."""

    command: tuple[str, ...]
    version: str


def find_python(cancelled: Callable[[], bool] = lambda: False) -> Python | None:
    """The best on this machine; the host's own one only where there is no other."""
    found: dict[tuple[int, int], Python] = {}
    seen: set[str] = set()
    for command in _candidates():
        if cancelled() or VERSIONS[0] in found:
            break
        whole = shutil.which(command[0])
        mark = " ".join((str(Path(whole).resolve()) if whole else "", *command[1:]))
        if whole is None or mark in seen:
            continue
        seen.add(mark)
        probed = _probe((whole, *command[1:]))
        if probed is not None and probed[0] in VERSIONS:
            found.setdefault(*probed)
    for version in VERSIONS:
        if version in found:
            return found[version]
    probed = None if cancelled() else _probe((_own_python(),))
    return probed[1] if probed is not None and probed[0] in VERSIONS else None


def _candidates() -> Iterator[tuple[str, ...]]:
    numbers = [f"{major}.{minor}" for major, minor in VERSIONS]
    if os.name == "nt":
        yield from (("py", f"-{number}") for number in numbers)
        local = Path(os.environ.get("LOCALAPPDATA", "")) / "Programs" / "Python"
        yield from ((str(local / f"Python{number.replace('.', '')}" / "python.exe"),) for number in numbers)
        yield ("python",)
        return
    folders = ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/opt/local/bin"]
    frameworks = "/Library/Frameworks/Python.framework/Versions"
    for number in numbers:
        yield (f"python{number}",)
        yield from ((f"{folder}/python{number}",) for folder in folders)
        yield (f"{frameworks}/{number}/bin/python{number}",)
        for folder in sorted((Path.home() / ".pyenv/versions").glob(f"{number}.*"), reverse=True):
            yield (str(folder / "bin" / "python"),)
    yield ("python3",)
    yield ("python",)


def _own_python() -> str:
    """The host's interpreter as a program: Blender and Nuke are themselves ``sys.executable``."""
    if Path(sys.executable or "").stem.lower().startswith("python"):
        return sys.executable
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    inner = Path(sys.prefix) / ("python.exe" if os.name == "nt" else f"bin/{name}")
    return str(inner)


def _probe(command: tuple[str, ...]) -> tuple[tuple[int, int], Python] | None:
    try:
        done = subprocess.run(
            [*command, "-c", _PROBE], stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(),
            timeout=_PROBE_S, check=False, **spawn_options(),
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    words = done.stdout.decode("utf-8", "replace").strip().split("|")
    if done.returncode or len(words) != 4 or words[2] != "64":
        return None
    return (int(words[0]), int(words[1])), Python(command, words[3])
