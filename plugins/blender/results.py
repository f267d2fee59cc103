"""What a result depends on, where it lies, and whether it still is what the settings ask for."""

import os
from pathlib import Path
from typing import Any

import bpy

from . import colour, node_group, source
from .host import frames as host_frames
from .host import stamp
from .sequences import sequence_of

__all__ = [
    "cache_folders",
    "face_of",
    "folder_shown",
    "identify",
    "in_words",
    "mark_of",
    "shaping_settings",
    "shown_frame",
    "shown_path",
    "version_of",
    "worker_settings",
]


def worker_settings(group: bpy.types.NodeTree, plate: source.Plate) -> dict[str, Any]:
    """The settings that the engine gets; the same as the options of ``headroom convert``."""
    from .preferences import preferences

    chosen, shared = group.headroom, preferences()
    settings: dict[str, Any] = {
        "model": chosen.model.strip() or None,
        "from_space": plate.from_space,
        "to_space": colour.working_space(),
        "ocio_config": colour.config_path(),
        "curve": chosen.curve,
        "boost": _exact(chosen.boost),
        "tau": _exact(chosen.tau),
        "clip_level": _exact(chosen.clip_level) if chosen.use_clip_level else None,
        "peak_stops": _exact(chosen.peak_stops) if chosen.use_peak_stops else None,
        "light": _picked(chosen.light),
        "dequantize": chosen.dequantize,
        "mask": True,
        "depth": chosen.depth,
        "compression": chosen.compression,
        "device": shared.device.strip() or "auto",
        "memory": shared.memory.strip() or None,
        "overwrite": True,
        "resume": True,
    }
    return {key: value for key, value in settings.items() if value is not None}


def shaping_settings(group: bpy.types.NodeTree, plate: source.Plate | None = None) -> dict[str, Any]:
    """What decides a result's pixels, beside the plate: the same on every machine.

    Without ``plate`` its colour space is taken from the group's settings and images, without reading files.
    """
    chosen = group.headroom
    return {
        "model": chosen.model.strip() or None,
        "from": plate.from_space if plate is not None else _space_stated(group),
        "to": colour.working_space(),
        "config": colour.config_mark(),
        "curve": chosen.curve,
        "boost": _exact(chosen.boost),
        "tau": _exact(chosen.tau),
        "clip_level": _exact(chosen.clip_level) if chosen.use_clip_level else None,
        "peak_stops": _exact(chosen.peak_stops) if chosen.use_peak_stops else None,
        "light": _picked(chosen.light),
        "dequantize": chosen.dequantize,
        "depth": chosen.depth,
        "compression": chosen.compression,
    }


def version_of(group: bpy.types.NodeTree, plate: source.Plate | None = None) -> str:
    """8 hex digits for settings and plate: names the folder of the results."""
    mark = mark_of(group, plate) if plate is not None else group.headroom.baked.mark
    if plate is not None:
        group.headroom.baked.mark = mark
    return host_frames.settings_key({**shaping_settings(group, plate), "plate": mark})


def shown_path(group: bpy.types.NodeTree) -> str:
    """The file that the group's baked image names, absolute; empty where there is none.

    Blender keeps the paths of images right through saving elsewhere, appending and linking.
    """
    node = group.nodes.get(node_group.BAKED)
    return _file_of(node.image) if node is not None and node.image is not None else ""


def folder_shown(group: bpy.types.NodeTree) -> str:
    """The folder of the frames that a group shows."""
    return os.path.dirname(shown_path(group))


def cache_folders(group: bpy.types.NodeTree) -> list[Path]:
    """Every folder of results and captured frames that was made for a group's plate, of earlier settings too.

    Folders that another group of this file shows are left out.
    """
    if not shown_path(group):
        return []
    shown, origin = Path(folder_shown(group)), os.path.dirname(_source_shown(group))
    in_use = {folder_shown(tree) for tree in bpy.data.node_groups if tree != group and node_group.is_ours(tree)}
    stem = shown.name.rpartition("_")[0]
    folders = []
    for folder in sorted(shown.parent.glob(f"{stem}_*")):
        sidecar = stamp.read_stamp(folder / stamp.STAMP_NAME) or {}
        origins = {os.path.dirname(str(frame.get("source"))) for frame in sidecar.get("frames", {}).values()}
        is_plate = folder.name == f"{stem}_plate_{group.headroom.baked.mark}"
        ours = folder == shown or is_plate or origins == {origin}
        if folder.is_dir() and str(folder) not in in_use and ours:
            folders.append(folder)
    return folders


