"""The scripts that docs/blender.md shows run as they stand there, in a Blender of their own."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
import scenes

PAGE = scenes.REPOSITORY / "docs/blender.md"


def _script(name: str) -> str:
    """The code block that begins with a comment of that file name."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = [block for block in blocks if block.startswith(f"# {name}\n")]
    assert len(found) == 1, f"{name}: {len(found)} blocks in {PAGE.name}"
    return found[0]


def _run(name: str, *arguments: str) -> str:
    text = _script(name)
    return scenes.in_blender(f"sys.argv[1:1] = ['--']\nexec(compile({text!r}, {name!r}, 'exec'), {{}})", *arguments)


def test_bake_plate_py(tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1001, 1004))
    said = _run("bake_plate.py", str(files[0]), str(tmp_path / "shot.blend"))
    assert "3 made" in said, said
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scenes.set_scene(last=3)
    rendered = scenes.render(tmp_path / "r.exr", 2)
    assert scenes.same(rendered, scenes.convert_all([files[1]], tmp_path / "c", "--from", "sRGB")[0])


def test_bake_all_py(h: object, tmp_path: Path) -> None:
    scene = scenes.set_scene()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    for name in ("a", "b"):
        h.add(scene, image=scenes.cut(tmp_path / f"{name}.png"))  # type: ignore[attr-defined]
    bpy.ops.wm.save_mainfile()
    said = _run("bake_all.py", str(tmp_path / "shot.blend"))
    assert said.count("1 made") == 2, said
    assert len(list((tmp_path / "headroom_cache").rglob("*.exr"))) == 2
    again = _run("bake_all.py", str(tmp_path / "shot.blend"))
    assert again.count("1 up to date") == 2, again


def test_pictures_and_pages_that_are_named_are_there() -> None:
    text = PAGE.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        path = PAGE.parent / link
        assert path.is_file() or link.startswith("blender/"), link
