"""What more compute and more scenes bring: docs/images/learning-curve.png and its tables in docs/quality.md.

    python benchmarks/learning_curve.py

From benchmarks/figures (``quality_points.py`` says how they are measured; a point may also be a mean that the training
log published, without its scenes). Compute: a saturating power law, ``y = end - fall * minutes^-rate``, least squares;
its 95 % intervals fit it again to its own values with its residuals drawn anew. Scenes: a straight line over doublings,
its intervals drawing the validation scenes anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from quality_points import ROOT, Point, by_scene, by_share, means, points, write_between

PICTURE = ROOT / "docs" / "images" / "learning-curve.png"
RATES = np.geomspace(0.1, 3, 60)
"""Exponents that are tried; slower falls than the first have no end that so few points could tell."""
RESAMPLES = 2000
SEED = 20260
PARAMETERS = 3
"""Of the power law."""
FURTHER = 10.0
NAMES = ("PU21-PSNR over inverse sRGB, dB", "log2 RMSE in the clip, stops")
COLOURS = ("#2060a0", "#d06010")


@dataclass(frozen=True)
class Law:
    """``end - fall * x^-rate``."""

    end: float
    fall: float
    rate: float

    def at(self, x: np.ndarray) -> np.ndarray:
        """Its values."""
        return self.end - self.fall * np.asarray(x, float) ** -self.rate


def power_law(x: np.ndarray, y: np.ndarray) -> Law:
    """Least squares: linear in the end and the fall, the rate from a list."""
    tried = []
    for rate in RATES:
        basis = np.stack([np.ones_like(x), -(x**-rate)], 1)
        solution, *_ = np.linalg.lstsq(basis, y, rcond=None)
        tried.append((float(np.square(basis @ solution - y).sum()), Law(*map(float, solution), float(rate))))
    return min(tried, key=lambda one: one[0])[1]


def line(x: np.ndarray, y: np.ndarray) -> Law:
    """A doubling brings ``rate``; ``end`` is at the first x."""
    slope, first = np.polyfit(np.log2(x / x[0]), y, 1)
    return Law(float(first), 0.0, float(slope))


def resampled(values: np.ndarray) -> np.ndarray:
    """(points, scenes) to (RESAMPLES, points): means over scenes drawn with replacement, the same for all points."""
    draws = np.random.default_rng(SEED).integers(values.shape[1], size=(RESAMPLES, values.shape[1]))
    return values[:, draws].mean(-1).T


def refitted(law: Law, x: np.ndarray, y: np.ndarray) -> list[Law]:
    """To the law's values with its residuals drawn anew, widened for what the fit has eaten of them."""
    left = (y - law.at(x)) * np.sqrt(len(x) / (len(x) - PARAMETERS))
    draws = np.random.default_rng(SEED).integers(len(x), size=(RESAMPLES, len(x)))
    return [power_law(x, law.at(x) + left[draw]) for draw in draws]


def interval(values: list[float] | np.ndarray) -> str:
    """95 %."""
    low, high = np.percentile(values, (2.5, 97.5))
    return f"[{low:+.2f}, {high:+.2f}]"


def compute(course: list[Point], panels: np.ndarray) -> list[str]:
    """Draws, and the page's lines."""
    lines = []
    for measure, (panel, name, colour) in enumerate(zip(panels, NAMES, COLOURS, strict=True)):
        known = [point for point in course if not np.isnan(means(point)[measure])]
        for point in known:
            panel.plot(point["minutes"], means(point)[measure], "*" if "mean_of" in point else "o", color=colour)
            panel.annotate(
                point["label"], (point["minutes"], means(point)[measure]), xytext=(5, -10 if measure == 0 else 6),
                textcoords="offset points", fontsize=7, color="0.3",
            )  # fmt: skip
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        panel.set(xlabel="processor minutes in all (one thread)")
        panel.set_title(name, fontsize=10)
        fitted = [point for point in known if "mean_of" not in point]
        x, y = np.array([p["minutes"] for p in fitted]), np.array([means(p)[measure] for p in fitted])
        panel.axvline(x[-1], color="0.7", linewidth=1, linestyle=":")
        if len(x) <= PARAMETERS + 1:
            lines.append(f"| {name} | {y[-1]:.2f}, too few points for a law | | | | |")
            continue
        law = power_law(x, y)
        laws, far = refitted(law, x, y), np.geomspace(x[0], FURTHER * x[-1], 80)
        panel.fill_between(
            far,
            *np.percentile([one.at(far) for one in laws], (2.5, 97.5), axis=0),
            color=colour,
            alpha=0.12,
            linewidth=0,
        )
        panel.plot(far, law.at(far), color=colour, linewidth=1)
        ends = np.array([x[-1], FURTHER * x[-1]])
        now, then = law.at(ends)
        gains = [np.diff(one.at(ends))[0] for one in laws]
        lines.append(
            f"| {name} | {now:.2f} | {then:.2f} | {then - now:+.2f} {interval(gains)} | {law.end:.2f} "
            f"{interval([one.end for one in laws])} | {law.rate:.2f} |"
        )
    return lines


