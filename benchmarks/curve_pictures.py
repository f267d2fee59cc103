"""The pictures of docs/curve-results.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

__all__ = ["EDGES", "draw", "prior_weights"]

EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 1.0)
"""Of the stated probability."""
TAUGHT_SHARE = 0.4
"""Of the training photographs that followed the stated curve: what a stated probability is about."""
ERROR_BINS = 4
BLUE, ORANGE, GREY = "#2060a0", "#d06010", "0.55"


def draw(found: dict[str, Any], folder: Path) -> None:
    """curve-reliability.png and curve-worst.png."""
    mpl.use("Agg")
    reliability(found, folder / "curve-reliability.png")
    worst(found["plates"], folder / "curve-worst.png")


def reliability(found: dict[str, Any], path: Path) -> None:
    """Left: is the stated curve the true one as often as is said? Right: is the curve as far off as is said?"""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    right.plot([0, 0.6], [0, 0.6], color="0.7", linewidth=1)
    for name, title, colour in (("plates", "validation scenes", BLUE), ("held_out", "held-out scenes", ORANGE)):
        rows = found.get(name)
        if not rows:
            continue
        probability = np.array([row["probability"] for row in rows])
        stated = np.array([row["stated"] for row in rows], float)
        weight = prior_weights(stated)
        number = np.digitize(probability, EDGES[1:-1])
        bins = [number == n for n in range(len(EDGES) - 1) if (number == n).sum() >= 4]
        x, y = ([np.average(v[b], weights=weight[b]) for b in bins] for v in (probability, stated))
        left.plot(x, y, "o-", color=colour, label=f"{title}, {len(rows)} plates")
        used = [row for row in rows if not row["kept"]]
        if not used:
            continue
        order = np.argsort([row["stated_error"] for row in used])
        parts = np.array_split(order, max(1, min(ERROR_BINS, len(used) // 4)))
        said, seen = (
            [np.sqrt(np.mean([used[i][key] ** 2 for i in part])) for part in parts]
            for key in ("stated_error", "found_error")
        )
        dots = ([row[key] for row in used] for key in ("stated_error", "found_error"))
        right.scatter(*dots, s=9, color=colour, alpha=0.35, linewidth=0)
        right.plot(said, seen, "o-", color=colour, label=f"{title}, {len(used)} plates")
    left.set(xlabel="stated: probability that the stated curve holds", ylabel="found", xlim=(0, 1), ylim=(0, 1))
    left.set_title("Is the verdict honest? (on the line: yes)", fontsize=10)
    right.set(xlabel="stated: expected error, stops", ylabel="found, stops", xlim=(0, 0.6), ylim=(0, 0.9))
    right.set_title("Is the error as large as is said? Where the estimate is used", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def prior_weights(stated: np.ndarray) -> np.ndarray:
    """Weights that make as many plates follow the stated curve as the network was taught to expect."""
    share = stated.mean()
    return np.where(stated == 1, TAUGHT_SHARE / max(share, 1e-9), (1 - TAUGHT_SHARE) / max(1 - share, 1e-9))


def worst(rows: list[dict[str, Any]], path: Path) -> None:
    """The three plates that what is used leaves furthest off: true, estimated and stated curve."""
    three = sorted(rows, key=lambda row: -row["outside_used"])[:3]
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
    for row, axes in zip(three, panels, strict=True):
        truth, estimate = np.array(row["truth"]), np.array(row["curve"])
        code = np.linspace(0, 1, len(truth))
        srgb = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        axes.plot(code, truth, color="black", label="true")
        axes.plot(code, estimate, color=BLUE, label="estimate")
        axes.plot(code, srgb, "--", color=GREY, label="stated (sRGB)")
        kept = f"kept, {row['probability']:.0%} likely" if row["kept"] else "replaced"
        axes.set_title(
            f"{row['scene']}, {100 * row['share']:g} %{', JPEG' if row['jpeg'] else ''}\n"
            f"{row['outside_used']:.2f} stops off; stated curve {kept}",
            fontsize=9,
        )
        axes.set(xlabel="code", yscale="log", ylim=(0.003, 1.1), xlim=(0.05, 1))
    panels[0].set_ylabel("light")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
