"""What can go wrong says so in one sentence, and costs neither Blender, the scene nor finished frames."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import bpy
import pytest
import scenes


def _node(h: ModuleType, path: Path, cache: str | Path, **settings: object) -> bpy.types.Node:
    return h.add(scenes.set_scene(), image=path, cache=str(cache), **settings)


def _inodes(files: list[str]) -> dict[str, tuple[int, int]]:
    return {file: (Path(file).stat().st_ino, Path(file).stat().st_mtime_ns) for file in files}


def _results(cache: str) -> list[str]:
    return sorted(str(path) for path in Path(cache).glob("plate_*/plate.*.exr"))


def test_a_killed_engine_loses_no_frame_and_does_none_twice(
    h: ModuleType, extension: ModuleType, cache: str, tmp_path: Path
) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 9))
    node = _node(h, files[0], cache, sequence=True)
    engine = extension.engine
    engine.describe()
    killed: list[int] = []

    def kill_after_three(_fraction: float, _message: str) -> None:
        if len(_results(cache)) >= 3 and not killed:
            killed.append(engine._worker.hello["pid"])
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(h.Problem, match="SIGKILL"):
        h.bake(node, progress=kill_after_three)
    assert killed
    finished = _inodes(_results(cache))
    assert 3 <= len(finished) < 8
    report = h.bake(node)
    assert report.made == 8 - len(finished) and report.kept == len(finished)
    assert len(report.files) == 8
    assert {file: _inodes([file])[file] for file in finished} == finished, "a finished frame was made again"
    assert not list(Path(cache).rglob("*partial*")), "an unfinished file was left"
    assert h.status(node).kind == "FRESH"


def test_a_killed_blender_loses_no_frame_and_does_none_twice(h: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 9))
    node = _node(h, files[0], cache, sequence=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    code = (
        "import bpy, sys\nimport addon_utils\n"
        "addon_utils.enable('bl_ext.user_default.headroom', default_set=True)\n"
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1])\n"
        "bpy.ops.headroom.run_all()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "shot.blend")], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while len(_results(cache)) < 2 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    time.sleep(2.5)  # the engine sees its closed stdin, stops and leaves nothing half-written
    finished = _inodes(_results(cache))
    assert len(finished) >= 2
    report = h.bake(node)
    assert len(report.files) == 8
    assert {file: _inodes([file])[file] for file in finished} == finished, "a finished frame was made again"


def test_cancelling_keeps_what_is_finished(h: ModuleType, extension: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 9))
    node = _node(h, files[0], cache, sequence=True)
    work = extension.bake.Bake(node.node_tree, bpy.context.scene)
    assert h.status(node).kind == "RUNNING"
    with pytest.raises(h.Problem, match="already"):
        extension.bake.Bake(node.node_tree, bpy.context.scene)
    until = time.monotonic() + 120
    while len(_results(cache)) < 2 and time.monotonic() < until:
        work.step()
    work.cancel()
    report = work.run()
    assert report.status == "cancelled" and report.left > 0
    finished = _inodes(_results(cache))
    assert report.made == len(finished)
    again = h.bake(node)
    assert (again.made, again.kept) == (8 - len(finished), len(finished))
    assert {file: _inodes([file])[file] for file in finished} == finished


def test_a_new_run_that_fails_leaves_the_old_result_in_place(
    h: ModuleType, extension: ModuleType, cache: str, tmp_path: Path
) -> None:
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    h.connect(node)
    h.bake(node)
    before = scenes.render(tmp_path / "a.exr")
    node.node_tree.headroom.model = "no-such-model"
    with pytest.raises(h.Problem, match="no-such-model"):
        h.bake(node)
    assert scenes.same(before, scenes.render(tmp_path / "b.exr"))
    assert h.status(node).kind == "STALE"
    node.node_tree.headroom.model = ""
    assert h.bake(node).kept == 1 and h.status(node).kind == "FRESH"


def test_a_missing_file(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    node = _node(h, plate, cache)
    plate.unlink()
    with pytest.raises(h.Problem, match="plate.png.* missing"):
        h.bake(node)
    assert bpy.ops.headroom.run.poll()
    with pytest.raises(RuntimeError, match="missing"):
        bpy.ops.headroom.run(group_name=node.node_tree.name)


def test_a_file_that_is_no_picture(h: ModuleType, cache: str, tmp_path: Path) -> None:
    plate = scenes.cut(tmp_path / "plate.png")
    node = _node(h, plate, cache)
    plate.write_bytes(b"not a picture")
    with pytest.raises(h.Problem, match=r"plate\.png"):
        h.bake(node)


def test_no_engine(h: ModuleType, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.headroom import engine

    engine.close()
    monkeypatch.delenv("HEADROOM_WORKER", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    with pytest.raises(h.Problem, match="engine was not found.*Preferences"):
        h.bake(node)


def test_an_engine_that_ends_at_once(
    h: ModuleType, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.headroom import engine

    engine.close()
    monkeypatch.setenv("HEADROOM_WORKER", f"{sys.executable} -c raise(SystemExit('broken'))")
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    with pytest.raises(h.Problem, match="broken|exit code"):
        h.bake(node)
    monkeypatch.undo()
    assert h.bake(node).made == 1


def test_a_cache_folder_that_cannot_be_made(h: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    node = _node(h, scenes.cut(tmp_path / "plate.png"), tmp_path / "file" / "cache")
    with pytest.raises(h.Problem, match="cache folder .* cannot be written to"):
        h.bake(node)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_folder(h: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o555)
    node = _node(h, scenes.cut(tmp_path / "plate.png"), folder)
    with pytest.raises(h.Problem, match="cannot be written to"):
        h.bake(node)


def test_a_full_disk(h: ModuleType, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None:
        pytest.skip("needs a small file system")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(small)], check=False)
    if done.returncode:
        pytest.skip("may not mount a small file system here")
    try:
        files = scenes.cut_frames(tmp_path / "plates", range(1, 6))
        node = _node(h, files[0], small, sequence=True)
        with pytest.raises(h.Problem, match="space|disk"):
            h.bake(node)
        assert not list(small.rglob("*partial*"))
        scenes.set_scene()
        h.connect(node)
        scenes.render(tmp_path / "r.exr")
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "LINK"}, "Nothing is linked into Image"),
        ({"frames": "CUSTOM", "frame_list": "7-"}, "7-"),
        ({"frames": "CUSTOM", "frame_list": "900"}, "None of the frames"),
        ({"from_space": "Kodachrome"}, "no colour space 'Kodachrome'"),
        ({"from_space": "Non-Color"}, "data and no colour"),
    ],
)
def test_settings_that_make_no_sense(
    h: ModuleType, cache: str, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 3))
    node = _node(h, files[0], cache, sequence=True)
    for name, value in change.items():
        setattr(node.node_tree.headroom, name, value)
    with pytest.raises(h.Problem, match=words):
        h.bake(node)
    assert not Path(cache).exists() or not list(Path(cache).rglob("*.exr"))


def test_removing_the_group_while_it_runs(h: ModuleType, extension: ModuleType, cache: str, tmp_path: Path) -> None:
    node = _node(h, scenes.cut(tmp_path / "plate.png"), cache)
    work = extension.bake.Bake(node.node_tree, bpy.context.scene)
    work.step()
    group = node.node_tree
    bpy.data.node_groups.remove(group)
    report = work.run()
    assert report.status == "failed" and "removed" in str(report.problem)


def test_opening_another_file_while_it_runs(h: ModuleType, extension: ModuleType, cache: str, tmp_path: Path) -> None:
    files = scenes.cut_frames(tmp_path / "plates", range(1, 9))
    node = _node(h, files[0], cache, sequence=True)
    work = extension.bake.Bake(node.node_tree, bpy.context.scene)
    work.step()
    extension.handlers._before_load()
    assert not extension.state.running
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    threads = [thread.name for thread in threading.enumerate() if thread.name == "headroom-start"]
    assert len(threads) <= 1
