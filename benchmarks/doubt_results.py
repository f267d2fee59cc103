"""Whether headroom-1's doubt is honest, and what each of the possible lights is right about: docs/doubt-results.md.

    python benchmarks/doubt_results.py SCENES [--shares 2 5 15] [--model FOLDER] [--json out.json]

Each scene is photographed (sRGB, 8 bit, so much of it clips) and reconstructed with each ``headroom convert --light``
and with both ends of the stated 80 % interval. Measured where the truth is above the clip, after scaling on recorded
pixels:

- covered: share of the samples whose truth lies between the ends;
- right within a stop: what ``Band.confidence`` promises, and what was found;
- light: sum of the reconstructed over the sum of the true light. What a lamp does to a scene follows this.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from headroom.evaluate.exposures import Case, expose
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.statistics import bootstrap
from headroom.evaluate.table import table
from headroom.metrics import align_scale, psnr, pu21_encode, to_nits
from headroom.metrics.pu21 import PEAK
from headroom.reconstruct import Options, Reconstructor
from headroom.settings import ENDS, LIGHTS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "doubt-results.md"
PICTURE = ROOT / "docs" / "images" / "doubt.png"
COVERED_GOAL = (0.75, 0.85)
LIGHT_GOAL = (0.8, 1.2)
"""Of the mean, in the median over scenes."""
BINS = np.linspace(0, 1, 11)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[2, 5, 15])
    parser.add_argument("--model", default="headroom-1", help="Its name or folder.")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--json", type=Path, help="Also the figures of every photograph.")
    parser.add_argument("--again", type=Path, help="Page and picture from such a file; nothing is measured.")
    asked = parser.parse_args()
    reconstructor = Reconstructor(asked.model)
    rows = json.loads(asked.again.read_text(encoding="utf-8")) if asked.again else []
    for share in () if asked.again else asked.shares:
        for scene in find_scenes(asked.scenes):
            rows.append({"share": share, **measured(reconstructor, Case(scene, share / 100))})
            print(f"{share:g} % {rows[-1]['scene']}: covered {rows[-1]['covered']:.2f}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    asked.page.write_text(page(rows, asked.shares, reconstructor), encoding="utf-8")
    draw(rows, asked.picture)


def measured(reconstructor: Reconstructor, case: Case) -> dict[str, Any]:
    """All figures of one photograph."""
    exposure = expose(case)
    plate, colour = plate_of(exposure.code, False), declared_plan(exposure.declared)
    clipped = exposure.truth >= 1
    truth = exposure.truth[clipped].astype(np.float64)
    found: dict[str, Any] = {"scene": case.scene.name}
    scale, inside = 1.0, {}
    for light in LIGHTS + ENDS:
        bands = list(reconstructor.bands(plate, colour, Options(light=light)))
        pixels = np.concatenate([band.pixels for band in bands])
        if light == "median":  # recorded pixels are the same in all
            scale = float(align_scale(pixels, exposure.truth, exposure.well_exposed))
        pixels *= np.float32(scale)
        inside[light] = pixels[clipped]
        if light in ENDS:
            continue
        found[f"light_{light}"] = float(inside[light].sum(dtype=np.float64) / truth.sum())
        found[f"pu21_{light}"] = psnr(pu21_encode(to_nits(pixels)), exposure.truth_pu21, PEAK)
        if light == "median":
            right = np.abs(np.log2(inside[light].clip(1e-5)) - np.log2(truth)) < 1
            stated = np.concatenate([band.confidence for band in bands])[..., None].repeat(3, axis=2)[clipped]
            found["stated"], found["right"] = float(stated.mean()), float(right.mean())
            number = np.digitize(stated, BINS[1:-1])
            found["bins"] = [[int((number == n).sum()), float(right[number == n].sum())] for n in range(10)]
    found["darker"] = float((truth < inside["low"]).mean())
    found["brighter"] = float((truth > inside["high"]).mean())
    found["covered"] = 1 - found["darker"] - found["brighter"]
    return found


def page(rows: list[dict[str, Any]], shares: list[float], reconstructor: Reconstructor) -> str:
    """The page's text."""

    def mean(share: float, key: str, digits: int = 2) -> str:
        found = bootstrap([row[key] for row in rows if row["share"] == share])
        return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"

    def middle(share: float, key: str) -> str:
        values = [row[key] for row in rows if row["share"] == share]
        near = sum(LIGHT_GOAL[0] <= value <= LIGHT_GOAL[1] for value in values)
        return f"{np.median(values):.2f} ({near} of {len(values)})"

    honest = table(
        ["clipped", "covered by the 80 % interval", "darker", "brighter", "right within a stop: stated", "found"],
        [
            [f"{s:g} %", mean(s, "covered"), *(f"{np.mean([r[side] for r in rows if r['share'] == s]):.2f}"
             for side in ("darker", "brighter")), mean(s, "stated"), mean(s, "right")]
            for s in shares
        ],
    )  # fmt: skip
    light = table(
        ["clipped", *(f"light, {name}" for name in LIGHTS), *(f"PU21-PSNR dB, {name}" for name in LIGHTS)],
        [
            [f"{s:g} %", *(middle(s, f"light_{n}") for n in LIGHTS), *(mean(s, f"pu21_{n}", 1) for n in LIGHTS)]
            for s in shares
        ],
    )
    covered = [np.mean([row["covered"] for row in rows if row["share"] == share]) for share in shares]
    added = [np.median([row["light_mean"] for row in rows if row["share"] == share]) for share in shares]
    version, says = reconstructor.card.version, SAYS[bool(reconstructor.card.config.get("doubt_width"))]
    scenes = len({row["scene"] for row in rows})
    return f"""# How far to trust it: headroom-1 {version}'s doubt, measured

Made by `python benchmarks/doubt_results.py SCENES` from {scenes} scenes that were never trained on. headroom-1
states for each clipped pixel how far its answer may be off; the `confidence_mean` of reports and `--light` are
made from that. {says}

## Is the doubt honest?

Means over scenes [95 % interval]. An honest 80 % interval covers 0.80; above that, the network is better than it
says. Goal: 0.75 to 0.85; {_met(covered, COVERED_GOAL)}. Beyond its ends: darker and brighter, 0.10 each.

{honest}

![Stated against found, and what each light adds up to](images/doubt.png)

## Which light

Light in the clip over the true one, median over scenes (how many lie within 20 % of it), and PU21-PSNR,
means. Goal for the mean: 0.8 to 1.2; {_met(added, LIGHT_GOAL)}.

{light}

The median is the likeliest light of each pixel, and the best picture. Since a highlight may be much brighter
than likely but hardly darker than the clip, medians add up to too little light. `--light mean` is nearer to
right on average: take it where the result lights something. It cannot know which lamp is the brighter one:
single scenes are still off, in both directions, above all those with a bare sun. For panoramas `headroom ibl`
predicts each light's power from the whole scene.
"""


