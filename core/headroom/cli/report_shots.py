"""What the conversion of a shot shows: what it is about once, a line a frame, and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from rich.progress import TaskID

from headroom.cli.report import JsonWatcher, ScreenWatcher, describe
from headroom.io.frames import range_text
from headroom.jobs import FileReport, Task

if TYPE_CHECKING:
    from headroom.jobs.shot_job import ShotResult
    from headroom.jobs.shots import Shot

__all__ = ["ShotListener", "ShotWatcher"]

_COUNTED = {"done": "converted", "skipped": "already there", "failed": "failed"}


class ShotListener(JsonWatcher):
    """Notes go to standard error; the answer is one JSON object at the end."""

    def note(self, text: str) -> None:
        """What concerns no one frame."""
        click.echo(f"headroom: {text}", err=True)

    def result(self, result: ShotResult) -> None:
        """Told at the end."""


class ShotWatcher(ShotListener, ScreenWatcher):
    """A bar over the shot where there is a terminal; a line a frame."""

    def __init__(self, shot: Shot, cancelled: Callable[[], bool]) -> None:
        """``cancelled``: once it is, the user is told what happens."""
        super().__init__()
        self._shot, self._cancelled = shot, cancelled
        self._told_common = self._told_cancel = False
        self._over = 0
        self._looking: TaskID | None = None
        self._warned: set[str] = set()
        self._reads = {task.frame: task.reads for task in shot.tasks}
        count = len(shot.tasks)
        frames = range_text(task.frame or 0 for task in shot.tasks)
        click.echo(f"{shot.source.name} -> {shot.output.folder / shot.output.name}  {count} frames: {frames}")

    def looked(self, fraction: float) -> None:
        """The pass before the frames has its own bar."""
        if self._looking is None:
            self._looking = self._bar.add_task("looking at the shot", total=1.0)
        self._bar.update(self._looking, completed=fraction, visible=fraction < 1)

    def started(self, task: Task, index: int, count: int) -> None:
        """The frame at the bar."""
        if self._id is None:
            self._id = self._bar.add_task("", total=count)
        self._index = self._over
        self._bar.update(self._id, completed=self._over, total=count, description=f"frame {task.frame}")

    def progress(self, fraction: float) -> None:
        """Moves the bar; the first Ctrl-C is answered here."""
        super().progress(fraction)
        if self._cancelled() and not self._told_cancel:
            self._told_cancel = True
            click.echo("finishing the frames in hand; once more stops at once", err=True)

    def finished(self, report: FileReport) -> None:
        """One line; of all frames' warnings each but once."""
        self._over += 1
        if report.status == "failed":
            click.echo(f"failed: {report.error}", err=True)
        elif report.status == "done":
            if not self._told_common:
                self._told_common = True
                click.echo("\n".join(line for line in describe(report) if line.split()[0] in ("spaces", "model")))
            click.echo(_line(report, self._reads.get(report.frame)))
        for warning in report.warnings:
            text = warning.replace(str(report.source), self._shot.source.name)
            text = text.replace(report.source.name, self._shot.source.name).replace(report.target.name, "result")
            if text not in self._warned:
                self._warned.add(text)
                click.echo(f"  warning: frame {report.frame}: {warning}", err=True)

    def note(self, text: str) -> None:
        """What concerns no one frame."""
        click.echo(text, err=True)

    def result(self, result: ShotResult) -> None:
        """The closing lines: what became of how many, and how to go on."""
        frames = {status: [r.frame or 0 for r in result.reports if r.status == status] for status in _COUNTED}
        seconds = result.times.wall_seconds if result.times else 0.0
        done = len(frames["done"])
        parts = [f"{len(frames[status])} {word}" for status, word in _COUNTED.items() if frames[status]]
        speed = f", {done / seconds:.2f} frames/s" if done and seconds > 0 else ""
        click.echo(f"{', '.join(parts) or 'nothing done'} of {len(self._shot.tasks)} in {seconds:.1f} s{speed}")
        if frames["failed"]:
            click.echo(f"failed: frames {range_text(frames['failed'])}", err=True)
        if result.left:
            reached = {report.frame for report in result.reports}
            left = range_text(task.frame or 0 for task in self._shot.tasks if task.frame not in reached)
            click.echo(f"{'stopped; ' if result.cancelled else ''}not done: frames {left}", err=True)
        if result.left or frames["failed"]:
            click.echo("the same command goes on from here", err=True)


def _line(report: FileReport, reads: int | None) -> str:
    facts: dict[str, Any] = report.facts
    if facts["passed_through"]:
        found = "passed through: above white already"
    elif facts["masked_share"] == 0:
        found = "nothing clipped"
    else:
        found = f"{facts['clipped_share']:.1%} clipped, +{facts['gain_stops_peak']:.1f} stops, peak {facts['peak']:.4g}"
    other = "" if reads == report.frame else f"  from frame {reads}"
    return f"{report.frame}  {report.target.name}  {found}, {report.seconds:.1f} s{other}"
