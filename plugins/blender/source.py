"""What a node's plate is: files that the engine reads as they are, or pictures that Blender must write first.

still or sequence on disk      the files themselves, never written again
packed image                   its bytes as they were packed
movie, movie clip of a movie   frames captured in the movie's own code values
generated or painted image     captured as linear light
anything else linked           captured as linear light, as the compositor computes it
"""

import os
import re
from dataclasses import dataclass
from typing import Literal

import bpy

from . import colour, versions
from .host.frames import FrameError, parse_range
from .node_group import FrameUser
from .problems import Problem
from .sequences import Sequence, sequence_of
from .turned import is_turned

__all__ = ["Instance", "Plate", "find_instance", "image_plate", "plate_of", "wanted_numbers"]

Kind = Literal["file", "frames", "packed", "turned", "movie", "pixels", "upstream"]
NOT_A_PLATE = {"Non-Color", "Raw", "Data"}


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A plate, before anything of it was read."""

    kind: Kind
    stem: str
    from_space: str
    """Colour space of what the engine gets; the scene's working space where Blender computed it."""
    numbers: tuple[int | None, ...]
    """Every frame that there is, by the number of its file; a still has the one number None."""
    user: FrameUser | None = None
    """How scene frames map to numbers; None for a still."""
    path: str = ""
    """Of the still or the movie, or the pattern of the frames."""
    sequence: Sequence | None = None
    image_uid: int | None = None
    """The image that shows the plate in Blender."""
    shown_as_is: bool = False
    """Whether that image has the colour space `from_space` and frames numbered alike."""
    missing: tuple[int, ...] = ()
    """Frames between the first and the last that are not on disk."""

    @property
    def is_still(self) -> bool:
        """Whether there is one picture for all frames."""
        return self.user is None

    @property
    def is_captured(self) -> bool:
        """Whether Blender writes the pictures that the engine reads."""
        return self.kind not in ("file", "frames")

    @property
    def is_of_file(self) -> bool:
        """Whether what is captured changes only with the file at ``path``."""
        return self.kind in ("movie", "turned")

    def path_of(self, number: int | None) -> str:
        """The file of a frame that is on disk."""
        return self.path if self.sequence is None or number is None else self.sequence.path(number)


@dataclass(frozen=True)
class Instance:
    """Where a group is used: scene, the tree at its top, node."""

    scene: bpy.types.Scene
    tree: bpy.types.NodeTree
    node: bpy.types.Node


def find_instance(group: bpy.types.NodeTree, scene: bpy.types.Scene | None = None) -> Instance | None:
    """The group's node in a compositor, in ``scene`` before others."""
    scenes = ([scene] if scene else []) + [one for one in bpy.data.scenes if one != scene]
    for one in scenes:
        tree = versions.compositor_of(one)
        for node in tree.nodes if tree is not None else ():
            if getattr(node, "node_tree", None) == group:
                return Instance(one, tree, node)
    return None


def plate_of(group: bpy.types.NodeTree, instance: Instance | None) -> Plate:
    """The plate that the group's settings name; raises `Problem`."""
    chosen = group.headroom
    if chosen.source == "IMAGE":
        if chosen.image is None:
            raise Problem("No image is chosen.", "Choose one under Image, or set Source to Linked Node.")
        return image_plate(chosen.image, space=chosen.from_space, start=chosen.frame_start)
    if chosen.source == "CLIP":
        if chosen.clip is None:
            raise Problem("No movie clip is chosen.", "Choose one under Movie Clip, or set Source to Linked Node.")
        return clip_plate(chosen.clip, space=chosen.from_space)
    if instance is None:
        raise Problem(
            f"{group.name} is not in a scene's compositor, so that nothing is linked into it.",
            "Add it to the compositor, or choose an image under Source.",
        )
    return _linked_plate(group, instance, chosen.from_space)


