"""docs/environment-maps-results.md and its plot, from what ``headroom evaluate --ibl -o FOLDER`` wrote.

headroom evaluate SCENES --ibl -o /tmp/ibl
python benchmarks/ibl_results.py /tmp/ibl/evaluation-ibl.json [--cycles CYCLES.json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from headroom.evaluate.ibl.report import IblReport
from headroom.evaluate.methods import BASE
from headroom.panorama.sun_disc import SUN_FLUX
from headroom.weights import find, read_card

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLOT = Path("images") / "environment-maps-diffuse.png"
SUITE = "srgb"
INTRODUCTION = """# Environment maps: results

How panoramas that clipped light a scene after `headroom ibl`, measured on {scenes} validation panoramas that were never
trained on, each photographed so that 2, 5 and 15 % of its pixels clip (8 bits, sRGB). Made by
`benchmarks/ibl_results.py` from

```
headroom evaluate SCENES --ibl -o results
```

Model: {name} {version} on top of headroom-1 {base}. The error is that of the light on diffuse surfaces of all
directions: RMS over normals, relative to the truth's.

![Diffuse error of each panorama](images/environment-maps-diffuse.png)

## What it cannot know

- **A bare sun, a bare lamp.** White is all that an 8-bit file holds of it. Its power is predicted from the rest: how
  clear the sky is, how large and sharp the clipped spot, how bright and how hard-shaded the ground. That says what is
  likely, not what was there. Where you know better (an f-stop, a lux meter, a lamp's data sheet), set `--sun-stops` or
  `--lamp-stops`, or edit the table of lights and apply it.
- **Night scenes** are the hardest: a street lamp behind leaves and one in plain view clip alike.
- **The published panoramas clip too.** Seven training suns were published 1.6 to 5.4 times brighter than a half float
  holds (65504), and one had clipped in the camera, so training is low for the clearest suns. The suns here are whole
  but for one pixel of quarry_01's (8 %), and the light of the sun over that of the sky is what physics says of a clear
  sky (noon_grass 4.2, quarry_01 4.4), of a hazy one (shanghai_riverside 0.9) and on the horizon (umhlanga_sunrise 0.1).
  One pixel of a lamp of modern_buildings_night was published 3.3 times brighter than its truth here.
- **Where a sun stands inside a large clipped sky** is a guess; its direction error is in the tables.
- **The sun apart from its sky.** A prediction of its own says how much light lies within 5 degrees of a sky's peak;
  from {suns} its disc is painted. On training panoramas that it had not seen,
  six in ten suns came out within a factor of 2; here, see Suns. It is too low for quarry_01, whose sun is strong for
  its height of 10 degrees.
- **The colour of a sun in a wholly clipped sky.** headroom-1 0.3.0 makes it too blue there (noon_grass), which most of
  noon_grass's error is: its light is right within 10 %.
- Bare lamps and lit ceilings far brighter than all else (modern_buildings_night, photo_studio_01, aft_lounge at 15 %)
  keep most of their error.
- Few panoramas ({scenes} here, 92 in training): differences between close methods are within the intervals.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="evaluation-ibl.json")
    parser.add_argument("--cycles", type=Path, help="JSON of benchmarks/ibl_cycles.py")
    parser.add_argument("--out", type=Path, default=DOCS / "environment-maps-results.md")
    options = parser.parse_args()
    report = IblReport.from_dict(json.loads(options.results.read_text(encoding="utf-8")))
    card = read_card(find("headroom-ibl-1"))
    scenes = len({record.scene for record in report.records})
    base = read_card(find("headroom-1"))
    text = INTRODUCTION.format(
        scenes=scenes, name=card.name, version=card.version, base=base.version,
        suns=f"{100 * SUN_FLUX:g} % of the recorded light on",
    )  # fmt: skip
    if options.cycles:
        text += "\n" + confirmed(json.loads(options.cycles.read_text(encoding="utf-8")))
    tables = report.markdown().split("\n", 2)[2]
    options.out.write_text(text + "\n" + tables, encoding="utf-8")
    plot(report, options.out.parent / PLOT)


def confirmed(found: dict[str, Any]) -> str:
    """What Cycles says of the fast measure."""
    pearson, rank = ([found[sphere + end] for sphere in ("diffuse", "glossy")] for end in ("", "_rank"))
    return (
        "## Confirmed by Cycles\n\n"
        f"{found['renders']} renders by Blender {found['blender']}, {found['samples']} samples, fixed seed: "
        f"{found['maps']} panoramas, each true, clipped, with a constant gain, by headroom-1 and with light powers, "
        "light a diffuse and a glossy sphere (roughness 0.3). The error of the rendered diffuse sphere correlates with "
        f"the fast measure at **{pearson[0]:.3f}** (ranks {rank[0]:.3f}), the glossy sphere's with the fast measure at "
        f"roughness 0.2 at **{pearson[1]:.3f}** (ranks {rank[1]:.3f}). `benchmarks/ibl_cycles.py` does it.\n"
    )


def plot(report: IblReport, path: Path) -> None:
    """A row a panorama, a panel a share: clipped, best baseline, headroom-1, with light powers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    kinds = {record.scene: record.kind for record in report.records}
    scenes = sorted(kinds, key=lambda name: (report.kinds.index(kinds[name]), name), reverse=True)
    powered, plain = report.names("method")[:2]
    figure, panels = plt.subplots(1, len(report.shares), figsize=(12, 5.2), sharey=True, layout="constrained")
    for panel, share in zip(np.atleast_1d(panels), report.shares, strict=True):
        rows = (
            (BASE, "clipped", "0.6", "o"),
            (report.best_baseline(SUITE, share), "best baseline", "tab:orange", "d"),
            (plain, plain, "tab:blue", "s"),
            (powered, powered, "tab:red", "o"),
        )
        for method, label, colour, marker in rows:
            values = report.by_scene(SUITE, share, method, "diffuse")
            middle = float(np.median(list(values.values())))
            panel.plot([values[s] for s in scenes], range(len(scenes)), marker, color=colour, label=label, ms=6)
            panel.axvline(middle, color=colour, lw=1, ls=":")
        panel.set_title(f"{100 * share:g} % clipped")
        panel.set_xlim(0, max(1.05, panel.get_xlim()[1]))
        panel.set_xlabel("diffuse error (dotted: medians)")
        panel.grid(axis="y", color="0.9")
    first = np.atleast_1d(panels)[0]
    first.set_yticks(range(len(scenes)), [f"{name} ({kinds[name]})" for name in scenes])
    figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
