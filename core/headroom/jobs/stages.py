"""Where a shot's time goes: what each stage of the pipeline worked, waited and moved."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Clock", "PipelineTimes", "StageTimes"]


@dataclass(frozen=True, kw_only=True)
class StageTimes:
    """One stage, summed over its threads."""

    name: str
    threads: int
    frames: int
    bytes: int
    """Moved out of the stage: plates decoded, bands computed, files written."""
    busy_seconds: float
    """At work, by the wall clock."""
    cpu_seconds: float
    """Of the stage's own threads; what torch's and OpenEXR's pools did for them is not in it."""
    waiting_seconds: float
    """Blocked on the stage before it (nothing to do) or the stage after it (no room)."""


@dataclass(frozen=True, kw_only=True)
class PipelineTimes:
    """A run of the pipeline, from the first read to the last rename."""

    wall_seconds: float
    torch_threads: int
    most_frames: int
    """In flight at once: decoded ahead, in the network, being written."""
    most_bytes: int
    """Of plates and bands held at once."""
    stages: tuple[StageTimes, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass
class Clock:
    """Sums of one stage; any of its threads may add to them."""

    name: str
    threads: int = 1
    frames: int = 0
    bytes: int = 0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    waiting_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The time within is work; waits inside are to be taken out with `waiting`."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                self.busy_seconds += time.perf_counter() - wall
                self.cpu_seconds += time.thread_time() - cpu

    @contextmanager
    def waiting(self, *, within_busy: bool = False) -> Iterator[None]:
        """The time within is spent blocked; ``within_busy``: it is taken off the work around it."""
        wall = time.perf_counter()
        try:
            yield
        finally:
            lost = time.perf_counter() - wall
            with self._lock:
                self.waiting_seconds += lost
                self.busy_seconds -= lost if within_busy else 0.0

    def moved(self, frames: int, size: int) -> None:
        """Frames and bytes have left the stage."""
        with self._lock:
            self.frames += frames
            self.bytes += size

    def times(self) -> StageTimes:
        """What has been summed so far."""
        with self._lock:
            return StageTimes(
                name=self.name,
                threads=self.threads,
                frames=self.frames,
                bytes=self.bytes,
                busy_seconds=self.busy_seconds,
                cpu_seconds=self.cpu_seconds,
                waiting_seconds=self.waiting_seconds,
            )
