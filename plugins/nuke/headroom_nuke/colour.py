"""The script's colour management, resolved to what the engine needs: a config, and names of spaces in it.

Nothing here decides what a colour is: the engine's OpenColorIO does. Names are tried as candidates against the spaces
that the config really has, never assumed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nuke

from .hosting import value

__all__ = ["ScriptColour", "candidates", "of_script", "pick", "read_space"]

BUILT_IN = "studio-config"
"""The engine's own config, pinned by it: for scripts whose colour management is Nuke's and whose Nuke has no
nuke-default config."""
LINEAR = ("linear", "Linear Rec.709 (sRGB)", "lin_rec709", "Utility - Linear - sRGB", "scene_linear")
MOVING = ("default", "cg-config-latest", "studio-config-latest")
"""Built-in names whose meaning depends on the OpenColorIO library."""


@dataclass(frozen=True)
class ScriptColour:
    """What the script works in."""

    config: str | None
    """A file, a built-in's name, or None: the engine's default."""
    where: str
    """Who chose it, for messages."""
    working: tuple[str, ...]
    """Candidates for the working space; empty: the config's scene_linear role."""
    notes: tuple[str, ...] = ()


def of_script(chosen: str | None = None) -> ScriptColour:
    """By Nuke's precedence: $OCIO, the project's own config, the shipped one. ``chosen`` goes before all.

    Main thread.
    """
    root = nuke.root()
    working = tuple(candidates(str(value(root, "workingSpaceLUT", "") or "")))
    if chosen:
        return ScriptColour(_absolute(chosen), "chosen on the node", working)
    if value(root, "colorManagement", "Nuke") != "OCIO":
        shipped = _shipped("nuke-default")
        if shipped:
            return ScriptColour(shipped, "Nuke's own colour management", working or LINEAR)
        return ScriptColour(BUILT_IN, "Nuke's own colour management", LINEAR)
    config, where = _ocio_config(root)
    notes = []
    if config and config.replace("ocio://", "") in MOVING:
        notes.append(f"OCIO config {config} means another one to another OpenColorIO: name one by its full name")
    if config is None:
        notes.append("the script's OCIO config was not found: the engine uses its default one")
    return ScriptColour(config, where, working, tuple(notes))


def read_space(read: nuke.Node) -> str | None:
    """The colourspace of a Read; None where it reads raw."""
    if value(read, "raw", False):
        return None
    found = candidates(str(value(read, "colorspace", "") or ""))
    return found[0] if found else None


def candidates(text: str) -> list[str]:
    """The names that a colourspace knob's text may mean, the likeliest first.

    Nuke 14 and later: tab-separated, the name first. "default (sRGB)": the name in brackets. "scene_linear (ACEScg)":
    a role, and what it stands for.
    """
    name = text.split("\t")[0].strip()
    if not name or name == "default":
        return []
    inner = re.fullmatch(r"(.*?)\s*\((.*)\)", name)
    if inner and inner[1] == "default":
        return candidates(inner[2])
    named = [name]
    if inner:
        named += [inner[2], inner[1]]
    # Menus show "Family/Name" for configs that have families.
    named += [part.rsplit("/", 1)[1] for part in list(named) if "/" in part]
    return [part for part in dict.fromkeys(named) if part]


def pick(names: Iterable[str], spaces: Sequence[str]) -> str | None:
    """The first of the names that the config has; the first of all where it has none, for the engine to judge."""
    listed = list(names)
    there = {space.casefold(): space for space in spaces}
    for name in listed:
        if name.casefold() in there:
            return there[name.casefold()]
    return listed[0] if listed else None


def _ocio_config(root: nuke.Node) -> tuple[str | None, str]:
    named = os.environ.get("OCIO", "").strip()
    if named:
        return (named if named.startswith("ocio://") else _absolute(named)), "$OCIO"
    chosen = str(value(root, "OCIO_config", "") or "")
    if chosen == "custom":
        path = _path(root, "customOCIOConfigPath")
        return (_absolute(path) if path else None), "the project settings (custom)"
    path = _path(root, "OCIOConfigPath")
    if path and (path.startswith("ocio://") or Path(path).is_file()):
        return path, f"the project settings ({chosen})"
    return _shipped(chosen), f"the project settings ({chosen})"


def _path(root: nuke.Node, name: str) -> str:
    knob = root.knob(name)
    if knob is None:
        return ""
    text = knob.getEvaluatedValue() if isinstance(knob, nuke.File_Knob) else knob.value()
    return str(text or "").strip()


def _shipped(name: str) -> str | None:
    """A config that came with Nuke, by its folder's name."""
    program = str(nuke.env["ExecutablePath"] or "")
    path = Path(program).parent / "plugins" / "OCIOConfigs" / "configs" / name / "config.ocio"
    return str(path) if name and path.is_file() else None


def _absolute(text: str) -> str:
    path = Path(text).expanduser()
    return str(path.absolute()) if path.exists() else text
