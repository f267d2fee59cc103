"""Quality against cost: docs/images/cost-quality.png and its table in docs/quality.md, from benchmarks/figures.

    python benchmarks/cost_quality.py

``quality_points.py`` says how the figures are measured. Cost is what a picture of a megapixel takes: its tiles and the
look at the whole frame.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from headroom.evaluate.statistics import bootstrap
from quality_points import ROOT, Point, by_scene, means, points, write_between

PICTURE = ROOT / "docs" / "images" / "cost-quality.png"
BUDGET_GFLOP = 60.0
"""What headroom-1 may take a megapixel."""
VARIANT, MODEL = "#d06010", "#2060a0"
ALIKE = "variants of headroom-1, trained alike for 260 steps:"
TITLES = (
    ("PU21-PSNR over inverse sRGB, dB", "higher is better"),
    ("log2 RMSE in the clip, stops", "lower is better"),
)


def gflop(point: Point) -> float:
    """For a picture of a megapixel."""
    return float(point["gflop_per_mp"] + point["gflop_a_frame"])


def draw(equal: list[Point], whole: list[Point]) -> None:
    """Both measures, side by side; variants lie close together, so letters stand for them."""
    mpl.use("Agg")
    letters = [chr(ord("a") + number) for number in range(len(equal))]
    key = [f"{letter}  {point['label']}" for letter, point in zip(letters, equal, strict=True)]
    figure, panels = plt.subplots(1, 2, figsize=(12.5, 5.2), layout="constrained")
    for measure, (panel, (title, better)) in enumerate(zip(panels, TITLES, strict=True)):
        x, y = [gflop(point) for point in equal], [means(point)[measure] for point in equal]
        panel.plot(x, y, "o", color=VARIANT, markerfacecolor="white", label="\n".join([ALIKE, *key]))
        for letter, right, up in zip(letters, x, y, strict=True):
            first = x.index(right) == letters.index(letter)
            label(panel, letter, right, up, VARIANT, left=not first)
        x, y = [gflop(point) for point in whole], [means(point)[measure] for point in whole]
        panel.plot(x, y, "s", color=MODEL, label="models as they are used")
        for point, right, up in zip(whole, x, y, strict=True):
            label(panel, point["label"], right, up, MODEL, left=right > 250 or 20 < right < 58)
        panel.axvline(BUDGET_GFLOP, color="0.6", linestyle="--", linewidth=1)
        panel.annotate(
            f"budget of headroom-1, {BUDGET_GFLOP:.0f}", (BUDGET_GFLOP, 0.98), xycoords=("data", "axes fraction"),
            xytext=(-3, 0), textcoords="offset points", rotation=90, ha="right", va="top", fontsize=8, color="0.4",
        )  # fmt: skip
        panel.set_xscale("log")
        panel.set_xlim(4, 1000)
        panel.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        panel.set(xlabel="GFLOP for a picture of a megapixel")
        panel.set_title(f"{title} ({better})", fontsize=10)
        panel.grid(alpha=0.25)
        panel.margins(y=0.15)
    panels[0].legend(fontsize=8, loc=(0.01, 0.2))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def label(panel: plt.Axes, text: str, x: float, y: float, colour: str, *, left: bool) -> None:
    """To the right of its marker, or to the left."""
    panel.annotate(
        text, (x, y), xytext=(-7 if left else 7, 0), textcoords="offset points", fontsize=8, color=colour, va="center",
        ha="right" if left else "left",
    )  # fmt: skip


def rows(group: list[Point]) -> list[str]:
    lines = []
    for point in sorted(group, key=gflop):
        values = by_scene(point).mean(1)
        over, rmse = (bootstrap(values[:, measure].tolist()) for measure in (0, 1))
        shares = " / ".join(f"{db:+.2f}" for db in by_scene(point)[..., 0].mean(0))
        trained = f"{point['minutes']:.0f}" if "minutes" in point else ""
        measured = f"{over.mean:+.2f} [{over.low:+.2f}, {over.high:+.2f}] | {shares}"
        lines.append(
            f"| {point['label']} | {point['gflop_per_mp']:.1f} + {point['gflop_a_frame']:.1f} | "
            f"{point['parameters_m']:.2f} | {trained} | {measured} | "
            f"{rmse.mean:.3f} [{rmse.low:.3f}, {rmse.high:.3f}] |"
        )
    return lines


def main() -> None:
    equal, whole = points("equal"), points("whole")
    draw(equal, whole)
    head = [
        "| | GFLOP/MP of tiles + a frame | M parameters | processor minutes | PU21-PSNR over inverse sRGB, dB [95 %] | "
        "at 2 / 5 / 15 % clipped | log2 RMSE in the clip [95 %] |",
        "|---|---|---|---|---|---|---|",
    ]
    lines = ["", "**Trained alike, 260 steps:**", "", *head, *rows(equal)]
    lines += ["", "**As they are used:**", "", *head, *rows(whole), ""]
    write_between("cost", lines)
    spread = np.ptp([means(point)[0] for point in equal])
    print(f"{len(equal)} variants within {spread:.2f} dB of each other, {len(whole)} models; {PICTURE.name} written")


if __name__ == "__main__":
    main()
