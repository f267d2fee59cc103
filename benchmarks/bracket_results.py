"""docs/brackets-results.md and its plots, from what ``headroom evaluate --brackets -o FOLDER`` wrote.

headroom evaluate SCENES --brackets --stacks STACKS -o /tmp/brackets
python benchmarks/bracket_results.py /tmp/brackets/evaluation-brackets.json
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from headroom.evaluate.brackets.names import (
    AHDRNET,
    CLASSICAL,
    DEFAULT,
    GOES_ON,
    OPENCV_DEBEVEC,
    OPENCV_TOLD,
    ORACLE,
    REFERENCE,
)
from headroom.evaluate.brackets.report import ALL, BracketRecord, BracketReport
from headroom.evaluate.brackets.speed import Speed
from headroom.evaluate.brackets.stacks import StackFound
from headroom.evaluate.columns import Column

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLOT = Path("images") / "brackets-scenes.png"
REAL = "bracket-real.jpg"
REAL_CAPTION = (
    "Real stacks as `headroom merge FOLDER` makes them. Two with EXIF; the exposures of the others are measured."
)
COSTS = Path("images") / "brackets-cost.png"
SHOWN = {
    REFERENCE: ("0.6", "o"),
    OPENCV_DEBEVEC: ("tab:olive", "v"),
    OPENCV_TOLD: ("tab:orange", "v"),
    "inverse-variance": ("tab:blue", "s"),
    "ahdrnet-small": ("tab:purple", "d"),
    DEFAULT: ("tab:red", "o"),
    ORACLE: ("black", "|"),
}
PICTURES = {
    "bracket-aft_lounge.jpg": "Cut-outs pass before a window and before chairs. headroom-merge-1 keeps the "
    "reference frame there, with its noise in the dark.",
    "bracket-modern_buildings_night.jpg": "Lamps by night. Blue in the errors of all: light that no frame recorded.",
    "bracket-small_hangar_01.jpg": "In the bright frame the floor is white: only two frames can tell what moved there.",
    "bracket-photo_studio_01.jpg": "What it cannot know: a lamp before a wall that is white in the reference frame. No "
    "other frame shows the lamp there.",
}
AGREES = (
    (0.94, "**agrees within its noise**"),
    (0.90, "**nearly agrees within its noise**"),
    (0.0, "**does not agree within its noise**"),
)
"""Share of samples within two standard deviations, of which noise alone has 95.4 %."""
INTRODUCTION = """# Merged brackets: results

How `headroom merge` does on {brackets} brackets staged from {scenes} scenes that were never trained on, half of them
with things that move on their own, beside the classical merges, OpenCV's and the papers' networks. How they are made
and what the measures mean: [evaluation.md](evaluation.md#brackets). Made by `benchmarks/bracket_results.py` from

```
headroom evaluate SCENES --brackets --stacks STACKS -o results
```

and the pictures by `benchmarks/bracket_pictures.py SCENES --stacks STACKS`. The machine was shared: read times as
ratios.
"""
LIMITS = """## What it cannot do

- **Light that no frame recorded.** A sun that is white in the darkest frame stays at that frame's white in the rows of
  merges; where `headroom-1` goes on from there, its colour and power are predicted, not measured.
- **What moves over a clipped place.** Where the reference frame is white and something moved, the other frames show
  another moment. What stands there then is bounded by what the frames prove, and made up between the bounds: *motion
  over clipped* in the tables.
- **A wrong response** makes frames disagree although nothing moved. Real JPEGs are contrastier than sRGB says: see the
  real stacks, stated response against fitted one. A fitted one, with a black level for each channel and exposures
  measured where they contradict the dial (in room_static two frames, by 0.1 and 0.3 stops), leaves the one static stack
  at its noise. In the other a few percent of the samples stay outside, which is no noise: take each frame's median
  away by place, level or hue, as `benchmarks/bracket_residuals.py STACKS/room_static` does, and they are within it. The
  camera treated places and colours differently from frame to frame: saturated reds are off by a tenth of a stop and
  more in the dark frames. In the sky of merianos_secretbeach a faint edge stands where the reference frame clips,
  and a greenish ring close to the sun, where the darkest frame lost one channel after the other.
- **Staged motion is not all motion.** Cut-outs are rigid or bend a little; nothing is blurred by its motion or rolls
  with the shutter; the frames are 384x256 and no JPEGs. Real stacks with moving people were not to be had: the pictures
  of real stacks are of places that hold still, but for leaves and water.
- **The papers' networks here are small ones**, trained for minutes on a CPU: they stand for what such a budget gives,
  not for the papers. headroom-merge-1 0.1.1 had a last leg of 8 minutes (wrong curves, JPEGs) beyond the budget that it
  shared with ahdrnet-small; their distance does not hang on that (0.1.0, held-out training scenes: 41.1 against 31.3 dB
  in motion).
- {scenes} scenes: differences between close methods lie within their intervals.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="evaluation-brackets.json; of several, the first counts")
    parser.add_argument("--out", type=Path, default=DOCS / "brackets-results.md")
    options = parser.parse_args()
    report = read_reports(options.results)
    draw_scenes(report, options.out.parent / PLOT)
    if report.speeds:
        draw_costs(report, options.out.parent / COSTS)
    options.out.write_text(page(report), encoding="utf-8")


