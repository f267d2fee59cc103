"""A benchmark's report as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from headroom.evaluate.columns import Column
from headroom.evaluate.goals import Goal
from headroom.evaluate.methods import BASE, BEST_GAIN
from headroom.evaluate.report import ALL_SHARES, Report
from headroom.evaluate.suites import SUITES

__all__ = ["markdown", "table"]

# Image headroom below this many stops tests next to nothing.
LITTLE_HEADROOM = 0.5

# The Markdown shows these; the JSON has all measures.
SHOWN = (
    "pu21_psnr", "pu21_ssim", "jod", "clip_rmse", "clip_bias", "clip_spread", "outside_rmse",
    "corrected_pu21_psnr", "mu_psnr", "light_diffuse", "light_glossy", "light_energy",
)  # fmt: skip
WITH_INTERVAL = ("pu21_psnr", "jod", "clip_rmse")
PAIRED = ("pu21_psnr", "pu21_ssim", "jod", "clip_rmse", "light_diffuse")


def markdown(report: Report) -> str:
    """All tables: goals, means, paired differences, single images."""
    parts = ["# Evaluation", _legend(report)]
    for method in report.plain_methods():
        parts.append(f"## Goals: {method}\n\n" + _goals(report.goals(method)))
    for suite in report.suites:
        parts.append(f"## {suite}: {SUITES[suite]}")
        parts += [_means(report, suite, share) for share in report.shares]
        if report.names("method", suite=suite):
            parts.append(_paired(report, suite))
        parts.append(_images(report, suite))
    return "\n\n".join(parts) + "\n"


def _legend(report: Report) -> str:
    lines = [
        "Virtual photographs of HDR scenes, 8 bit; predictions are scaled to the truth on recorded pixels "
        "(codes 25..230), 1.0 is the clip level, shown at 203 cd/m2.",
        "Cells: mean over scenes [95 % bootstrap interval] / median; the JSON beside this page has every measure, "
        "interval and image. In clip: samples whose truth is at or above 1. "
        "Corrected: after the curve fit of Hanji et al. 2022.",
        "Oracles are shown the truth: they are bounds, not methods.",
        *report.notes,
    ]
    for name in report.names("method", "baseline"):
        if report.nonfinite(name):
            lines.append(f"**{name} gave {report.nonfinite(name)} samples that are not finite.**")
    return "\n\n".join(lines)


def _goals(goals: Sequence[Goal]) -> str:
    rows = []
    for goal in goals:
        verdict = f"**{goal.verdict}**" if goal.verdict == "missed" else goal.verdict
        clipped = "all" if goal.share == ALL_SHARES else f"{100 * goal.share:g} %"
        rows.append([goal.suite, clipped, goal.title, goal.limit, goal.reached or "not measured", verdict])
    return table(["plates", "clipped", "goal", "limit", "reached [95 %]", ""], rows)


def _means(report: Report, suite: str, share: float) -> str:
    columns = [column for column in report.columns() if column.name in SHOWN]
    rows = []
    for method in report.names(suite=suite):
        cells = [_mean_cell(report, suite, share, method, column) for column in columns]
        worst, scene = report.worst_image(suite, share, method, BASE, "pu21_psnr")
        cells.append("" if math.isnan(worst) or method == BASE else f"{worst:+.2f} ({scene})")
        rows.append([method, *cells])
    head = ["method", *(column.title for column in columns), "worst image, dB"]
    return f"### {100 * share:g} % clipped\n\n" + table(head, rows)


def _mean_cell(report: Report, suite: str, share: float, method: str, column: Column) -> str:
    found = report.interval(suite, share, method, column.name)
    if not found.scenes:
        return ""
    mean, low, high, middle = (
        f"{value:.{column.digits}f}" for value in (found.mean, found.low, found.high, found.median)
    )
    interval = f" [{low}, {high}]" if column.name in WITH_INTERVAL else ""
    return f"{mean}{interval} / {middle}"


def _paired(report: Report, suite: str) -> str:
    columns = [column for column in report.columns() if column.name in PAIRED]
    rows = []
    for method in report.names("method", suite=suite):
        for other in _rivals(report, suite):
            for share in (*report.shares, ALL_SHARES):
                cells = [_paired_cell(report, suite, share, method, other, column) for column in columns]
                label = "all" if share == ALL_SHARES else f"{100 * share:g} %"
                rows.append([f"{method} against {other}", label, *cells])
    head = ["better by (positive: the first is better)", "clipped", *(column.title for column in columns)]
    return "### Paired differences, mean over scenes [95 %]\n\n" + table(head, rows)


def _rivals(report: Report, suite: str) -> list[str]:
    present = report.names("oracle", suite=suite)
    return report.names("baseline", suite=suite) + [name for name in (BEST_GAIN,) if name in present]


def _paired_cell(report: Report, suite: str, share: float, method: str, other: str, column: Column) -> str:
    found = report.paired(suite, share, method, other, column)
    if not found.scenes:
        return ""
    digits = column.digits
    text = f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
    return f"**{text}**" if found.is_better else text


def _images(report: Report, suite: str) -> str:
    """PU21-PSNR of each scene (mean over exposures), with the stops that there were to recover."""
    names = [*report.names("method", suite=suite), BASE, BEST_GAIN]
    records = [record for record in report.records if record.suite == suite]
    values = {name: report.by_scene(suite, ALL_SHARES, name, "pu21_psnr") for name in names}
    if not any(values.values()):
        return ""
    rows = []
    for scene in dict.fromkeys(record.scene for record in records):
        stops = median(record.headroom for record in records if record.scene == scene)
        note = " (little to recover)" if stops < LITTLE_HEADROOM else ""
        cells = [f"{values[name][scene]:.2f}" if scene in values[name] else "" for name in names]
        rows.append([scene, f"{stops:.1f}{note}", *cells])
    head = ["scene", "headroom, stops", *names]
    return "### Single images: PU21-PSNR dB, mean over the clipped shares\n\n" + table(head, rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown of a head and its rows."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
