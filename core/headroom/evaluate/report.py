"""What a benchmark found: every record, the statistics over scenes, JSON and Markdown."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headroom.evaluate.columns import COLUMNS, Column
from headroom.evaluate.statistics import Interval, Paired, bootstrap, paired
from headroom.host.protocol import jsonable

if TYPE_CHECKING:
    from headroom.evaluate.goals import Goal

__all__ = ["ALL_SHARES", "Record", "Report"]

ALL_SHARES = 0.0
"""Stands for the mean over the clipped shares."""
OPTION = " --"
"""What options in a method's name begin with."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One method on one photograph."""

    suite: str
    scene: str
    share: float
    response: str
    declared: str
    jpeg_quality: int | None
    headroom: float
    kind: str
    """``method``, ``baseline`` or ``oracle``."""
    method: str
    seconds: float
    values: dict[str, float]


@dataclass(frozen=True)
class Report:
    """All records of a run."""

    records: list[Record]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, *paths: Path) -> Report:
        """Runs that ``write`` wrote as JSON, joined; what two of them measured alike counts once."""
        records: dict[tuple[object, ...], Record] = {}
        notes: dict[str, None] = {}
        for path in paths:
            content = json.loads(path.read_text(encoding="utf-8"))
            notes |= dict.fromkeys(content["notes"])
            for entry in content["records"]:
                entry["values"] = {k: math.nan if v is None else v for k, v in entry["values"].items()}
                new = Record(**entry)
                key = (new.suite, new.scene, new.share, new.response, new.jpeg_quality, new.method)
                old = records.get(key)
                records[key] = new if old is None else replace(old, values={**new.values, **old.values})
        return cls(list(records.values()), list(notes))

    @property
    def suites(self) -> list[str]:
        """In the order in which they ran."""
        return list(dict.fromkeys(record.suite for record in self.records))

    @property
    def shares(self) -> list[float]:
        """Ascending."""
        return sorted({record.share for record in self.records})

    def names(self, *kinds: str, suite: str | None = None) -> list[str]:
        """Names of the methods of these kinds, in order; of all kinds where none is given."""
        return list(
            dict.fromkeys(
                record.method
                for record in self.records
                if (not kinds or record.kind in kinds) and suite in (None, record.suite)
            )
        )

    def columns(self) -> list[Column]:
        """The measures that were taken."""
        present = {name for record in self.records for name in record.values}
        return [column for column in COLUMNS if column.name in present]

    def by_scene(self, suite: str, share: float, method: str, column: str) -> dict[str, float]:
        """One value a scene: the mean where a scene was photographed several times."""
        found: dict[str, list[float]] = {}
        for record in self.records:
            if record.suite == suite and record.method == method and share in (ALL_SHARES, record.share):
                value = record.values.get(column, math.nan)
                if not math.isnan(value):
                    found.setdefault(record.scene, []).append(value)
        return {scene: math.fsum(values) / len(values) for scene, values in found.items()}

    def interval(self, suite: str, share: float, method: str, column: str) -> Interval:
        """Mean over scenes, its 95 % interval, and the median."""
        return bootstrap(list(self.by_scene(suite, share, method, column).values()))

    def paired(self, suite: str, share: float, first: str, second: str, column: Column) -> Paired:
        """How much better ``first`` is than ``second`` on the same scenes."""
        merits = [
            {scene: column.merit(value) for scene, value in self.by_scene(suite, share, method, column.name).items()}
            for method in (first, second)
        ]
        return paired(merits[0], merits[1], higher_is_better=column.better == "higher")

    def worst_image(self, suite: str, share: float, first: str, second: str, column: str) -> tuple[float, str]:
        """The photograph on which ``first`` loses most, or gains least, and by how much."""
        losses: dict[tuple[object, ...], dict[str, float]] = {}
        for record in self.records:
            if record.suite == suite and share in (ALL_SHARES, record.share) and column in record.values:
                key = (record.scene, record.share, record.response, record.jpeg_quality)
                losses.setdefault(key, {})[record.method] = record.values[column]
        gains = [
            (values[first] - values[second], str(key[0]))
            for key, values in losses.items()
            if first in values and second in values
        ]
        return min(gains, default=(math.nan, ""))

    def plain_methods(self) -> list[str]:
        """The methods under test, without those that are one of them with other options."""
        return [name for name in self.names("method") if OPTION not in name]

    def goals(self, method: str) -> list[Goal]:
        """The project's goals, with what ``method`` reached."""
        from headroom.evaluate.goals import goals

        return goals(self, method)

    def nonfinite(self, method: str) -> int:
        """Samples that were not finite, over all photographs."""
        return int(sum(r.values.get("nonfinite", 0.0) for r in self.records if r.method == method))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: records, summary and paired differences; NaN and infinity are null."""
        tested, rivals = self.names("method"), self.names("baseline", "oracle")
        groups = [(suite, share) for suite in self.suites for share in (*self.shares, ALL_SHARES)]
        summary = [
            {
                **_group(suite, share),
                "method": method,
                "measures": {
                    column.name: asdict(self.interval(suite, share, method, column.name)) for column in self.columns()
                },
            }
            for suite, share in groups
            for method in self.names(suite=suite)
        ]
        differences = [
            {
                **_group(suite, share),
                "method": method,
                "than": other,
                "better_by": {
                    column.name: asdict(self.paired(suite, share, method, other, column)) for column in self.columns()
                },
            }
            for suite, share in groups
            for method in tested
            for other in rivals
            if other in self.names(suite=suite)
        ]
        content = {
            "notes": self.notes,
            "goals": [
                {"method": name, **asdict(goal), **_group(goal.suite, goal.share)}
                for name in self.plain_methods()
                for goal in self.goals(name)
            ],
            "summary": summary,
            "paired": differences,
            "records": [asdict(record) for record in self.records],
        }
        plain = jsonable(content)
        assert isinstance(plain, dict)
        return plain

    def markdown(self) -> str:
        """The tables for people."""
        from headroom.evaluate.table import markdown

        return markdown(self)

    def write(self, folder: Path, name: str = "evaluation") -> tuple[Path, Path]:
        """NAME.json and NAME.md in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.json", folder / f"{name}.md"
        paths[0].write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        paths[1].write_text(self.markdown(), encoding="utf-8")
        return paths


def _group(suite: str, share: float) -> dict[str, Any]:
    return {"suite": suite, "share": "all" if share == ALL_SHARES else share}
