"""A short look at a method, to follow a training run: the numbers that matter, beside two anchors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from headroom.evaluate.exposures import SHARES, Case, expose
from headroom.evaluate.methods import BASE, BEST_GAIN, MethodFunction, best_log_gain, inverse_response
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.score import QUICK_MEASURES, score

__all__ = ["QuickTable", "quick"]

COLUMNS = ("pu21_psnr", "clip_rmse", "clip_bias", "outside_rmse")
TITLES = ("PU21-PSNR dB", "log2 RMSE in clip", "bias in clip", "RMSE outside")


@dataclass(frozen=True)
class QuickTable:
    """Records (share, scene, method, measures) and what follows from them."""

    records: list[dict[str, object]]
    method: str

    def values(self, share: float, method: str, column: str) -> list[float]:
        """One number a scene, in order of the scenes."""
        chosen = [r for r in self.records if r["share"] == share and r["method"] == method]
        return [float(record[column]) for record in chosen]  # type: ignore[arg-type]

    def summary(self) -> list[dict[str, object]]:
        """A row for each share and method: mean and median of each column, the worst loss in dB."""
        rows: list[dict[str, object]] = []
        for share in sorted({float(r["share"]) for r in self.records}):  # type: ignore[arg-type]
            base = self.values(share, BASE, "pu21_psnr")
            for method in (BASE, self.method, BEST_GAIN):
                row: dict[str, object] = {"share": share, "method": method}
                for column in COLUMNS:
                    values = self.values(share, method, column)
                    row[column], row[f"{column}_median"] = mean(values), median(values)
                gains = [a - b for a, b in zip(self.values(share, method, "pu21_psnr"), base, strict=True)]
                row["worst_gain_db"] = min(gains)
                rows.append(row)
        return rows

    def markdown(self) -> str:
        """Mean / median of each measure."""
        head = ["clipped", "method", *(f"{title}: mean / median" for title in TITLES), "worst image, dB"]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for row in self.summary():
            cells = [f"{100 * float(row['share']):g} %", str(row["method"])]  # type: ignore[arg-type]
            cells += [f"{row[c]:.2f} / {row[f'{c}_median']:.2f}" for c in COLUMNS]
            cells.append(f"{row['worst_gain_db']:+.2f}")
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)


def quick(
    method: MethodFunction,
    folder: Path | str,
    shares: Sequence[float] = SHARES,
    response: str = "srgb",
    *,
    declared: str | None = None,
    jpeg_quality: int | None = None,
    name: str = "method",
) -> QuickTable:
    """Run ``method`` over all scenes of a folder, next to the inverse curve and the gain oracle.

    ``declared`` is the response that the method is told: by default the true one. The anchors of
    earlier calls in the same process are kept.
    """
    if name in (BASE, BEST_GAIN):
        name += " (under test)"
    records: list[dict[str, object]] = []
    for scene in find_scenes(Path(folder)):
        for share in shares:
            case = Case(scene, share, response, declared or response, jpeg_quality)
            exposure = expose(case)
            key = {"scene": scene.name, "share": share, "headroom": exposure.headroom}
            answer = method(exposure.code, exposure.declared, exposure.is_jpeg)
            records.append({**key, "method": name, **score(answer, exposure, QUICK_MEASURES)})
            records += [{**key, "method": anchor, **numbers} for anchor, numbers in _anchors(case)]
    return QuickTable(records, name)


@functools.cache
def _anchors(case: Case) -> tuple[tuple[str, dict[str, float]], ...]:
    exposure = expose(case)
    base = inverse_response(exposure.code, exposure.declared)
    return (
        (BASE, score(base, exposure, QUICK_MEASURES)),
        (BEST_GAIN, score(best_log_gain(exposure), exposure, QUICK_MEASURES)),
    )