def image_plate(image: bpy.types.Image, *, space: str = "", start: int = 1, user: FrameUser | None = None) -> Plate:
    """The plate of an image datablock. ``user``: the frame settings of the node that shows it."""
    if image.source in ("VIEWER", "TILED"):
        what = "a UDIM image" if image.source == "TILED" else "a render or viewer result"
        raise Problem(f"{image.name} is {what}, not a plate.", "Choose an image, a sequence or a movie.")
    tag = colour.tag_of(image)
    chosen = _space(space, tag, image.name)
    common = {"image_uid": versions.uid_of(image), "shown_as_is": chosen == tag}
    if image.source == "SEQUENCE":
        path = _existing(_absolute(image), image.name, numbered=True)
        return _frames(path, image.name, chosen, start, user, **common)
    if image.source == "MOVIE":
        path = _existing(_absolute(image), image.name)
        count = max(int(image.frame_duration), 1)
        user = user or FrameUser(start, count, 0)
        numbers = tuple(range(max(user.offset + 1, 1), min(user.offset + user.duration, count) + 1))
        return Plate(kind="movie", stem=_stem(path), from_space=chosen, numbers=numbers, user=user, path=path, **common)
    if image.source == "GENERATED" or image.is_dirty:
        return Plate(
            kind="pixels", stem=_clean(image.name), from_space=colour.working_space(), numbers=(None,),
            image_uid=versions.uid_of(image), shown_as_is=True,
        )  # fmt: skip
    if image.packed_file is not None:
        return Plate(kind="packed", stem=_stem(image.filepath or image.name), from_space=chosen, numbers=(None,),
                     path=os.path.basename(_absolute(image)) or image.name, **common)  # fmt: skip
    path = _existing(_absolute(image), image.name)
    return Plate(
        kind="turned" if is_turned(path) else "file",
        stem=_stem(path),
        from_space=chosen,
        numbers=(None,),
        path=path,
        **common,
    )


def clip_plate(clip: bpy.types.MovieClip, *, space: str = "") -> Plate:
    """The plate of a movie clip, with the clip's own start and offset."""
    path = os.path.normpath(bpy.path.abspath(clip.filepath, library=clip.library))
    chosen = _space(space, colour.tag_of(clip), clip.name)
    count = max(int(clip.frame_duration), 1)
    if clip.source == "SEQUENCE":
        path = _existing(path, clip.name, numbered=True)
        numbered = sequence_of(path)
        first = numbered.first if numbered else 1
        user = FrameUser(clip.frame_start, count, first - 1 + clip.frame_offset)
        return _frames(path, clip.name, chosen, clip.frame_start, user)
    path = _existing(path, clip.name)
    user = FrameUser(clip.frame_start, count, clip.frame_offset)
    numbers = tuple(range(max(user.offset + 1, 1), count + 1))
    return Plate(kind="movie", stem=_stem(path), from_space=chosen, numbers=numbers, user=user, path=path)


def wanted_numbers(group: bpy.types.NodeTree, plate: Plate, scene: bpy.types.Scene) -> list[int | None]:
    """The frames of the plate that a run is asked for, in order."""
    if plate.user is None:
        return [None]
    chosen = group.headroom
    if chosen.frames == "CUSTOM":
        try:
            asked = parse_range(chosen.frame_list)
        except FrameError as error:
            raise Problem(str(error)) from None
    elif chosen.frames == "CURRENT":
        asked = [plate.user.number_at(max(scene.frame_current, plate.user.start))]
    elif chosen.frames == "SCENE":
        first = max(scene.frame_start, plate.user.start)
        asked = [plate.user.number_at(frame) for frame in range(first, scene.frame_end + 1)]
    else:
        asked = list(plate.numbers)
    there = set(plate.numbers)
    found = [number for number in dict.fromkeys(asked) if number in there or plate.kind == "upstream"]
    if not found:
        first, last = plate.numbers[0], plate.numbers[-1]
        raise Problem(f"None of the frames asked for is there: {plate.stem} has {first} to {last}.", "Change Frames.")
    return found


