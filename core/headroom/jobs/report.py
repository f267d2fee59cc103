"""What a job says about each file, and who listens."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from headroom.errors import Cancelled, HeadroomError
from headroom.jobs.naming import Task

__all__ = ["FileReport", "Status", "Watcher", "exit_code_of", "explained"]

Status = Literal["done", "skipped", "failed", "cancelled"]


@dataclass(kw_only=True)
class FileReport:
    """What became of one file."""

    source: Path
    target: Path
    frame: int | None = None
    status: Status = "done"
    seconds: float = 0.0
    error: str | None = None
    exit_code: int = 0
    """Of the error: 1, 2 where the request made no sense for this file, 130 cancelled."""
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What `Reconstructor.bands` reports, and how the file was written."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            **({} if self.frame is None else {"frame": self.frame}),
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "error": self.error,
            "warnings": self.warnings,
            **{name: value for name, value in self.facts.items() if name != "seconds"},
        }


class Watcher:
    """Told how a job goes; this one does nothing."""

    def started(self, task: Task, index: int, count: int) -> None:
        """File ``index`` (from 0) of ``count`` begins."""

    def progress(self, fraction: float) -> None:
        """0..1 of the current file."""

    def finished(self, report: FileReport) -> None:
        """A file is done, skipped, failed or cancelled; in a shot, files end in another order than they began."""

    def looked(self, fraction: float) -> None:
        """0..1 of the pass over a shot that comes before its frames."""

    def note(self, text: str) -> None:
        """Something the user should know that concerns no one file."""


def exit_code_of(reports: Sequence[FileReport]) -> int:
    """0 all well, 130 cancelled, 2 where the request made no sense for any file, else 1."""
    codes = {report.exit_code for report in reports}
    if 130 in codes:
        return 130
    return 2 if codes == {2} else int(codes != {0} and bool(codes))


def explained(error: Exception, report: FileReport) -> FileReport:
    """The report, saying what went wrong in one line."""
    report.status, report.exit_code = "failed", 1
    if isinstance(error, HeadroomError):
        report.error, report.exit_code = str(error), error.exit_code
        if isinstance(error, Cancelled):
            report.status = "cancelled"
    elif isinstance(error, MemoryError):
        report.error = f"{report.source}: not enough memory; give a smaller --memory or free some"
    else:
        report.error = f"{report.source}: unexpected {type(error).__name__}: {_one_line(error)}"
        if os.environ.get("HEADROOM_DEBUG"):
            traceback.print_exception(error)
    return report


def _one_line(error: Exception) -> str:
    """An unforeseen error's message without line breaks, at most 200 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
