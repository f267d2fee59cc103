"""A report on shots as Markdown."""

from __future__ import annotations

import math

from headroom.evaluate.columns import Column
from headroom.evaluate.shots.ground import SLOW_LAG
from headroom.evaluate.shots.methods import BASE, TRUE_HIGHLIGHTS
from headroom.evaluate.shots.report import ALL_KINDS, ShotReport
from headroom.evaluate.shots.spec import KINDS
from headroom.evaluate.table import table

__all__ = ["markdown"]

STEADY = ("excess", "excess_slow", "excess_fixed", "warping", "outside_excess")
QUALITY = ("jod", "pu21_psnr", "worst_frame", "clip_rmse", "clip_bias", "clip_spread", "outside_rmse")
GHOSTS = ("ghost_clip", "ghost_trail", "ghost_bias")
WITH_INTERVAL = ("excess", "jod", "pu21_psnr", "clip_rmse", "ghost_clip")
PAIRED = ("excess", "excess_slow", "jod", "pu21_psnr", "clip_rmse", "ghost_clip", "ghost_trail")


def markdown(report: ShotReport) -> str:
    """All tables: steadiness, quality, ghosts, paired differences, kinds of shots, single scenes."""
    parts = [
        "# Evaluation on shots",
        _legend(report),
        "## Steadiness, in stops a frame",
        _means(report, STEADY),
        "## Quality of the frames",
        _means(report, QUALITY),
    ]
    if any(not math.isnan(report.interval(name, "ghost_clip").mean) for name in report.names()):
        parts += ["## Beside things that move on their own", _means(report, GHOSTS)]
    if report.names("method"):
        parts += ["## Paired differences, mean over scenes [95 %]", _paired(report)]
    parts += ["## Excess variation by kind of shot, stops a frame", _kinds(report, "excess")]
    parts += ["## Excess variation by scene, stops a frame", _scenes(report, "excess")]
    return "\n\n".join(parts) + "\n"


def _legend(report: ShotReport) -> str:
    shots = {(r.scene, r.kind, r.share): r for r in report.records}
    shares = sorted({100 * r.share for r in report.records})
    lines = [
        f"{len(shots)} synthetic shots of {len({r.scene for r in report.records})} HDR scenes, 8 bit, with noise; "
        f"{' or '.join(f'{share:g}' for share in shares)} % of the pixels clip. Results are scaled to the truth by one "
        "number a shot, on recorded pixels; 1.0 is the clip level, shown at 203 cd/m2.",
        "Excess variation: RMS of the change of log2 luminance that the truth does not have, along the true motion, "
        f"on points that are clipped in both frames; *over {SLOW_LAG} frames*: of slow drift; *fixed pixels*: without "
        "following the motion; *outside*: on recorded pixels, where it is the camera's noise. Warping error: RMS "
        "change along the motion by itself. A result that is wrong but steady has little of all of these: read the "
        f"quality beside them. The floor: *{TRUE_HIGHLIGHTS}* for the warping error; for excess variation *{BASE}*, on "
        "shots whose exposure stays.",
        "By movers: log2 RMSE on clipped pixels that a moving thing just left, just entered or is about to; "
        "*recorded*: the same on recorded pixels; bias: what is left behind on the clipped ones, too bright above 0. A "
        "ghost is what a method has there above the same model frame by frame.",
        "Cells: mean over scenes [95 % bootstrap interval] / median. Oracles are shown the truth: bounds, not methods.",
        *report.notes,
    ]
    for name in report.names("method", "baseline"):
        if report.nonfinite(name):
            lines.append(f"**{name} gave {report.nonfinite(name)} samples that are not finite.**")
    return "\n\n".join(lines)


def _means(report: ShotReport, names: tuple[str, ...]) -> str:
    columns = [column for column in report.columns() if column.name in names]
    rows = [[_name(report, method), *(_cell(report, method, c) for c in columns)] for method in report.names()]
    return table(["method", *(column.title for column in columns)], rows)


def _name(report: ShotReport, method: str) -> str:
    ran = len({(r.scene, r.kind, r.share) for r in report.records if r.method == method})
    shots = len({(r.scene, r.kind, r.share) for r in report.records})
    return method if ran == shots else f"{method} ({ran} of {shots} shots)"


def _cell(report: ShotReport, method: str, column: Column, kind: str = ALL_KINDS) -> str:
    found = report.interval(method, column.name, kind=kind)
    if not found.scenes:
        return ""
    mean, low, high, middle = (f"{v:.{column.digits}f}" for v in (found.mean, found.low, found.high, found.median))
    interval = f" [{low}, {high}]" if column.name in WITH_INTERVAL else ""
    return f"{mean}{interval} / {middle}"


def _paired(report: ShotReport) -> str:
    columns = [column for column in report.columns() if column.name in PAIRED]
    rows = []
    names = report.names()
    for i, method in enumerate(report.names("method")):
        for other in names[i + 1 :]:
            share = report.ratio(method, other, "excess")
            bound = math.isnan(share.ratio) or other in report.names("oracle")
            ratio = "" if bound else f"{share.ratio:.2f} [{share.low:.2f}, {share.high:.2f}]"
            rows.append(
                [f"{method} against {other}", ratio, *(_paired_cell(report, method, other, c) for c in columns)]
            )
    head = ["better by (positive: the first is better)", "excess as a share", *(column.title for column in columns)]
    return table(head, rows)


def _paired_cell(report: ShotReport, method: str, other: str, column: Column) -> str:
    found = report.paired(method, other, column)
    if not found.scenes or not math.isfinite(found.mean):
        return ""
    text = f"{found.mean:+.{column.digits}f} [{found.low:+.{column.digits}f}, {found.high:+.{column.digits}f}]"
    shows = abs(found.mean) >= 0.5 * 10.0**-column.digits
    return f"**{text}**" if found.is_better and shows else text


def _kinds(report: ShotReport, name: str) -> str:
    methods = report.names()
    rows = []
    for kind in sorted(report.kinds, key=list(KINDS).index):
        shots = len({(r.scene, r.share) for r in report.records if r.kind == kind})
        cells = [_number(report.interval(method, name, kind=kind).mean) for method in methods]
        rows.append([f"{kind}: {KINDS[kind]}", str(shots), *cells])
    return table(["kind", "shots", *methods], rows)


def _scenes(report: ShotReport, name: str) -> str:
    methods = report.names()
    values = {method: report.by_scene(method, name) for method in methods}
    rows = []
    for scene in dict.fromkeys(record.scene for record in report.records):
        taken = dict.fromkeys(f"{r.kind} {100 * r.share:g} %" for r in report.records if r.scene == scene)
        rows.append([scene, ", ".join(taken), *(_number(values[method].get(scene, math.nan)) for method in methods)])
    return table(["scene", "shots", *methods], rows)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
