"""Functions of a studio that are told of bakes.

before_bake(node, settings)    main thread; may change ``settings``; what it raises stops the bake
after_frame(node, frame)       the bake's thread; ``frame`` is a FrameResult
after_bake(node, result)       main thread; ``result`` is a Result, also of failed and cancelled bakes
"""

from __future__ import annotations

import traceback
from typing import Any, Callable

import nuke

from .errors import BakeError

__all__ = ["EVENTS", "register", "tell", "unregister"]

EVENTS = ("before_bake", "after_frame", "after_bake")

_registered: dict[str, list[Callable[..., Any]]] = {event: [] for event in EVENTS}


def register(event: str, function: Callable[..., Any]) -> None:
    """Call ``function`` on every ``event``, in the order of registering; registering twice counts once."""
    functions = _functions(event)
    if function not in functions:
        functions.append(function)


def unregister(event: str, function: Callable[..., Any]) -> None:
    """Undo `register`; unknown functions are no error."""
    functions = _functions(event)
    if function in functions:
        functions.remove(function)


def tell(event: str, *args: Any) -> None:
    """Call all; a broken one is reported and, but for before_bake, does not stop the bake."""
    for function in list(_functions(event)):
        name = getattr(function, "__qualname__", repr(function))
        try:
            function(*args)
        except Exception as error:
            if event == "before_bake":
                raise BakeError(f"The studio's before_bake function {name} refused: {error}") from error
            nuke.tprint(f"headroom: {event} function {name} failed:\n{traceback.format_exc()}")


def _functions(event: str) -> list[Callable[..., Any]]:
    if event not in _registered:
        raise ValueError(f"{event!r} is not one of {', '.join(EVENTS)}")
    return _registered[event]
