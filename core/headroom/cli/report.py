"""What a conversion shows while it runs: bars on a terminal, plain lines otherwise, nothing with --json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import TaskID

from headroom.cli.bar import new_bar
from headroom.jobs import FileReport, Task, Watcher

__all__ = ["JsonWatcher", "ScreenWatcher", "describe"]

_Self = TypeVar("_Self", bound="JsonWatcher")


class JsonWatcher(Watcher):
    """Silent: the answer is one JSON object at the end."""

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def left_out(self, paths: Sequence[Path]) -> None:
        """Files of a folder that are no pictures."""

    def summary(self, counts: dict[str, int], total: int, cancelled: bool, seconds: float) -> None:
        """The closing line."""


class ScreenWatcher(JsonWatcher):
    """A bar on standard error where that is a terminal; a line a file on standard output."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = new_bar(console)
        self._id: TaskID | None = None
        self._index, self._count = 0, 1

    def __enter__(self) -> ScreenWatcher:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        self._bar.stop()

    def left_out(self, paths: Sequence[Path]) -> None:
        """One line names them."""
        if paths:
            click.echo(f"left out, not a picture: {', '.join(path.name for path in paths)}", err=True)

    def started(self, task: Task, index: int, count: int) -> None:
        """Names the file at the bar, which runs over all files."""
        self._index, self._count = index, count
        self._id = self._id if self._id is not None else self._bar.add_task("", total=count)
        self._bar.update(self._id, completed=index, description=f"{task.source.name} ({index + 1}/{count})")

    def progress(self, fraction: float) -> None:
        """Moves the bar."""
        if self._id is not None:
            self._bar.update(self._id, completed=self._index + fraction)

    def finished(self, report: FileReport) -> None:
        """What was found and done, or what failed."""
        if report.status == "failed":
            click.echo(f"failed: {report.error}", err=True)
        elif report.status != "cancelled":
            click.echo("\n".join(describe(report)))
        for warning in report.warnings:
            click.echo(f"  warning: {warning}", err=True)

    def summary(self, counts: dict[str, int], total: int, cancelled: bool, seconds: float) -> None:
        """How many became what; only where there was more than one file, or not all is well."""
        if total > 1 or cancelled:
            parts = [f"{counts['done']} converted"]
            parts += [f"{counts[name]} {name}" for name in ("skipped", "failed") if counts[name]]
            end = "; cancelled, --resume goes on from here" if cancelled else ""
            click.echo(f"{', '.join(parts)} of {total} in {seconds:.1f} s{end}", err=cancelled)


def describe(report: FileReport) -> list[str]:
    """Lines for one converted or skipped file."""
    if report.status == "skipped":
        return [f"{report.source} -> {report.target}: already there, made from the same source and settings"]
    facts = report.facts
    lines = [f"{report.source} -> {report.target}  {facts['width']}x{facts['height']}, {report.seconds:.1f} s"]
    lines += [f"  {name:<8} {text}" for name, text in _rows(facts)]
    return lines


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    colour, curve = facts["colour"], facts["curve"]
    share, level = facts["clipped_share"], facts["clip_level"]
    rows = []
    if facts["passed_through"]:
        rows.append(("clipped", "not looked for: the plate is linear and above white already; passed through"))
    elif facts["masked_share"] == 0:
        rows.append(("clipped", "nothing: the result is the plate's exact linearisation"))
    else:
        rows.append(("clipped", f"{_percent(share)} of the pixels, at code value {level:.4g}{_eight_bit(facts)}"))
    if curve["used"] == "declared":
        kept = "declared, kept for want of evidence" if curve["asked"] == "estimate" else "declared"
        rows.append(("curve", f"{kept}: {colour['from']}{_second_opinion(colour, curve)}"))
    else:
        rows.append(("curve", _network_curve(curve)))
    if facts["masked_share"] > 0:
        mean, top = facts["gain_stops_mean"], facts["gain_stops_peak"]
        rows.append(("added", f"{mean:.1f} stops on average, {top:.1f} at most; peak {facts['peak']:.4g} (white is 1)"))
    rows.append(("spaces", f"{colour['from']} -> {colour['to']}  ({colour['config']})"))
    made = f"{facts['model']} {facts['model_version']}  {facts['weights_sha256'][:12]}"
    rows.append(("model", f"{made}  on {facts['device']}, {facts['precision']}"))
    return rows


def _second_opinion(colour: dict[str, Any], curve: dict[str, Any]) -> str:
    """What the network thinks of the declared curve; it is only told, never used unasked."""
    if colour["kind"] != "display" or curve["looked_at"] != "lines":
        return ""
    apart, likely = curve["disagreement_stops"], curve["stated_probability"]
    return f"; the network's estimate is {apart:.2f} stops apart and holds the declared one {likely:.0%} likely"


def _network_curve(curve: dict[str, Any]) -> str:
    if curve["looked_at"] == "lines":
        return f"estimated, expected error {curve['expected_error_stops']:.2f} stops"
    apart = f"{curve['disagreement_stops']:.2f} stops from sRGB's"
    whose = "the network's own for every picture" if curve["looked_at"] == "fixed" else "estimated by the network"
    return f"{whose}, {apart}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else "under 0.1%"


def _eight_bit(facts: dict[str, Any]) -> str:
    source = facts["clip_level_source"]
    code = f"{facts['clip_level'] * 255:.0f} of 255, " if facts["bits"] == 8 else ""
    return f" ({code}{source})"
