"""What became of a bake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FrameResult", "Result"]


@dataclass(frozen=True)
class FrameResult:
    """One frame of one view."""

    frame: int | None
    """Frame of the Nuke script; None for a still."""
    view: str
    source: str
    target: str
    status: str
    """``done``, ``skipped`` (was up to date), ``failed``, ``cancelled``."""
    error: str | None = None
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A whole bake."""

    status: str
    """``done``, ``failed`` or ``cancelled``."""
    frames: list[FrameResult]
    pattern: str = ""
    """The files, as the inner Read names them."""
    first: int = 0
    last: int = 0
    error: str | None = None
    fix: str | None = None
    notes: tuple[str, ...] = ()
    """What was assumed or left out, one line each."""

    @property
    def counts(self) -> dict[str, int]:
        """How many frames are in each state."""
        states = ("done", "skipped", "failed", "cancelled")
        return {state: sum(frame.status == state for frame in self.frames) for state in states}

    @property
    def warnings(self) -> list[str]:
        """The engine's warnings, each once, in the order they came, after the notes."""
        said = dict.fromkeys(self.notes)
        said.update(dict.fromkeys(line for frame in self.frames for line in frame.warnings))
        return list(said)

    def __str__(self) -> str:
        """One line for the status knob and the terminal."""
        counts = self.counts
        if self.status == "done":
            skipped = f", {counts['skipped']} of them were up to date" if counts["skipped"] else ""
            frames = f"{self.first}-{self.last}" if self.last > self.first else str(self.first)
            said = f"Baked {frames}: {len(self.frames)} frame{'s' * (len(self.frames) != 1)}{skipped}."
        elif self.status == "cancelled":
            kept = counts["done"] + counts["skipped"]
            said = f"Cancelled: {kept} frame{'s' * (kept != 1)} finished and kept; Bake goes on from there."
        else:
            said = f"Failed: {self.error}"
            if self.fix:
                said += f" {self.fix}"
        if self.warnings:
            more = f" (and {len(self.warnings) - 1} more)" if len(self.warnings) > 1 else ""
            said += f" Note: {self.warnings[0]}{more}"
        return said
