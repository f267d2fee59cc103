"""Nuke's rules for its nodes: only the main thread may touch them, and what is switched must be switched back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Callable, TypeVar, cast

import nuke

__all__ = ["in_main", "is_main_thread", "switched", "undisturbed", "value"]

T = TypeVar("T")


def is_main_thread() -> bool:
    """Whether nodes may be touched from here."""
    return threading.current_thread() is threading.main_thread()


def in_main(function: Callable[..., T], *args: Any) -> T:
    """``function(*args)`` in the main thread; what it raises, raises here."""
    if is_main_thread():
        return function(*args)
    # Nuke prints what the called function raises and hands back None: carry the exception over by hand.
    ask: Callable[..., dict[str, Any]] = nuke.executeInMainThreadWithResult
    box = ask(_caught, (function, args))
    if "error" in box:
        raise box["error"]
    return cast(T, box["value"])


def _caught(function: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return {"value": function(*args)}
    except Exception as error:  # noqa: BLE001  raised again in the thread that asked
        return {"error": error}


def value(node: nuke.Node, name: str, default: Any = None) -> Any:
    """A knob's value; ``default`` where the node has no such knob (a node of an older version, another class)."""
    knob = node.knob(name)
    return default if knob is None else knob.value()


@contextlib.contextmanager
def switched(changes: list[tuple[nuke.Knob, Any]]) -> Iterator[None]:
    """Knobs at other values for a moment; what cannot be switched is left, what was switched is put back."""
    before: list[tuple[nuke.Knob, Any]] = []
    try:
        for knob, wanted in changes:
            is_now = knob.value()
            if is_now != wanted and not knob.hasExpression():
                before.append((knob, is_now))
                with contextlib.suppress(TypeError, ValueError):
                    knob.setValue(wanted)
        yield
    finally:
        for knob, was in reversed(before):
            knob.setValue(was)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Neither the undo list nor the "script has changed" mark tells of what is done inside."""
    modified = bool(nuke.root().modified())
    has_undo = bool(nuke.GUI)
    if has_undo:
        nuke.Undo.disable()
    try:
        yield
    finally:
        if has_undo:
            nuke.Undo.enable()
        nuke.root().setModified(modified)
