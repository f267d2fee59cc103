"""What a benchmark of shots found: every record, the statistics over scenes, JSON and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headroom.evaluate.columns import Column
from headroom.evaluate.statistics import CONFIDENCE, RESAMPLES, SEED, Interval, Paired, bootstrap, paired
from headroom.host.protocol import jsonable

__all__ = ["ALL_KINDS", "SHOT_COLUMNS", "Ratio", "ShotRecord", "ShotReport"]

ALL_KINDS = "all"

SHOT_COLUMNS = (
    Column("excess", "excess variation", "lower", 3),
    Column("excess_slow", "excess over 6 frames", "lower", 3),
    Column("excess_fixed", "excess, fixed pixels", "lower", 3),
    Column("warping", "warping error", "lower", 3),
    Column("outside_excess", "excess outside", "lower", 4),
    Column("ghost_clip", "log2 RMSE by movers", "lower", 3),
    Column("ghost_trail", "same, recorded", "lower", 4),
    Column("ghost_bias", "bias by movers", "nearer 0", 3),
    Column("jod", "JOD", "higher"),
    Column("pu21_psnr", "PU21-PSNR dB", "higher"),
    Column("worst_frame", "worst frame dB", "higher"),
    Column("clip_rmse", "log2 RMSE in clip", "lower"),
    Column("clip_bias", "bias in clip", "nearer 0"),
    Column("clip_spread", "spread in clip", "lower"),
    Column("outside_rmse", "log2 RMSE outside", "lower", 4),
)
"""The measures of a report on shots."""


@dataclass(frozen=True, kw_only=True)
class ShotRecord:
    """One method on one shot."""

    scene: str
    kind: str
    share: float
    jpeg_quality: int | None
    clipped_share: float
    """Mean over the frames, movers counted in."""
    headroom: float
    """Stops between the clip level and the truth's peak."""
    ways: int
    """Ways in the clip that were measured."""
    role: str
    """``method``, ``baseline`` or ``oracle``."""
    method: str
    seconds: float
    """Of this method on this shot: comparable within one run only."""
    values: dict[str, float]


@dataclass(frozen=True)
class Ratio:
    """Mean of one method's measure as a share of another's on the same scenes, with its 95 % bootstrap interval."""

    ratio: float
    low: float
    high: float
    scenes: int


@dataclass(frozen=True)
class ShotReport:
    """All records of a run."""

    records: list[ShotRecord]
    notes: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """In the order in which they ran."""
        return list(dict.fromkeys(record.kind for record in self.records))

    def names(self, *roles: str) -> list[str]:
        """Names of the methods of these roles, in order; of all where none is given."""
        return list(dict.fromkeys(r.method for r in self.records if not roles or r.role in roles))

    def columns(self) -> list[Column]:
        """The measures that were taken."""
        present = {name for record in self.records for name in record.values}
        return [column for column in SHOT_COLUMNS if column.name in present]

    def by_scene(
        self, method: str, column: str, *, kind: str = ALL_KINDS, beside: str | None = None
    ) -> dict[str, float]:
        """One value a scene: the mean over its shots; only over those that ``beside`` ran on too, where it is given."""
        shared = {(r.scene, r.kind, r.share) for r in self.records if r.method == (beside or method)}
        found: dict[str, list[float]] = {}
        for record in self.records:
            if record.method == method and kind in (ALL_KINDS, record.kind):
                value = record.values.get(column, math.nan)
                if not math.isnan(value) and (record.scene, record.kind, record.share) in shared:
                    found.setdefault(record.scene, []).append(value)
        return {scene: math.fsum(values) / len(values) for scene, values in found.items()}

    def interval(self, method: str, column: str, *, kind: str = ALL_KINDS) -> Interval:
        """Mean over scenes, its 95 % interval, and the median."""
        return bootstrap(list(self.by_scene(method, column, kind=kind).values()))

    def paired(self, first: str, second: str, column: Column) -> Paired:
        """How much better ``first`` is than ``second`` on the shots that both ran on."""
        merits = [
            {s: column.merit(v) for s, v in self.by_scene(method, column.name, beside=other).items()}
            for method, other in ((first, second), (second, first))
        ]
        return paired(merits[0], merits[1], higher_is_better=column.better == "higher")

    def ratio(self, first: str, second: str, column: str, *, kind: str = ALL_KINDS) -> Ratio:
        """``first``'s mean over ``second``'s, on the shots that both ran on."""
        return _ratio(
            self.by_scene(first, column, kind=kind, beside=second),
            self.by_scene(second, column, kind=kind, beside=first),
        )

    def nonfinite(self, method: str) -> int:
        """Samples that were not finite, over all shots."""
        return int(sum(r.values.get("nonfinite", 0.0) for r in self.records if r.method == method))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: summary, paired differences, ratios and records; NaN and infinity are null."""
        columns = self.columns()
        summary = [
            {
                "kind": kind,
                "method": method,
                "measures": {c.name: asdict(self.interval(method, c.name, kind=kind)) for c in columns},
            }
            for kind in (ALL_KINDS, *self.kinds)
            for method in self.names()
        ]
        differences = [
            {
                "method": method,
                "than": other,
                "better_by": {c.name: asdict(self.paired(method, other, c)) for c in columns},
                "ratio": {c.name: asdict(self.ratio(method, other, c.name)) for c in columns if c.better == "lower"},
            }
            for method in self.names("method")
            for other in self.names()
            if other != method
        ]
        content = {
            "notes": self.notes,
            "summary": summary,
            "paired": differences,
            "records": [asdict(record) for record in self.records],
        }
        plain = jsonable(content)
        assert isinstance(plain, dict)
        return plain

    def markdown(self) -> str:
        """The tables for people."""
        from headroom.evaluate.shots.table import markdown

        return markdown(self)

    def write(self, folder: Path, name: str = "shots") -> tuple[Path, Path]:
        """NAME.json and NAME.md in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.json", folder / f"{name}.md"
        paths[0].write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        paths[1].write_text(self.markdown(), encoding="utf-8")
        return paths


def _ratio(first: Mapping[str, float], second: Mapping[str, float]) -> Ratio:
    scenes = sorted(set(first) & set(second))
    above = np.array([first[scene] for scene in scenes], np.float64)
    below = np.array([second[scene] for scene in scenes], np.float64)
    if not scenes or below.sum() == 0.0:
        return Ratio(math.nan, math.nan, math.nan, len(scenes))
    drawn = np.random.default_rng(SEED).integers(0, len(scenes), (RESAMPLES, len(scenes)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = above[drawn].mean(1) / below[drawn].mean(1)
    low, high = np.nanpercentile(ratios, [50.0 * (1.0 - CONFIDENCE), 50.0 * (1.0 + CONFIDENCE)])
    return Ratio(float(above.mean() / below.mean()), float(low), float(high), len(scenes))
