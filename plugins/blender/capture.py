"""Pictures that only Blender has, written for the engine at full size through a temporary scene.

Each call makes its scene, renders and removes it again: nothing of it is ever seen, saved or undone.
"""

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from . import versions
from .problems import Problem
from .source import Instance, Plate, upstream_socket

__all__ = ["capture", "captured_suffix", "close_movies"]

CODES_8, CODES_16 = ("PNG", "8"), ("PNG", "16")
LIGHT = ("OPEN_EXR", "32")


def captured_suffix(plate: Plate) -> str:
    """The suffix of the files that `capture` writes for a plate."""
    if plate.kind == "packed":
        return os.path.splitext(plate.path)[1] or ".png"
    return ".png" if plate.is_of_file else ".exr"


def capture(plate: Plate, number: int | None, target: Path, instance: Instance | None) -> bool:
    """Writes one frame of the plate to ``target``; whether it differs from what was there before.

    A file that would come out the same is left alone, so that what was made from it stays up to date.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.stem}.partial-{os.getpid()}{target.suffix}")
    try:
        if plate.kind == "packed":
            beside.write_bytes(_image(plate).packed_file.data)
        elif plate.kind == "upstream":
            assert instance is not None
            _render_upstream(instance, number, beside)
        else:
            _render_image(plate, number, beside)
        if target.is_file() and filecmp.cmp(beside, target, shallow=False):
            beside.unlink()
            return False
        beside.replace(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise Problem(f"The frame {target} cannot be written: {why}.", "Check the disk's space and rights.") from None
    finally:
        beside.unlink(missing_ok=True)
        if number is None:
            close_movies()
    return True


def _image(plate: Plate) -> bpy.types.Image:
    image = versions.by_uid(bpy.data.images, plate.image_uid) if plate.image_uid is not None else None
    if image is None and not plate.is_of_file:
        raise Problem(f"The image {plate.stem} was removed meanwhile.", "Choose another one.")
    return image


def _render_image(plate: Plate, number: int | None, target: Path) -> None:
    """A file's frame in its own code values, or a generated image as linear light."""
    image = _codes(plate.path) if plate.is_of_file else _image(plate)
    width, height = image.size
    if not (width and height):
        raise Problem(f"Blender cannot read {plate.path or plate.stem}.", "Open it in the Image Editor to see why.")
    with _scene(width, height) as scene:
        tree = versions.ensure_compositor(scene)
        node = tree.nodes.new("CompositorNodeImage")
        node.image = image
        if number is not None:
            node.frame_start, node.frame_duration, node.frame_offset = 1, 1, number - 1
        tree.links.new(node.outputs[0], versions.outlet(tree))
        if plate.is_of_file:
            kind, mode = (CODES_16 if image.is_float else CODES_8), "RGB"
            scene.view_settings.view_transform = "Raw"
        else:
            kind, mode = LIGHT, "RGBA" if image.channels == 4 and image.alpha_mode != "NONE" else "RGB"
        versions.set_image_format(scene.render.image_settings, *kind, mode)
        _render(scene, target)


_movies: dict[str, int] = {}
"""Path -> uid of the image that reads it, for as long as a bake captures: frames in a row are read in a row."""


def _codes(path: str) -> bpy.types.Image:
    """The file as an image that is shown code by code."""
    image = versions.by_uid(bpy.data.images, _movies[path]) if path in _movies else None
    if image is None:  # also where undo has taken it away
        image = bpy.data.images.load(path, check_existing=False)
        image.colorspace_settings.name = "Non-Color"
        _movies[path] = versions.uid_of(image)
    return image


def close_movies() -> None:
    """Lets go of the files that were read."""
    for uid in _movies.values():
        image = versions.by_uid(bpy.data.images, uid)
        if image is not None:
            bpy.data.images.remove(image)
    _movies.clear()


def _render_upstream(instance: Instance, number: int | None, target: Path) -> None:
    """What the compositor computes for the node's Image, at the scene's full size."""
    socket = upstream_socket(instance.node)
    if socket is None:
        raise Problem("Nothing is linked into Image any more.", "Link the plate again.")
    frame = instance.scene.frame_current if number is None else number
    copy = instance.scene.copy()
    try:
        tree = versions.detach_compositor(copy)
        source = tree.nodes[socket.node.name].outputs[list(socket.node.outputs).index(socket)]
        for node in list(tree.nodes):
            if node.bl_idname in ("CompositorNodeOutputFile", "CompositorNodeViewer", "CompositorNodeSplitViewer"):
                tree.nodes.remove(node)
        tree.links.new(source, versions.outlet(tree))
        _neutral(copy)
        copy.render.use_compositing = True
        versions.set_image_format(copy.render.image_settings, *LIGHT, "RGBA")
        # A copied scene takes no frame_set, and a still render of it shows its old frame: an animation of one frame.
        copy.frame_start = copy.frame_end = frame
        copy.frame_step = 1
        numbered = f"{frame:04d}"
        pattern = target.with_name(f"{target.stem}-####{target.suffix}")
        _render(copy, pattern, animation=True)
        written = target.with_name(f"{target.stem}-{numbered}{target.suffix}")
        if not written.is_file():
            raise Problem(f"Blender could not write {written}.", "Check the disk's space and rights.")
        written.replace(target)
    finally:
        versions.discard_scene(copy)


@contextmanager
def _scene(width: int, height: int) -> Iterator[bpy.types.Scene]:
    scene = bpy.data.scenes.new("Headroom Capture")
    try:
        scene.render.resolution_x, scene.render.resolution_y = width, height
        _neutral(scene)
        yield scene
    finally:
        versions.discard_scene(scene)


def _neutral(scene: bpy.types.Scene) -> None:
    """Nothing between the compositor's numbers and the file."""
    render = scene.render
    render.resolution_percentage = 100
    render.use_border = render.use_sequencer = render.use_stamp = render.use_multiview = False
    render.use_overwrite, render.use_placeholder, render.use_file_extension = True, False, False
    render.dither_intensity = 0.0
    render.image_settings.color_management = "FOLLOW_SCENE"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    scene.view_settings.look = "None"
    scene.view_settings.use_curve_mapping = False
    for name in dir(render):  # dates and times in the header would make every capture differ
        if name.startswith("use_stamp_"):
            setattr(render, name, False)


def _render(scene: bpy.types.Scene, target: Path, animation: bool = False) -> None:
    scene.render.filepath = versions.render_path(str(target))
    try:
        bpy.ops.render.render(animation=animation, write_still=not animation, scene=scene.name)
    except RuntimeError as error:
        why = " ".join(str(error).replace("Error:", "").split())
        raise Problem(f"Blender could not render the plate: {why}", "Render the scene once to see why.") from None
    if not animation and not target.is_file():
        raise Problem(f"Blender could not write {target}.", "Check the disk's space and rights.")
