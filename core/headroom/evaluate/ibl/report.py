"""What the benchmark of environment maps found: records, statistics over scenes, JSON and Markdown."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from headroom.evaluate.columns import Column
from headroom.evaluate.ibl.kinds import KINDS, SUN
from headroom.evaluate.statistics import Interval, Paired, bootstrap, paired
from headroom.host.protocol import jsonable

__all__ = ["ALL", "COLUMNS", "IblRecord", "IblReport"]

ALL = "all"
"""Stands for all shares, or all classes, together."""
FACTOR = 2.0
"""Sun energies within this factor count as right."""

COLUMNS = (
    Column("diffuse", "diffuse", "lower", 3),
    Column("diffuse_stops", "diffuse, stops", "lower", 2),
    Column("glossy_02", "glossy 0.2", "lower", 3),
    Column("glossy_05", "glossy 0.5", "lower", 3),
    Column("flux", "total flux", "nearer 1", 2),
    Column("shadow_stops", "shadow contrast, stops", "nearer 0", 2),
    Column("sun_energy", "sun energy", "nearer 1", 3),
    Column("sun_degrees", "sun direction, degrees", "lower", 1),
)


@dataclass(frozen=True)
class IblRecord:
    """One method on one photograph of one panorama."""

    suite: str
    scene: str
    kind: str
    """One of ``KINDS``."""
    share: float
    role: str
    """``method``, ``baseline`` or ``oracle``."""
    method: str
    values: dict[str, float]


@dataclass(frozen=True)
class IblReport:
    """All records of a run."""

    records: list[IblRecord]
    notes: list[str] = field(default_factory=list)

    @property
    def suites(self) -> list[str]:
        """In the order in which they ran."""
        return list(dict.fromkeys(record.suite for record in self.records))

    @property
    def shares(self) -> list[float]:
        """Ascending."""
        return sorted({record.share for record in self.records})

    @property
    def kinds(self) -> list[str]:
        """The classes that occur."""
        return [kind for kind in KINDS if any(record.kind == kind for record in self.records)]

    def names(self, *roles: str) -> list[str]:
        """Names of the methods of these roles, in order; of all where none is given."""
        return list(dict.fromkeys(r.method for r in self.records if not roles or r.role in roles))

    def chosen(self, suite: str, share: float | str, method: str, kind: str = ALL) -> list[IblRecord]:
        """The records of one row."""
        return [
            r
            for r in self.records
            if r.suite == suite and r.method == method and share in (ALL, r.share) and kind in (ALL, r.kind)
        ]

    def by_scene(self, suite: str, share: float | str, method: str, column: str, kind: str = ALL) -> dict[str, float]:
        """One value a scene: the mean over its photographs."""
        found: dict[str, list[float]] = {}
        for record in self.chosen(suite, share, method, kind):
            value = record.values.get(column, math.nan)
            if not math.isnan(value):
                found.setdefault(record.scene, []).append(value)
        return {scene: math.fsum(values) / len(values) for scene, values in found.items()}

    def interval(self, suite: str, share: float | str, method: str, column: str, kind: str = ALL) -> Interval:
        """Mean over scenes with its 95 % interval, and the median."""
        return bootstrap(list(self.by_scene(suite, share, method, column, kind).values()))

    def median(self, suite: str, share: float | str, method: str, column: str, kind: str = ALL) -> float:
        """Median over scenes; NaN where there are none."""
        return self.interval(suite, share, method, column, kind).median

    def paired(
        self, suite: str, share: float | str, first: str, second: str, column: Column, kind: str = ALL
    ) -> Paired:
        """How much better ``first`` is than ``second`` on the same scenes."""
        merits = [
            {
                scene: column.merit(value)
                for scene, value in self.by_scene(suite, share, method, column.name, kind).items()
            }
            for method in (first, second)
        ]
        return paired(merits[0], merits[1], higher_is_better=column.better == "higher")

    def best_baseline(self, suite: str, share: float | str) -> str:
        """The baseline with the least median diffuse error; "" where none ran."""
        return min(self.names("baseline"), key=lambda name: self.median(suite, share, name, "diffuse"), default="")

    def sun_hits(self, suite: str, share: float | str, method: str) -> tuple[int, int]:
        """How many photographs of sunny places got the sun's energy within a factor of 2, of how many."""
        ratios = [r.values["sun_energy"] for r in self.chosen(suite, share, method, SUN)]
        return sum(1 / FACTOR <= ratio <= FACTOR for ratio in ratios), len(ratios)

    def sun_spread(self, suite: str, share: float | str, method: str) -> float:
        """Median of the absolute log2 ratio of sun energies, stops."""
        ratios = [max(r.values["sun_energy"], 1e-9) for r in self.chosen(suite, share, method, SUN)]
        return median(abs(math.log2(ratio)) for ratio in ratios) if ratios else math.nan

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: records, summary and paired differences; NaN and infinity are null."""
        groups: list[tuple[str, float | str]] = []
        for suite in self.suites:
            groups += [(suite, share) for share in self.shares]
            groups.append((suite, ALL))
        summary, differences = [], []
        for suite, share in groups:
            for kind in (ALL, *self.kinds):
                place = {"suite": suite, "share": share, "class": kind}
                for method in self.names():
                    measures = {c.name: asdict(self.interval(suite, share, method, c.name, kind)) for c in COLUMNS}
                    summary.append({**place, "method": method, "measures": measures})
                for method in self.names("method"):
                    for other in self.names("baseline", "oracle"):
                        better = {c.name: asdict(self.paired(suite, share, method, other, c, kind)) for c in COLUMNS}
                        differences.append({**place, "method": method, "than": other, "better_by": better})
        plain = jsonable(
            {
                "notes": self.notes,
                "summary": summary,
                "paired": differences,
                "records": [asdict(record) for record in self.records],
            }
        )
        assert isinstance(plain, dict)
        return plain

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> IblReport:
        """Read back what ``as_dict`` gave."""
        records = [
            IblRecord(**{**r, "values": {k: math.nan if v is None else v for k, v in r["values"].items()}})
            for r in content["records"]
        ]
        return cls(records, list(content["notes"]))

    def markdown(self) -> str:
        """The tables for people."""
        from headroom.evaluate.ibl.table import markdown

        return markdown(self)

    def write(self, folder: Path, name: str = "evaluation-ibl") -> tuple[Path, Path]:
        """NAME.json and NAME.md in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.json", folder / f"{name}.md"
        paths[0].write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        paths[1].write_text(self.markdown(), encoding="utf-8")
        return paths
