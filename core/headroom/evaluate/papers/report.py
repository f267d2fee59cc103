"""What came of the papers' claims: records, means with intervals, verdicts; JSON and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headroom.evaluate.papers.claims import CLAIMS, IN_CLIP, PU21, Claim, Measure
from headroom.evaluate.papers.measure import Record
from headroom.evaluate.papers.systems import TITLES
from headroom.evaluate.statistics import Interval, Paired, bootstrap, paired
from headroom.evaluate.table import table
from headroom.host.protocol import jsonable

__all__ = ["BIAS", "OUTSIDE", "PapersReport", "Verdict"]

BIAS = Measure(name="clip_bias", title="bias in the clip, stops", higher_is_better=True)
OUTSIDE = Measure(name="outside_rmse", title="log2 RMSE outside, stops", higher_is_better=False, digits=3)
SYSTEM_MEASURES = (PU21, IN_CLIP, BIAS, OUTSIDE)
CPU = "processor_seconds"


@dataclass(frozen=True)
class Verdict:
    """One step of a claim's order."""

    better: str
    than: str
    by: Paired
    least: float
    """Where the whole interval is nearer to zero than this, there is no difference."""

    @property
    def text(self) -> str:
        """Whether it was found again."""
        if not self.by.scenes:
            return "not measured"
        if max(abs(self.by.low), abs(self.by.high)) < self.least:
            return "a tie"
        if self.by.low > 0:
            return "found again"
        return "the other way round" if self.by.high < 0 else "not decided"


@dataclass(frozen=True)
class PapersReport:
    """All records, and the runs that they are of."""

    records: list[Record]
    runs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    budgets: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each system: the ``data`` and for how many ``steps``, and how long, ``on`` what it was trained."""

    def by_scene(self, claim: str, variant: str, measure: str) -> dict[str, float]:
        """One value a scene: the mean over its photographs."""
        found: dict[str, list[float]] = {}
        for record in self.records:
            value = record.values.get(measure, math.nan)
            if (record.claim, record.variant) == (claim, variant) and math.isfinite(value):
                found.setdefault(record.scene, []).append(value)
        return {scene: math.fsum(values) / len(values) for scene, values in found.items()}

    def interval(self, claim: Claim, variant: str, measure: Measure) -> Interval:
        """Mean over scenes with its 95 % interval."""
        return bootstrap(list(self.by_scene(claim.name, variant, measure.name).values()))

    def systems(self, claim: str) -> list[str]:
        """Names of the whole systems that were measured, one of ``systems.TITLES``."""
        return list(dict.fromkeys(record.variant for record in self.records if record.claim == claim))

    def of_system(self, claim: str, name: str, measure: Measure) -> Interval:
        """Mean over scenes with its 95 % interval."""
        return bootstrap(list(self.by_scene(claim, name, measure.name).values()))

    def variants(self, claim: Claim) -> list[tuple[str, str]]:
        """Those that were measured, in the paper's order."""
        return [
            (kind, title) for kind, title in claim.variants if self.by_scene(claim.name, kind, claim.measures[0].name)
        ]

    def verdicts(self, claim: Claim) -> Iterator[Verdict]:
        """By the claim's first measure: each variant against the one before it, or the last against all others."""
        there = self.variants(claim)
        pairs = zip(there, there[1:], strict=False) if claim.chain else ((other, there[-1]) for other in there[:-1])
        measure = claim.measures[0]
        for (worse, worse_title), (better, better_title) in pairs:
            values = [self.by_scene(claim.name, kind, measure.name) for kind in (better, worse)]
            by = paired(values[0], values[1], higher_is_better=measure.higher_is_better)
            yield Verdict(better_title, worse_title, by, least=5 * 10.0**-measure.digits)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        claims = []
        for claim in CLAIMS:
            rows = [
                {
                    "variant": kind,
                    "title": title,
                    "measures": {m.name: asdict(self.interval(claim, kind, m)) for m in claim.measures},
                }
                for kind, title in self.variants(claim)
            ]
            steps = [{**asdict(verdict), "verdict": verdict.text} for verdict in self.verdicts(claim)]
            claims.append({"claim": claim.name, "says": claim.says, "variants": rows, "steps": steps})
        content = {
            "notes": self.notes,
            "runs": self.runs,
            "budgets": self.budgets,
            "claims": claims,
            "systems": [
                {
                    "photographs": claim,
                    "system": name,
                    "measures": {m.name: asdict(self.of_system(claim, name, m)) for m in SYSTEM_MEASURES},
                }
                for claim in TITLES
                for name in self.systems(claim)
            ],
            "records": [asdict(record) for record in self.records],
        }
        plain = jsonable(content)
        assert isinstance(plain, dict)
        return plain

    def markdown(self) -> str:
        """Tables for people; an outcome that contradicts a paper stands there as it is."""
        parts = ["\n\n".join(self.notes)] if self.notes else []
        for claim in CLAIMS:
            if len(self.variants(claim)) > 1:
                parts += [f"## {claim.title}", claim.says, self._means(claim), self._steps(claim)]
        if any(self.systems(claim) for claim in TITLES):
            parts.append("## The systems beside each other")
            parts += [part for claim, title in TITLES.items() for part in (title, self._systems(claim))]
        if self.budgets:
            parts += ["What they were trained on, and for how long:", self._budgets()]
        if self.runs:
            parts += ["## The runs", self._runs()]
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """papers.json and papers.md in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / "papers.json", folder / "papers.md"
        paths[0].write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        paths[1].write_text("# The papers' claims, measured again\n\n" + self.markdown(), encoding="utf-8")
        return paths

    def _means(self, claim: Claim) -> str:
        rows = []
        for kind, title in self.variants(claim):
            rows.append(
                [title, *(_cell(self.interval(claim, kind, measure), measure.digits) for measure in claim.measures)]
            )
        return table(["", *(measure.title for measure in claim.measures)], rows)

    def _steps(self, claim: Claim) -> str:
        measure = claim.measures[0]
        digits = measure.digits
        rows = []
        for verdict in self.verdicts(claim):
            by = verdict.by
            change = f"{by.mean:+.{digits}f} [{by.low:+.{digits}f}, {by.high:+.{digits}f}]"
            rows.append([f"{verdict.better} against {verdict.than}", change, verdict.text])
        return table([f"better by, {measure.title} [95 %]", "", "the paper's order"], rows)

    def _systems(self, claim: str) -> str:
        rows = [
            [name, *(_cell(self.of_system(claim, name, measure), measure.digits) for measure in SYSTEM_MEASURES)]
            for name in self.systems(claim)
        ]
        return table(["", *(measure.title for measure in SYSTEM_MEASURES)], rows)

    def _budgets(self) -> str:
        rows = [[name, *(budget[key] for key in ("data", "steps", "on"))] for name, budget in self.budgets.items()]
        return table(["", "trained on", "steps", "for, on"], rows)

    def _runs(self) -> str:
        rows = [
            [run["recipe"], ", ".join(run["stages"]), str(run["steps"]), *map(_minutes, (run["seconds"], run.get(CPU)))]
            for run in self.runs
        ]
        return table(["recipe", "trains", "steps", "minutes", "of the processor"], rows)


def _minutes(seconds: float | None) -> str:
    return "not kept" if seconds is None else f"{seconds / 60:.1f}"


def _cell(found: Interval, digits: int) -> str:
    return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"
