"""Who works on which frames: lock files beside the outputs, so that workers on one folder share a shot.

A claim is a file ``<block>.<generation>``, made with O_EXCL (which file servers honour), that its holder touches
every few seconds. Its age is told by the share's own clock. A claim that has not been touched for long, or whose
process on this host has ended, is not removed (two workers could then each remove the other's new one): who takes
over makes the next generation, and only one can. Blocks lie on a fixed grid of frame numbers, so that workers with
different ranges agree about them; they hold consecutive frames, since those share their temporal window.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.errors import WriteError

__all__ = ["BLOCK_FRAMES", "EXPIRY_S", "Claims", "Holder", "block_of", "process_ended", "this_process"]

BLOCK_FRAMES = 8
"""Frames a claim: short enough to share out evenly, long enough that window frames done twice weigh little."""
HEARTBEAT_S = 5.0
EXPIRY_S = 60.0
"""A claim that was not touched for this long is void; several heartbeats may get lost on a slow share."""
_CLOCK_S = 10.0
"""How long a look at the share's clock holds."""

_OURS: set[Path] = set()
"""Claims that this process holds, in whichever job."""


def block_of(frame: int) -> int:
    """Number of the block that a frame lies in."""
    return frame // BLOCK_FRAMES


@dataclass(frozen=True)
class Holder:
    """Whose a claim is."""

    host: str
    pid: int
    born: int
    """Start of the process in the system's own count; tells it from a later one of the same number. 0: not known."""

    def __str__(self) -> str:
        """As told to a user."""
        return f"{self.host}, process {self.pid}"


def this_process() -> Holder:
    """Ourselves."""
    return Holder(socket.gethostname(), os.getpid(), _born(os.getpid()))


def process_ended(holder: Holder) -> bool:
    """Whether the holder was a process of this host that is over; False where that cannot be told from here."""
    if holder.host != socket.gethostname() or os.name != "posix":
        return False  # on Windows os.kill(pid, 0) is no question
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    born = _born(holder.pid)
    return bool(born and holder.born and born != holder.born)


class Claims:
    """The claims of one shot's outputs, in a folder of their own; to be used in a ``with``."""

    def __init__(self, folder: Path, *, expiry_s: float = EXPIRY_S) -> None:
        """``folder`` is made when needed, and removed once nobody holds a claim in it."""
        self.folder = folder
        self._expiry_s = expiry_s
        self._us = this_process()
        self._held: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._clock: tuple[float, float] | None = None
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="claims", daemon=True)

    def __enter__(self) -> Claims:
        self._heart.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Lets go of everything, and where Ctrl-C comes meanwhile, still does."""
        try:
            self._let_go()
        except KeyboardInterrupt:
            self._let_go()
            raise

    def _let_go(self) -> None:
        self._over.set()
        self._heart.join()
        for block in list(self._held):
            self.release(block)
        self._sweep()

    def take(self, block: int | str) -> Holder | None:
        """None where the block is now ours; otherwise its holder. ``WriteError`` where no claim can be made."""
        key = str(block)
        if key in self._held:
            return None
        for _ in range(3):  # a claim may come and go between our look and our try
            generation, path = self._newest(key)
            if path is not None:
                holder, void = self._look(path)
                if not void:
                    return holder
            if self._make(key, generation + 1):
                for older in range(generation + 1):
                    with contextlib.suppress(OSError):
                        self._path(key, older).unlink()
                return None
        return Holder("another worker", 0, 0)

    def release(self, block: int | str) -> None:
        """Others may have the block."""
        with self._lock:
            path = self._held.pop(str(block), None)
        if path is not None:
            _OURS.discard(path)
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, key: str, generation: int) -> Path:
        return self.folder / f"{key}.{generation}"

    def _newest(self, key: str) -> tuple[int, Path | None]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return -1, None
        except OSError as error:
            raise WriteError(f"cannot list {self.folder}: {error.strerror}; check the folder") from None
        ends = [name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == key]
        numbers = [int(end) for end in ends if end.isdigit()]
        newest = max(numbers, default=-1)
        return newest, self._path(key, newest) if numbers else None

    def _make(self, key: str, generation: int) -> bool:
        path = self._path(key, generation)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except (FileExistsError, FileNotFoundError):  # the folder went as its last claim did: try again
            return False
        except OSError as error:
            raise WriteError(f"cannot write {path}: {error.strerror}; choose a folder that can be written to") from None
        # A claim without content (full disk) is as good: it only cannot say whose it is.
        try:
            with contextlib.suppress(OSError), os.fdopen(descriptor, "w") as file:
                json.dump({"host": self._us.host, "pid": self._us.pid, "born": self._us.born}, file)
        except KeyboardInterrupt:  # one that does not say whose it is would hold the block until it expires
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._held[key] = path
            _OURS.add(path)
        return True

    def _look(self, path: Path) -> tuple[Holder, bool]:
        """The holder, and whether the claim is void."""
        holder = Holder("another worker", 0, 0)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text())
            holder = Holder(str(told["host"]), int(told["pid"]), int(told["born"]))
            forgotten = holder == self._us and path not in _OURS  # a share was away when we let go of it
            if forgotten or process_ended(holder):
                return holder, True
        try:
            return holder, self.share_time() - path.stat().st_mtime > self._expiry_s
        except FileNotFoundError:
            return holder, True
        except OSError:
            return holder, False

    def share_time(self) -> float:
        """Now, by the clock of the file server that dates the claims."""
        if self._clock is None or time.monotonic() - self._clock[0] > _CLOCK_S:
            probe = self.folder / f"clock-{self._us.host}-{self._us.pid}"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                probe.write_bytes(b"")
                os.utime(probe)
                self._clock = (time.monotonic(), probe.stat().st_mtime)
            except OSError:  # a full disk or a share that is away: our own clock must do
                return time.time()
            finally:
                with contextlib.suppress(OSError):
                    probe.unlink(missing_ok=True)
        return self._clock[1] + time.monotonic() - self._clock[0]

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            with self._lock:
                held = list(self._held.values())
            for path in held:
                with contextlib.suppress(OSError):
                    os.utime(path)

    def _sweep(self) -> None:
        """Claims that nobody holds any more, and the folder."""
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if path.name.rpartition(".")[2].isdigit() and self._look(path)[1]:
                    path.unlink(missing_ok=True)
            self.folder.rmdir()


def _born(pid: int) -> int:
    """Start time of a process in clock ticks since boot (Linux: field 22 of /proc/PID/stat); 0 elsewhere."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
