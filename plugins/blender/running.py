"""Long work from an operator: by a timer in the interface, at once in background mode.

The work is anything with ``step()``, ``finished``, ``fraction``, ``message`` and ``cancel()``: a `Bake`, an
`EngineTask`.
"""

import time
from typing import Any

import bpy

__all__ = ["RunningOperator", "cancel_all", "redraw"]

INTERVAL_S = 0.1
_at_work: list[Any] = []


class RunningOperator:
    """Mixin of an operator: give `begin` your work and write `ended`, which returns the operator's result."""

    _work: Any
    _timer: Any
    _title: str

    def begin(self, context: Any, work: Any, title: str) -> set[str]:
        """Runs the work; the interface stays alive. To be returned from ``execute``."""
        self._work, self._title = work, title
        if bpy.app.background or context.window is None:
            shown = -1
            while not work.finished:
                work.step()
                if not work.finished:
                    _sleep(work)
                if int(work.fraction * 20) != shown:
                    shown = int(work.fraction * 20)
                    print(f"Headroom: {title}: {100 * work.fraction:3.0f} %  {work.message}", flush=True)  # noqa: T201
            return self.ended(context, work)
        manager = context.window_manager
        self._timer = manager.event_timer_add(INTERVAL_S, window=context.window)
        manager.modal_handler_add(self)
        manager.progress_begin(0, 100)
        _at_work.append(work)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """A timer tick, or something of the artist's that is passed on."""
        if event.type == "ESC" and event.value == "PRESS" and _at_work and _at_work[-1] is self._work:
            self._work.cancel()
            self._tell(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            self._work.step()
        except BaseException:
            self._close(context)
            raise
        if not self._work.finished:
            self._tell(context)
            return {"PASS_THROUGH"}
        self._close(context)
        return self.ended(context, self._work)

    def cancel(self, context: Any) -> None:
        """Blender ends the operator: its window or file is being closed."""
        self._work.cancel()
        abandon = getattr(self._work, "abandon", None)
        if abandon is not None:
            abandon()
        self._close(context)

    def ended(self, context: Any, work: Any) -> set[str]:
        """What the operator does at the end."""
        raise NotImplementedError

    def _tell(self, context: Any) -> None:
        percent = 100 * self._work.fraction
        context.window_manager.progress_update(percent)
        text = f"{self._title}: {self._work.message}   {percent:.0f} %      Esc: cancel"
        if context.workspace is not None:
            context.workspace.status_text_set(text)
        redraw()

    def _close(self, context: Any) -> None:
        if self._work in _at_work:
            _at_work.remove(self._work)
        manager = context.window_manager
        manager.event_timer_remove(self._timer)
        manager.progress_end()
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        redraw()


def cancel_all() -> None:
    """Cancels everything that is in work."""
    for work in list(_at_work):
        work.cancel()


def redraw() -> None:
    """Node editors and the preferences show the newest state."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("NODE_EDITOR", "PREFERENCES", "PROPERTIES", "IMAGE_EDITOR"):
                area.tag_redraw()


def _sleep(work: Any) -> None:
    # A bake that captures has more to do at once; one that waits for the engine has not.
    time.sleep(0.0 if getattr(work, "is_busy", False) else 0.02)
