"""For scripts: the same as the buttons, as a few functions.

    import headroom_blender

    node = headroom_blender.add(bpy.context.scene, image="/shots/010/plate.1001.jpg", boost=1.5)
    report = headroom_blender.bake(node)
    print(report, report.files)
    world = headroom_blender.light_from_image("/hdri/roof.jpg")

`headroom_blender` is this module's name while the extension is enabled. Errors are `Problem`, one sentence each.
"""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

from . import bake as _bake
from . import cache, engine, node_group, operators, source, versions
from . import state as _state
from .bake import Report
from .problems import Problem
from .state import Status
from .world_run import light_from_image

__all__ = [
    "Problem",
    "Report",
    "Status",
    "add",
    "bake",
    "connect",
    "describe",
    "groups",
    "light_from_image",
    "plate",
    "status",
]

MODULE = "headroom_blender"


def add(
    scene: bpy.types.Scene | None = None,
    *,
    image: bpy.types.Image | str | os.PathLike[str] | None = None,
    clip: bpy.types.MovieClip | None = None,
    upstream: bpy.types.NodeSocket | None = None,
    location: tuple[float, float] = (0.0, 0.0),
    **settings: Any,
) -> bpy.types.Node:
    """A node in a scene's compositor, fed by an image (datablock or path), a clip or an output socket.

    A path to a numbered file stands for its whole sequence only where ``sequence=True`` is given. ``settings``:
    properties of the group, as `bpy.types.NodeTree.headroom` has them (boost, model, from_space, cache ...).
    ``clip_level`` and ``peak_stops`` switch themselves on.
    """
    scene = scene or bpy.context.scene
    tree = versions.ensure_compositor(scene)
    node = operators.add_node(tree)
    node.location = location
    chosen = node.node_tree.headroom
    if image is not None:
        chosen.source, chosen.image = "IMAGE", _datablock(image, bool(settings.pop("sequence", False)))
    elif clip is not None:
        chosen.source, chosen.clip = "CLIP", clip
    elif upstream is not None:
        tree.links.new(upstream, node.inputs["Image"])
    for name, value in settings.items():
        if chosen.bl_rna.properties.get(name) is None:
            raise Problem(f"There is no setting {name!r}.", f"There are {', '.join(_names(chosen))}.")
        if name in ("clip_level", "peak_stops"):
            setattr(chosen, f"use_{name}", value is not None)
        if value is not None:
            setattr(chosen, name, os.fspath(value) if isinstance(value, Path) else value)
    return node


def connect(node: bpy.types.Node, output: str = "HDR", scene: bpy.types.Scene | None = None) -> None:
    """Makes the node's output what the scene renders."""
    tree = versions.ensure_compositor(scene or bpy.context.scene)
    tree.links.new(node.outputs[output], versions.outlet(tree))


def bake(
    what: bpy.types.Node | bpy.types.NodeTree | Iterable[bpy.types.Node],
    *,
    scene: bpy.types.Scene | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Report:
    """Makes the frames that are missing or out of date, and waits for them; raises `Problem` where one failed.

    ``progress`` gets 0..1 and a sentence. Several nodes give one report of all.
    """
    if isinstance(what, bpy.types.Node | bpy.types.NodeTree):
        return _bake_one(_group(what), scene or bpy.context.scene, progress)
    reports = [_bake_one(_group(one), scene or bpy.context.scene, progress) for one in what]
    total = Report(made=sum(r.made for r in reports), kept=sum(r.kept for r in reports))
    total.files = [path for r in reports for path in r.files]
    total.warnings = [text for r in reports for text in r.warnings]
    return total


def status(what: bpy.types.Node | bpy.types.NodeTree, frame: int | None = None) -> Status:
    """EMPTY, RUNNING, FRESH, STALE, PARTIAL, MISSING or LINKED, with a sentence."""
    _state.forget(_group(what))
    return _state.status_of(_group(what), frame)


def plate(what: bpy.types.Node | bpy.types.NodeTree, scene: bpy.types.Scene | None = None) -> source.Plate:
    """What the engine would be given: files, frame numbers, colour space."""
    group = _group(what)
    return source.plate_of(group, source.find_instance(group, scene or bpy.context.scene))


def groups() -> list[bpy.types.NodeTree]:
    """Every HDR Reconstruct group of the file."""
    return [tree for tree in bpy.data.node_groups if node_group.is_ours(tree)]


def describe() -> dict[str, Any]:
    """What the engine has: models, devices, colour spaces, defaults, ranges. Starts it."""
    return engine.describe()


def _bake_one(
    group: bpy.types.NodeTree, scene: bpy.types.Scene, progress: Callable[[float, str], None] | None
) -> Report:
    work = _bake.Bake(group, scene)
    report = work.run((lambda: progress(work.fraction, work.message)) if progress else None)
    if report.status == "failed":
        raise report.problem or Problem("The engine failed.")
    return report


def _group(what: Any) -> bpy.types.NodeTree:
    group = getattr(what, "node_tree", what)
    if not node_group.is_ours(group):
        raise Problem(f"{getattr(what, 'name', what)} is no HDR Reconstruct node.")
    return group


def _datablock(image: bpy.types.Image | str | os.PathLike[str], is_sequence: bool) -> bpy.types.Image:
    if isinstance(image, bpy.types.Image):
        return image
    path = os.path.abspath(os.fspath(image))
    if not os.path.isfile(path):
        raise Problem(f"There is no file {path}.")
    found = bpy.data.images.load(path, check_existing=not is_sequence)
    if is_sequence:
        found.source = "SEQUENCE"
    if found.filepath == path:
        found.filepath = cache.blend_relative(path)
    return found


def _names(chosen: Any) -> list[str]:
    hidden = {"rna_type", "name", "layout", "ident", "baked"}
    return [one.identifier for one in chosen.bl_rna.properties if one.identifier not in hidden]


def register() -> None:
    """Makes ``import headroom_blender`` work, wherever the extension is installed."""
    module = ModuleType(MODULE, __doc__)
    for name in __all__:
        setattr(module, name, globals()[name])
    sys.modules[MODULE] = module


def unregister() -> None:
    """Takes it away."""
    sys.modules.pop(MODULE, None)
