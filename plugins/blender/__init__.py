"""Headroom for Blender: clipped plates and panoramas get their highlights back, in the compositor and as World light.

Registers the parts; each module says what it is for.
"""

from . import api, handlers, menus, node_group, operators, overlay, panels, preferences, properties, world

__all__ = ["api", "node_group", "register", "unregister"]

_PARTS = (preferences, properties, operators, panels, menus, overlay, handlers, api, world)


def register() -> None:
    """All parts; where one fails, those before it are taken out again."""
    done = []
    try:
        for part in _PARTS:
            part.register()
            done.append(part)
    except BaseException:
        for part in reversed(done):
            part.unregister()
        raise


def unregister() -> None:
    """All parts, backwards."""
    for part in reversed(_PARTS):
        part.unregister()
