"""docs/papers.md: what the papers of single-image systems claim, and what came of it here.

    headroom train singlehdr-small --data SCENES --time-budget 20m      (and the recipes that it is compared with)
    python benchmarks/papers_results.py VALIDATION RUNS

or, from what ``headroom evaluate VALIDATION --papers RUNS -o FOLDER`` wrote before: ``--report FOLDER/papers.json``.
``--card models/hdrcnn-small`` (more of them) writes what the page's table of systems says of a model into its card.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.evaluate.methods import BASE
from headroom.evaluate.papers import PapersReport, evaluate_papers
from headroom.evaluate.papers.claims import IN_CLIP, PU21, Measure
from headroom.evaluate.papers.measure import Record
from headroom.evaluate.papers.report import BIAS, OUTSIDE
from headroom.evaluate.papers.systems import ESTIMATES, TOLD, UNTOLD
from headroom.train.publish import card_readme

PAGE = Path(__file__).resolve().parents[1] / "docs" / "papers.md"
INTRODUCTION = """# The papers' claims, measured again

What the papers of HDRCNN (Eilertsen et al. 2017) and SingleHDR (Liu et al. 2020) say of their parts, measured on
networks that were trained here, on scenes that none of them has seen. A paper's order that was not found again stands
there as it came out. Made by `benchmarks/papers_results.py` from

```
headroom train RECIPE --data SCENES --held-out-every 0 --steps STEPS --out RUNS/RECIPE
headroom evaluate VALIDATION --papers RUNS --model headroom-1 --model hdrcnn-small --model singlehdr-small -o results
```

Recipes and steps of the runs stand at the end of this page (`singlehdr-joint-small` and `-end-to-end-small` by
`--time-budget`); how they differ from the authors' training, and why: [training.md](training.md). Perceptual terms look
with random VGG features; the papers' were trained on ImageNet, and such weights are not at hand.
"""
REMARKS = """## What to make of it

These runs took minutes, the authors' 500,000 steps a stage: a paper is contradicted by them only as far as its
claim is about such runs. Each was trained once: the intervals are over scenes and say nothing of another seed. Likely
reasons:

- **Dequantization: a tie**, on lossless codes and on JPEGs: the network has learnt to leave codes alone. Rounding
  leaves 59 dB, an error of 0.29 codes, and most of it cannot be foreseen: training photographs carry noise of about a
  code before they are rounded, as the authors' do, and HDR images have grain of their own (200 steps without added
  noise gained nothing either). Compared in squares, half of the pictures JPEGs, it gained 0.03 dB on JPEGs within 200
  steps and lost 1 dB on lossless pictures. `headroom convert` moves no code by more than half a step.
- **Linearization: edges help; histograms and the constraint are not decided**, and the constraint looks worse. The
  measured components of EMoR's inverse basis have jags near white, steps of up to 240 times the mean one. Equation 3
  lifts every step by the worst one, so that one jag straightens the whole curve: put upon the curves of the network
  without it, on training scenes, it takes their RMS from 0.050 to 0.078. A network that is trained with it has to keep
  those components still, which takes steps. All four had 1,600 steps, the latter two five times the processor time of
  the others. Assuming sRGB is exact on the three sRGB photographs, which its mean PSNR is full of; in stops all but one
  are alike.
- **Hallucination: the positive residual helps; of the two ways up neither gives better pictures, but the transposed
  convolution leaves a grid** that is twenty times as deep. Both networks work in the clip: the ReLU before the last
  layer, which an earlier recipe shut there for good, is open on 54 and 26 % of the clipped
  samples of training scenes.
- **Stages against end to end, at equal compute** (18.7 and 18.5 minutes of the processor): better in the mean, as the
  paper has it, and not decided on 16 scenes. The joint training, 169 steps, is not decided either.
- **The systems.** Equal data; `hdrcnn-small` had 19 minutes of the processor, all of them on what clipped,
  `singlehdr-small` 16 minutes, of which Hallucination-Net had five. `headroom-1` had five times as much: 203 minutes by
  the clock, about 100 of the processor. ExpandNet has its released weights, trained by its authors on other data.
"""
"""Likely reasons for what came out; to be looked at again after every run."""


def read(path: Path) -> PapersReport:
    facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    records = [
        Record(**{**r, "values": {k: v for k, v in r["values"].items() if v is not None}}) for r in facts["records"]
    ]
    return PapersReport(records, facts["runs"], facts["notes"], facts.get("budgets", {}))


PROTOCOL = "headroom evaluate --papers: 16 validation scenes, 512x512 parts, 5 % clipped, means [95 %]; docs/papers.md"
OURS = "headroom-1"


def card_figures(report: PapersReport, name: str) -> dict[str, str]:
    """A system's rows of the tables, beside doing nothing and headroom-1."""

    def line(claim: str, measure: Measure, suffix: str = "") -> str:
        ours, base, best = (
            report.of_system(claim, system, measure) for system in (f"{name}{suffix}", BASE, f"{OURS}{suffix}")
        )
        digits = measure.digits
        interval = f"{ours.mean:.{digits}f} [{ours.low:.{digits}f}, {ours.high:.{digits}f}]"
        return f"{interval} (nothing added {base.mean:.{digits}f}; {OURS}{suffix} {best.mean:.{digits}f})"

    return {
        "protocol": PROTOCOL,
        "curve stated: PU21-PSNR dB": line(TOLD, PU21),
        "curve stated: log2 RMSE in the clip, stops": line(TOLD, IN_CLIP),
        "curve stated: bias in the clip, stops": line(TOLD, BIAS),
        "unknown curves, taken for sRGB: PU21-PSNR dB": line(UNTOLD, PU21),
        f"unknown curves, {ESTIMATES}: PU21-PSNR dB": line(UNTOLD, PU21, f" {ESTIMATES}"),
        f"unknown curves, {ESTIMATES}: log2 RMSE outside the clip, stops": line(UNTOLD, OUTSIDE, f" {ESTIMATES}"),
    }


def write_card(folder: Path, report: PapersReport) -> None:
    """Only the table ``measured`` changes."""
    card = weights.read_card(folder)
    card = weights.write_card(folder, {**card.facts, "measured": card_figures(report, card.name)})
    (folder / "README.md").write_text(card_readme(card), "utf-8")
    weights.verify(card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="?", type=Path)
    parser.add_argument("runs", nargs="?", type=Path)
    parser.add_argument("--report", type=Path, help="A papers.json in place of measuring.")
    parser.add_argument("--card", action="append", default=[], type=Path, help="A model's folder.")
    given = parser.parse_args()
    if given.report is not None:
        report = read(given.report)
    elif given.scenes and given.runs:
        report = evaluate_papers(given.scenes, given.runs, progress=lambda share, name: print(f"{share:4.0%} {name}"))
    else:
        parser.error("name SCENES and RUNS, or a --report")
    PAGE.write_text(f"{INTRODUCTION}\n{REMARKS}\n{report.markdown()}", "utf-8")
    for folder in given.card:
        write_card(folder, report)
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
