"""The benchmark of brackets as Markdown."""

from __future__ import annotations

import math

from headroom.evaluate.brackets.names import AHDRNET, CLASSICAL, DEFAULT, MERTENS
from headroom.evaluate.brackets.report import BracketReport
from headroom.evaluate.columns import Column
from headroom.evaluate.statistics import Paired
from headroom.evaluate.table import table

__all__ = ["goals", "markdown"]

GAIN_DB = 3.0
"""What the default is to gain in moving areas over the best classical merge with alignment."""
CLASSICAL_GOALS = (
    ("moving", "mu_psnr_moving", GAIN_DB),
    ("still", "mu_psnr", 0.0),
    ("still", "pu21_psnr", 0.0),
    ("still", "linear_psnr", 0.0),
    ("still", "jod", 0.0),
)
"""On which brackets, by which measure, how much better than the best classical merge with alignment by that measure."""
TIME_RATIO = 0.5
"""The default's time, at most, as a share of AHDRNet's."""

WITH_INTERVAL = ("mu_psnr", "mu_psnr_moving")
PAIRED = ("mu_psnr_moving", "mu_psnr_rest", "mu_psnr", "linear_psnr", "pu21_psnr", "jod", "ghost", "log_rmse")
TITLES = {
    "moving": "Moving: a hand-held camera, and things that move on their own",
    "still": "Still: nothing moves on its own",
}


def markdown(report: BracketReport) -> str:
    """All tables: goals, means of moving and still brackets, paired differences, speed, real stacks, scenes."""
    parts = ["# Merged brackets"]
    if report.records:
        parts += [_legend(report), goals(report)]
        for kind in report.kinds:
            parts += [f"## {TITLES.get(kind, kind)}", _means(report, kind), _paired(report, kind)]
    if report.speeds:
        parts.append(_speeds(report))
    if report.stacks:
        parts.append(_stacks(report))
    parts += [_scenes(report, kind) for kind in report.kinds]
    return "\n\n".join(part for part in parts if part) + "\n"


def goals(report: BracketReport) -> str:
    """The project's goals for the default merge, with what it reached; "" where it did not run."""
    if DEFAULT not in report.names("method"):
        return ""
    rows = []
    columns = {column.name: column for column in report.columns()}
    for kind, name, limit in CLASSICAL_GOALS:
        if kind not in report.kinds or name not in columns:
            continue
        best = report.best(kind, columns[name], [m for m in report.names() if m in CLASSICAL])
        if best:
            found = report.paired(kind, DEFAULT, best, columns[name])
            goal = f"{columns[name].title} above the best classical merge with alignment ({best})"
            rows.append([kind, goal, f"{limit:+g}", _difference(found, columns[name]), _verdict(found, limit)])
    for rival in (name for name in AHDRNET if name in report.names("method")):
        for kind, name in (("moving", "mu_psnr"), ("moving", "mu_psnr_moving"), ("still", "mu_psnr")):
            if kind in report.kinds and name in columns:
                found = report.paired(kind, DEFAULT, rival, columns[name])
                goal = f"{columns[name].title} level with {rival}"
                rows.append([kind, goal, "+0", _difference(found, columns[name]), _verdict(found, 0.0)])
        seconds = {speed.method: speed.seconds_per_mp for speed in report.speeds}
        if DEFAULT in seconds and rival in seconds:
            ratio = seconds[DEFAULT] / seconds[rival]
            met = "met" if ratio <= TIME_RATIO else "**missed**"
            rows.append(["", f"time as a share of {rival}'s, at most", f"{TIME_RATIO:g}", f"{ratio:.2f}", met])
    if not rows:
        return ""
    return f"## Goals: {DEFAULT}\n\n" + table(["brackets", "goal", "limit", "reached [95 %]", ""], rows)


def _verdict(found: Paired, limit: float) -> str:
    if found.mean >= limit:
        return "met"
    return "level: within the interval" if limit == 0.0 and found.high >= 0.0 else "**missed**"