SAYS = {
    False: "It is one spread, the same above as below;\nbold lies one spread above.",
    True: "It says how far above light may lie and how far\nbelow, and where its mean is; bold is the upper end.",
}
"""By whether the network has a part for it."""


def _met(values: list[Any], goal: tuple[float, float]) -> str:
    met = sum(goal[0] <= value <= goal[1] for value in values)
    return "met" if met == len(values) else f"met at {met} of {len(values)} shares" if met else "missed"


def draw(rows: list[dict[str, Any]], picture: Path) -> None:
    """Reliability on the left, light a scene on the right."""
    mpl.use("Agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    # Each photograph counts alike in a bin, however large its clips are.
    centres, heights = [], []
    for number in range(10):
        shares = [row["bins"][number] for row in rows if row["bins"][number][0] >= 50]
        if len(shares) >= 3:
            centres.append((BINS[number] + BINS[number + 1]) / 2)
            heights.append(np.mean([good / count for count, good in shares]))
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.plot(centres, heights, "o-", color="#2060a0")
    left.set(xlabel="stated: right within a stop", ylabel="found", xlim=(0, 1), ylim=(0, 1))
    left.set_title("Is the confidence honest? (on the line: yes)", fontsize=10)
    names = sorted(
        {row["scene"] for row in rows}, key=lambda s: np.median([r["light_mean"] for r in rows if r["scene"] == s])
    )
    for light, colour in zip(LIGHTS, ("#888888", "#d06010", "#e0b020"), strict=True):
        values = [np.median([row[f"light_{light}"] for row in rows if row["scene"] == name]) for name in names]
        right.plot(np.log2(values), range(len(names)), "o", color=colour, label=f"--light {light}")
    right.axvline(0, color="0.7", linewidth=1)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.set_xlabel("light in the clip over the true one, stops")
    right.set_title("What it adds up to, a scene a line", fontsize=10)
    right.legend(fontsize=8, loc="upper left")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
