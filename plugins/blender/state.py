"""What a group's state is: running, up to date, out of date, partly there. Cheap enough to be asked while drawing."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from . import versions

__all__ = ["Status", "forget", "forget_all", "running", "status_of"]

RECHECK_S = 2.0
"""How long a status is believed; changed settings, undo and loading drop it at once."""

running: dict[int, Any] = {}
"""Group's uid -> the bake in work."""
_remembered: dict[int, tuple[float, "Status"]] = {}


class Status(NamedTuple):
    """A group's state for people, and for scripts. The text fits a sidebar as wide as Blender makes it."""

    kind: str
    """EMPTY, RUNNING, FRESH, STALE, PARTIAL, MISSING or LINKED."""
    text: str
    icon: str
    fraction: float = 0.0


def status_of(group: bpy.types.NodeTree, frame: int | None = None) -> Status:
    """The state of a group; of its files only those of one frame are looked at."""
    uid = versions.uid_of(group)
    bake = running.get(uid)
    if bake is not None:
        return Status("RUNNING", bake.message, "SORTTIME", bake.fraction)
    when, known = _remembered.get(uid, (0.0, None))
    now = time.monotonic()
    if known is None or now - when > RECHECK_S:
        known = _look(group, frame)
        _remembered[uid] = (now, known)
    return known


def forget(group: bpy.types.ID) -> None:
    """The group's settings or files have changed."""
    _remembered.pop(versions.uid_of(group), None)


def forget_all() -> None:
    """After undo, redo and loading."""
    _remembered.clear()


def _look(group: bpy.types.NodeTree, frame: int | None) -> Status:
    from . import results
    from .host import stamp

    baked = group.headroom.baked
    if not baked.version:
        return Status("EMPTY", "Not run yet: shows the plate", "INFO")
    if results.version_of(group) != baked.version:
        return Status("STALE", "Out of date: settings changed", "ERROR")
    face = results.face_of(group)
    if face and face != baked.face and group.library is None:
        return Status("STALE", "Out of date: another plate", "ERROR")
    shown = results.shown_frame(group, frame)
    if shown is None or not Path(shown["target"]).is_file():
        if not Path(results.folder_shown(group)).is_dir():
            return Status("MISSING", "The baked frames are gone", "ERROR")
        return Status("PARTIAL", "This frame is not baked", "ERROR")
    why = stamp.is_stale(_sidecar(stamp.stamp_path(shown["target"])), shown, settings=results.shaping_settings(group))
    if why == "the source has changed":
        return Status("STALE", "Out of date: plate changed", "ERROR")
    if why == "the settings have changed":
        return Status("STALE", "Out of date: settings changed", "ERROR")
    if baked.ready < baked.wanted:
        return Status("PARTIAL", f"{baked.ready} of {baked.wanted} frames are there", "ERROR")
    if group.library is not None:
        return Status("LINKED", "Linked: runs in its own file", "LINKED")
    words = f"{baked.ready} frames, up to date" if baked.ready > 1 else "Up to date"
    return Status("FRESH", words, "CHECKMARK")


_read: dict[Path, tuple[int, Any]] = {}


def _sidecar(path: Path) -> Any:
    """The stamp of a folder, read again only where it has changed: that of a long shot is large."""
    from .host import stamp

    try:
        when = path.stat().st_mtime_ns
    except OSError:
        return None
    if _read.get(path, (0, None))[0] != when:
        _read[path] = (when, stamp.read_stamp(path))
    return _read[path][1]
