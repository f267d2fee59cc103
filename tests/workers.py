"""Workers for tests: the real one with the tiny model, and small programs that behave badly."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["REAL", "gone", "old_python", "program", "until"]

REAL = (sys.executable, "-m", "headroom", "worker")

HELLO = """
import json, os, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()
def requests():
    for line in sys.stdin:
        yield json.loads(line)
def hello(protocol=1, version="0.1.0"):
    say(event="hello", protocol=protocol, version=version, pid=os.getpid())
"""


def program(folder: Path, code: str) -> tuple[str, ...]:
    """The command of a small Python program with `say`, `requests` and `hello` at hand."""
    path = folder / "program.py"
    path.write_text(HELLO + code, "utf-8")
    return (sys.executable, "-S", str(path))


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for what another process or thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether no process of that number runs; a zombie that its parent has not asked for counts as there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def old_python() -> str:
    """A Python 3.9, the oldest that a host may bring."""
    found = shutil.which("python3.9")
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    others = [str(path) for root in roots for path in sorted(root.glob("3.9.*/bin/python"), reverse=True)]
    for candidate in [*others, *([found] if found else [])]:
        return candidate
    pytest.skip("no Python 3.9 here")
