"""Folders that may fill up or go away, and plates that are still being written: told apart, and waited for."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headroom.errors import PlateError, WriteError

__all__ = ["AwayError", "FullError", "Patience", "UnsettledError", "is_full", "pause", "state_of", "wait_for"]

RECENT_S = 30.0
"""A file that cannot be read and was changed this recently may be one that is still being written."""
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

State = tuple[int, int, int]


class AwayError(WriteError):
    """A folder cannot be reached; it may come back."""


class FullError(WriteError):
    """The disk or quota is full; the same command goes on once there is room."""


class UnsettledError(PlateError):
    """A plate that is still being written."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long what may pass is waited for, in seconds."""

    away_s: float = 120.0
    """A share that has gone."""
    settling_s: float = 120.0
    """Plates that are still being written, after everything else is done."""
    still_s: float = 2.0
    """A plate that has not changed for this long is taken to be whole."""
    poll_s: float = 1.0
    """Between looks at what others have in work."""


def state_of(path: Path) -> State | None:
    """Size, time of change and number of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def is_recent(state: State | None) -> bool:
    """Whether a file was changed so recently that it may still be in work."""
    return state is not None and abs(time.time() - state[1] / 1e9) < RECENT_S


def is_full(folder: Path, needed: int) -> bool:
    """Whether a file of that size does not fit: tried out, since a quota shows nowhere else."""
    probe = folder / f".headroom-room-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(needed, 1))
    except OSError as error:
        if error.errno in _FULL:
            return True
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    try:
        return shutil.disk_usage(folder).free < needed
    except OSError:
        return False


def pause(seconds: float, cancelled: Callable[[], bool]) -> None:
    """Sleeps, unless the user stops."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not cancelled():
        time.sleep(min(0.1, left))


def wait_for(condition: Callable[[], bool], patience_s: float, cancelled: Callable[[], bool], first_s: float) -> bool:
    """Looks again and again, ever more seldom; whether it came about in time."""
    end = time.monotonic() + patience_s
    nap = first_s
    while not condition():
        left = end - time.monotonic()
        if left <= 0 or cancelled():
            return False
        pause(min(nap, left), cancelled)
        nap = min(nap * 2, 8 * first_s)
    return True
