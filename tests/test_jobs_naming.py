from __future__ import annotations

from pathlib import Path

import pytest

from headroom.errors import PlateError, UsageError
from headroom.jobs.naming import plan_tasks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plates = tmp_path / "plates"
    plates.mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png"):
        (plates / name).touch()
    (plates / "inner").mkdir()
    (plates / "inner/c.png").touch()
    return plates


def targets(inputs: list[Path], output: Path) -> list[str]:
    return [task.target.name for task in plan_tasks(inputs, output)[0]]


def test_one_file_to_one_file(tmp_path: Path) -> None:
    tasks, left_out = plan_tasks([tmp_path / "a.jpg"], tmp_path / "x.exr")
    assert [(task.source.name, task.target.name) for task in tasks] == [("a.jpg", "x.exr")]
    assert left_out == []


def test_one_file_into_a_folder(tmp_path: Path) -> None:
    assert plan_tasks([tmp_path / "a.jpg"], tmp_path / "out")[0][0].target == tmp_path / "out/a.exr"
    (tmp_path / "shots.exr").mkdir()
    assert plan_tasks([tmp_path / "a.jpg"], tmp_path / "shots.exr")[0][0].target == tmp_path / "shots.exr/a.exr"


def test_a_folder_stands_for_its_pictures_in_order(folder: Path, tmp_path: Path) -> None:
    tasks, left_out = plan_tasks([folder], tmp_path / "out")
    assert [task.source.name for task in tasks] == ["a.png", "b.JPG"]
    assert [task.target.name for task in tasks] == ["a.exr", "b.exr"]
    assert [path.name for path in left_out] == ["notes.txt"]


def test_a_file_named_twice_is_done_once(folder: Path, tmp_path: Path) -> None:
    assert targets([folder, folder / "a.png"], tmp_path / "out") == ["a.exr", "b.exr"]


def test_a_named_file_is_tried_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    assert targets([folder / "notes.txt"], tmp_path / "out") == ["notes.exr"]


def test_sources_of_one_stem_keep_their_whole_names(tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("a.jpg", "A.png", "b.png")]
    assert targets(names, tmp_path / "out") == ["a.jpg.exr", "A.png.exr", "b.exr"]


@pytest.mark.parametrize(
    ("inputs", "output", "says"),
    [
        ([], "out", "no input"),
        (["a.jpg", "b.jpg"], "x.exr", "folder"),
        (["a.jpg"], "x.png", ".exr"),
        (["one/a.jpg", "two/a.jpg"], "out", "a.jpg"),
        (["x.exr"], "x.exr", "same"),
        (["plates"], "x.exr", "folder"),
    ],
)
def test_what_makes_no_sense(
    inputs: list[str], output: str, says: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        plan_tasks([Path(name) for name in inputs], Path(output))


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="no pictures"):
        plan_tasks([tmp_path], tmp_path / "out")
