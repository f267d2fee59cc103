"""The World: lit from a clipped panorama, kept, restored, and rendered where the extension is not."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import OpenEXR
import pytest
import scenes
from PIL import Image

SIZE = (128, 64)


def panorama(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """A lat-long sky over a dark floor with a lamp that clips, 8 bit."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.where(y < height / 2, 0.35, 0.06)[..., None] * np.array([0.8, 0.9, 1.0], np.float32)
    lamp = np.exp(-(((x - width / 4) / 7) ** 2 + ((y - height / 3) / 6) ** 2))[..., None]
    codes = np.clip(light + 3 * lamp * np.array([1.0, 0.9, 0.7], np.float32), 0, 1) ** (1 / 2.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((codes * 255 + 0.5).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def blend(tmp_path: Path) -> Path:
    """A saved .blend with a World of its own."""
    path = tmp_path / "shot" / "scene.blend"
    path.parent.mkdir()
    bpy.context.scene.world = bpy.data.worlds.new("Old")
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture
def ldr(tmp_path: Path) -> Path:
    return panorama(tmp_path / "shot" / "sky.png")


def map_of(world: Any) -> Any:
    return world.node_tree.nodes["HDR Environment"].image


def file_of(world: Any) -> Path:
    return Path(bpy.path.abspath(map_of(world).filepath))


def expected(source: Path, target: Path, *options: str) -> dict[str, Any]:
    """What the command line makes of the panorama."""
    return scenes.convert(source, target, "--from", "sRGB", *options)


def test_the_map_equals_convert_and_lights_above_one(blend: Path, ldr: Path, tmp_path: Path) -> None:
    assert bpy.ops.headroom.world_light(filepath=str(ldr)) == {"FINISHED"}
    world = bpy.context.scene.world
    made, wanted = scenes.channels(file_of(world)), expected(ldr, tmp_path / "c.exr")
    assert scenes.same(made, wanted)
    assert made["R"].max() > 1.2

    image = map_of(world)
    pixels = np.empty(SIZE[0] * SIZE[1] * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    shown = pixels.reshape(SIZE[1], SIZE[0], -1)[::-1]
    assert np.array_equal(shown[..., 0], made["R"]), "Blender changes the numbers on the way in"
    assert image.filepath.startswith("//headroom_cache"), "the path must move with the .blend"


def test_the_tree_is_plain_and_exposes_rotation_and_strength(blend: Path, ldr: Path) -> None:
    bpy.ops.headroom.world_light(filepath=str(ldr))
    nodes = bpy.context.scene.world.node_tree.nodes
    assert [node.bl_idname for node in nodes] == [
        "ShaderNodeTexCoord", "ShaderNodeMapping", "ShaderNodeTexEnvironment", "ShaderNodeBackground",
        "ShaderNodeOutputWorld",
    ]  # fmt: skip
    assert nodes["HDR Strength"].inputs["Strength"].default_value == 1.0
    assert tuple(nodes["HDR Rotation"].inputs["Rotation"].default_value) == (0.0, 0.0, 0.0)
    assert len(bpy.context.scene.world.node_tree.links) == 4


def test_the_old_world_is_kept_and_comes_back(blend: Path, ldr: Path) -> None:
    scene = bpy.context.scene
    bpy.ops.headroom.world_light(filepath=str(ldr))
    new = scene.world.name
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    assert scene.world.name == new and "Old" in bpy.data.worlds, "a World without users is lost on saving"
    assert bpy.ops.headroom.world_restore() == {"FINISHED"}
    assert scene.world.name == "Old"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert new in bpy.data.worlds
    assert not bpy.ops.headroom.world_restore.poll()


def test_a_second_run_keeps_what_the_artist_turned(blend: Path, ldr: Path) -> None:
    scene = bpy.context.scene
    bpy.ops.headroom.world_light(filepath=str(ldr))
    world, first = scene.world, file_of(scene.world)
    when = first.stat().st_mtime_ns
    world.node_tree.nodes["HDR Rotation"].inputs["Rotation"].default_value[2] = 1.25

    bpy.ops.headroom.world_light()
    assert scene.world == world and file_of(world) == first
    assert first.stat().st_mtime_ns == when, "an unchanged panorama was made again"

    bpy.ops.headroom.world_light(boost=1.6)
    assert scene.world == world and file_of(world) != first
    assert world.node_tree.nodes["HDR Rotation"].inputs["Rotation"].default_value[2] == 1.25
    assert scenes.channels(file_of(world))["R"].max() > scenes.channels(first)["R"].max()


def test_settings_of_the_scene_and_of_the_call(blend: Path, ldr: Path, tmp_path: Path) -> None:
    settings = bpy.context.scene.headroom_world
    settings.boost, settings.use_peak_stops, settings.peak_stops = 1.5, True, 0.5
    bpy.ops.headroom.world_light(filepath=str(ldr))
    wanted = expected(ldr, tmp_path / "a.exr", "--boost", "1.5", "--peak-stops", "0.5")
    assert scenes.same(scenes.channels(file_of(bpy.context.scene.world)), wanted)
    bpy.ops.headroom.world_light(boost=1.0, clip_level=0.9)
    wanted = expected(ldr, tmp_path / "b.exr", "--peak-stops", "0.5", "--clip-level", "0.9")
    assert scenes.same(scenes.channels(file_of(bpy.context.scene.world)), wanted)


def test_a_packed_panorama_needs_no_file(blend: Path, ldr: Path, tmp_path: Path) -> None:
    image = bpy.data.images.load(str(ldr))
    image.pack()
    wanted = expected(ldr, tmp_path / "c.exr")
    ldr.unlink()
    bpy.ops.headroom.world_light(image=image.name)
    made = file_of(bpy.context.scene.world)
    assert scenes.same(scenes.channels(made), wanted)
    when = made.stat().st_mtime_ns
    bpy.ops.headroom.world_light(image=image.name)
    assert made.stat().st_mtime_ns == when


def test_a_painted_panorama(blend: Path) -> None:
    image = bpy.data.images.new("painted sky", *SIZE, float_buffer=True)
    codes = np.ones((SIZE[1], SIZE[0], 4), np.float32)
    codes[..., :3] = np.clip(np.linspace(0.1, 1.5, SIZE[0]), 0, 1)[None, :, None]
    image.pixels.foreach_set(codes.ravel())
    bpy.ops.headroom.world_light(image=image.name)
    made = scenes.channels(file_of(bpy.context.scene.world))
    assert made["G"].shape == (SIZE[1], SIZE[0])
    assert made["G"].max() > 1
    assert abs(made["G"][5, 3] - codes[5, 3, 1]) < 1e-3


def test_it_renders_the_same_without_the_extension(blend: Path, ldr: Path, tmp_path: Path) -> None:
    bpy.ops.headroom.world_light(filepath=str(ldr))
    sphere_under_the_sky()
    bpy.ops.wm.save_mainfile()
    with_it = scenes.render(tmp_path / "with.exr")
    code = """
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
assert not hasattr(bpy.types.World, "headroom")
scene = bpy.context.scene
scene.render.filepath = sys.argv[2]
bpy.ops.render.render(write_still=True)
bpy.ops.wm.save_mainfile()
"""
    scenes.in_blender(code, str(blend), str(tmp_path / "without.exr"), extension=False)
    assert scenes.same(with_it, scenes.channels(tmp_path / "without.exr"))
    assert with_it["G"].max() > 0.05

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    state = bpy.context.scene.world.headroom
    assert state.source and state.summary and state.previous.name == "Old", "a save without the extension lost them"


def test_the_folder_may_move(blend: Path, ldr: Path, tmp_path: Path) -> None:
    bpy.ops.headroom.world_light(filepath=str(ldr))
    bpy.ops.wm.save_mainfile()
    moved = tmp_path / "elsewhere"
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    blend.parent.rename(moved)
    bpy.ops.wm.open_mainfile(filepath=str(moved / blend.name))
    image = map_of(bpy.context.scene.world)
    assert tuple(image.size) == SIZE and Path(bpy.path.abspath(image.filepath)).is_relative_to(moved)
    assert bpy.ops.headroom.world_light(image="sky.png") == {"FINISHED"}
    assert len(list((moved / "headroom_cache" / "world").glob("*.exr"))) == 1


@pytest.mark.skipif(not scenes.FIVE, reason="a working space of the file's own came with 5.0")
def test_the_files_working_space(blend: Path, ldr: Path, tmp_path: Path) -> None:
    bpy.ops.wm.set_working_color_space(working_space="ACEScg", convert_colors=False)
    bpy.ops.headroom.world_light(filepath=str(ldr))
    world = bpy.context.scene.world
    assert map_of(world).colorspace_settings.name == "ACEScg"
    assert scenes.same(scenes.channels(file_of(world)), expected(ldr, tmp_path / "c.exr", "--to", "ACEScg"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"filepath": "/nowhere/sky.png"}, "is not there"),
        ({"image": "nothing"}, "no image nothing"),
        ({"image": "data"}, "no colour"),
        ({"image": "movie"}, "one still"),
        ({"image": "broken"}, "broken"),
        ({}, "No panorama"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_changes(
    blend: Path, ldr: Path, tmp_path: Path, given: dict[str, str], words: str
) -> None:
    bpy.data.images.load(str(ldr)).name = "data"
    bpy.data.images["data"].colorspace_settings.name = "Non-Color"
    panorama(tmp_path / "f.0001.png")
    bpy.data.images.load(str(tmp_path / "f.0001.png")).name = "movie"
    bpy.data.images["movie"].source = "SEQUENCE"
    (tmp_path / "broken.png").write_bytes(b"this is no picture")
    bpy.data.images.load(str(tmp_path / "broken.png")).name = "broken"
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.headroom.world_light(**given)
    assert bpy.context.scene.world.name == "Old"


def test_a_missing_engine_is_said(
    blend: Path, ldr: Path, monkeypatch: pytest.MonkeyPatch, extension: ModuleType
) -> None:
    extension.engine.close()
    monkeypatch.setattr(extension.engine, "find", lambda: None)
    with pytest.raises(RuntimeError, match="engine was not found"):
        bpy.ops.headroom.world_light(filepath=str(ldr))
    assert bpy.context.scene.world.name == "Old"


def test_an_unwritable_cache_is_said(blend: Path, ldr: Path) -> None:
    (blend.parent / "headroom_cache").write_text("a file stands where the folder should")
    with pytest.raises(RuntimeError, match="cannot be written to"):
        bpy.ops.headroom.world_light(filepath=str(ldr))
    assert bpy.context.scene.world.name == "Old"


def test_a_shape_that_is_no_latlong_is_warned_about(blend: Path, tmp_path: Path, extension: ModuleType) -> None:
    square = bpy.data.images.load(str(panorama(tmp_path / "square.png", (64, 64))))
    job = extension.world_run.begin(bpy.context.scene, square)
    job.task.wait()
    extension.world_run.finish(job)
    assert any("twice as wide as high" in warning for warning in job.warnings)


def test_a_cancelled_job_leaves_the_world(blend: Path, ldr: Path, extension: ModuleType) -> None:
    job = extension.world_run.begin(bpy.context.scene, bpy.data.images.load(str(ldr)))
    job.cancel()
    job.task.wait()
    assert job.task.outcome["status"] == "cancelled"
    with pytest.raises(extension.problems.Problem):
        extension.world_run.finish(job)
    assert bpy.context.scene.world.name == "Old"
    assert not list(blend.parent.glob("headroom_cache/world/*.exr"))
    assert extension.world_run.light_from_image(ldr).name.startswith("sky")


def test_a_scene_that_went_away_meanwhile(blend: Path, ldr: Path, extension: ModuleType) -> None:
    other = bpy.data.scenes.new("Other")
    job = extension.world_run.begin(other, bpy.data.images.load(str(ldr)))
    bpy.data.scenes.remove(other)
    job.task.wait()
    with pytest.raises(extension.problems.Problem, match="removed"):
        extension.world_run.finish(job)


def test_the_function_for_scripts(blend: Path, ldr: Path, extension: ModuleType) -> None:
    light = extension.world_run.light_from_image
    world = light(ldr, boost=1.2)
    assert bpy.context.scene.world == world
    assert light(bpy.data.images["sky.png"], bpy.data.scenes.new("Second")).headroom.previous is None
    with pytest.raises(extension.problems.Problem, match="There is no setting bost"):
        light(ldr, bost=2)


def test_a_world_whose_nodes_were_taken_away_gets_a_new_one(blend: Path, ldr: Path) -> None:
    scene = bpy.context.scene
    bpy.ops.headroom.world_light(filepath=str(ldr))
    edited = scene.world
    edited.node_tree.nodes.remove(edited.node_tree.nodes["HDR Environment"])
    bpy.ops.headroom.world_light(filepath=str(ldr))
    assert scene.world != edited and scene.world.headroom.previous == edited


@pytest.mark.slow
def test_a_clipped_lamp_lights_more_like_the_true_one(blend: Path, tmp_path: Path) -> None:
    """The reason for it all: a diffuse sphere under Blender's own courtyard, clipped to 8 bit."""
    shipped = Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "studiolights" / "world" / "courtyard.exr"
    light = np.stack([scenes.channels(shipped)[name] for name in "RGB"], -1).clip(0)[::2, ::2]
    light /= np.sort(light.max(-1), axis=None)[round(0.95 * light[..., 0].size)]
    truth = tmp_path / "truth.exr"
    with OpenEXR.File(
        {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage},
        {"RGB": OpenEXR.Channel(np.ascontiguousarray(light, np.float32))},
    ) as file:
        file.write(str(truth))
    low, step = light.clip(0, 1) * 12.92, 1.055 * light.clip(0, 1) ** (1 / 2.4) - 0.055
    codes = np.where(light.clip(0, 1) <= 0.0031308, low, step)
    clipped = tmp_path / "shot" / "clipped.png"
    Image.fromarray((codes * 255 + 0.5).astype(np.uint8)).save(clipped)

    scene = sphere_under_the_sky(samples=48)
    bpy.ops.headroom.world_light(filepath=str(clipped))
    spheres = {"headroom": scenes.render(tmp_path / "h.exr")}
    environment = scene.world.node_tree.nodes["HDR Environment"]
    for name, path in (("truth", truth), ("clipped", clipped)):
        environment.image = bpy.data.images.load(str(path))
        environment.image.colorspace_settings.name = "Linear Rec.709" if name == "truth" else "sRGB"
        spheres[name] = scenes.render(tmp_path / f"{name}.exr")
    inside = spheres["truth"]["A"] > 0.999
    colours = {name: np.stack([sphere[one][inside] for one in "RGB"]) for name, sphere in spheres.items()}
    errors = {
        name: float(np.sqrt(np.mean((colours[name] - colours["truth"]) ** 2) / np.mean(colours["truth"] ** 2)))
        for name in ("clipped", "headroom")
    }
    sys_out = json.dumps({name: round(value, 3) for name, value in errors.items()})
    assert errors["headroom"] < 0.6 * errors["clipped"], sys_out


def sphere_under_the_sky(size: int = 48, samples: int = 16) -> bpy.types.Scene:
    """A diffuse sphere that only the World lights; Cycles, fixed seed, no denoising."""
    scene = scenes.set_scene((size, size), 1, 1)
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, radius=1.0)
    bpy.ops.object.shade_smooth()
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.data.type, camera.data.ortho_scale = "ORTHO", 2.1
    camera.location, camera.rotation_euler = (0, -5, 0), (np.pi / 2, 0, 0)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", samples, 0
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.film_transparent = True
    return scene


def test_an_unsaved_file_is_moved_by_saving_and_running_again(ldr: Path, tmp_path: Path, extension: ModuleType) -> None:
    scene = bpy.context.scene
    job = extension.world_run.begin(scene, bpy.data.images.load(str(ldr)))
    job.task.wait()
    world = extension.world_run.finish(job)
    assert any("not saved" in warning for warning in job.warnings)
    assert extension.world_nodes.has_map(world)
    world.node_tree.nodes["HDR Rotation"].inputs["Rotation"].default_value[2] = 0.5
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot" / "late.blend"))
    bpy.ops.headroom.world_light(image="sky.png")
    assert scene.world == world and file_of(world).is_relative_to(tmp_path / "shot" / "headroom_cache")
    file_of(world).unlink()
    assert not extension.world_nodes.has_map(world)
