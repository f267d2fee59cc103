"""A command that a person waits for: its lines as they come, stopped when they wish, its failure in words."""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .lines import Lines
from .process import clean_environment, ending, kill_tree, spawn_options

__all__ = ["CommandFailed", "Stopped", "run_command"]

_TICK_S = 0.1
_KEPT_LINES = 60
_NETWORK = ("connection", "name resolution", "dns error", "certificate", "timed out", "proxyerror", "failed to fetch")


class Stopped(Exception):  # noqa: N818  no error: it was asked for
    """The caller's ``cancelled`` said so."""


class CommandFailed(Exception):  # noqa: N818  says what happened
    """One plain sentence with what the command said, and what to do."""

    def __init__(self, sentence: str, fix: str) -> None:
        super().__init__(f"{sentence} {fix}")
        self.sentence = sentence
        self.fix = fix


def run_command(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    without: Sequence[str] = (),
    on_line: Callable[[str], object],
    cancelled: Callable[[], bool],
) -> None:
    """Runs it to its end. ``env`` lies over the cleaned environment, ``without`` names what is taken out."""
    environment = {name: value for name, value in clean_environment().items() if name not in without}
    environment.update(env)
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            env=environment, cwd=env.get("TMPDIR"), **spawn_options(),
        )  # fmt: skip
    except OSError as error:
        raise CommandFailed(f"{command[0]} cannot be started: {error.strerror or error}.", "Try again.") from error
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    fresh: deque[str] = deque()
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout.fileno(), said, fresh), daemon=True)
    reader.start()
    try:
        while True:
            ended = not reader.is_alive()
            while fresh:
                on_line(fresh.popleft())
            if ended:
                break
            if cancelled():
                raise Stopped
            reader.join(_TICK_S)
        code = process.wait()
    finally:
        if process.poll() is None:
            kill_tree(process)
            process.wait()
        reader.join(1.0)
        process.stdout.close()
    if code:
        raise _failure(command, code, list(said))


def _read(descriptor: int, said: deque[str], fresh: deque[str]) -> None:
    lines = Lines(descriptor)
    try:
        while (line := lines.next()) is not None:
            text = line[:2000].decode("utf-8", "replace").rstrip()
            if text:
                said.append(text)
                fresh.append(text)
    except OSError:
        pass


def _failure(command: Sequence[str], code: int, said: Sequence[str]) -> CommandFailed:
    # From the last line that begins an error on: uv explains below it, pip ends with it.
    first = max((i for i, line in enumerate(said) if line.lower().lstrip().startswith("error")), default=len(said) - 1)
    why = " ".join(" ".join(said[max(first, 0) :]).split()) or f"it {ending(code)}"
    whole = " ".join(said).lower()
    if "no space left" in whole or "not enough space" in whole:
        fix = "Make room on the disk and try again."
    elif any(word in whole for word in _NETWORK):
        fix = "Check the network (HTTPS_PROXY where there is a proxy) and try again."
    elif "no matching distribution" in whole or "no solution found" in whole:
        fix = "A package is not to be had for this system and Python: look at the log."
    else:
        fix = "Look at the log, and try again."
    name = "uv" if Path(command[0]).stem == "uv" else "pip" if "pip" in command else "venv"
    return CommandFailed(f"{name} failed: {why[:400].rstrip('.')}.", fix)
