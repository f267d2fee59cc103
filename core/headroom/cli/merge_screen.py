"""What ``headroom merge`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Screen"]


class Screen:
    """A bar on standard error where that is a terminal, lines at every tenth where it is not; a block a stack."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._quiet, self._terminal = quiet, console.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._id = self._bar.add_task("", total=1.0)
        self._name, self._tenth = "", 0

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        self._bar.stop()

    def left_out(self, lines: Sequence[str]) -> None:
        """Pictures of folders that belong to no stack."""
        if not self._quiet:
            for line in lines:
                click.echo(f"left out: {line}", err=True)

    def started(self, name: str, number: int, count: int) -> None:
        """A stack is begun."""
        self._name, self._tenth = name if count == 1 else f"{name} ({number} of {count})", 0
        self._bar.reset(self._id, description=self._name, total=1.0)

    def progress(self, share: float) -> None:
        """0..1."""
        self._bar.update(self._id, completed=share)
        if not self._quiet and not self._terminal and int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            click.echo(f"{self._name}: {self._tenth * 10} %", err=True)

    def finished(self, report: dict[str, Any]) -> None:
        """What was found and written, or why not."""
        if self._quiet:
            return
        if report["status"] == "failed":
            click.echo(f"{report['output']}: failed: {report['error']}", err=True)
            return
        click.echo(report["output"])
        for line in _lines(report):
            click.echo(f"  {line}")
        for warning in report["warnings"]:
            click.echo(f"  warning: {warning}", err=True)


def _lines(report: dict[str, Any]) -> list[str]:
    told = {"exif": "by EXIF", "stated": "as stated", "estimated": "measured in the pictures"}[report["exposures"]]
    lines = [f"frames         {len(report['frames'])} of {report['width']}x{report['height']}, exposures {told}"]
    lines += [_frame(k, frame, report) for k, frame in enumerate(report["frames"])]
    response = report["response"]
    residual = response["residual_stops"]
    lines.append(f"response       {response['name']}" + (f", residual {residual:.3f} stops" if residual else ""))
    lines.append(f"merged by      {report['method']}, aligned by {report['alignment']}")
    on = report["continued"]
    lost = f"no frame recorded {report['unrecorded_share']:.2%}"
    by = f", continued by {on['model']}" if on else ""
    lines.append(f"light          {lost}{by}; peak {report['peak']:.4g}")
    lines.append(f"scale          {report['scale']}")
    lines.append(f"{report['seconds']:.1f} s")
    return lines


def _frame(number: int, frame: dict[str, Any], report: dict[str, Any]) -> str:
    measured = ""
    if report["exposures"] == "estimated":
        measured = f" +-{frame['measured_sigma_stops']:.2f}" if frame["measured_sigma_stops"] is not None else ""
    elif frame["measured_ev_stops"] is not None:
        measured = f", measured {frame['measured_ev_stops']:+.2f} +-{frame['measured_sigma_stops']:.2f}"
    moved = "reference" if number == report["reference"] else f"{frame['method']}, moved {frame['moved_px']:.1f} px"
    return (
        f"  {number + 1}  {Path(frame['file']).name:<28} EV {frame['ev_stops']:+.2f}{measured}, "
        f"clipped {frame['clipped_share']:.1%}, {moved}"
    )
