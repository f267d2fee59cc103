"""Small plates and scenes for the tests, in whatever Blender runs them."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import OpenEXR
from PIL import Image

FIVE = bpy.app.version >= (5, 0, 0)
REPOSITORY = Path(__file__).resolve().parents[3]
HANGAR = REPOSITORY / "examples/hangar.jpg"
SIZE = (96, 64)
"""Divides by 2, as movies want; large enough that the network has something to see."""
CORNER = (330, 170)
"""Of the hangar: its bright door, so that every cut is clipped somewhere."""


def cut(path: Path, shift: int = 0, size: tuple[int, int] = SIZE, mode: str = "RGB") -> Path:
    """A piece of the hangar photograph as a file; ``shift`` pixels to the right, so that frames differ."""
    x, y = CORNER[0] + shift, CORNER[1]
    piece = Image.open(HANGAR).crop((x, y, x + size[0], y + size[1]))
    if mode == "RGBA":
        piece.putalpha(Image.linear_gradient("L").resize(size))
    path.parent.mkdir(parents=True, exist_ok=True)
    piece.save(path)
    return path


def cut_frames(folder: Path, numbers: range | list[int], stem: str = "plate") -> list[Path]:
    """Numbered cuts, each a little further to the right."""
    return [cut(folder / f"{stem}.{number:04d}.png", 3 * index) for index, number in enumerate(numbers)]


def set_scene(size: tuple[int, int] = SIZE, first: int = 1, last: int = 5) -> bpy.types.Scene:
    """The scene at a size, rendering 32-bit EXR."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.frame_start, scene.frame_end = first, last
    settings = scene.render.image_settings
    if FIVE:
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    return scene


def render(path: Path, frame: int | None = None) -> dict[str, Any]:
    """What the compositor writes for a frame, by channel."""
    scene = bpy.context.scene
    if frame is not None:
        scene.frame_set(frame)
    scene.render.filepath = str(path)
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True)
    return channels(path)


def channels(path: Path | str) -> dict[str, Any]:
    """An EXR's channels as (H, W) float32, by name."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels.astype(np.float32) for name, channel in file.channels().items()}


def same(rendered: dict[str, Any], expected: dict[str, Any], names: str = "RGB") -> bool:
    """Whether the colours agree to the bit."""
    return all(np.array_equal(rendered[name], expected[name]) for name in names)


def engine_command() -> list[str]:
    """`headroom` as the tests' worker has it, without the word worker."""
    text = os.environ.get("HEADROOM_WORKER") or "headroom worker"
    words = shlex.split(text)
    return words[:-1] if words[-1] == "worker" else words


def convert(source: Path | str, target: Path, *options: str) -> dict[str, Any]:
    """What ``headroom convert --mask`` makes of a file, by channel."""
    _run_convert([Path(source)], target, options)
    return channels(target)


def convert_all(sources: list[Path], folder: Path, *options: str) -> list[dict[str, Any]]:
    """The same for several files, by one command; pictures that are known from another test are not made again."""
    keys = [(hashlib.sha256(source.read_bytes()).hexdigest(), working_space(), *options) for source in sources]
    new = [source for source, key in zip(sources, keys, strict=True) if key not in _converted]
    if new:
        _run_convert(new, folder, options)
        for source, key in zip(sources, keys, strict=True):
            if source in new:
                _converted[key] = channels(folder / f"{source.stem}.exr")
    return [_converted[key] for key in keys]


def working_space() -> str:
    """What the extension asks for as the space of the results."""
    from bl_ext.user_default.headroom import colour

    return str(colour.working_space())


_converted: dict[tuple[str, ...], dict[str, Any]] = {}


def _run_convert(sources: list[Path], target: Path, options: tuple[str, ...]) -> None:
    from bl_ext.user_default.headroom import colour

    if target.suffix != ".exr":
        target.mkdir(parents=True, exist_ok=True)
    command = [*engine_command(), "convert", *map(str, sources), "-o", str(target), "--mask", "--overwrite"]
    command += ["--to", working_space(), "--ocio-config", colour.config_path(), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def make_movie(path: Path, frames: list[Path], codec: str = "FFV1") -> Path:
    """A movie of still pictures, made by Blender."""
    scene = bpy.data.scenes.new("Movie")
    render_settings = scene.render
    render_settings.resolution_x, render_settings.resolution_y = SIZE
    render_settings.resolution_percentage = 100
    scene.frame_start, scene.frame_end = 1, len(frames)
    render_settings.dither_intensity = 0.0
    scene.view_settings.view_transform = "Standard"
    if FIVE:
        render_settings.image_settings.media_type = "VIDEO"
        tree = bpy.data.node_groups.new("Movie", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        out = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        out = tree.nodes.new("CompositorNodeComposite")
    render_settings.image_settings.file_format = "FFMPEG"
    render_settings.ffmpeg.format = "MKV" if codec == "FFV1" else "MPEG4"
    render_settings.ffmpeg.codec = codec
    if codec == "H264":
        render_settings.ffmpeg.constant_rate_factor = "PERC_LOSSLESS"
    render_settings.image_settings.color_mode = "RGB"
    image = bpy.data.images.load(str(frames[0]))
    image.source = "SEQUENCE"
    node = tree.nodes.new("CompositorNodeImage")
    node.image = image
    number = int(frames[0].suffixes[0][1:])
    node.frame_start, node.frame_duration, node.frame_offset = 1, len(frames), number - 1
    tree.links.new(node.outputs[0], out.inputs[0])
    render_settings.use_file_extension = False
    render_settings.filepath = str(path)
    bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    bpy.data.images.remove(image)
    assert path.is_file(), list(path.parent.iterdir())
    return path


def in_blender(code: str, *arguments: str, extension: bool = True, timeout_s: float = 180) -> str:
    """Runs a script in a fresh Blender and returns what it printed; the extension only where asked for."""
    start = "import os, sys, traceback, bpy\n"
    if extension:
        start += "import addon_utils\naddon_utils.enable('bl_ext.user_default.headroom', default_set=True)\n"
    body = "\n".join(f"    {line}" for line in code.splitlines())
    text = f"{start}code = 1\ntry:\n{body}\n    code = 0\nexcept BaseException:\n    traceback.print_exc()\n"
    text += "sys.stdout.flush(); sys.stderr.flush(); os._exit(code)\n"
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