def shown_frame(group: bpy.types.NodeTree, frame: int | None) -> dict[str, Any] | None:
    """Source and target of the file that a group shows at a scene frame."""
    node = group.nodes.get(node_group.BAKED)
    target, origin = shown_path(group), _source_shown(group)
    if not target:
        return None
    if node.image.source != "SEQUENCE":
        return {"frame": None, "source": origin, "target": target}
    scene_frame = bpy.context.scene.frame_current if frame is None else frame
    user = node_group.FrameUser(node.frame_start, node.frame_duration, node.frame_offset)
    number = user.number_at(max(scene_frame, user.start))
    return {"frame": number, "source": _numbered(origin, number), "target": _numbered(target, number)}


def _source_shown(group: bpy.types.NodeTree) -> str:
    """A file that the engine was given: one that Blender wrote beside the results, else the plate's own."""
    written = group.headroom.baked.written
    if written:
        return os.path.normpath(os.path.join(folder_shown(group), written))
    node = group.nodes.get(node_group.PLATE)
    return _file_of(node.image) if node is not None and node.image is not None else ""


def _numbered(path: str, number: int) -> str:
    found = sequence_of(path)
    return found.path(number) if found is not None else path


def _file_of(image: bpy.types.Image) -> str:
    return os.path.normpath(bpy.path.abspath(image.filepath, library=image.library)) if image.filepath else ""


def _space_stated(group: bpy.types.NodeTree) -> str:
    chosen = group.headroom
    if chosen.from_space.strip() and not chosen.baked.captured:
        return str(chosen.from_space.strip())
    if chosen.source == "IMAGE" and chosen.image is not None and not chosen.baked.captured:
        return colour.tag_of(chosen.image)
    if chosen.source == "CLIP" and chosen.clip is not None:
        return colour.tag_of(chosen.clip)
    return str(chosen.baked.space)


def mark_of(group: bpy.types.NodeTree, plate: source.Plate) -> str:
    """Tells plates of the same name apart. Not the whole path: a project may move or lie elsewhere on a farm."""
    if plate.path:
        folder, name = os.path.split(plate.path)
        return host_frames.settings_key({"plate": [os.path.basename(folder), name]})
    return host_frames.settings_key({"plate": group.headroom.ident})


def face_of(group: bpy.types.NodeTree, instance: source.Instance | None = None) -> str:
    """Which plate the group's settings name just now, without reading files: another text, another plate."""
    chosen = group.headroom
    if chosen.source == "IMAGE":
        return f"{_short_name(chosen.image)} at {chosen.frame_start}" if chosen.image else ""
    if chosen.source == "CLIP":
        clip = chosen.clip
        return f"{_short_name(clip)} at {clip.frame_start} + {clip.frame_offset}" if clip else ""
    instance = instance or source.find_instance(group, bpy.context.scene)
    socket = source.upstream_socket(instance.node) if instance is not None else None
    if socket is None:
        return ""
    node = socket.node
    image, clip = getattr(node, "image", None), getattr(node, "clip", None)
    if image is not None:
        return f"{_short_name(image)} at {node.frame_start} + {node.frame_offset} x {node.frame_duration}"
    if clip is not None:
        return f"{_short_name(clip)} at {clip.frame_start} + {clip.frame_offset}"
    return f"{node.name}: {socket.identifier}"


def _short_name(datablock: bpy.types.Image | bpy.types.MovieClip) -> str:
    """The file's name with its folder's: the same after the .blend was saved or moved with its plates."""
    path = datablock.filepath
    if not path:
        return str(datablock.name)
    folder, name = os.path.split(bpy.path.abspath(path, library=datablock.library).replace("\\", "/"))
    return f"{os.path.basename(folder)}/{name}"


def identify(group: bpy.types.NodeTree) -> None:
    """Gives the group a name of its own for captured plates; a copy that kept its origin's gets a new one."""
    chosen = group.headroom
    others = [tree for tree in bpy.data.node_groups if tree != group and node_group.is_ours(tree)]
    if not chosen.ident or any(tree.headroom.ident == chosen.ident for tree in others):
        chosen.ident = os.urandom(4).hex()


def _exact(value: float) -> float:
    """Blender keeps 32-bit floats: 0.95 comes back as 0.949999988."""
    return round(float(value), 6)


def _picked(light: str) -> str | None:
    """None for the median: frames that were made before there was a choice stay what is asked for."""
    return None if light == "median" else light


def in_words(facts: dict[str, Any]) -> str:
    """What came out, in two short lines."""
    share = 100 * float(facts.get("clipped_share", 0.0))
    if facts.get("passed_through"):
        return "Holds its highlights already"
    if facts.get("masked_share") == 0:
        return "Nothing is clipped"
    stops, peak = float(facts.get("gain_stops_peak", 0.0)), float(facts.get("peak", 0.0))
    return f"{share:.2g}% clipped, peak {peak:.3g}\nup to +{stops:.1f} stops"
