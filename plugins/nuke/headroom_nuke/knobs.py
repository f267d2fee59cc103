"""What the node's knobs say, as plain values. The names are saved in people's scripts: they never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nuke

from .errors import BakeError
from .hosting import value

__all__ = [
    "BAKED",
    "NODE_CLASS",
    "SETTINGS",
    "Wishes",
    "describe_settings",
    "is_ours",
    "read",
    "set_baked",
    "set_status",
]

NODE_CLASS = "HeadroomReconstruct"
BAKED = (
    "has_bake", "baked_file", "baked_first", "baked_last", "baked_still",
    "baked_settings", "baked_source", "baked_config",
)  # fmt: skip
SETTINGS = (
    "from_space", "source", "clip_level", "model", "boost", "peak_stops", "light", "curve", "dequantize",
    "depth", "compression", "ocio_config", "to_space",
)  # fmt: skip
"""Knobs that a bake depends on: when one changes, the status says so."""
AUTO = "auto"


@dataclass(frozen=True)
class Wishes:
    """The knobs of one node at one moment."""

    name: str
    from_space: str | None
    """None: from the Read upstream."""
    always_render: bool
    range_mode: str
    frames: str
    cache_path: str
    version: int
    worker_command: str
    ocio_config: str | None
    to_space: str | None
    engine: dict[str, Any]
    """Settings that go to the engine as they are."""


def is_ours(node: nuke.Node) -> bool:
    """Whether the node is a HeadroomReconstruct, as gizmo or as the group made of one."""
    return node.knob("baked_file") is not None and node.knob("cache_path") is not None


def read(node: nuke.Node) -> Wishes:
    """All wishes; ``BakeError`` where the node is none of ours."""
    if not is_ours(node):
        raise BakeError(
            f"{node.fullName()} is a {node.Class()}, not a {NODE_CLASS}.", "Give the node that holds the bake."
        )
    engine: dict[str, Any] = {
        "model": _text(node, "model") or "headroom-1",
        "curve": value(node, "curve", "declared"),
        "boost": float(value(node, "boost", 1.0)),
        "clip_level": _above_zero(value(node, "clip_level", 0.0)),
        "peak_stops": _above_zero(value(node, "peak_stops", 0.0)),
        "light": _light(node),
        "dequantize": bool(value(node, "dequantize", False)),
        # Strength is live in the node, which needs both layers.
        "strength": 1.0,
        "mask": True,
        "gain": True,
        "depth": "float" if value(node, "depth", "half") == "float" else "auto",
        "compression": value(node, "compression", "zip"),
        "device": _text(node, "device") or AUTO,
        "precision": value(node, "precision", AUTO),
        "memory": _text(node, "memory") or None,
    }
    from_space = _text(node, "from_space")
    return Wishes(
        name=node.fullName(),
        from_space=None if from_space.lower() in ("", AUTO) else from_space,
        always_render=value(node, "source", AUTO) == "render",
        range_mode=str(value(node, "range_mode", "root")),
        frames=_text(node, "frames"),
        cache_path=_text(node, "cache_path"),
        version=int(value(node, "version", 1)),
        worker_command=_text(node, "worker_command"),
        ocio_config=_text(node, "ocio_config") or None,
        to_space=_text(node, "to_space") or None,
        engine={name: wish for name, wish in engine.items() if wish is not None},
    )


def describe_settings(node: nuke.Node) -> str:
    """The settings as one line that says what a bake depends on, without brackets (Tcl would evaluate them)."""
    names = (name for name in SETTINGS if name != "light" or _light(node))
    said = (f"{name}={_plain(value(node, name, ''))}" for name in names)
    return "; ".join(said).replace("[", "(").replace("]", ")")


def set_baked(node: nuke.Node, values: dict[str, str | int | bool]) -> None:
    """Point the node at its baked frames."""
    for name in BAKED:
        knob = node.knob(name)
        if knob is not None and name in values:
            knob.setValue(values[name])


def set_status(node: nuke.Node, text: str) -> None:
    """What the panel says; nothing where the node is gone."""
    try:
        knob = node.knob("status")
    except ValueError:  # deleted meanwhile: its Python object is attached to nothing
        return
    if knob is not None:
        knob.setValue(" ".join(text.split()).replace("[", "(").replace("]", ")"))


def _light(node: nuke.Node) -> str | None:
    """Which of the possible lights; None for the median, so that bakes from before there was a choice stay good."""
    light = str(value(node, "light", "median"))
    return None if light == "median" else light


def _text(node: nuke.Node, name: str) -> str:
    """A string knob's text with its Tcl evaluated."""
    knob = node.knob(name)
    if knob is None:
        return ""
    evaluate = getattr(knob, "evaluate", None)
    text = evaluate() if evaluate is not None else knob.value()
    return str(text or "").strip()


def _above_zero(number: Any) -> float | None:
    return float(number) if float(number) > 0 else None


def _plain(wish: Any) -> str:
    return f"{wish:g}" if isinstance(wish, float) else str(wish)
