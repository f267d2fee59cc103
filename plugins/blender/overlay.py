"""The state above each HDR Reconstruct node in the node editor: a bar while it runs, a mark where it is out of date.

A group node has no place for buttons of its own, and its label belongs to the artist: this is drawn over the editor
and changes nothing in the file.
"""

from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from . import node_group, state, versions

__all__ = ["register", "unregister"]

GREY, BLUE, AMBER = (0.25, 0.25, 0.25, 0.9), (0.28, 0.55, 0.95, 1.0), (0.95, 0.65, 0.15, 1.0)
PALE = (0.85, 0.85, 0.85, 1.0)
TEXT_POINTS = 11
BAR_UNITS = 6.0
GAP_UNITS = 6.0
_handle: Any = None


def _draw() -> None:
    context = bpy.context
    space = context.space_data
    tree = versions.active_compositor(space)
    if tree is None or not space.overlay.show_overlays:
        return
    scale = context.preferences.system.ui_scale
    view = context.region.view2d
    left_edge, right_edge = view.view_to_region(0, 0, clip=False), view.view_to_region(1000, 0, clip=False)
    zoom = (right_edge[0] - left_edge[0]) / 1000.0
    for node in tree.nodes:
        group = getattr(node, "node_tree", None)
        if node_group.is_ours(group):
            _draw_state(node, group, context.scene.frame_current, view, scale, zoom)


def _draw_state(node: Any, group: Any, frame: int, view: Any, scale: float, zoom: float) -> None:
    status = state.status_of(group, frame)
    place = node.location_absolute if hasattr(node, "location_absolute") else _absolute(node)
    x, y = view.view_to_region(place[0] * scale, place[1] * scale, clip=False)
    width = node.width * scale * zoom
    if width < 60:
        return
    unit = scale * min(max(zoom, 0.7), 1.3)
    bottom = y + GAP_UNITS * unit + (12.0 * unit if node.hide else 0.0)
    if status.kind == "RUNNING":
        height = BAR_UNITS * unit
        _rectangle(x, bottom, width, height, GREY)
        _rectangle(x, bottom, width * status.fraction, height, BLUE)
        bottom += height + 4.0 * unit
    colour = AMBER if status.kind in ("STALE", "PARTIAL", "MISSING") else PALE
    _text(x, bottom, status.text, colour, TEXT_POINTS * unit, max(width, 60.0))


def _absolute(node: Any) -> tuple[float, float]:
    x, y = node.location
    parent = node.parent
    while parent is not None:
        x, y = x + parent.location.x, y + parent.location.y
        parent = parent.parent
    return x, y


def _rectangle(x: float, y: float, width: float, height: float, colour: tuple[float, ...]) -> None:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRIS", {"pos": corners}, indices=[(0, 1, 2), (0, 2, 3)])
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("color", colour)
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _text(x: float, y: float, text: str, colour: tuple[float, ...], points: float, width: float) -> None:
    """Text over the node, in as many lines as its width needs, the last one lowest."""
    font = 0
    blf.size(font, points)
    blf.color(font, *colour)
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and blf.dimensions(font, longer)[0] > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    for number, shown in enumerate(reversed(lines)):
        blf.position(font, x, y + number * points * 1.25, 0)
        blf.draw(font, shown)


def register() -> None:
    """Draws over every node editor."""
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceNodeEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """No more."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceNodeEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
