"""A still: what a render writes is what the engine wrote, to the bit."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
import scenes
from PIL import Image


def _node(h: ModuleType, path: Path, cache: str, **settings: object) -> bpy.types.Node:
    scene = scenes.set_scene()
    node = h.add(scene, image=path, cache=cache, **settings)
    h.connect(node)
    return node


def test_render_equals_the_engine_and_convert_to_the_bit(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    node = _node(h, plate, cache)
    report = h.bake(node)
    assert report.made == 1 and len(report.files) == 1

    baked = scenes.channels(report.files[0])
    converted = scenes.convert(plate, tmp_path / "convert.exr", "--from", "sRGB")
    assert Path(report.files[0]).read_bytes() == (tmp_path / "convert.exr").read_bytes()
    rendered = scenes.render(tmp_path / "render.exr")
    assert scenes.same(rendered, converted) and scenes.same(rendered, baked)
    assert rendered["G"].max() > 1.5

    h.connect(node, "Mask")
    mask = scenes.render(tmp_path / "mask.exr")
    assert np.array_equal(mask["R"], converted["headroom.mask"])
    assert mask["R"].max() == 1 and 0 < (mask["R"] > 0).mean() < 0.9


def test_gain_output_is_the_engines_gain(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    node = _node(h, plate, cache, depth="float")
    h.bake(node)
    h.connect(node, "Gain")
    gain = scenes.render(tmp_path / "gain.exr")["R"]
    expected = scenes.convert_all([plate], tmp_path / "c", "--from", "sRGB", "--gain", "--depth", "float")[0][
        "headroom.gain"
    ]
    assert expected.max() > 0.5
    assert np.abs(gain - expected).max() < 1e-3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.5])
def test_live_strength_equals_the_engines_strength(h: ModuleType, cache: str, tmp_path: Path, strength: float) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    node = _node(h, plate, cache, depth="float")
    h.bake(node)
    node.inputs["Strength"].default_value = strength
    rendered = scenes.render(tmp_path / "render.exr")
    options = ("--from", "sRGB", "--depth", "float", "--strength", str(strength))
    expected = scenes.convert_all([plate], tmp_path / "c", *options)[0]
    for name in "RGB":
        assert np.abs(rendered[name] / np.maximum(expected[name], 1e-3) - 1).max() < 1e-3


def test_strength_and_exposure_are_keyed_without_another_run(h: ModuleType, cache: str, tmp_path: Path) -> None:
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    files = h.bake(node).files
    exposure = node.inputs["Exposure"]
    exposure.default_value = 0.0
    exposure.keyframe_insert("default_value", frame=1)
    exposure.default_value = 2.0
    exposure.keyframe_insert("default_value", frame=3)
    first = scenes.render(tmp_path / "a.exr", 1)
    third = scenes.render(tmp_path / "b.exr", 3)
    assert scenes.same(first, scenes.channels(files[0]))
    assert np.array_equal(third["G"], first["G"] * 4)
    assert h.status(node).kind == "FRESH"


def test_before_a_run_the_plate_passes_through(h: ModuleType, tmp_path: Path) -> None:
    scene = scenes.set_scene()
    from bl_ext.user_default.headroom import versions

    tree = versions.ensure_compositor(scene)
    image = tree.nodes.new("CompositorNodeImage")
    image.image = bpy.data.images.load(str(scenes.cut(tmp_path / "plate.png")))
    node = h.add(scene, upstream=image.outputs["Image"])
    h.connect(node)
    through = scenes.render(tmp_path / "a.exr")
    tree.links.new(image.outputs["Image"], versions.outlet(tree))
    assert scenes.same(through, scenes.render(tmp_path / "b.exr"))
    assert h.status(node).kind == "EMPTY"


def test_alpha_comes_through(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png", mode="RGBA")
    report = h.bake(node := _node(h, plate, cache))
    rendered = scenes.render(tmp_path / "render.exr")
    assert node and scenes.same(rendered, scenes.channels(report.files[0]), "RGBA")


def test_a_jpeg_with_settings_equals_convert(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.jpg")
    chosen = {"boost": 1.4, "clip_level": 0.95, "peak_stops": 3, "light": "mean", "tau": 0.9, "from_space": "Rec.1886"}
    h.bake(_node(h, plate, cache, **chosen))
    options = ("--boost", "1.4", "--clip-level", "0.95", "--peak-stops", "3", "--tau", "0.9", "--from", "Rec.1886")
    options += ("--light", "mean")
    expected = scenes.convert_all([plate], tmp_path / "c", *options)[0]
    assert scenes.same(scenes.render(tmp_path / "render.exr"), expected)


def test_another_light_makes_other_frames_and_those_of_the_median_stay(
    h: ModuleType, cache: str, tmp_path: Path
) -> None:
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    median = h.bake(node)
    node.node_tree.headroom.light = "bold"
    bold = h.bake(node)
    assert bold.made == 1 and bold.folder != median.folder
    node.node_tree.headroom.light = "median"
    again = h.bake(node)
    assert again.made == 0 and again.folder == median.folder


def test_a_photograph_that_was_stored_turned_is_worked_on_as_blender_shows_it(
    h: ModuleType, cache: str, tmp_path: Path
) -> None:
    upright = scenes.cut(tmp_path / "upright.jpg")
    picture, exif = Image.open(upright), Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif, quality="keep")
    node = _node(h, tmp_path / "turned.jpg", cache)
    h.bake(node)
    rendered = scenes.render(tmp_path / "render.exr")
    expected = scenes.convert_all([upright], tmp_path / "c", "--from", "sRGB")[0]
    assert rendered["G"].shape == expected["G"].shape
    assert np.abs(rendered["G"] - expected["G"])[expected["headroom.mask"] == 0].mean() < 0.01
    assert h.bake(node).kept == 1


def test_a_packed_image_is_the_file_that_was_packed(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    image = bpy.data.images.load(str(plate))
    image.pack()
    expected = scenes.convert_all([plate], tmp_path / "c", "--from", "sRGB")[0]
    plate.unlink()
    node = h.add(scenes.set_scene(), image=image, cache=cache)
    h.connect(node)
    h.bake(node)
    assert scenes.same(scenes.render(tmp_path / "render.exr"), expected)
    assert h.bake(node).kept == 1


@pytest.mark.parametrize("is_float", [False, True])
def test_a_generated_image_still_gets_its_mask(h: ModuleType, cache: str, tmp_path: Path, is_float: bool) -> None:
    width, height = scenes.SIZE
    image = bpy.data.images.new("painted", width, height, float_buffer=is_float)
    ramp = np.ones((height, width, 4), np.float32)
    ramp[..., :3] = np.clip(np.linspace(0, 1.4, width), 0, 1)[None, :, None]
    image.pixels.foreach_set(ramp.ravel())
    node = h.add(scenes.set_scene(), image=image, cache=cache)
    h.connect(node, "Mask")
    h.bake(node)
    mask = scenes.render(tmp_path / "mask.exr")["R"]
    assert mask[0, 0] == 0 and mask[0, -1] == 1
    h.connect(node)
    assert scenes.render(tmp_path / "render.exr")["G"].max() > 1
    assert h.bake(node).kept == 1, "an unchanged picture was made again"


@pytest.mark.skipif(not scenes.FIVE, reason="a working space of the file's own came with 5.0")
@pytest.mark.parametrize("space", ["ACEScg", "Linear Rec.2020"])
def test_the_files_working_space(h: ModuleType, cache: str, tmp_path: Path, space: str) -> None:
    bpy.ops.wm.set_working_color_space(working_space=space, convert_colors=False)
    plate = scenes.cut(tmp_path / "plate.png")
    h.bake(_node(h, plate, cache))
    converted = scenes.convert_all([plate], tmp_path / "c", "--from", "sRGB", "--to", space)[0]
    assert scenes.same(scenes.render(tmp_path / "render.exr"), converted)
