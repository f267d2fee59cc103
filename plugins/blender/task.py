"""Files through the engine, step by step: for a timer of the interface, or waited for in background mode."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import engine
from .host.client import Run, Worker
from .problems import Problem

__all__ = ["EngineTask"]


class EngineTask:
    """Frames (``frame``, ``source``, ``target``) that the engine converts with ``settings``.

    `step` never blocks: the engine is started in a thread. What goes wrong is in `outcome`.
    """

    def __init__(self, settings: dict[str, Any], frames: Sequence[dict[str, Any]]) -> None:
        self.settings = {key: value for key, value in settings.items() if value is not None}
        self.frames = list(frames)
        self.outcome: dict[str, Any] | None = None
        self.message = "Starting the engine"
        self.done = 0
        self.version: str | None = None
        self.on_frame: Callable[[dict[str, Any]], None] | None = None
        """Called from `step` with each frame's event."""
        self._fraction = 0.0
        self._run: Run | None = None
        self._worker: Worker | None = None
        self._problem: Problem | None = None
        self._cancelled = False
        self._use: engine.using | None = engine.using()
        self._use.__enter__()
        found = engine.find()
        self._starter = threading.Thread(target=self._start, args=(found,), name="headroom-start", daemon=True)
        self._starter.start()

    @property
    def finished(self) -> bool:
        """Whether there is an outcome."""
        return self.outcome is not None

    @property
    def fraction(self) -> float:
        """0..1 of all frames."""
        if self.finished:
            return 1.0
        return min((self.done + self._fraction) / max(len(self.frames), 1), 1.0)

    def step(self) -> None:
        """Takes in what happened since the last call."""
        if self.finished or self._starter.is_alive():
            return
        if self._run is None:
            if self._problem is not None:
                self._end("failed", self._problem.sentence, self._problem.fix)
                return
            if self._cancelled:
                self._end("cancelled", None, None)
                return
            assert self._worker is not None
            self.version = self._worker.hello.get("version")
            self._run = self._worker.submit(self.settings, self.frames)
            self.message = "Loading the model"
        for event in self._run.poll():
            self._take(event)
        if self._run.finished and not self.finished:
            for event in self._run.poll():
                self._take(event)
            self.outcome = self._run.outcome
            self.release()

    def cancel(self) -> None:
        """Stops after the tile in work; frames that are finished stay."""
        self._cancelled = True
        self.message = "Stopping"
        if self._run is not None:
            self._run.cancel()

    def release(self) -> None:
        """Lets the engine end when it is idle; for a task that will not be stepped any more."""
        use, self._use = self._use, None
        if use is not None:
            use.__exit__()

    def wait(self, cancelled: Callable[[], bool] | None = None, on_step: Callable[[], None] | None = None) -> Any:
        """Blocks until there is an outcome, and returns it."""
        while not self.finished:
            if cancelled is not None and cancelled():
                self.cancel()
            self.step()
            if on_step is not None:
                on_step()
            if not self.finished:
                time.sleep(0.02)
        return self.outcome

    def _start(self, found: Any) -> None:
        try:
            self._worker = engine.start(found)
        except Problem as problem:
            self._problem = problem

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "progress":
            self._fraction = float(event.get("fraction", 0.0))
            if not self._cancelled:
                self.message = self._words(event.get("index", self.done), event.get("frame"))
        elif kind == "frame":
            self.done += 1
            self._fraction = 0.0
            if self.on_frame is not None:
                self.on_frame(event)

    def _words(self, index: int, frame: int | None) -> str:
        if len(self.frames) == 1:
            return "Reconstructing"
        named = f" (frame {frame})" if frame is not None else ""
        return f"Reconstructing {index + 1} of {len(self.frames)}{named}"

    def _end(self, status: str, error: str | None, fix: str | None) -> None:
        counts = {"done": 0, "skipped": 0, "failed": 0, "cancelled": 0, "left": len(self.frames)}
        self.outcome = {"status": status, "frames": [], "counts": counts, "error": error, "fix": fix}
        self.release()
