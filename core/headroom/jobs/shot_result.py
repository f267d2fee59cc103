"""What became of a shot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.io.frames import range_text
from headroom.jobs.report import FileReport
from headroom.jobs.shots import Shot
from headroom.jobs.stages import PipelineTimes

__all__ = ["ShotResult"]


@dataclass(kw_only=True)
class ShotResult:
    """What became of a shot."""

    shot: Shot
    reports: list[FileReport]
    """By frame; frames that were not reached have none."""
    left: int
    """Frames that were not reached."""
    cancelled: bool
    manifest: Path
    times: PipelineTimes | None = None
    analysis_seconds: float = 0.0
    """Of the pass over the shot before its frames; near 0 where an analysis was there."""

    @property
    def exit_code(self) -> int:
        """0 all frames are there, 130 cancelled, else 1; 2 where no frame could make sense of the request."""
        if self.cancelled:
            return 130
        codes = {report.exit_code for report in self.reports}
        if codes == {2} and not self.left:
            return 2
        return int(codes not in ({0}, set()) or self.left > 0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; the frames' reports apart."""
        return {
            "source": self.shot.source.name,
            "output": str(self.shot.output.folder / self.shot.output.name),
            "frames": range_text(task.frame or 0 for task in self.shot.tasks),
            "missing": range_text(self.shot.missing),
            "left": self.left,
            "manifest": str(self.manifest),
            "analysis_seconds": round(self.analysis_seconds, 3),
            "times": self.times.as_dict() if self.times else None,
            "exit_code": self.exit_code,
        }
