"""What the gizmo's own callbacks do. They run on load, paste, undo and on farms: they never raise, reset or render."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Callable

import nuke

from . import baking, knobs
from .api import baked_files
from .hosting import value

__all__ = ["changed", "created"]

STALE = "Settings changed since the bake: press Bake to bring it up to date."


def created(node: nuke.Node) -> None:
    """onCreate: in the GUI, say so where the baked frames are not there. No value that shapes pixels is touched."""
    if nuke.GUI:
        _quietly(_note_missing, node)


def changed(node: nuke.Node, knob: nuke.Knob) -> None:
    """knobChanged: runs while the panel is open; says whether the bake still fits the settings."""
    name = knob.name()
    if name == "showPanel":
        _quietly(_note_missing, node)
    if name in ("showPanel", "inputChange") or name in knobs.SETTINGS:
        _quietly(_note_stale, node)
    if name in ("showPanel", "range_mode"):
        _quietly(_show_frames, node)


def _quietly(function: Callable[[nuke.Node], None], node: nuke.Node) -> None:
    try:
        function(node)
    except Exception:  # noqa: BLE001  a callback that raises keeps a script from loading
        nuke.tprint(f"headroom: {traceback.format_exc()}")


def _note_missing(node: nuke.Node) -> None:
    if not value(node, "has_bake") or baking.running(node.fullName()):
        return
    if not baked_files(node):
        folder = Path(str(value(node, "baked_file", ""))).parent
        knobs.set_status(node, f"The baked frames are not there ({folder}): press Bake, or bring them back.")


def _note_stale(node: nuke.Node) -> None:
    made_with = str(value(node, "baked_settings", ""))
    if not value(node, "has_bake") or not made_with or baking.running(node.fullName()):
        return
    status = str(value(node, "status", ""))
    if made_with != knobs.describe_settings(node):
        if status != STALE:
            knobs.set_status(node, STALE)
    elif status == STALE:
        knobs.set_status(node, "The bake fits the settings.")


def _show_frames(node: nuke.Node) -> None:
    """The frames beside "custom" can be typed only then."""
    knob = node.knob("frames")
    if knob is not None:
        knob.setEnabled(value(node, "range_mode") == "custom")
