"""Where Blender's own menus name the node: Add > Color (and so its search), the node editor's context menu."""

from typing import Any

import bpy

from . import state, versions
from .operators import active_group

__all__ = ["register", "unregister"]


def _add(self: Any, context: Any) -> None:
    if versions.active_compositor(context.space_data) is not None:
        self.layout.separator()
        self.layout.operator("headroom.add_node", icon="LIGHT_SUN")


def _context(self: Any, context: Any) -> None:
    group = active_group(context)
    if group is None:
        return
    runs = versions.uid_of(group) in state.running
    self.layout.separator()
    name, text, icon = ("cancel", "Cancel HDR Run", "CANCEL") if runs else ("run", "Run HDR Reconstruct", "PLAY")
    self.layout.operator(f"headroom.{name}", text=text, icon=icon).group_name = group.name


_PLACES = (("NODE_MT_category_compositor_color", _add), ("NODE_MT_context_menu", _context))


def register() -> None:
    """Appends to the menus that this Blender has."""
    for name, draw in _PLACES:
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            menu.append(draw)


def unregister() -> None:
    """Takes them out again."""
    for name, draw in _PLACES:
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            menu.remove(draw)
