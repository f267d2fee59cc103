"""Shots whose frames steady each other: what a change in one plate reaches, and that chunks make the same files."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headroom import io
from headroom.errors import UsageError
from headroom.jobs import FileReport, Settings, Task, Watcher
from headroom.jobs.places import Patience
from headroom.jobs.shot_job import ShotJob, ShotResult
from headroom.jobs.shots import plan_shots
from headroom.reconstruct import Reconstructor
from headroom.temporal import RADIUS

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

HASTY = Patience(away_s=5.0, settling_s=0.3, still_s=0.05, poll_s=0.05)
FRAMES = range(1001, 1019)


class Listener(Watcher):
    def __init__(self) -> None:
        self.begun: list[int | None] = []
        self.notes: list[str] = []
        self.errors: list[str] = []

    def started(self, task: Task, index: int, count: int) -> None:
        self.begun.append(task.frame)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finished(self, report: FileReport) -> None:
        self.errors += [str(report.error)] if report.status == "failed" else []


@pytest.fixture(scope="module")
def loaded(tiny_models: Path) -> Reconstructor:
    return Reconstructor(tiny_models / "headroom-1")


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A lamp that wanders over a textured wall, with noise."""
    chance = np.random.default_rng(5)
    wall = chance.uniform(40, 160, (12, 16, 3)).astype(np.uint8)
    wall = np.asarray(Image.fromarray(wall).resize((96, 64), Image.Resampling.BICUBIC), np.float32)
    y, x = np.mgrid[0:64, 0:96]
    (tmp_path / "plates").mkdir()
    for number in FRAMES:
        lamp = 400 * np.exp(-((x - 30 - 2 * (number - 1001)) ** 2 + (y - 30) ** 2) / 120)
        picture = wall + lamp[..., None] + chance.normal(0, 2, wall.shape)
        path = tmp_path / "plates" / f"plate.{number}.png"
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return tmp_path / "plates"


def convert(
    plates: Path, out: Path, loaded: Reconstructor, listener: Watcher | None = None, *, analysis: Path | None = None,
    frames: str | None = None, only: bool = False, **chosen: object,
) -> ShotResult:  # fmt: skip
    shot = plan_shots([plates / "plate.####.png"], out / "hdr.####.exr", frames=frames)[0]
    settings = Settings.of(resume=True, **chosen)
    job = ShotJob(settings, loaded, analysis=analysis, patience=HASTY)
    return job.run(shot, listener, analyse_only=only)


def digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.exr")}


def test_chunks_of_a_shared_analysis_are_the_whole(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    whole, chunks, shared = tmp_path / "whole", tmp_path / "chunks", tmp_path / "shot.json"
    assert convert(plates, whole, loaded, listener := Listener()).exit_code == 0, listener.errors
    looked = convert(plates, chunks, loaded, analysis=shared, only=True)
    assert looked.exit_code == 0 and looked.left == 0 and not digests(chunks)
    assert shared.read_bytes() == (whole / "hdr.headroom.json").read_bytes()
    for frames in ("1011-1018", "1001-1005", "1006-1010"):
        assert convert(plates, chunks, loaded, analysis=shared, frames=frames).exit_code == 0
    assert digests(chunks) == digests(whole) and len(digests(whole)) == len(FRAMES)
    header = io.header(whole / "hdr.1010.exr")["parts"][0]["attributes"]
    assert header["headroom:window"] == f"{1010 - RADIUS}-{1010 + RADIUS}" and header["headroom:sourceFrame"] == 1010


def test_a_mended_plate_reaches_its_neighbours_and_no_further(
    plates: Path, tmp_path: Path, loaded: Reconstructor
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    convert(plates, whole, loaded)
    bad = plates / "plate.1009.png"
    good = bad.read_bytes()
    bad.write_bytes(good[: len(good) // 2])
    os.utime(bad, (1_600_000_000, 1_600_000_000))
    result = convert(plates, out, loaded)
    assert result.exit_code == 1
    assert [report.frame for report in result.reports if report.status == "failed"] == [1009]
    assert convert(plates, out, loaded, listener := Listener()).exit_code == 1
    assert listener.begun == [1009] and not any("looking" in note for note in listener.notes)
    bad.write_bytes(good)
    os.utime(bad, (1_600_000_000, 1_600_000_000))
    assert convert(plates, out, loaded, listener := Listener()).exit_code == 0
    # Windows ended at the plate that could not be read, so frames beyond it that it hid from each other change too.
    assert listener.begun == list(range(1009 - RADIUS, 1009 + RADIUS + 1))
    near = f"{1009 - RADIUS}-1008,1010-{1009 + RADIUS}"
    assert any(f"made again: {near};" in note for note in listener.notes), listener.notes
    assert digests(out) == digests(whole)


def test_an_analysis_is_kept_for_as_long_as_it_fits(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    out = tmp_path / "out"
    convert(plates, out, loaded, listener := Listener(), frames="1001-1002")
    assert sum("looking at 18 plates" in note for note in listener.notes) == 1
    convert(plates, out, loaded, listener := Listener(), frames="1003-1004")
    assert listener.begun == [1003, 1004] and not listener.notes
    (out / "hdr.headroom.json").write_text('{"torn')
    convert(plates, out, loaded, listener := Listener(), frames="1003-1005")
    assert listener.begun == [1005] and len(listener.notes) == 1
    last = plates / "plate.1018.png"
    last.unlink()
    convert(plates, out, loaded, listener := Listener(), frames="1003-1005")
    assert listener.begun == [] and len(listener.notes) == 1


def test_an_analysis_that_does_not_fit_is_refused(plates: Path, tmp_path: Path, loaded: Reconstructor) -> None:
    shared, out = tmp_path / "shot.json", tmp_path / "out"
    convert(plates, out, loaded, analysis=shared, only=True)
    with pytest.raises(UsageError, match="made with another tau"):
        convert(plates, out, loaded, analysis=shared, tau=0.8)
    told = json.loads(shared.read_text())
    told["frames"] = told["frames"][:5]
    shared.write_text(json.dumps(told))
    with pytest.raises(UsageError, match=r"covers frames 1001-1005, not 1006-1018"):
        convert(plates, out, loaded, analysis=shared)
    before = shared.read_bytes()
    convert(plates, out, loaded, analysis=shared, only=True)
    assert shared.read_bytes() != before, "asked to analyse only, a file that no longer fits is made again"
    before = shared.stat().st_mtime_ns
    convert(plates, out, loaded, analysis=shared, only=True)
    assert shared.stat().st_mtime_ns == before
