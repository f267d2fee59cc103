"""Shots and what may happen to them: real files, folders that go and come back, a disk that fills up."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import save_picture
from headroom import io
from headroom.errors import PlateError, UsageError, WriteError
from headroom.io.sequence import SequenceSource
from headroom.jobs import FileReport, Job, Settings, Task, Watcher
from headroom.jobs.conversion import Conversion
from headroom.jobs.manifest import entries
from headroom.jobs.places import Patience
from headroom.jobs.record import FINGERPRINT, recorded_marks
from headroom.jobs.shot_job import ShotJob, ShotResult
from headroom.jobs.shots import Shot, plan_shots
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

HASTY = Patience(away_s=5.0, settling_s=0.3, still_s=0.05, poll_s=0.05)


class Listener(Watcher):
    """Keeps what it hears, and may do something at a word."""

    def __init__(
        self,
        on_note: Callable[[str], None] = lambda text: None,
        on_finished: Callable[[FileReport], None] = lambda report: None,
    ) -> None:
        self.notes: list[str] = []
        self.begun: list[int | None] = []
        self._on_note, self._on_finished = on_note, on_finished

    def started(self, task: Task, index: int, count: int) -> None:
        self.begun.append(task.frame)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._on_note(text)

    def finished(self, report: FileReport) -> None:
        self._on_finished(report)


@pytest.fixture(scope="module")
def loaded(tiny_models: Path) -> Reconstructor:
    return Reconstructor(tiny_models / "headroom-1")


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    folder = tmp_path / "plates"
    folder.mkdir()
    for number in range(1001, 1013):
        save_picture(folder / f"plate.{number}.png", clipped=0.1 + 0.02 * (number - 1001))
    settle(folder)
    return folder


def settle(folder: Path) -> None:
    """Files that were written a while ago."""
    for path in folder.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))


def convert(
    plates: Path,
    out: Path,
    loaded: Reconstructor,
    watcher: Watcher | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    settings: Settings | None = None,
    **planned: object,
) -> ShotResult:
    shot = plan_shots([plates / "plate.####.png"], out / "hdr.####.exr", **planned)[0]  # type: ignore[arg-type]
    return run(shot, loaded, watcher, cancelled, settings)


def run(
    shot: Shot,
    loaded: Reconstructor,
    watcher: Watcher | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    settings: Settings | None = None,
) -> ShotResult:
    job = ShotJob(settings or Settings(resume=True), loaded, temporal=False, patience=HASTY)
    return job.run(shot, watcher, cancelled)


def statuses(result: ShotResult) -> dict[int | None, str]:
    return {report.frame: report.status for report in result.reports}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.exr")}


def made(out: Path) -> list[int]:
    """Frames in the order in which the manifest says that they were made."""
    lines = [entry["frame"] for entry in entries(out / "hdr.headroom.jsonl") if "frame" in entry]
    return [line["frame"] for line in lines if line["status"] == "done"]


def test_a_shot_is_its_stills(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    result = convert(plates, tmp_path / "out", loaded)
    assert result.exit_code == 0 and set(statuses(result).values()) == {"done"} and result.left == 0
    for number in (1001, 1007):
        still = Task(source=plates / f"plate.{number}.png", target=tmp_path / f"{number}.exr")
        Job(Settings(), loaded).run([still])
        ours = tmp_path / "out" / f"hdr.{number}.exr"
        assert np.array_equal(io.read(still.target).codes, io.read(ours).codes)
        marks = [recorded_marks(path) or {} for path in (still.target, ours)]
        assert marks[0][FINGERPRINT] == marks[1][FINGERPRINT]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"hdr.{number}.exr" for number in range(1001, 1013)), "hdr.headroom.jsonl"
    }  # fmt: skip
    assert result.times is not None
    assert {stage.name: stage.frames for stage in result.times.stages} == {"decode": 12, "network": 12, "encode": 12}


def test_the_manifest_has_every_file_with_its_checksum(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    convert(plates, tmp_path / "out", loaded, frames="1001-1003")
    lines = [entry["frame"] for entry in entries(tmp_path / "out" / "hdr.headroom.jsonl") if "frame" in entry]
    assert sorted(line["frame"] for line in lines) == [1001, 1002, 1003]
    for line in lines:
        target = tmp_path / "out" / line["target"]
        assert line["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
        assert line["bytes"] == target.stat().st_size
        source = plates / line["source"]["name"]
        assert line["source"]["identity"] == hashlib.sha256(source.read_bytes()).hexdigest()
        header = io.header(target)["parts"][0]["attributes"]
        assert line["fingerprint"] == header["headroom:fingerprint"]
        assert 0 < line["facts"]["clipped_share"] < 1 and line["facts"]["width"] == 48


def test_what_is_done_is_not_done_again(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    out = tmp_path / "out"
    convert(plates, out, loaded, frames="1001-1004")
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.exr")}
    (out / "hdr.1003.exr").unlink()
    listener = Listener()
    result = convert(plates, out, loaded, listener)
    assert listener.begun == [1003, *range(1005, 1013)]
    assert [frame for frame, status in statuses(result).items() if status == "skipped"] == [1001, 1002, 1004]
    assert before["hdr.1001.exr"] == (out / "hdr.1001.exr").stat().st_mtime_ns
    (out / "hdr.headroom.jsonl").unlink()
    listener = Listener()
    assert convert(plates, out, loaded, listener).exit_code == 0 and listener.begun == []
    found = [entry["frame"] for entry in entries(out / "hdr.headroom.jsonl") if "frame" in entry]
    assert len(found) == 12 and {line["status"] for line in found} == {"found"}


def test_a_plate_that_changed_is_made_again_and_that_is_said(
    plates: Path, tmp_path: Path, loaded: Reconstructor
) -> None:
    convert(plates, tmp_path / "out", loaded)
    save_picture(plates / "plate.1005.png", clipped=0.5)
    listener = Listener()
    result = convert(plates, tmp_path / "out", loaded, listener)
    assert result.exit_code == 0 and listener.begun == [1005]
    assert any("made again: 1005" in note for note in listener.notes)


def test_nothing_else_is_written_over_unasked(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    out = tmp_path / "out"
    convert(plates, out, loaded, frames="1001-1003")
    before = digests(out)
    with pytest.raises(WriteError, match=r"hdr\.1001\.exr .*1001-1003.*--overwrite"):
        convert(plates, out, loaded, settings=Settings.of(resume=True, strength=0.5))
    (out / "hdr.1004.exr").write_bytes(b"mine")
    with pytest.raises(WriteError, match=r"hdr\.1004\.exr .*--overwrite"):
        convert(plates, out, loaded)
    assert digests(out) == {**before, "hdr.1004.exr": hashlib.sha256(b"mine").hexdigest()}
    again = Settings.of(resume=True, overwrite=True)
    assert set(statuses(convert(plates, out, loaded, settings=again)).values()) == {"skipped", "done"}
    assert io.read(out / "hdr.1004.exr").width == 48


def test_a_damaged_frame_is_named_the_rest_done_and_it_can_be_mended(
    plates: Path, tmp_path: Path, loaded: Reconstructor
) -> None:
    whole = (plates / "plate.1006.png").read_bytes()
    (plates / "plate.1006.png").write_bytes(whole[: len(whole) // 2])
    settle(plates)
    out = tmp_path / "out"
    result = convert(plates, out, loaded)
    assert result.exit_code == 1
    bad = next(report for report in result.reports if report.status == "failed")
    assert bad.frame == 1006 and "frame 1006" in str(bad.error) and "plate.1006.png" in str(bad.error)
    assert sum(report.status == "done" for report in result.reports) == 11
    assert not (out / "hdr.1006.exr").exists()
    assert [entry["failed"]["frame"] for entry in entries(out / "hdr.headroom.jsonl") if "failed" in entry] == [1006]
    (plates / "plate.1006.png").write_bytes(whole)
    listener = Listener()
    assert convert(plates, out, loaded, listener).exit_code == 0
    assert listener.begun == [1006]


def test_a_plate_in_the_making_is_tried_again_at_the_end(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    whole = (plates / "plate.1003.png").read_bytes()
    (plates / "plate.1003.png").write_bytes(whole[:-200])

    def complete(text: str) -> None:
        if "in the making" in text:
            (plates / "plate.1003.png").write_bytes(whole)

    listener = Listener(on_note=complete)
    result = convert(plates, tmp_path / "out", loaded, listener)
    assert result.exit_code == 0 and result.left == 0
    assert listener.begun[-1] == 1003 and any("1003" in note and "in the making" in note for note in listener.notes)


def test_a_plate_that_stays_half_written_is_named(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    whole = (plates / "plate.1003.png").read_bytes()
    (plates / "plate.1003.png").write_bytes(whole[:-200])
    result = convert(plates, tmp_path / "out", loaded)
    assert result.exit_code == 1 and statuses(result)[1003] == "failed"
    assert sum(status == "done" for status in statuses(result).values()) == 11


class Rewritten(SequenceSource):
    """While frame 1004 is read it is written anew, the first ``times`` times."""

    times = 1

    def read(self, frame: int) -> Plate:
        plate = super().read(frame)
        if frame == 1004 and self.times > 0:
            self.times -= 1
            save_picture(self.path(frame), clipped=0.3)
            os.utime(self.path(frame), ns=(self.times, 1_700_000_000_000_000_000 + self.times))
        return plate


@pytest.mark.parametrize(("times", "status"), [(1, "done"), (1000, "failed")])
def test_a_plate_that_changes_under_the_reader(
    plates: Path, tmp_path: Path, loaded: Reconstructor, times: int, status: str
) -> None:
    planned = plan_shots([plates / "plate.####.png"], tmp_path / "out" / "hdr.####.exr")[0]
    source = Rewritten(plates / "plate.####.png")
    source.times = times
    shot = Shot(source=source, output=planned.output, tasks=planned.tasks, missing=())
    result = run(shot, loaded)
    assert statuses(result)[1004] == status
    if status == "failed":
        assert "still being written" in str(result.reports[3].error)
    else:
        assert run(shot, loaded, listener := Listener()).exit_code == 0 and listener.begun == []


def hide_after(count: int, place: Path) -> tuple[Listener, Callable[[], Path]]:
    """Takes a folder away once so many frames are done, and brings it back when the job says that it waits."""
    hidden = place.with_name(place.name + ".away")
    done = 0

    def hide(report: FileReport) -> None:
        nonlocal done
        done += 1
        if done == count:
            place.rename(hidden)
            place.mkdir(exist_ok=True)  # what an unmounted share leaves; a writer may have made it already

    def bring_back(text: str) -> None:
        if "cannot be reached" in text:
            shutil.rmtree(place)
            hidden.rename(place)

    return Listener(on_note=bring_back, on_finished=hide), lambda: hidden


@pytest.mark.parametrize("which", ["out", "plates"])
def test_a_share_that_goes_and_comes_back(which: str, plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    out = tmp_path / "out"
    listener, _ = hide_after(2, tmp_path / which)
    result = convert(plates, out, loaded, listener)
    assert result.exit_code == 0 and result.left == 0
    assert sum("cannot be reached" in note for note in listener.notes) == 1
    assert sorted(made(out)) == list(range(1001, 1013))
    assert len(digests(out)) == 12 and not list(out.glob("*.partial*"))


def test_a_share_that_goes_just_before_a_file_is_begun(
    plates: Path, tmp_path: Path, loaded: Reconstructor, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, hidden = tmp_path / "out", tmp_path / "out.away"
    begin = Conversion.open_writer
    void: list[str] = []

    def goes_first(self: Conversion, target: Path, *rest: Any, **named: Any) -> Any:
        if target.name == "hdr.1003.exr" and not hidden.exists() and not void:
            out.rename(hidden)
            out.mkdir(exist_ok=True)  # a writer may have made it already
        return begin(self, target, *rest, **named)

    def bring_back(text: str) -> None:
        if "cannot be reached" in text:
            void.append(",".join(path.name for path in out.glob("*.exr*")) or "nothing")
            shutil.rmtree(out)
            hidden.rename(out)

    monkeypatch.setattr(Conversion, "open_writer", goes_first)
    result = convert(plates, out, loaded, Listener(on_note=bring_back))
    assert result.exit_code == 0 and result.left == 0, [report.error for report in result.reports]
    assert void == ["nothing"], "a file in an empty mount point is taken away again"
    assert sorted(made(out)) == list(range(1001, 1013)) and len(digests(out)) == 12


def test_a_share_that_stays_away_ends_the_work_and_the_same_command_goes_on(
    plates: Path, tmp_path: Path, loaded: Reconstructor, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("test_jobs_shot.HASTY", Patience(away_s=0.2, settling_s=0.3, still_s=0.05, poll_s=0.05))
    listener, hidden = hide_after(2, out)
    listener._on_note = lambda text: None
    result = convert(plates, out, loaded, listener)
    assert result.exit_code == 1 and result.left > 0
    failed = [report for report in result.reports if report.status == "failed"]
    assert len(failed) == 1 and "cannot be reached" in str(failed[0].error)
    assert not list(out.glob("*.exr*")), "nothing is written into what an unmounted share leaves"
    shutil.rmtree(out)
    hidden().rename(out)
    assert convert(plates, out, loaded).exit_code == 0
    assert sorted(made(out)) == list(range(1001, 1013))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this system mounts no tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_ends_the_work_and_the_same_command_goes_on(
    plates: Path, tmp_path: Path, loaded: Reconstructor, small_disk: Path
) -> None:
    for path in plates.iterdir():
        save_picture(path, width=200, height=120, clipped=0.3)
    settle(plates)
    out = small_disk / "out"
    listener = Listener()
    result = convert(plates, out, loaded, listener)
    assert result.exit_code == 1 and result.left > 0 and not result.cancelled
    failed = [report for report in result.reports if report.status == "failed"]
    done = [report for report in result.reports if report.status == "done"]
    assert failed and done and "room" in str(failed[0].error)
    assert not list(out.glob("*.partial*"))
    for report in done:
        assert io.read(report.target).width == 200
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    result = convert(plates, out, loaded)
    assert result.exit_code == 0
    assert sum(status == "skipped" for status in statuses(result).values()) == len(done)
    convert(plates, tmp_path / "elsewhere", loaded)
    assert digests(out) == digests(tmp_path / "elsewhere")


def test_stopping_finishes_the_frames_in_hand_and_the_rest_is_left(
    plates: Path, tmp_path: Path, loaded: Reconstructor
) -> None:
    over: list[int | None] = []
    listener = Listener(on_finished=lambda report: over.append(report.frame))
    out = tmp_path / "out"
    result = convert(plates, out, loaded, listener, cancelled=lambda: len(over) >= 3)
    assert result.cancelled and result.exit_code == 130 and 3 <= len(over) < 12
    assert result.left == 12 - len(over) and not list(out.glob("*.partial*"))
    assert listener.begun == over == made(out)
    assert convert(plates, out, loaded).exit_code == 0
    assert sorted(made(out)) == list(range(1001, 1013))


def test_light_that_passes_half_float_is_made_again_as_float(tmp_path: Path, loaded: Reconstructor) -> None:
    plates = tmp_path / "plates"
    pixels = np.full((16, 16, 3), 0.5, np.float32)
    for number in range(1, 6):
        pixels[4, 4] = 1e6 if number == 3 else 2.0
        io.write(plates / f"p.{number}.exr", pixels, depth="float")
    settle(plates)
    shot = plan_shots([plates / "p.#.exr"], tmp_path / "out")[0]
    result = run(shot, loaded)
    assert result.exit_code == 0
    assert [report.facts["depth"] for report in result.reports] == ["half", "half", "float", "half", "half"]
    assert any("32-bit float" in warning for warning in result.reports[2].warnings)
    assert shot.tasks[0].target.name == "p.0001.exr"


def test_formats_without_a_header_resume_by_the_manifest(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    shot = plan_shots([plates / "plate.####.png"], tmp_path / "out" / "hdr.####.hdr", frames="1001-1002")[0]
    assert run(shot, loaded).exit_code == 0
    assert set(statuses(run(shot, loaded)).values()) == {"skipped"}
    (tmp_path / "out" / "hdr.1001.hdr").write_bytes(b"mine")
    with pytest.raises(WriteError, match="--overwrite"):
        run(shot, loaded)


# ---- planning ----------------------------------------------------------------------------------------------------


def test_frames_that_are_missing(plates: Path, tmp_path: Path) -> None:
    (plates / "plate.1004.png").unlink()
    (plates / "plate.1005.png").unlink()
    out = tmp_path / "out"
    shot = plan_shots([plates / "plate.####.png"], out)[0]
    assert len(shot.tasks) == 10 and "1004-1005 are missing" in shot.notes[0]
    with pytest.raises(PlateError, match=r"frames 1004-1005,1020 are not there.*--missing skip"):
        plan_shots([plates / "plate.####.png"], out, frames="1003-1006,1020")
    with pytest.raises(PlateError, match="1004-1005"):
        plan_shots([plates / "plate.####.png"], out, missing="error")
    shot = plan_shots([plates / "plate.####.png"], out, frames="1003-1006", missing="skip")[0]
    assert [task.frame for task in shot.tasks] == [1003, 1006] and shot.missing == (1004, 1005)
    shot = plan_shots([plates / "plate.####.png"], out, frames="1000-1006,1020", missing="nearest")[0]
    assert {task.frame: task.reads for task in shot.tasks} == {
        1000: 1001, 1001: 1001, 1002: 1002, 1003: 1003, 1004: 1003, 1005: 1006, 1006: 1006, 1020: 1012
    }  # fmt: skip
    assert shot.tasks[0].target == out / "plate.1000.exr" and shot.tasks[0].source == plates / "plate.1001.png"
    with pytest.raises(PlateError, match="none of the frames"):
        plan_shots([plates / "plate.####.png"], out, frames="5-9", missing="skip")


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("hdr.exr", r"hdr\.####\.exr"),
        ("hdr.####.jpg", r"\.exr"),
        ("hdr.1-5####.exr", "--frames"),
        ("plates/plate.####.png", r"cannot write '\.png'"),
        ("file", "this is a file"),
    ],
)
def test_outputs_that_make_no_sense(output: str, says: str, plates: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=says):
        plan_shots([plates / "plate.####.png"], tmp_path / output)


def test_several_shots_and_one_folder(plates: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        shutil.copy(plates / "plate.1001.png", plates / f"bg_v01.{number:04d}.png")
    shots = plan_shots([plates / "plate.####.png", plates / "bg_v01.%04d.png"], tmp_path / "out")
    assert [shot.tasks[0].target.name for shot in shots] == ["plate.1001.exr", "bg_v01.0001.exr"]
    with pytest.raises(UsageError, match="folder"):
        plan_shots([plates / "plate.####.png", plates / "bg_v01.%04d.png"], tmp_path / "out.####.exr")
    shutil.copytree(plates, tmp_path / "other")
    with pytest.raises(UsageError, match="would both become"):
        plan_shots([plates / "plate.####.png", tmp_path / "other" / "plate.####.png"], tmp_path / "out")
    for path in list(plates.glob("plate.*.png")):
        io.write(path.with_suffix(".exr"), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UsageError, match="the same file"):
        plan_shots([plates / "plate.####.exr"], plates)


def test_json_of_a_shot_is_plain(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    result = convert(plates, tmp_path / "out", loaded, frames="1001-1002")
    told = json.loads(json.dumps(result.as_dict()))
    assert told["frames"] == "1001-1002" and told["missing"] == "none" and told["exit_code"] == 0
    assert [stage["name"] for stage in told["times"]["stages"]] == ["decode", "network", "encode"]
