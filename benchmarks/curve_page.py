"""The words and tables of docs/curve-results.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curve_pictures import EDGES, prior_weights
from headroom.evaluate.statistics import bootstrap, paired
from headroom.evaluate.table import table

__all__ = ["AS_USED", "page"]

AS_USED = ", as --curve estimate uses it"
WAYS = {
    "sRGB": "sRGB assumed",
    "estimate": "the estimate, always",
    "used": "--curve estimate (the stated curve kept where it is likely)",
    "true": "oracle: the true curve (8 bit and JPEG remain)",
}
MEASURES = (
    ("curve_rms", "RMS of the curve", False, 4),
    ("linear_psnr", "PSNR of the linear picture, dB", True, 2),
    ("curve_stops", "error of the curve, stops", False, 3),
)
Rows = Sequence[dict[str, Any]]


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    plates, name = found["plates"], f"{found['model']} {found['version']}"
    unknown = [row for row in plates if not row["stated"]]
    scenes = len({row["scene"] for row in plates})
    held_out = " --held-out TRAINING_SCENES" if found.get("held_out") else ""
    parts = [
        f"# The response curve: what {name} makes of unknown cameras",
        f"Made by `python benchmarks/curve_results.py SCENES{held_out} --stacks STACKS` "
        f"from {scenes} scenes that were never trained on. Picture quality with these curves: "
        "[evaluation results](evaluation-results.md), suite `unknown`.",
        "## Outside the clip",
        "Log2 RMSE of recorded pixels (codes 25 to 230) after the best exposure, in stops: mean over scenes [95 %] / "
        "median. Five EMoR draws in turn, sRGB declared, every second plate a JPEG 90.",
        outside(unknown),
        "The same for photographs whose stated curve, sRGB, is the true one. What is lost is what wrong doubt costs.",
        outside([row for row in plates if row["stated"]]),
        "The three plates that are left furthest off:",
        "![True, estimated and stated curves of the worst three plates](images/curve-worst.png)",
        "## Is it honest?",
        "Two numbers come with a curve: how likely the stated curve is the true one, and how far off the estimate is "
        "expected to be. Plates are weighted so that 40 % follow the stated curve, as in training: a probability is "
        "about such a mixture.",
        "![Stated against found](images/curve-reliability.png)",
        honest(found),
        "## SingleHDR's Table 3",
        "The photographs of [papers.md](papers.md) (512x512, 5 % clipped, sRGB and five EMoR draws in turn), each "
        "without loss and as a JPEG 90; all networks see the same codes. Means over scenes [95 %].",
        *third(found),
    ]
    if found["stacks"]:
        parts += [
            "## Real cameras",
            "A bracket with known exposures gives the camera's response away (`headroom merge --response emor`). "
            "Against that, each single frame. Errors are RMS over well-exposed codes after the best exposure, stops.",
            cameras(found["stacks"]),
            "Both cameras state sRGB and neither follows it: their picture styles are contrastier. This is why a file "
            "that names its camera halves the odds of the stated curve, and why a render's is never left "
            "(`headroom inspect` says what a file tells).",
        ]
    return "\n\n".join(parts) + "\n"


def outside(rows: Rows) -> str:
    """A line a way, a column a share."""
    shares = sorted({row["share"] for row in rows})
    head = ["", *(f"{100 * share:g} % clipped" for share in shares), "left of sRGB's error"]
    lines = []
    for way, title in WAYS.items():
        values = [[row[f"outside_{way}"] for row in rows if row["share"] == share] for share in shares]
        base = [[row["outside_sRGB"] for row in rows if row["share"] == share] for share in shares]
        cells = []
        for column in values:
            seen = bootstrap(column)
            cells.append(f"{seen.mean:.3f} [{seen.low:.3f}, {seen.high:.3f}] / {seen.median:.3f}")
        left = " / ".join(f"{100 * np.mean(v) / np.mean(b):.0f}" for v, b in zip(values, base, strict=True)) + " %"
        lines.append([title, *cells, left])
    return table(head, lines)


def honest(found: dict[str, Any]) -> str:
    """Both reliabilities as tables."""
    lines, errors = [], []
    for key, title in (("plates", "validation"), ("held_out", "held out")):
        rows = found.get(key) or []
        if not rows:
            continue
        probability = np.array([row["probability"] for row in rows])
        stated = np.array([row["stated"] for row in rows], float)
        weight, number = prior_weights(stated), np.digitize(probability, EDGES[1:-1])
        cells = []
        for n in range(len(EDGES) - 1):
            inside = number == n
            if not inside.any():
                cells.append("no plate")
                continue
            said, seen = (np.average(v[inside], weights=weight[inside]) for v in (probability, stated))
            cells.append(f"{said:.2f} / {seen:.2f} ({inside.sum()})")
        lines.append([title, *cells])
        used = [row for row in rows if not row["kept"]]
        said, seen = (np.array([row[k] for row in used]) for k in ("stated_error", "found_error"))
        errors.append([
            title, str(len(used)), *(f"{np.sqrt(np.mean(v**2)):.2f}" for v in (said, seen)),
            *(f"{100 * np.mean(seen < times * said):.0f} %" for times in (1, 2)),
        ])  # fmt: skip
    edges = [f"stated {low:g} to {high:g}" for low, high in zip(EDGES, EDGES[1:], strict=False)]
    return "\n\n".join([
        "Probability of the stated curve, stated / found (plates):",
        table(["scenes", *edges], lines),
        "Error of the estimate where it is used, RMS in stops:",
        table(["scenes", "plates", "stated", "found", "within the stated error", "within twice that"], errors),
    ])  # fmt: skip


def third(found: dict[str, Any]) -> list[str]:
    """Table 3, then paired differences to the rival."""
    rows, ours, rival = found["table3"], found["model"], found["rival"]
    names = list(dict.fromkeys(row["method"] for row in rows))
    titles = {rival: f"{rival}: Linearization-Net"}

    def by_scene(method: str, key: str, jpeg: bool) -> dict[str, float]:
        chosen = [row for row in rows if row["method"] == method and row["jpeg"] == jpeg]
        return {
            scene: float(np.mean([row[key] for row in chosen if row["scene"] == scene]))
            for scene in dict.fromkeys(row["scene"] for row in chosen)
        }

    texts = []
    for jpeg in (False, True):
        lines, against = [], []
        for name in names:
            cells = []
            for key, _, _, digits in MEASURES:
                seen = bootstrap(list(by_scene(name, key, jpeg).values()))
                cells.append(f"{seen.mean:.{digits}f} [{seen.low:.{digits}f}, {seen.high:.{digits}f}]")
            lines.append([titles.get(name, name), *cells])
        for name in (ours, ours + AS_USED):
            cells = []
            for key, _, higher, digits in MEASURES:
                by = paired(by_scene(name, key, jpeg), by_scene(rival, key, jpeg), higher_is_better=higher)
                text = f"{by.mean:+.{digits}f} [{by.low:+.{digits}f}, {by.high:+.{digits}f}]"
                cells.append(f"**{text}**" if by.is_better else text)
            against.append([f"{name} against {rival}", *cells])
        head = [title for _, title, _, _ in MEASURES]
        texts += [
            "JPEG 90:" if jpeg else "Without loss:",
            table(["", *head], lines),
            table(["better by, paired by scene [95 %]", *head], against),
        ]
    return texts


def cameras(rows: Rows) -> str:
    """A line a frame."""
    lines = [
        [row["stack"], row["camera"], str(row["frame"]), f"{row['off_sRGB']:.2f}", f"{row['off_estimate']:.2f}",
         f"{row['probability']:.2f}", "kept" if row["kept"] else "replaced"]
        for row in rows
    ]  # fmt: skip
    head = ["bracket", "camera", "frame", "sRGB off", "estimate off", "sRGB likely", "--curve estimate: stated curve"]
    return table(head, lines)
