"""How a bake shows itself: a progress window in the GUI, lines in a terminal."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import nuke

__all__ = ["Lines", "Progress", "Window", "for_host"]

LINE_EVERY_S = 5.0


class Progress:
    """Told how far the bake is; says whether somebody wants it stopped. Also the silent one."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Ask for an end, from any thread."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Whether an end was asked for."""
        return self._stop.is_set()

    def say(self, text: str) -> None:
        """Something happened that is worth a line."""

    def at(self, fraction: float, text: str) -> None:
        """0..1 of the whole bake, and what is done now."""

    def close(self) -> None:
        """No more will come."""


class Lines(Progress):
    """Plain lines for ``nuke -t``, farm logs and scripts."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._next = 0.0

    def say(self, text: str) -> None:
        """One line."""
        nuke.tprint(f"headroom: {self.title}: {text}")
        sys.stdout.flush()

    def at(self, fraction: float, text: str) -> None:
        """A line now and then; farms read the percentage."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY_S
            self.say(f"{100 * fraction:.0f} % {text}")


class Window(Progress):
    """Nuke's own progress window."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._task: Any | None = nuke.ProgressTask(f"Headroom: {title}")

    def cancelled(self) -> bool:
        """Its Cancel button, or `cancel`."""
        if self._task is not None and self._task.isCancelled():
            self.cancel()
        return super().cancelled()

    def say(self, text: str) -> None:
        """The line of the window."""
        if self._task is not None:
            self._task.setMessage(text)

    def at(self, fraction: float, text: str) -> None:
        """The bar and its line."""
        if self._task is not None:
            self._task.setMessage(text)
            self._task.setProgress(int(100 * min(max(fraction, 0.0), 1.0)))

    def close(self) -> None:
        """The window goes when its object does."""
        self._task = None


def for_host(title: str) -> Progress:
    """A window in the GUI, lines elsewhere."""
    return Window(title) if nuke.GUI else Lines(title)
