"""What the frames of a shot have in common, as one small file that chunks of a farm share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from headroom.errors import AnalysisError, WriteError
from headroom.options import Options

__all__ = ["Analysis", "PooledCurve", "Segment"]

FORMAT = "headroom shot analysis"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PooledCurve:
    """What the response curve's network says of a segment: its answer, not yet a curve."""

    frames: tuple[int, ...]
    """Frames that were asked."""
    coefficients: tuple[float, ...] = ()
    log2_error: float = 0.0
    stated_logit: float = 0.0
    lines: int = 0
    """Lines a frame, on average, that it was read from."""
    table: tuple[float, ...] = ()
    """Linear light: (256,) after the last look at the lines, or (1024,) of networks that answer with the curve itself,
    which have no coefficients."""

    @property
    def numbers(self) -> list[float]:
        """All that the curve follows from."""
        return [*self.coefficients, self.stated_logit, self.log2_error, self.lines, *self.table]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Frames between two cuts."""

    first: int
    last: int
    clip_level: float
    """Code value from which samples are clipped."""
    clip_source: str
    """As in ``ClipLevel.source``: how the level was found in most of the frames."""
    peak: float
    """Largest code value of all frames."""
    curve: PooledCurve | None = None
    """None where a curve makes no sense: plates that are not display-referred."""


@dataclass(frozen=True)
class Analysis:
    """Of one shot. Deterministic: the same plates give the same file."""

    frames: tuple[int, ...]
    """All numbers of the shot, ascending, those that could not be read among them."""
    segments: tuple[Segment, ...]
    alone: frozenset[int] = frozenset()
    """Flashes, and plates that could not be read: no frame looks at them or over them."""
    levels: Mapping[int, float] = field(default_factory=dict)
    """Clip levels of frames that differ from their segment's: fades."""
    made_from: Mapping[int, str | None] = field(default_factory=dict)
    """Identity of each plate; None where it could not be read."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Weights and options that it depends on."""

    @cached_property
    def known(self) -> frozenset[int]:
        """The numbers, to look up."""
        return frozenset(self.frames)

    @cached_property
    def step(self) -> int:
        """Least distance of two numbers: 2 for a shot on twos."""
        return min((b - a for a, b in zip(self.frames, self.frames[1:], strict=False)), default=1)

    @property
    def unreadable(self) -> tuple[int, ...]:
        """Plates that could not be read when the shot was looked at."""
        return tuple(frame for frame in self.frames if frame in self.made_from and self.made_from[frame] is None)

    def covers(self, frames: Iterable[int]) -> bool:
        """Whether all of these belong to the shot."""
        return self.known.issuperset(frames)

    def segment(self, frame: int) -> Segment:
        """The segment of a frame; ``AnalysisError`` where the shot does not have it."""
        if frame in self.known:
            for segment in self.segments:
                if segment.first <= frame <= segment.last:
                    return segment
        raise AnalysisError(f"frame {frame} is not in the shot's analysis ({self._span}); make the analysis again")

    def clip_level(self, frame: int) -> float:
        """Code value from which this frame's samples are clipped."""
        return self.levels.get(frame, self.segment(frame).clip_level)

    def shaping(self, frame: int) -> dict[str, Any]:
        """What decides this frame's pixels beside the plates of its window."""
        segment = self.segment(frame)
        used = segment.curve if self.made_with.get("curve") == "estimate" else None
        return {
            "analysis": VERSION,
            "clip_level": self.clip_level(frame),
            "peak": segment.peak if segment.peak > 1 else 1.0,
            "curve": None if used is None else used.numbers,
        }

    def check(self, options: Options, weights_sha256: str) -> None:
        """``AnalysisError`` where it was made with other options, or a curve is wanted that other weights saw."""
        for name, flag in (("clip_level", "--clip-level"), ("curve", "--curve")):
            there, asked = self.made_with.get(name), getattr(options, name)
            if there != asked:
                raise AnalysisError(
                    f"the shot's analysis was made with {flag} {there or 'detected'}, not {asked or 'detected'}; "
                    "give the same here, or make the analysis again with --analyse-only"
                )
        if options.curve == "estimate" and self.made_with.get("weights") != weights_sha256:
            raise AnalysisError(
                "the shot's analysis has its curve from another model; make it again with --analyse-only"
            )

    def save(self, path: Path | str) -> None:
        """Written beside and renamed, so that nobody reads half a file; ``WriteError`` says what went wrong."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "frames": list(self.frames),
            "segments": [asdict(segment) for segment in self.segments],
            "alone": sorted(self.alone),
            "levels": {str(frame): level for frame, level in sorted(self.levels.items())},
            "made_from": {str(frame): identity for frame, identity in sorted(self.made_from.items())},
            "made_with": dict(self.made_with),
        }
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(facts, file, indent=1, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise WriteError(f"{path}: cannot write the shot's analysis ({error.strerror})") from error

    @classmethod
    def load(cls, path: Path | str) -> Analysis:
        """``AnalysisError`` where the file is missing, torn, of another kind or of a later version."""
        again = "make it again with --analyse-only"
        try:
            facts = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise AnalysisError(f"{path}: cannot read the shot's analysis ({error.strerror}); {again}") from error
        except ValueError as error:
            raise AnalysisError(f"{path}: not a shot's analysis, or a torn one ({error}); {again}") from error
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise AnalysisError(f"{path}: not a shot's analysis; {again}")
        if facts.get("version") != VERSION:
            raise AnalysisError(f"{path}: made by another version of headroom ({facts.get('version')}); {again}")
        try:
            return cls(
                frames=tuple(int(frame) for frame in facts["frames"]),
                segments=tuple(_segment(entry) for entry in facts["segments"]),
                alone=frozenset(facts["alone"]),
                levels={int(frame): float(level) for frame, level in facts["levels"].items()},
                made_from={int(frame): identity for frame, identity in facts["made_from"].items()},
                made_with=facts["made_with"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnalysisError(f"{path}: not a whole analysis ({error!r}); {again}") from error

    @property
    def _span(self) -> str:
        return f"{self.frames[0]} to {self.frames[-1]}" if self.frames else "no frames"


def _segment(entry: dict[str, Any]) -> Segment:
    curve = entry["curve"]
    if curve is not None:
        lists = {name: tuple(curve.get(name, ())) for name in ("coefficients", "frames", "table")}
        curve = PooledCurve(**{**curve, **lists})
    return Segment(**{**entry, "curve": curve})
