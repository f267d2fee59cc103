"""A submitted run, seen from the host."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from .protocol import CANCELLED, DONE, FAILED, FRAME, LAST_WORDS, PROGRESS

if TYPE_CHECKING:
    from .client import Worker

__all__ = ["Run"]

CANCEL_PATIENCE_S = 30.0
"""A worker that has not stopped this long after a cancel is ended; a frame in work is lost, no file is left half."""


class Run:
    """Frames on their way. Safe to use from any thread; nothing here blocks but `wait`."""

    def __init__(self, worker: Worker, number: int, settings: Mapping[str, Any], frames: Sequence[Mapping[str, Any]]):
        self.id = number
        self.settings = dict(settings)
        self.frames = [dict(frame) for frame in frames]
        self._worker = worker
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._outcome: dict[str, Any] | None = None
        self._cancel_until: float | None = None

    def __repr__(self) -> str:
        state = self._outcome["status"] if self._outcome else "running"
        return f"<Run {self.id}: {len(self._results)}/{len(self.frames)} frames, {state}>"

    def poll(self) -> list[dict[str, Any]]:
        """What happened since the last call, oldest first; the last of all is done, cancelled or failed."""
        with self._changed:
            events, self._events = self._events, []
            return events

    def wait(
        self,
        on_event: Callable[[dict[str, Any]], Any] | None = None,
        cancelled: Callable[[], bool] | None = None,
        interval_s: float = 0.1,
    ) -> dict[str, Any]:
        """Blocks until the run is over; for background and terminal modes. ``cancelled`` is asked now and then.

        An exception out of either function, or Ctrl-C, cancels the run and goes on upwards.
        """
        try:
            while True:
                for event in self.poll():
                    if on_event is not None:
                        on_event(event)
                if self.finished and not self._events:
                    assert self._outcome is not None
                    return self._outcome
                if cancelled is not None and cancelled():
                    self.cancel()
                with self._changed:
                    if not self._events and self._outcome is None:
                        self._changed.wait(interval_s)
        except BaseException:
            self.cancel()
            raise

    def cancel(self, patience_s: float = CANCEL_PATIENCE_S) -> None:
        """Asks the worker to stop after the tile in work; asking again changes nothing."""
        with self._changed:
            if self._outcome is not None or self._cancel_until is not None:
                return
            self._cancel_until = time.monotonic() + patience_s
        self._worker._cancel(self)

    @property
    def finished(self) -> bool:
        """Whether there is an outcome."""
        return self._outcome is not None

    @property
    def outcome(self) -> dict[str, Any] | None:
        """None while it runs; then ``status`` done, failed or cancelled, ``frames``, ``counts``, ``error``, ``fix``."""
        return self._outcome

    def _overdue(self, now: float) -> bool:
        return self._outcome is None and self._cancel_until is not None and now > self._cancel_until

    def _feed(self, event: dict[str, Any]) -> None:
        """From the reader thread: one event of this run."""
        with self._changed:
            if self._outcome is not None:
                return
            kind = event.get("event")
            if kind == PROGRESS and self._events and self._events[-1].get("event") == PROGRESS:
                self._events.pop()  # a host that polls seldom wants the newest only
            if kind == FRAME:
                self._results.append(event)
            self._events.append(event)
            if kind in LAST_WORDS:
                self._outcome = self._summed(event)
            self._changed.notify_all()

    def _lost(self, error: str, fix: str | None) -> None:
        """The worker is gone: a failed outcome, or a cancelled one where that had been asked for."""
        kind = FAILED if self._cancel_until is None else CANCELLED
        self._feed({"id": self.id, "event": kind, "error": error, "fix": fix})

    def _summed(self, event: dict[str, Any]) -> dict[str, Any]:
        results = list(self._results)
        states = ("done", "skipped", "failed", "cancelled")
        counts = {state: sum(1 for frame in results if frame.get("status") == state) for state in states}
        counts["left"] = len(self.frames) - counts["done"] - counts["skipped"] - counts["failed"]
        status, error, fix = str(event["event"]), event.get("error"), event.get("fix")
        failed = [frame for frame in results if frame.get("status") == "failed"]
        if status == DONE and failed:
            status = FAILED
            error = str(failed[0].get("error"))
            if len(self.frames) > 1:
                error = f"{len(failed)} of {len(self.frames)} frames failed; the first: {error}"
        return {"status": status, "frames": results, "counts": counts, "error": error, "fix": fix}
