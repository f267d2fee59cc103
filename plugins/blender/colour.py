"""Blender's own colour management, as the engine must see it."""

import os
import re
import warnings
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import bpy

from . import versions

__all__ = ["blender_spaces", "config_mark", "config_path", "tag_of", "tag_working", "working_space"]

_ROLE = re.compile(r"^\s*scene_linear:\s*\"?([^\"\n#]+?)\"?\s*$", re.MULTILINE)


def config_path() -> str:
    """The OpenColorIO config that this Blender uses: $OCIO, else its own file."""
    stated = os.environ.get("OCIO", "").strip()
    if stated:
        return stated
    return str(Path(bpy.utils.system_resource("DATAFILES", path="colormanagement")) / "config.ocio")


def config_mark() -> str:
    """8 hex digits of the config's text: the same config at another place has the same mark."""
    return _mark(config_path(), _stamp(config_path()))


def working_space() -> str:
    """The colour space of the scene's linear light: what the engine's results must be in."""
    return versions.working_space() or "scene_linear"


def tag_of(datablock: bpy.types.Image | bpy.types.MovieClip) -> str:
    """The colour space that Blender takes an image or clip to be in."""
    name = _named(datablock)
    if not name:  # a movie has none before its first frame was read
        _width, _height = datablock.size
        name = _named(datablock)
    return name or ("sRGB" if "sRGB" in blender_spaces() else blender_spaces()[0])


def tag_working(image: bpy.types.Image) -> None:
    """Marks an image as scene-linear, so that Blender shows its numbers as they are."""
    name = versions.working_space() or _scene_linear(config_path(), _stamp(config_path()))
    if name and name in blender_spaces() and image.colorspace_settings.name != name:
        image.colorspace_settings.name = name


def blender_spaces() -> list[str]:
    """The colour spaces that this Blender offers for images."""
    items = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"].enum_items
    return [item.identifier for item in items]


def _named(datablock: bpy.types.Image | bpy.types.MovieClip) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Blender warns of the name that is not there yet
        return str(datablock.colorspace_settings.name)


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _text(path: str, _when: int) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return path


@lru_cache(maxsize=4)
def _mark(path: str, when: int) -> str:
    return sha256(_text(path, when).encode()).hexdigest()[:8]


@lru_cache(maxsize=4)
def _scene_linear(path: str, when: int) -> str | None:
    found = _ROLE.search(_text(path, when))
    return found[1] if found else None
