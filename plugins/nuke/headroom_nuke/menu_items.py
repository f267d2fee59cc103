"""Menu entries: the node, and what can be done to selected ones."""

from __future__ import annotations

import nuke

from . import buttons, engine, knobs

__all__ = ["add", "bake_selected", "free_engine"]


def add() -> None:
    """Once, from menu.py."""
    nodes = nuke.menu("Nodes").addMenu("Headroom")
    nodes.addCommand("HeadroomReconstruct", f"nuke.createNode('{knobs.NODE_CLASS}')")
    bar = nuke.menu("Nuke").addMenu("Headroom")
    bar.addCommand("Bake selected", bake_selected)
    bar.addCommand("End the engine (frees its memory)", free_engine)


def bake_selected() -> None:
    """Bake every selected HeadroomReconstruct; they share one engine and take turns in it."""
    nodes = [node for node in nuke.selectedNodes() if knobs.is_ours(node)]
    if not nodes:
        nuke.message("Select one or more HeadroomReconstruct nodes first.")
    for node in nodes:
        buttons.bake(node)


def free_engine() -> None:
    """The next bake starts it anew."""
    engine.close_all()
