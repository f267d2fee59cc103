"""The benchmark of environment maps as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headroom.evaluate.ibl.kinds import SUN
from headroom.evaluate.ibl.report import ALL, COLUMNS, IblReport
from headroom.evaluate.methods import BASE, BEST_GAIN
from headroom.evaluate.suites import SUITES

__all__ = ["goals", "markdown"]

HALF, THREE_QUARTERS = 0.5, 0.75


def markdown(report: IblReport) -> str:
    """All tables: goals, medians, classes, suns, paired differences, single panoramas."""
    parts = [
        "# Light of environment maps",
        "Virtual photographs of HDR panoramas, 8 bit; what each method answers is scaled to the truth on recorded "
        "pixels. Diffuse and glossy: RMS error over directions / RMS of the truth. Shadow contrast: how deep a shadow "
        "the key light casts, test - truth. Sun: the brightest cap of 5 degrees. Cells are medians over panoramas; the "
        "JSON has means and intervals. Oracles are shown the truth: they are bounds, not methods.",
        *report.notes,
    ]
    for suite in report.suites:
        parts.append(f"## {suite}: {SUITES[suite]}")
        parts += [goals(report, suite, method) for method in report.names("method")]
        parts += [_medians(report, suite, share) for share in report.shares]
        parts += [_classes(report, suite), _suns(report, suite), _paired(report, suite), _scenes(report, suite)]
    return "\n\n".join(part for part in parts if part) + "\n"


def goals(report: IblReport, suite: str, method: str) -> str:
    """The project's goals for the light of environment maps, with what ``method`` reached."""
    rows = []
    for share in report.shares:
        ours = report.median(suite, share, method, "diffuse")
        best = report.best_baseline(suite, share)
        targets = (
            ("half of the clipped map's", HALF * report.median(suite, share, BASE, "diffuse")),
            (f"three quarters of the best baseline's ({best})",
             THREE_QUARTERS * report.median(suite, share, best, "diffuse")),
            ("the best constant gain's (oracle)", report.median(suite, share, BEST_GAIN, "diffuse")),
        )  # fmt: skip
        for title, limit in targets:
            if not math.isnan(limit):
                met = "met" if ours <= limit else "**missed**"
                rows.append([f"{100 * share:g} %", f"median diffuse error, at most {title}", f"{limit:.3f}",
                             f"{ours:.3f}", met])  # fmt: skip
    hits, suns = report.sun_hits(suite, ALL, method)
    if suns:
        met = "met" if 2 * hits > suns else "**missed**"
        rows.append([ALL, "sun energy within a factor of 2, in more than half", f"{suns // 2 + 1} of {suns}",
                     f"{hits} of {suns}", met])  # fmt: skip
    for kind in report.kinds:
        ours, clipped = (report.median(suite, ALL, name, "diffuse", kind) for name in (method, BASE))
        rows.append([ALL, f"{kind}: no worse than clipped", f"{clipped:.3f}", f"{ours:.3f}",
                     "met" if ours <= clipped else "**missed**"])  # fmt: skip
    return f"### Goals: {method}\n\n" + _table(["clipped", "goal", "limit", "reached", ""], rows)


def _medians(report: IblReport, suite: str, share: float) -> str:
    rows = [
        [method, *(_number(report.median(suite, share, method, c.name), c.digits) for c in COLUMNS)]
        for method in report.names()
    ]
    return f"### {100 * share:g} % clipped: medians\n\n" + _table(["method", *(c.title for c in COLUMNS)], rows)


def _classes(report: IblReport, suite: str) -> str:
    rows = []
    for method in report.names():
        rows.append(
            [method, *(_number(report.median(suite, ALL, method, "diffuse", kind), 3) for kind in report.kinds)]
        )
    count = {kind: len({r.scene for r in report.records if r.kind == kind}) for kind in report.kinds}
    head = ["method", *(f"{kind} ({count[kind]})" for kind in report.kinds)]
    return "### Diffuse error by class, all shares (panoramas)\n\n" + _table(head, rows)


def _suns(report: IblReport, suite: str) -> str:
    if SUN not in report.kinds:
        return ""
    rows = []
    for method in report.names():
        hits, suns = report.sun_hits(suite, ALL, method)
        spread = report.sun_spread(suite, ALL, method)
        degrees = report.median(suite, ALL, method, "sun_degrees", SUN)
        shadow = report.median(suite, ALL, method, "shadow_stops", SUN)
        rows.append([method, f"{hits} of {suns}", f"{spread:.2f}", f"{degrees:.1f}", f"{shadow:+.2f}"])
    head = ["method", "energy within a factor of 2", "median error, stops", "direction, degrees", "shadow, stops"]
    return "### Suns\n\n" + _table(head, rows)


def _paired(report: IblReport, suite: str) -> str:
    columns = [column for column in COLUMNS if column.name in ("diffuse", "glossy_02", "glossy_05", "shadow_stops")]
    rows = []
    for method in report.names("method"):
        others = [*report.names("baseline"), *(name for name in report.names("oracle") if name == BEST_GAIN)]
        for other in others:
            cells = []
            for column in columns:
                found = report.paired(suite, ALL, method, other, column)
                text = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
                cells.append(f"**{text}**" if found.is_better else text)
            rows.append([f"{method} against {other}", *cells])
    head = ["better by, mean over panoramas and shares [95 %]", *(column.title for column in columns)]
    return "### Paired differences\n\n" + _table(head, rows) if rows else ""


def _scenes(report: IblReport, suite: str) -> str:
    names = [*report.names("method"), BASE, BEST_GAIN]
    kinds = {record.scene: record.kind for record in report.records}
    rows = []
    for scene in sorted(kinds, key=lambda name: (report.kinds.index(kinds[name]), name)):
        cells = []
        for name in names:
            values = [report.by_scene(suite, share, name, "diffuse").get(scene, math.nan) for share in report.shares]
            cells.append(" / ".join(_number(value, 2) for value in values))
        rows.append([scene, kinds[scene], *cells])
    shares = " / ".join(f"{100 * share:g}" for share in report.shares)
    return f"### Single panoramas: diffuse error at {shares} % clipped\n\n" + _table(
        ["panorama", "class", *names], rows
    )


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
