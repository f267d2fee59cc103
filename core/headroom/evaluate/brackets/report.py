"""What the benchmark of brackets found: records, speeds, real stacks, statistics over scenes, JSON and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headroom.evaluate.brackets.columns import COLUMNS
from headroom.evaluate.brackets.speed import Speed
from headroom.evaluate.brackets.stacks import StackFound
from headroom.evaluate.columns import Column
from headroom.evaluate.statistics import Interval, Paired, bootstrap, paired
from headroom.host.protocol import jsonable

__all__ = ["ALL", "BracketRecord", "BracketReport"]

ALL = "all"
"""Stands for still and moving brackets together."""


@dataclass(frozen=True, kw_only=True)
class BracketRecord:
    """One method on one staged bracket."""

    scene: str
    kind: str
    """``still`` or ``moving``."""
    seed: int
    ev_stops: list[float]
    clipped_share: float
    """Of the reference frame's pixels."""
    burnt_share: float
    """Of pixels that clip in the darkest frame too."""
    moving_share: float
    role: str
    """``method``, ``baseline`` or ``oracle``."""
    method: str
    values: dict[str, float]


@dataclass(frozen=True)
class BracketReport:
    """All of a run."""

    records: list[BracketRecord]
    notes: list[str] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    stacks: list[StackFound] = field(default_factory=list)

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
        return [column for column in COLUMNS if column.name in present]

    def by_scene(self, kind: str, method: str, column: str) -> dict[str, float]:
        """One value a scene: the mean over its brackets of this kind."""
        found: dict[str, list[float]] = {}
        for record in self.records:
            if record.method == method and kind in (ALL, record.kind):
                value = record.values.get(column, math.nan)
                if not math.isnan(value):
                    found.setdefault(record.scene, []).append(value)
        return {scene: math.fsum(values) / len(values) for scene, values in found.items()}

    def interval(self, kind: str, method: str, column: str) -> Interval:
        """Mean over scenes with its 95 % interval, and the median."""
        return bootstrap(list(self.by_scene(kind, method, column).values()))

    def paired(self, kind: str, first: str, second: str, column: Column) -> Paired:
        """How much better ``first`` is than ``second`` on the same scenes."""
        merits = [
            {scene: column.merit(value) for scene, value in self.by_scene(kind, method, column.name).items()}
            for method in (first, second)
        ]
        return paired(merits[0], merits[1], higher_is_better=column.better == "higher")

    def best(self, kind: str, column: Column, among: Iterable[str]) -> str:
        """The method of ``among`` with the best mean; "" where none ran."""
        sign = 1.0 if column.better == "higher" else -1.0
        means = {name: sign * self.interval(kind, name, column.name).mean for name in among}
        means = {name: mean for name, mean in means.items() if not math.isnan(mean)}
        return max(means, key=lambda name: means[name], default="")

    def nonfinite(self, method: str) -> int:
        """Samples that were not finite, over all brackets."""
        return int(sum(r.values.get("nonfinite", 0.0) for r in self.records if r.method == method))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN and infinity are null."""
        columns = self.columns()
        summary, differences = [], []
        for kind in (ALL, *self.kinds):
            for method in self.names():
                measures = {c.name: asdict(self.interval(kind, method, c.name)) for c in columns}
                summary.append({"kind": kind, "method": method, "measures": measures})
            for method in self.names("method"):
                for other in self.names():
                    if other != method:
                        better = {c.name: asdict(self.paired(kind, method, other, c)) for c in columns}
                        differences.append({"kind": kind, "method": method, "than": other, "better_by": better})
        plain = jsonable(
            {
                "notes": self.notes,
                "summary": summary,
                "paired": differences,
                "speeds": [asdict(speed) for speed in self.speeds],
                "stacks": [asdict(stack) for stack in self.stacks],
                "records": [asdict(record) for record in self.records],
            }
        )
        assert isinstance(plain, dict)
        return plain

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BracketReport:
        """Read back what ``as_dict`` gave."""
        records = [BracketRecord(**{**r, "values": _known(r["values"])}) for r in content["records"]]
        speeds = [Speed(**_known(speed)) for speed in content["speeds"]]
        stacks = [StackFound.from_dict(stack) for stack in content["stacks"]]
        return cls(records, list(content["notes"]), speeds, stacks)

    def markdown(self) -> str:
        """The tables for people."""
        from headroom.evaluate.brackets.table import markdown

        return markdown(self)

    def write(self, folder: Path, name: str = "evaluation-brackets") -> tuple[Path, Path]:
        """NAME.json and NAME.md in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.json", folder / f"{name}.md"
        paths[0].write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        paths[1].write_text(self.markdown(), encoding="utf-8")
        return paths


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}