def data(groups: list[Point], panels: np.ndarray) -> list[str]:
    """As ``compute``, over the number of scenes."""
    x = np.array([point["scenes"] for point in groups])
    lines = []
    for measure, (panel, name, colour) in enumerate(zip(panels, NAMES, COLOURS, strict=True)):
        scenes = np.stack([by_scene(point)[..., measure].mean(1) for point in groups])
        y, drawn = scenes.mean(1), resampled(scenes)
        low, high = np.percentile(drawn - drawn.mean(1, keepdims=True), (2.5, 97.5), axis=0)
        panel.errorbar(x, y, yerr=np.stack([-low, high]), fmt="o", color=colour, capsize=3)
        slopes = [line(x, means_).rate for means_ in drawn]
        law = line(x, y)
        panel.plot(x, law.end + law.rate * np.log2(x / x[0]), color=colour, linewidth=1)
        panel.set_xscale("log", base=2)
        panel.set_xticks(x, [f"{count:g}" for count in x])
        panel.set_xlim(x[0] / 1.4, x[-1] * 1.4)
        panel.set(xlabel="training scenes, equal steps of the small network")
        panel.set_title(name, fontsize=10)
        last = drawn[:, -1] - drawn[:, -2]
        lines.append(
            f"| {name} | {' / '.join(f'{value:.2f}' for value in y)} | {law.rate:+.2f} {interval(slopes)} | "
            f"{y[-1] - y[-2]:+.2f} {interval(last)} |"
        )
    return lines


def steps_table(course: list[Point]) -> list[str]:
    """What every point of the course is."""
    lines = [
        "| weights | steps in all | processor minutes in all | PU21-PSNR over inverse sRGB, dB, 2 / 5 / 15 % | mean | "
        "log2 RMSE in the clip |",
        "|---|---|---|---|---|---|",
    ]
    for point in course:
        shares = " / ".join(f"{db:+.2f}" for db in by_share(point)[:, 0])
        over, rmse = means(point)
        took = f"{point['steps']:,.0f} | {point['minutes']:.0f}"
        stops = "not kept" if np.isnan(rmse) else f"{rmse:.3f}"
        lines.append(f"| {point['label']} | {took} | {shares} | {over:+.2f} | {stops} |")
    return lines


def main() -> None:
    mpl.use("Agg")
    course = sorted(points("course"), key=lambda point: point["minutes"])
    groups = sorted(points("data"), key=lambda point: point["scenes"])
    rows = 2 if groups else 1
    figure, panels = plt.subplots(rows, 2, figsize=(12.5, 4.2 * rows), layout="constrained", squeeze=False)
    for panel in panels.flat:
        panel.grid(alpha=0.25)
    lines = ["", *steps_table(course), ""]
    lines += [
        f"| | now, by the law | at {FURTHER:g} times the minutes | that brings [95 %] | its end [95 %] | rate |",
        "|---|---|---|---|---|---|",
        *compute(course, panels[0]),
        "",
    ]
    write_between("compute", lines)
    if groups:
        counts = " / ".join(f"{point['scenes']:g}" for point in groups)
        head = f"| | at {counts} scenes | a doubling brings [95 %] | the last doubling [95 %] |"
        write_between("scenes", ["", head, "|---|---|---|---|", *data(groups, panels[1]), ""])
    figure.savefig(PICTURE, dpi=110)
    print(f"{len(course)} points of compute, {len(groups)} of scenes; {PICTURE.name} written")


if __name__ == "__main__":
    main()
