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
    CLASSICAL,
    DEFAULT,
    OPENCV_DEBEVEC,
    OPENCV_TOLD,
    ORACLE,
    REFERENCE,
)
from headroom.evaluate.brackets.report import BracketReport

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLOT = Path("images") / "brackets-scenes.png"
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
TEXT = Path(__file__).with_name("bracket_results.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="evaluation-brackets.json")
    parser.add_argument("--out", type=Path, default=DOCS / "brackets-results.md")
    options = parser.parse_args()
    report = BracketReport.from_dict(json.loads(options.results.read_text(encoding="utf-8")))
    draw_scenes(report, options.out.parent / PLOT)
    if report.speeds:
        draw_costs(report, options.out.parent / COSTS)
    options.out.write_text(page(report), encoding="utf-8")


def page(report: BracketReport) -> str:
    """The whole page."""
    tables = report.markdown().split("\n", 2)[2]
    scenes = len({record.scene for record in report.records})
    brackets = len({(record.scene, record.kind, record.seed) for record in report.records})
    text = TEXT.read_text(encoding="utf-8").format(scenes=scenes, brackets=brackets)
    return text.rstrip("\n") + "\n\n" + tables


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
        if not found.scenes or not speed.trained:
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
