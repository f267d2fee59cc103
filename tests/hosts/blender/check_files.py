"""The .blend: renders without the extension, keeps its state when saved, moved, copied, appended and linked."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import scenes

RENDER = """
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
assert 'headroom_blender' not in sys.modules
scene = bpy.context.scene
for frame in range(scene.frame_start, scene.frame_end + 1):
    scene.frame_set(frame)
    scene.render.filepath = f'{sys.argv[2]}.{frame}.exr'
    bpy.ops.render.render(write_still=True)
if len(sys.argv) > 3:
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[3])
"""


def _shot(h: ModuleType, folder: Path, count: int = 3) -> bpy.types.Node:
    """A saved .blend with a baked sequence beside it."""
    files = scenes.cut_frames(folder / "plates", range(1, count + 1))
    scene = scenes.set_scene(last=count)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    node = h.add(scene, image=files[0], sequence=True)
    h.connect(node)
    h.bake(node)
    bpy.ops.wm.save_mainfile()
    return node


def test_a_blend_renders_the_same_without_the_extension(h: ModuleType, tmp_path: Path) -> None:
    node = _shot(h, tmp_path)
    node.inputs["Strength"].default_value = 0.7
    bpy.ops.wm.save_mainfile()
    mine = [scenes.render(tmp_path / "with.exr", frame) for frame in (1, 2, 3)]
    scenes.in_blender(
        RENDER,
        str(tmp_path / "shot.blend"),
        str(tmp_path / "without"),
        str(tmp_path / "resaved.blend"),
        extension=False,
    )
    for frame, rendered in enumerate(mine, 1):
        assert scenes.same(rendered, scenes.channels(tmp_path / f"without.{frame}.exr"), "RGBA")
    # The settings survive a save by a Blender that does not know them.
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "resaved.blend"))
    group = h.groups()[0]
    assert h.status(group, 2).kind == "FRESH" and group.headroom.image is not None


def test_the_project_folder_can_be_moved(h: ModuleType, tmp_path: Path) -> None:
    here = tmp_path / "here"
    node = _shot(h, here)
    files = [image.filepath for image in bpy.data.images if image.get("headroom")]
    assert files and all(path.startswith("//headroom_cache") for path in files), files
    expected = scenes.render(tmp_path / "a.exr", 2)
    there = tmp_path / "there"
    shutil.move(here, there)
    bpy.ops.wm.open_mainfile(filepath=str(there / "shot.blend"))
    assert node is not None and scenes.same(expected, scenes.render(tmp_path / "b.exr", 2))
    assert h.status(h.groups()[0], 2).kind == "FRESH"
    assert h.bake(h.groups()[0]).kept == 3


def test_an_unsaved_blend_bakes_and_moves_its_frames_when_saved(h: ModuleType, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "project/plate.png")
    node = h.add(scenes.set_scene(), image=plate)
    h.connect(node)
    report = h.bake(node)
    folder = Path(report.folder)
    assert any("not saved" in text and str(folder.parent) in text for text in report.warnings)
    expected = scenes.render(tmp_path / "a.exr")
    inode = Path(report.files[0]).stat().st_ino
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project/shot.blend"))
    assert h.status(node).kind == "FRESH"
    again = h.bake(node)
    assert again.kept == 1 and not again.warnings
    assert Path(again.folder).parent == tmp_path / "project/headroom_cache"
    assert not folder.exists() and Path(again.files[0]).stat().st_ino == inode
    assert scenes.same(expected, scenes.render(tmp_path / "b.exr"))


def test_a_copy_has_settings_of_its_own(h: ModuleType, cache: str, tmp_path: Path) -> None:
    node = h.add(scenes.set_scene(), image=scenes.cut(tmp_path / "plate.png"), cache=cache)
    h.bake(node)
    copy = node.node_tree.copy()
    assert h.status(copy).kind == "FRESH"
    copy.headroom.boost = 2.0
    assert h.status(copy).kind == "STALE" and h.status(node).kind == "FRESH"
    assert h.bake(copy).made == 1
    h.connect(node)
    first = scenes.render(tmp_path / "a.exr")
    node.node_tree = copy
    second = scenes.render(tmp_path / "b.exr")
    assert second["G"].max() > first["G"].max()
    copy.headroom.boost = 1.0
    assert h.bake(copy).kept == 1, "what another group made with the same settings was made again"


def test_captured_copies_do_not_share_their_plate(h: ModuleType, cache: str, tmp_path: Path) -> None:
    scene = scenes.set_scene()
    from bl_ext.user_default.headroom import operators, versions

    tree = versions.ensure_compositor(scene)
    plate = tree.nodes.new("CompositorNodeImage")
    plate.image = bpy.data.images.load(str(scenes.cut(tmp_path / "plate.png")))
    reverse = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(plate.outputs["Image"], reverse.inputs["Color"])
    first = h.add(scene, upstream=reverse.outputs[0], cache=cache, frames="CURRENT")
    h.bake(first)
    second = operators.add_node(tree, first.node_tree.copy())
    exposure = tree.nodes.new("CompositorNodeExposure")
    exposure.inputs["Exposure"].default_value = -1.0
    tree.links.new(reverse.outputs[0], exposure.inputs["Image"])
    tree.links.new(exposure.outputs[0], second.inputs["Image"])
    assert h.status(second).kind == "STALE"
    h.bake(second)
    assert first.node_tree.headroom.ident != second.node_tree.headroom.ident
    pictures = []
    for node in (first, second):
        h.connect(node)
        pictures.append(scenes.render(tmp_path / "r.exr")["G"])
    assert not np.array_equal(*pictures)
    assert h.bake(first).kept == 1


def test_append_and_link(h: ModuleType, tmp_path: Path) -> None:
    _shot(h, tmp_path / "shot")
    expected = scenes.render(tmp_path / "a.exr", 2)
    name = h.groups()[0].name
    library = str(tmp_path / "shot/shot.blend")
    for is_linked in (False, True):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        scene = scenes.set_scene(last=3)
        (tmp_path / "other").mkdir(exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other/other.blend"))
        with bpy.data.libraries.load(library, link=is_linked) as (_source, wanted):
            wanted.node_groups = [name]
        from bl_ext.user_default.headroom import operators, versions

        node = operators.add_node(versions.ensure_compositor(scene), wanted.node_groups[0])
        h.connect(node)
        assert scenes.same(expected, scenes.render(tmp_path / "b.exr", 2)), f"linked: {is_linked}"
        if is_linked:
            assert h.status(node, 2).kind == "LINKED"
            try:
                h.bake(node)
            except h.Problem as problem:
                assert "linked from another file" in str(problem)
            else:
                raise AssertionError("a linked group was run")
        else:
            assert h.status(node, 2).kind == "FRESH"
            assert node.node_tree.headroom.image is not None


def test_clearing_the_cache_deletes_our_folders_only(h: ModuleType, tmp_path: Path) -> None:
    node = _shot(h, tmp_path)
    cache = tmp_path / "headroom_cache"
    node.node_tree.headroom.boost = 2.0
    h.bake(node)
    (cache / "plate_notes").mkdir()
    (cache / "plate_notes/mine.txt").write_text("keep")
    assert len(list(cache.glob("plate_*"))) == 3
    assert bpy.ops.headroom.clear_cache("EXEC_DEFAULT", group_name=node.node_tree.name) == {"FINISHED"}
    assert [path.name for path in cache.iterdir()] == ["plate_notes"]
    assert h.status(node).kind == "EMPTY"
    assert h.bake(node).made == 3


def test_baked_frames_that_were_deleted_are_noticed_and_made_again(h: ModuleType, tmp_path: Path) -> None:
    node = _shot(h, tmp_path)
    shutil.rmtree(tmp_path / "headroom_cache")
    assert h.status(node, 1).kind == "MISSING"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    group = h.groups()[0]
    assert h.bake(group).made == 3
    expected = scenes.convert_all([tmp_path / "plates/plate.0002.png"], tmp_path / "c", "--from", "sRGB")[0]
    assert scenes.same(scenes.render(tmp_path / "r.exr", 2), expected)
    scenes.set_scene(last=3)
    node = next(n for n in _tree().nodes if getattr(n, "node_tree", None) == group)
    h.connect(node, "Mask")
    assert np.array_equal(scenes.render(tmp_path / "m.exr", 2)["R"], expected["headroom.mask"])


def _tree() -> bpy.types.NodeTree:
    from bl_ext.user_default.headroom import versions

    tree = versions.compositor_of(bpy.context.scene)
    assert tree is not None
    return tree
