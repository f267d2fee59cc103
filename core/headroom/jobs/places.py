"""Folders that may fill up or go away, and plates that are still being written: told apart, and waited for."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headroom.errors import PlateError, WriteError

__all__ = ["AwayError", "FullError", "Patience", "UnsettledError", "is_full", "state_of", "wait_for"]

RECENT_S = 30.0
"""A file that cannot be read and was changed this recently may be one that is still being written."""
_PROBE_BYTES = 1 << 20

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
        with contextlib.suppress(OSError):
            if os.name == "posix" and hasattr(os, "posix_fallocate"):
                descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, max(needed, 1))
                except OSError as error:
                    import errno

                    return error.errno in (errno.ENOSPC, errno.EDQUOT)
                finally:
                    os.close(descriptor)
                return False
        with contextlib.suppress(OSError):
            import shutil

            return shutil.disk_usage(folder).free < needed
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def wait_for(condition: Callable[[], bool], patience_s: float, cancelled: Callable[[], bool], first_s: float) -> bool:
    """Looks again and again, ever more seldom; whether it came about in time."""
    end = time.monotonic() + patience_s
    pause = first_s
    while not condition():
        left = end - time.monotonic()
        if left <= 0 or cancelled():
            return False
        nap = min(pause, left)
        until = time.monotonic() + nap
        while time.monotonic() < until and not cancelled():
            time.sleep(min(0.1, nap))
        pause = min(pause * 2, 8 * first_s)
    return True