def _linked_plate(group: bpy.types.NodeTree, instance: Instance, space: str) -> Plate:
    socket = upstream_socket(instance.node)
    if socket is None:
        raise Problem("Nothing is linked into Image.", "Link a plate into it, or choose an image under Source.")
    node = socket.node
    if node.bl_idname == "CompositorNodeImage" and node.image is not None and _is_whole_picture(node, socket):
        user = FrameUser(node.frame_start, node.frame_duration, node.frame_offset)
        return image_plate(node.image, space=space, user=user)
    if node.bl_idname == "CompositorNodeMovieClip" and node.clip is not None and socket.name == "Image":
        return clip_plate(node.clip, space=space)
    scene = instance.scene
    first, last = scene.frame_start, scene.frame_end
    common = {"kind": "upstream", "stem": _clean(group.name), "from_space": colour.working_space()}
    if group.headroom.frames == "CURRENT":
        return Plate(numbers=(None,), **common)
    if group.headroom.frames == "CUSTOM":
        asked = wanted_numbers(group, Plate(numbers=(first,), user=FrameUser(1, 1, 0), **common), scene)
        first, last = min(asked), max(asked)
    if first < 0:
        raise Problem("Frames below 0 cannot be shown by an image sequence.", "Move the range to 0 or above.")
    user = FrameUser(first, last - first + 1, first - 1)
    return Plate(numbers=tuple(range(first, last + 1)), user=user, **common)


def upstream_socket(node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """What is linked into a group's Image, through reroutes."""
    socket = node.inputs.get("Image")
    while socket is not None:
        links = [link for link in socket.links if link.is_valid and not link.is_muted]
        if not links:
            return None
        found = links[0].from_socket
        if found.node.bl_idname != "NodeReroute":
            return found
        socket = found.node.inputs[0]
    return None


def _is_whole_picture(node: bpy.types.Node, socket: bpy.types.NodeSocket) -> bool:
    if node.mute or socket.name not in ("Image", "Combined") or node.has_views:
        return False
    if node.image.type == "MULTILAYER":
        return socket == node.outputs[0] and not node.has_layers
    return True


def _frames(path: str, name: str, space: str, start: int, user: FrameUser | None, **common: object) -> Plate:
    numbered = sequence_of(path)
    if numbered is None:
        raise Problem(f"{name} is a sequence, but {os.path.basename(path)} has no frame number in its name.")
    there = numbered.on_disk()
    if not there:
        raise Problem(f"No file of the sequence {numbered.pattern} is there.", "Find it with File > External Data.")
    user = user or FrameUser(start, there[-1] - there[0] + 1, there[0] - 1)
    shown = [number for number in there if user.offset < number <= user.offset + user.duration]
    if not shown:
        raise Problem(
            f"The node shows frames {user.offset + 1} to {user.offset + user.duration} of {numbered.stem}, "
            f"but there are {there[0]} to {there[-1]}.",
            "Set Frames, Start Frame and Offset of the image.",
        )
    gaps = tuple(sorted(set(range(shown[0], shown[-1] + 1)) - set(shown)))
    return Plate(
        kind="frames", stem=_clean(numbered.stem), from_space=space, numbers=tuple(shown), user=user,
        path=numbered.pattern, sequence=numbered, missing=gaps, **common,
    )  # fmt: skip


def _space(chosen: str, tag: str, name: str) -> str:
    """The space that the artist chose, else the image's own tag; both as Blender names them."""
    space = chosen.strip() or tag
    if space in NOT_A_PLATE:
        raise Problem(
            f"{name} is set to {space}, which is data and no colour.", "Choose its colour space in the panel."
        )
    if chosen.strip() and space not in colour.blender_spaces():
        raise Problem(f"Blender has no colour space {space!r}.", "Choose one from the list of Colour Space.")
    return space


def _absolute(image: bpy.types.Image) -> str:
    return os.path.normpath(bpy.path.abspath(image.filepath, library=image.library)) if image.filepath else ""


def _existing(path: str, name: str, numbered: bool = False) -> str:
    if path and (os.path.isfile(path) or (numbered and os.path.isdir(os.path.dirname(path)))):
        return path
    raise Problem(f"The file of {name} is missing: {path or 'it has no path'}.", "Find it with File > External Data.")


def _stem(path: str) -> str:
    return _clean(os.path.splitext(os.path.basename(path.replace("\\", "/")))[0])


def _clean(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w.\-]+", "_", name).strip("._")[:80] or "plate"
