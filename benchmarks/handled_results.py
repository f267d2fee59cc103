"""docs/handled-results.md and the README's line, from what ``headroom evaluate --suite handled -o FOLDER`` wrote.

headroom evaluate SCENES --suite handled --measure pu21 --measure log --no-baselines --no-estimate -o FOLDER
python benchmarks/handled_results.py FOLDER/evaluation.json
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from headroom.evaluate.handling import HANDLINGS
from headroom.evaluate.methods import BASE
from headroom.evaluate.table import table
from headroom.weights import find, read_card

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "handled-results.md"
BEGIN, END = "<!-- handled: begin -->", "<!-- handled: end -->"
METHOD = "headroom-1"
ALLOWED_DB = -1.0
"""No photograph should lose more than this against leaving the clip alone."""
SAYS = {
    "captioned": "**White letters are taken for lamps.** Subtitles, logos and slates may come out too bright. Convert "
    "the picture without them, or take the plate's linearisation there: `--mask` says which pixels were reconstructed.",
    "one-channel": "**Strong lamp light that clips only red**, on a scene that is white in daylight, may come out too "
    "bright in red.",
}
"""What to know where photographs lose more than that."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--version", help="Of the model that was measured; default: the one installed.")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    asked = parser.parse_args()
    report = json.loads(asked.report.read_text(encoding="utf-8"))
    asked.page.write_text(page(report, asked.version or read_card(find(METHOD)).version), encoding="utf-8")
    before, rest = asked.readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    asked.readme.write_text(f"{before}{BEGIN}\n{paragraph(report)}\n{END}{after}", encoding="utf-8")


def page(report: dict[str, Any], version: str) -> str:
    """The page's text."""
    rows = []
    for way, handling in HANDLINGS.items():
        lost, stops = better(report, way, "pu21_psnr"), better(report, way, "clip_rmse")
        found = gains(report, way)
        scene, share = min(found, key=lambda photograph: found[photograph])
        worse = sum(gain < ALLOWED_DB for gain in found.values())
        rows.append(
            [
                handling.meaning,
                f"{lost['mean']:+.2f} [{lost['low']:+.2f}, {lost['high']:+.2f}]",
                f"{found[scene, share]:+.2f} ({scene}, {100 * share:g} %)",
                f"{worse} of {len(found)}",
                f"{stops['mean']:+.2f} [{stops['low']:+.2f}, {stops['high']:+.2f}]",
            ]
        )
    head = [
        "what was done to it", "PU21-PSNR, dB better than inverse sRGB", "worst photograph", "lose more than 1 dB",
        "log2 RMSE in the clip, stops better",
    ]  # fmt: skip
    photographs = [photograph for way in HANDLINGS for photograph in gains(report, way)]
    scenes = len({scene for scene, _ in photographs})
    percents = [f"{100 * share:g}" for share in sorted({share for _, share in photographs})]
    shares = ", ".join(f"{percent} %" for percent in percents)
    losing = sum(gain < ALLOWED_DB for way in HANDLINGS for gain in gains(report, way).values())
    goal = "met" if not losing else f"missed by {losing} of {len(photographs)}"
    return f"""# Pictures that were handled: results

Photographs seldom come straight from a camera. {scenes} scenes that were never trained on, {shares} clipped, sRGB,
8 bit, then treated as pictures are; headroom-1 {version} beside leaving the clip alone (inverse sRGB). The goal: none
loses more than 1 dB; {goal}. Made by `benchmarks/handled_results.py` from

```
headroom evaluate SCENES --suite handled --shares {",".join(percents)} --measure pu21 --measure log \\
    --no-baselines --no-estimate -o results
```

{table(head, rows)}

## What it cannot do

{chr(10).join(_points(report))}
"""


def paragraph(report: dict[str, Any]) -> str:
    """The README's."""
    safe = [way for way in HANDLINGS if min(gains(report, way).values()) >= ALLOWED_DB]
    means = [better(report, way, "pu21_psnr")["mean"] for way in safe]
    text = (
        "Pictures as they come (saved hard, re-encoded, resized, sharpened, noisy, cut off at 235, letterboxed, lamp "
        f"light that clips red, white letters): in {len(safe)} of {len(HANDLINGS)} such ways of handling no photograph "
        "loses more than 1 dB against its plain linearisation"
    )
    if safe:
        text += f", and the mean gains {min(means):.1f} to {max(means):.1f}"
    for way in HANDLINGS:
        if way not in safe:
            found = gains(report, way)
            worse = sum(gain < ALLOWED_DB for gain in found.values())
            text += f"; with {HANDLINGS[way].meaning} {worse} of {len(found)} do, up to {-min(found.values()):.1f} dB"
    text += " ([results](docs/handled-results.md))."
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def better(report: dict[str, Any], way: str, measure: str) -> dict[str, Any]:
    """The interval over scenes, of all shares together."""
    entry = next(
        entry["better_by"]
        for entry in report["paired"]
        if (entry["suite"], entry["method"], entry["than"], entry["share"]) == (way, METHOD, BASE, "all")
    )
    found: dict[str, Any] = entry[measure]
    return found


def _points(report: dict[str, Any]) -> list[str]:
    lost = [SAYS[way] for way in SAYS if min(gains(report, way).values()) < ALLOWED_DB]
    lost.append(
        "The weights were trained with JPEG down to quality 50 and with noise; never with sharpening or resizing."
    )
    wrap = textwrap.TextWrapper(
        116, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return [wrap.fill(point) for point in lost]


def gains(report: dict[str, Any], way: str) -> dict[tuple[str, float], float]:
    """PU21-PSNR over inverse sRGB, by scene and share."""
    found: dict[tuple[str, float], dict[str, float]] = {}
    for record in report["records"]:
        if record["suite"] == way and record["method"] in (METHOD, BASE):
            values = found.setdefault((record["scene"], record["share"]), {})
            values[record["method"]] = record["values"]["pu21_psnr"]
    return {photograph: values[METHOD] - values[BASE] for photograph, values in found.items()}


if __name__ == "__main__":
    main()
