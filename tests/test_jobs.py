from __future__ import annotations

from pathlib import Path

import pytest

from command import save_picture
from headroom.errors import ColourError, UnknownModelError, UnknownSpaceError
from headroom.jobs import FileReport, Job, Settings, Task, Watcher, plan_tasks

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")


class Listener(Watcher):
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.fractions: list[float] = []

    def started(self, task: Task, index: int, count: int) -> None:
        self.heard.append(f"start {index}/{count} {task.source.name}")

    def progress(self, fraction: float) -> None:
        self.fractions.append(fraction)

    def finished(self, report: FileReport) -> None:
        self.heard.append(report.status)


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    plates = tmp_path / "plates"
    plates.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        save_picture(plates / name, width=288, height=288)
    return plan_tasks([plates], tmp_path / "out")[0]


def test_a_job_tells_how_it_goes(tasks: list[Task]) -> None:
    listener = Listener()
    reports = Job(Settings(memory_bytes=1_000_000)).run(tasks, listener)
    assert [report.status for report in reports] == ["done"] * 3
    assert listener.heard[:3] == ["start 0/3 a.png", "done", "start 1/3 b.png"]
    assert len(listener.fractions) > 3
    assert listener.fractions[-1] == 1.0
    assert all(0 < fraction <= 1 for fraction in listener.fractions)
    facts = reports[0].as_dict()
    assert facts["width"] == 288 and facts["depth"] == "half" and facts["seconds"] > 0


def test_cancelling_stops_at_the_next_tile_and_leaves_nothing(tasks: list[Task]) -> None:
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 6

    reports = Job(Settings(memory_bytes=1_000_000)).run(tasks, cancelled=cancelled)
    assert reports[-1].status == "cancelled"
    assert len(reports) < 3 or reports[-1].source.name == "c.png"
    folder = tasks[0].target.parent
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert there == {report.target.name for report in reports if report.status == "done"}


def test_a_cancelled_job_goes_on(tasks: list[Task]) -> None:
    job = Job(Settings())
    assert [report.status for report in job.run(tasks[:2])] == ["done", "done"]
    assert [report.status for report in Job(Settings(resume=True)).run(tasks)] == ["skipped", "skipped", "done"]


def test_one_bad_frame_does_not_end_the_work(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(Settings())
    whole = job.reconstructor.bands

    def bands(plate: object, *rest: object, **named: object) -> object:
        if "b.png" in str(plate.path):  # type: ignore[attr-defined]
            raise RuntimeError("the unforeseen\nin two lines")
        return whole(plate, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(job.reconstructor, "bands", bands)
    reports = job.run(tasks)
    assert [report.status for report in reports] == ["done", "failed", "done"]
    assert reports[1].error is not None and "\n" not in reports[1].error and "unforeseen" in reports[1].error
    assert not reports[1].target.exists()


def test_what_concerns_every_file_is_said_before_the_first() -> None:
    with pytest.raises(UnknownSpaceError):
        Job(Settings(from_space="no such space"))
    with pytest.raises(UnknownSpaceError):
        Job(Settings(to_space="no such space"))
    with pytest.raises(UnknownModelError):
        Job(Settings(model="no such model"))
    with pytest.raises(ColourError):
        Job(Settings(from_space="Raw"))


def test_results_do_not_depend_on_the_budget(tasks: list[Task], tmp_path: Path) -> None:
    from headroom import io

    Job(Settings(memory_bytes=1_000_000, depth="float")).run(tasks[:1])
    small = io.read(tasks[0].target).codes
    Job(Settings(depth="float", overwrite=True)).run(tasks[:1])
    assert small == pytest.approx(io.read(tasks[0].target).codes, rel=1e-5, abs=1e-6)
