"""docs/handled-results.md, from what ``headroom evaluate --suite handled -o FOLDER`` wrote.

headroom evaluate SCENES --suite handled --shares 5 --measure pu21 --measure log --no-baselines --no-estimate -o FOLDER
python benchmarks/handled_results.py FOLDER/evaluation.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from headroom.evaluate.handling import HANDLINGS
from headroom.evaluate.methods import BASE
from headroom.evaluate.table import table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "handled-results.md"
METHOD = "headroom-1"
ALLOWED_DB = -1.0
"""No photograph should lose more than this against leaving the clip alone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    PAGE.write_text(page(report), encoding="utf-8")


def page(report: dict[str, Any]) -> str:
    """The page's text."""
    rows = []
    for way, handling in HANDLINGS.items():
        found = next(
            entry["better_by"]
            for entry in report["paired"]
            if entry["suite"] == way and entry["method"] == METHOD and entry["than"] == BASE and entry["share"]
        )
        better, stops = found["pu21_psnr"], found["clip_rmse"]
        worse = [scene for scene, gain in gains(report, way).items() if gain < ALLOWED_DB]
        rows.append(
            [
                handling.meaning,
                f"{better['mean']:+.2f} [{better['low']:+.2f}, {better['high']:+.2f}]",
                f"{better['worst']:+.2f} ({better['worst_scene']})",
                f"{len(worse)} of {better['scenes']}",
                f"{stops['mean']:+.2f} [{stops['low']:+.2f}, {stops['high']:+.2f}]",
            ]
        )
    head = [
        "what was done to it", "PU21-PSNR, dB better than inverse sRGB", "worst scene", "lose more than 1 dB",
        "log2 RMSE in the clip, stops better",
    ]  # fmt: skip
    scenes = len({record["scene"] for record in report["records"]})
    shares = ", ".join(f"{100 * share:g} %" for share in sorted({record["share"] for record in report["records"]}))
    return f"""# Pictures that were handled: results

Photographs seldom come straight from a camera. {scenes} scenes that were never trained on, {shares} clipped, sRGB,
8 bit, then treated as pictures are; `headroom-1` beside leaving the clip alone (inverse sRGB). Made by
`benchmarks/handled_results.py` from

```
headroom evaluate SCENES --suite handled --shares 5 --measure pu21 --measure log --no-baselines --no-estimate -o results
```

{table(head, rows)}

## What it cannot do

- **White letters are taken for lamps.** headroom-1 0.2.0 has never seen any: subtitles, logos and slates come out
  several times too bright. Convert the picture without them, or take the plate's linearisation there: `--mask` says
  which pixels were reconstructed. The recipe for a GPU has pictures with letters in it from now on.
- **Strong lamp light that clips only red**, on a scene that is white in daylight, may come out too bright in red.
- The weights were trained with JPEG down to quality 50 and with noise; never with sharpening or resized pictures.
"""


def gains(report: dict[str, Any], way: str) -> dict[str, float]:
    """PU21-PSNR over inverse sRGB, by scene."""
    found: dict[str, dict[str, float]] = {}
    for record in report["records"]:
        if record["suite"] == way and record["method"] in (METHOD, BASE):
            found.setdefault(record["scene"], {})[record["method"]] = record["values"]["pu21_psnr"]
    return {scene: values[METHOD] - values[BASE] for scene, values in found.items()}


if __name__ == "__main__":
    main()
