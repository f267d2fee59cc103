"""What must follow Blender's own events: loading, undo, saving, quitting."""

import atexit
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import engine, state
from .preferences import preferences

__all__ = ["register", "unregister"]

IDLE_CHECK_S = 30.0


@persistent
def _before_load(*_arguments: Any) -> None:
    for work in list(state.running.values()):
        work.abandon()
    state.forget_all()


@persistent
def _changed(*_arguments: Any) -> None:
    state.forget_all()


def _idle() -> float:
    minutes = preferences().idle_minutes
    if minutes:
        engine.close_idle(minutes * 60.0)
    return IDLE_CHECK_S


_HANDLERS = {"load_pre": _before_load, "load_post": _changed, "undo_post": _changed, "redo_post": _changed}


def register() -> None:
    """In background mode only what closing needs: there is nobody to undo anything."""
    atexit.register(engine.close)
    if bpy.app.background:
        return
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)
    bpy.app.timers.register(_idle, first_interval=IDLE_CHECK_S, persistent=True)


def unregister() -> None:
    """Takes them out; ends what is in work and the engine."""
    for work in list(state.running.values()):
        work.abandon()
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    if bpy.app.timers.is_registered(_idle):
        bpy.app.timers.unregister(_idle)
    engine.close()
    atexit.unregister(engine.close)