def _legend(report: BracketReport) -> str:
    brackets = {(r.scene, r.kind, r.seed): r for r in report.records}
    scenes = len({r.scene for r in report.records})
    share = [100 * sum(getattr(r, name) for r in brackets.values()) / len(brackets) for name in
             ("clipped_share", "burnt_share")]  # fmt: skip
    stops = sorted({" ".join(f"{ev:+g}" for ev in r.ev_stops) for r in brackets.values()})
    lines = [
        f"{len(brackets)} brackets staged from {scenes} HDR scenes ({', '.join(stops)} EV), 8 bit, noise of each "
        f"frame's own. On average {share[0]:.1f} % of the reference frame's pixels clip, {share[1]:.2f} % in every "
        "frame. Results are scaled to the truth by one number each, on pixels that the reference frame recorded; 1.0 "
        "is the reference frame's white, shown at 203 cd/m2.",
        "mu-PSNR: mu = 5000, on the truth's 99.9th percentile; *in motion*: over pixels that something moving on its "
        "own covers in some frame; *ghosts*: log2 RMSE there, of what the reference frame recorded, so that all of "
        "the error beyond its noise came from other frames; *motion over clipped*: there, above the reference "
        "frame's white but not the darkest frame's. *All clipped*: above the darkest frame's white too. *Dark*: "
        "reference codes below 25.",
        "Methods of headroom are told the camera's response, and align by flow where nothing else is said; OpenCV's "
        "estimate it, but for *response told*, and align by median threshold bitmaps. Mertens' fusion is a picture to "
        "look at, not light: it is only measured as one. *Goes on*: the single-image network reconstructs what clipped "
        "in every frame, as `headroom merge` has it by default; all other rows end with the merge.",
        "The oracle is no method: it is shown the truth, to tell which samples of the aligned frames are right, and "
        "merges those; where none is right it knows no more than the frames do.",
        "Cells: mean over scenes [95 % bootstrap interval] / median.",
        *report.notes,
    ]
    for name in report.names("method", "baseline"):
        if report.nonfinite(name):
            lines.append(f"**{name} gave {report.nonfinite(name)} samples that are not finite.**")
    return "\n\n".join(lines)


def _means(report: BracketReport, kind: str) -> str:
    columns = [c for c in report.columns() if any(report.by_scene(kind, m, c.name) for m in report.names())]
    if kind == "still":
        columns = [c for c in columns if c.name not in ("mu_psnr_rest", "mu_psnr_moving", "ghost", "ghost_clip")]
    rows = [[method, *(_cell(report, kind, method, c) for c in columns)] for method in report.names()]
    return table(["method", *(c.title for c in columns)], rows)


def _cell(report: BracketReport, kind: str, method: str, column: Column) -> str:
    found = report.interval(kind, method, column.name)
    if not found.scenes:
        return ""
    mean, low, high, middle = (f"{v:.{column.digits}f}" for v in (found.mean, found.low, found.high, found.median))
    interval = f" [{low}, {high}]" if column.name in WITH_INTERVAL else ""
    return f"{mean}{interval} / {middle}"


def _paired(report: BracketReport, kind: str) -> str:
    if DEFAULT not in report.names("method"):
        return ""
    columns = [c for c in report.columns() if c.name in PAIRED and report.by_scene(kind, DEFAULT, c.name)]
    if kind == "still":
        columns = [c for c in columns if c.name not in ("mu_psnr_rest", "mu_psnr_moving", "ghost")]
    rows = []
    for other in report.names():
        if other not in (DEFAULT, MERTENS):
            found = [(report.paired(kind, DEFAULT, other, column), column) for column in columns]
            rows.append([other, *(_difference(difference, column) for difference, column in found)])
    head = [f"{DEFAULT} is better by, than", *(column.title for column in columns)]
    return "### Paired differences, mean over scenes [95 %]\n\n" + table(head, rows)


def _difference(found: Paired, column: Column) -> str:
    if not found.scenes or not math.isfinite(found.mean):
        return ""
    text = f"{found.mean:+.{column.digits}f} [{found.low:+.{column.digits}f}, {found.high:+.{column.digits}f}]"
    return f"**{text}**" if found.is_better else text


def _speeds(report: BracketReport) -> str:
    rows = [
        [
            speed.method if speed.trained else f"{speed.method} (no weights here)",
            f"{speed.ratio:.2f}",
            f"{speed.seconds_per_mp:.2f}",
            "" if math.isnan(speed.gflop_per_mp) else f"{speed.gflop_per_mp:.0f}",
            f"{speed.parameters:,}" if speed.parameters else "",
        ]
        for speed in report.speeds
    ]
    head = ["method", f"time, {report.speeds[0].method} = 1", "seconds per megapixel here", "GFLOP per megapixel",
            "parameters"]  # fmt: skip
    note = "Three frames, in turn in the same run, one after the other; merging alone but for the rows that say more."
    return f"## Speed\n\n{note}\n\n" + table(head, rows)


def _stacks(report: BracketReport) -> str:
    from headroom.evaluate.brackets.stacks import stacks_table

    return "## Real stacks\n\n" + stacks_table(report.stacks)


def _scenes(report: BracketReport, kind: str) -> str:
    name = "mu_psnr_moving" if kind == "moving" else "mu_psnr"
    chosen = [c for c in report.columns() if c.name == name]
    methods = [m for m in report.names() if m != MERTENS]
    values = {method: report.by_scene(kind, method, name) for method in methods}
    if not chosen or not any(values.values()):
        return ""
    rows = []
    for scene in dict.fromkeys(r.scene for r in report.records if r.kind == kind):
        rows.append([scene, *(_number(values[method].get(scene, math.nan), chosen[0].digits) for method in methods)])
    return f"## Single scenes, {kind}: {chosen[0].title}\n\n" + table(["scene", *methods], rows)


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"
