"""Sequences, movies, clips and linked nodes: every frame the right one, numbered as in the source."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
import scenes

FIRST = 1001


def _image_node(
    tree: bpy.types.NodeTree, image: bpy.types.Image, start: int, count: int, offset: int
) -> bpy.types.Node:
    node = tree.nodes.new("CompositorNodeImage")
    node.image = image
    node.frame_start, node.frame_duration, node.frame_offset = start, count, offset
    node.use_auto_refresh = True
    return node


def _flip(tree: bpy.types.NodeTree) -> bpy.types.Node:
    node = tree.nodes.new("CompositorNodeFlip")
    if "Flip X" in node.inputs:  # since 4.5; before, left to right is the default
        node.inputs["Flip X"].default_value = True
    return node


def _sequence(path: Path) -> bpy.types.Image:
    image = bpy.data.images.load(str(path))
    image.source = "SEQUENCE"
    return image


def test_five_frames_from_a_linked_node_with_offset(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(FIRST, FIRST + 5))
    scene = scenes.set_scene(first=11, last=15)
    from bl_ext.user_default.headroom import versions

    tree = versions.ensure_compositor(scene)
    plate = _image_node(tree, _sequence(files[0]), 11, 5, FIRST - 1)
    node = h.add(scene, upstream=plate.outputs["Image"], cache=cache)
    h.connect(node)
    report = h.bake(node)
    assert report.made == 5
    assert [Path(file).name for file in report.files] == [f"plate.{n}.exr" for n in range(FIRST, FIRST + 5)]
    pictures = []
    for index, expected in enumerate(scenes.convert_all(files, tmp_path / "c", "--from", "sRGB")):
        rendered = scenes.render(tmp_path / "r.exr", 11 + index)
        assert scenes.same(rendered, expected), f"frame {11 + index}"
        pictures.append(rendered["G"])
    assert all(not np.array_equal(a, b) for a, b in zip(pictures, pictures[1:], strict=False))
    h.connect(node, "Mask")
    assert scenes.render(tmp_path / "m.exr", 13)["R"].max() == 1
    h.connect(node)  # Blender holds the last frame
    assert np.array_equal(scenes.render(tmp_path / "r.exr", 99)["G"], pictures[4])


def test_gaps_are_left_out_and_named(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", [1, 2, 5, 6])
    node = h.add(scenes.set_scene(), image=files[0], sequence=True, cache=cache)
    report = h.bake(node)
    assert report.made == 4 and any("3-4" in text and "missing" in text for text in report.warnings)


def test_only_the_frames_asked_for_and_then_the_rest(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 6))
    scene = scenes.set_scene()
    node = h.add(scene, image=files[0], sequence=True, cache=cache, frames="CUSTOM", frame_list="2-4x2")
    h.connect(node)
    assert [Path(file).name for file in h.bake(node).files] == ["plate.0002.exr", "plate.0004.exr"]
    assert scenes.same(
        scenes.render(tmp_path / "r.exr", 4), scenes.convert_all([files[3]], tmp_path / "c", "--from", "sRGB")[0]
    )
    assert h.status(node, 1).kind == "PARTIAL" and h.status(node, 2).kind == "FRESH"
    node.node_tree.headroom.frames = "SOURCE"
    report = h.bake(node)
    assert (report.made, report.kept) == (3, 2)
    for frame, expected in enumerate(scenes.convert_all(files, tmp_path / "c", "--from", "sRGB"), 1):
        assert scenes.same(scenes.render(tmp_path / "r.exr", frame), expected), f"frame {frame}"


def test_a_changed_plate_frame_is_made_again_alone(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 4))
    node = h.add(scenes.set_scene(last=3), image=files[0], sequence=True, cache=cache)
    before = {file: Path(file).stat() for file in h.bake(node).files}
    scenes.cut(files[1], shift=40)
    assert h.status(node, 2).kind == "STALE" and "plate" in h.status(node, 2).text
    report = h.bake(node)
    assert (report.made, report.kept) == (1, 2)
    after = {file: Path(file).stat() for file in report.files}
    changed = [Path(file).name for file in before if before[file].st_ino != after[file].st_ino]
    assert changed == ["plate.0002.exr"]
    scene = scenes.set_scene(last=3)
    h.connect(node, scene=scene)
    assert scenes.same(
        scenes.render(tmp_path / "r.exr", 2), scenes.convert_all([files[1]], tmp_path / "c", "--from", "sRGB")[0]
    )


def test_a_movie_is_baked_as_its_own_codes(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 6))
    movie = scenes.make_movie(tmp_path / "shot.mkv", files, "FFV1")
    node = h.add(scenes.set_scene(), image=movie, cache=cache)
    image = node.node_tree.headroom.image
    assert image.source == "MOVIE"
    h.connect(node)
    report = h.bake(node)
    assert [Path(file).name for file in report.files] == [f"shot.000{n}.exr" for n in range(1, 6)]
    captured = sorted((Path(cache)).glob("shot_plate_*/*.png"))
    assert len(captured) == 5
    tag = image.colorspace_settings.name
    of_codes = scenes.convert_all(captured, tmp_path / "c", "--from", tag)
    plates = scenes.convert_all(files, tmp_path / "p", "--from", "sRGB")
    for frame, (codes, plate) in enumerate(zip(of_codes, plates, strict=True), 1):
        rendered = scenes.render(tmp_path / "r.exr", frame)
        assert scenes.same(rendered, codes)
        # FFV1 is lossless: what the movie holds is the plate, give or take a code of its RGB to YUV.
        recorded = plate["headroom.mask"] == 0
        assert np.abs(rendered["G"] - plate["G"])[recorded].mean() < 0.01
        assert rendered["G"].max() > 1.2
    stamps = [path.stat().st_mtime_ns for path in captured]
    assert h.bake(node).kept == 5
    assert [path.stat().st_mtime_ns for path in captured] == stamps, "the movie was read again"


def test_an_h264_movie_clip_with_start_and_offset(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 7))
    movie = scenes.make_movie(tmp_path / "shot.mp4", files, "H264")
    clip = bpy.data.movieclips.load(str(movie))
    clip.frame_start, clip.frame_offset = 101, 2
    scene = scenes.set_scene(first=101, last=104)
    from bl_ext.user_default.headroom import versions

    tree = versions.ensure_compositor(scene)
    shown = tree.nodes.new("CompositorNodeMovieClip")
    shown.clip = clip
    node = h.add(scene, upstream=shown.outputs["Image"], cache=cache)
    report = h.bake(node)
    assert [Path(file).name for file in report.files] == [f"shot.000{n}.exr" for n in range(3, 7)]
    for frame in (101, 103):
        h.connect(node)
        result = scenes.render(tmp_path / "r.exr", frame)
        tree.links.new(shown.outputs["Image"], versions.outlet(tree))
        plate = scenes.render(tmp_path / "p.exr", frame)
        h.connect(node, "Mask")
        recorded = scenes.render(tmp_path / "m.exr", frame)["R"] == 0
        assert recorded.any() and np.abs(result["G"] - plate["G"])[recorded].max() < 1e-3, f"frame {frame}"


def test_a_clip_of_numbered_files_uses_the_files(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(FIRST, FIRST + 4))
    clip = bpy.data.movieclips.load(str(files[0]))
    clip.frame_start = 21
    node = h.add(scenes.set_scene(first=21, last=24), clip=clip, cache=cache)
    h.connect(node)
    assert h.plate(node).kind == "frames"
    assert h.bake(node).made == 4
    tag = clip.colorspace_settings.name
    for index, expected in enumerate(scenes.convert_all(files, tmp_path / "c", "--from", tag)):
        assert scenes.same(scenes.render(tmp_path / "r.exr", 21 + index), expected)


def test_upstream_nodes_are_captured_at_full_size(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 4))
    scene = scenes.set_scene(last=3)
    from bl_ext.user_default.headroom import colour, versions

    tree = versions.ensure_compositor(scene)
    plate = _image_node(tree, _sequence(files[0]), 1, 3, 0)
    flip = _flip(tree)
    reroute = tree.nodes.new("NodeReroute")
    tree.links.new(plate.outputs["Image"], flip.inputs["Image"])
    tree.links.new(flip.outputs["Image"], reroute.inputs[0])
    node = h.add(scene, upstream=reroute.outputs[0], cache=cache)
    h.connect(node)
    scenes.render(tmp_path / "through.exr")  # makes Blender's own Render Result
    before = {name: len(getattr(bpy.data, name)) for name in ("scenes", "images", "node_groups")}
    scene.render.resolution_percentage = 50
    report = h.bake(node)
    scene.render.resolution_percentage = 100
    assert report.made == 3
    assert {name: len(getattr(bpy.data, name)) for name in before} == {**before, "images": before["images"] + 2}
    captured = sorted(Path(cache).glob("*_plate_*/*.exr"))
    assert len(captured) == 3
    of_captured = scenes.convert_all(captured, tmp_path / "c", "--from", colour.working_space())
    plates = scenes.convert_all(files, tmp_path / "p", "--from", "sRGB")
    for frame, (expected, straight) in enumerate(zip(of_captured, plates, strict=True), 1):
        rendered = scenes.render(tmp_path / "r.exr", frame)
        assert scenes.same(rendered, expected)
        both = (expected["headroom.mask"] == 0) & (straight["headroom.mask"][:, ::-1] == 0)
        turned = straight["G"][:, ::-1]
        assert np.abs(rendered["G"] - turned)[both].max() < 2e-3, "the captured plate is another picture"
        assert (expected["headroom.mask"] == 1).any(), "the clipped lamp of the captured plate got no mask"
        assert rendered["G"].max() > 1.2
    assert h.bake(node).kept == 3, "an unchanged upstream was made again"
    flip.mute = True
    assert h.bake(node).made == 3


def test_a_still_upstream_is_held(h: ModuleType, cache: str, tmp_path: Path) -> None:
    scene = scenes.set_scene()
    from bl_ext.user_default.headroom import versions

    tree = versions.ensure_compositor(scene)
    plate = tree.nodes.new("CompositorNodeImage")
    plate.image = bpy.data.images.load(str(scenes.cut(tmp_path / "plate.png")))
    flip = _flip(tree)
    tree.links.new(plate.outputs["Image"], flip.inputs["Image"])
    node = h.add(scene, upstream=flip.outputs["Image"], cache=cache, frames="CURRENT")
    h.connect(node)
    assert h.bake(node).made == 1
    assert scenes.same(scenes.render(tmp_path / "a.exr", 1), scenes.render(tmp_path / "b.exr", 5))


@pytest.mark.parametrize("name", ["shot_10bit_0003_final.png", "a#b.0003.png", "0003.png", "ünï 0003.png"])
def test_names_with_numbers_in_odd_places(h: ModuleType, cache: str, tmp_path: Path, name: str) -> None:
    files = [scenes.cut(tmp_path / name.replace("0003", f"{n:04d}"), 3 * n) for n in (3, 4)]
    node = h.add(scenes.set_scene(last=2), image=files[0], sequence=True, cache=cache)
    h.connect(node)
    assert h.bake(node).made == 2
    for frame, expected in enumerate(scenes.convert_all(files, tmp_path / "c", "--from", "sRGB"), 1):
        assert scenes.same(scenes.render(tmp_path / "r.exr", frame), expected)
    assert h.status(node, 2).kind == "FRESH"