def read_reports(paths: list[Path]) -> BracketReport:
    """One report: a record, a note, a stack that several have is the first's; speeds are of one run, the last's."""
    records: dict[tuple[str, ...], BracketRecord] = {}
    stacks: dict[tuple[str, ...], StackFound] = {}
    notes: dict[str, None] = {}
    speeds: list[Speed] = []
    for path in paths:
        report = BracketReport.from_dict(json.loads(path.read_text(encoding="utf-8")))
        for record in report.records:
            records.setdefault((record.scene, record.kind, str(record.seed), record.method), record)
        for stack in report.stacks:
            stacks.setdefault((stack.name, stack.response, stack.method), stack)
        notes |= dict.fromkeys(report.notes)
        speeds = report.speeds or speeds
    roles = ("method", "baseline", "oracle")
    ordered = sorted(records.values(), key=lambda record: roles.index(record.role))
    return BracketReport(ordered, list(notes), speeds, list(stacks.values()))


def page(report: BracketReport) -> str:
    """The whole page."""
    tables = report.markdown().split("\n", 2)[2]
    scenes = len({record.scene for record in report.records})
    brackets = len({(record.scene, record.kind, record.seed) for record in report.records})
    parts = [
        INTRODUCTION.format(scenes=scenes, brackets=brackets).rstrip("\n"),
        "## In short",
        "\n".join(f"- {line}" for line in in_short(report)),
        f"![Each scene by method]({PLOT})",
        f"![Quality in motion over time]({COSTS})" if report.speeds else "",
        *(f"![{caption}](images/{name})\n\n*{caption}*" for name, caption in PICTURES.items()),
        f"![Real stacks](images/{REAL})\n\n*{REAL_CAPTION}*" if report.stacks else "",
        LIMITS.format(scenes=scenes).rstrip("\n"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n\n" + tables


def in_short(report: BracketReport) -> list[str]:
    """The conclusions, with this run's figures."""
    columns = {column.name: column for column in report.columns()}
    moving, whole, linear = (columns[name] for name in ("mu_psnr_moving", "mu_psnr", "linear_psnr"))
    classical = [name for name in report.names() if name in CLASSICAL]
    best = report.best("moving", moving, classical)
    best_still = report.best("still", whole, classical)

    def mean(kind: str, method: str, name: str) -> str:
        return f"{report.interval(kind, method, name).mean:.1f}"

    def gain(kind: str, other: str, column: Column, first: str = DEFAULT) -> str:
        found = report.paired(kind, first, other, column)
        return f"**{found.mean:+.1f} dB** [{found.low:+.1f}, {found.high:+.1f}]"

    lines = [
        f"**In motion** {DEFAULT} has {mean('moving', DEFAULT, 'mu_psnr_moving')} dB mu-PSNR, the best classical merge "
        f"with alignment ({best}) {mean('moving', best, 'mu_psnr_moving')}: {gain('moving', best, moving)}. The "
        f"reference frame alone, which has no ghosts, has {mean('moving', REFERENCE, 'mu_psnr_moving')} "
        f"({gain('moving', REFERENCE, moving)}): classical merges would do better there to leave the other frames out.",
        f"**Where nothing moves** it has {mean('still', DEFAULT, 'mu_psnr')} dB, {best_still} "
        f"{mean('still', best_still, 'mu_psnr')}: {gain('still', best_still, whole)}; in linear light "
        f"{gain('still', report.best('still', linear, classical), linear)} against the best of them by that measure.",
    ]
    seconds = {speed.method: speed.seconds_per_mp for speed in report.speeds}
    for rival in (name for name in AHDRNET if name in report.names("method")):
        if DEFAULT in seconds and rival in seconds:
            lines.append(
                f"**Against {rival}**, trained on the same brackets: {gain('moving', rival, moving)} in motion, "
                f"{gain('still', rival, whole)} on still ones, in {seconds[DEFAULT] / seconds[rival]:.2f} of its time."
            )
    going_on = GOES_ON.format(DEFAULT)
    if going_on in report.names():
        lines.append(
            f"**Where every frame clipped**, `headroom-1` going on changes the log error there from "
            f"{report.interval(ALL, DEFAULT, 'burnt_rmse').mean:.2f} to "
            f"{report.interval(ALL, going_on, 'burnt_rmse').mean:.2f} stops, and mu-PSNR by "
            f"{gain(ALL, DEFAULT, whole, going_on)}; linear PSNR, which a guess at a sun's power can only lose by its "
            f"misses, by {gain(ALL, DEFAULT, linear, going_on)}."
        )
    for stack in sorted(report.stacks, key=lambda stack: stack.name):
        if stack.source == "exif" and stack.response != "declared":
            met = next(words for least, words in AGREES if stack.within >= least)
            lines.append(
                f"**Real, static stack {stack.name}**, {stack.method}, response fitted, {met}: of the samples that two "
                f"frames recorded, {100 * stack.within:.1f} % lie within two standard deviations of the merge (noise "
                f"alone: 95.4 %); their spread is {stack.sigmas:.2f} standard deviations, the median difference "
                f"{stack.apart_stops:.3f} stops."
            )
    return lines


def draw_scenes(report: BracketReport, path: Path) -> None:
    """A row a scene; moving brackets in motion, and still ones."""
    plt = _pyplot()
    scenes = sorted({record.scene for record in report.records}, reverse=True)
    panels = [("moving", "mu_psnr_moving", "in motion"), ("still", "mu_psnr", "still brackets")]
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.2), sharey=True, layout="constrained")
    for axis, (kind, column, title) in zip(axes, panels, strict=True):
        for method, (colour, marker) in SHOWN.items():
            values = report.by_scene(kind, method, column)
            if not values:
                continue
            at = [(values[scene], row) for row, scene in enumerate(scenes) if scene in values]
            axis.plot(*zip(*at, strict=True), marker, color=colour, label=method, ms=7, ls="none")
            axis.axvline(float(np.mean(list(values.values()))), color=colour, lw=1, ls=":")
        axis.set_title(f"mu-PSNR dB, {title} (dotted: means)")
        axis.grid(axis="y", color="0.9")
    axes[0].set_yticks(range(len(scenes)), scenes)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_costs(report: BracketReport, path: Path) -> None:
    """Quality in motion over time, of what has both."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(8, 4.6), layout="constrained")
    for speed in report.speeds:
        found = report.interval("moving", speed.method, "mu_psnr_moving")
        if not found.scenes or not speed.trained or speed.method == GOES_ON.format(DEFAULT):
            continue
        colour = "tab:red" if speed.method == DEFAULT else "tab:blue" if speed.method in CLASSICAL else "tab:purple"
        reach = [[found.mean - found.low], [found.high - found.mean]]
        axis.errorbar(speed.seconds_per_mp, found.mean, yerr=reach, fmt="o", color=colour, capsize=3)
        axis.annotate(f" {speed.method}", (speed.seconds_per_mp, found.mean), fontsize=9, va="bottom")
    oracle = report.interval("moving", ORACLE, "mu_psnr_moving").mean
    alone = report.interval("moving", REFERENCE, "mu_psnr_moving").mean
    for level, label in ((oracle, ORACLE), (alone, REFERENCE)):
        if not math.isnan(level):
            axis.axhline(level, color="0.5", lw=1, ls=":")
            axis.annotate(label, (0.01, level), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
    axis.set_xscale("log")
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if axis.get_xlim()[0] <= tick <= axis.get_xlim()[1]]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("seconds a megapixel of three aligned frames, this run (log)")
    axis.set_ylabel("mu-PSNR in motion, dB [95 %]")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


if __name__ == "__main__":
    main()
