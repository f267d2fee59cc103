"""Whether headroom-1's doubt is honest, and what each of the possible lights is right about: docs/doubt-results.md.

    python benchmarks/doubt_results.py SCENES [--shares 2 5 15] [--json out.json]

Each scene is photographed (sRGB, 8 bit, so much of it clips) and reconstructed with each ``headroom convert --light``.
Measured where the truth is above the clip, after scaling on recorded pixels:

- covered: share of the samples whose truth lies within the stated 80 % interval of the gain;
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
from headroom.settings import LIGHTS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "doubt-results.md"
PICTURE = ROOT / "docs" / "images" / "doubt.png"
WITHIN_80 = 1.2816
"""Spreads to either side that hold 80 % of a normal distribution."""
BINS = np.linspace(0, 1, 11)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[2, 5, 15])
    parser.add_argument("--json", type=Path, help="Also the figures of every photograph.")
    parser.add_argument("--again", type=Path, help="Page and picture from such a file; nothing is measured.")
    asked = parser.parse_args()
    reconstructor = Reconstructor("headroom-1")
    rows = json.loads(asked.again.read_text(encoding="utf-8")) if asked.again else []
    for share in () if asked.again else asked.shares:
        for scene in find_scenes(asked.scenes):
            rows.append({"share": share, **measured(reconstructor, Case(scene, share / 100))})
            print(f"{share:g} % {rows[-1]['scene']}: covered {rows[-1]['covered']:.2f}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    PAGE.write_text(page(rows, asked.shares, reconstructor.card.version), encoding="utf-8")
    draw(rows)


def measured(reconstructor: Reconstructor, case: Case) -> dict[str, Any]:
    """All figures of one photograph."""
    exposure = expose(case)
    plate, colour = plate_of(exposure.code, False), declared_plan(exposure.declared)
    lights: dict[str, list[Any]] = {light: [] for light in LIGHTS}
    spreads = []
    for light, bands in lights.items():
        prepared = reconstructor.prepare(plate, colour, Options(light=light))
        for raw in reconstructor.raw_bands(prepared):
            bands.append(raw.finish())
            if light == "median":
                spreads.append(np.exp2(raw.result.spread_log2))
    clipped = exposure.truth >= 1
    truth = exposure.truth[clipped].astype(np.float64)
    found: dict[str, Any] = {"scene": case.scene.name}
    for light, bands in lights.items():
        pixels = np.concatenate([band.pixels for band in bands])
        pixels *= np.float32(align_scale(pixels, exposure.truth, exposure.well_exposed))
        found[f"light_{light}"] = float(pixels[clipped].sum(dtype=np.float64) / truth.sum())
        found[f"pu21_{light}"] = psnr(pu21_encode(to_nits(pixels)), exposure.truth_pu21, PEAK)
        if light == "median":
            error = np.log2(pixels[clipped].clip(1e-5)) - np.log2(truth)
            spread = np.concatenate(spreads)[..., None].repeat(3, axis=2)[clipped]
            stated = np.concatenate([band.confidence for band in bands])[..., None].repeat(3, axis=2)[clipped]
            right = np.abs(error) < 1
            found["covered"] = float((np.abs(error) < WITHIN_80 * spread).mean())
            found["stated"], found["right"] = float(stated.mean()), float(right.mean())
            number = np.digitize(stated, BINS[1:-1])
            found["bins"] = [[int((number == n).sum()), float(right[number == n].sum())] for n in range(10)]
    return found


def page(rows: list[dict[str, Any]], shares: list[float], version: str) -> str:
    """The page's text."""

    def mean(share: float, key: str, digits: int = 2) -> str:
        found = bootstrap([row[key] for row in rows if row["share"] == share])
        return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"

    def middle(share: float, key: str) -> str:
        values = [row[key] for row in rows if row["share"] == share]
        near = sum(0.8 <= value <= 1.25 for value in values)
        return f"{np.median(values):.2f} ({near} of {len(values)})"

    honest = table(
        ["clipped", "covered by the 80 % interval", "right within a stop: stated", "found"],
        [[f"{s:g} %", mean(s, "covered"), mean(s, "stated"), mean(s, "right")] for s in shares],
    )
    light = table(
        ["clipped", *(f"light, {name}" for name in LIGHTS), *(f"PU21-PSNR dB, {name}" for name in LIGHTS)],
        [
            [f"{s:g} %", *(middle(s, f"light_{n}") for n in LIGHTS), *(mean(s, f"pu21_{n}", 1) for n in LIGHTS)]
            for s in shares
        ],
    )
    scenes = len({row["scene"] for row in rows})
    return f"""# How far to trust it: headroom-1 {version}'s doubt, measured

Made by `python benchmarks/doubt_results.py SCENES` from {scenes} scenes that were never trained on. headroom-1
states for each clipped pixel how far its answer may be off; the `confidence_mean` of reports and `--light` are
made from that.

## Is the doubt honest?

Means over scenes [95 % interval]. An honest 80 % interval covers 0.80: above that, the network is better than
it says.

{honest}

![Stated against found, and what each light adds up to](images/doubt.png)

## Which light

Light in the clip over the true one, median over scenes (how many lie within a third of a stop), and PU21-PSNR,
means.

{light}

The median is the likeliest light of each pixel, and the best picture. Since a highlight may be much brighter
than likely but hardly darker than the clip, medians add up to too little light. `--light mean` is nearer to
right on average: take it where the result lights something. It cannot know which lamp is the brighter one:
single scenes are still off, in both directions, above all those with a bare sun. For panoramas `headroom ibl`
predicts each light's power from the whole scene.
"""


def draw(rows: list[dict[str, Any]]) -> None:
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
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
