"""docs/papers.md: what the papers of single-image systems claim, and what came of it here.

    headroom train singlehdr-small --data SCENES --time-budget 20m      (and the recipes that it is compared with)
    python benchmarks/papers_results.py VALIDATION RUNS

or, from what ``headroom evaluate VALIDATION --papers RUNS -o FOLDER`` wrote before: ``--report FOLDER/papers.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from headroom.evaluate.papers import PapersReport, evaluate_papers
from headroom.evaluate.papers.measure import Record

PAGE = Path(__file__).resolve().parents[1] / "docs" / "papers.md"
INTRODUCTION = """# The papers' claims, measured again

What the papers of HDRCNN (Eilertsen et al. 2017) and SingleHDR (Liu et al. 2020) say of their parts, measured on
networks that were trained here, on scenes that none of them has seen. A paper's order that was not found again stands
there as it came out. Made by `benchmarks/papers_results.py` from

```
headroom evaluate VALIDATION --papers RUNS -o results
```

How to train the runs: [training.md](training.md). Perceptual terms look with random VGG features (the papers': trained
on ImageNet, which we have no licence to ship).
"""
REMARKS = """"""
"""Likely reasons for what came out; to be looked at again after every run."""


def read(path: Path) -> PapersReport:
    facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    records = [
        Record(**{**r, "values": {k: v for k, v in r["values"].items() if v is not None}}) for r in facts["records"]
    ]
    return PapersReport(records, facts["runs"], facts["notes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="?", type=Path)
    parser.add_argument("runs", nargs="?", type=Path)
    parser.add_argument("--report", type=Path, help="A papers.json in place of measuring.")
    given = parser.parse_args()
    if given.report is not None:
        report = read(given.report)
    elif given.scenes and given.runs:
        report = evaluate_papers(given.scenes, given.runs, progress=lambda share, name: print(f"{share:4.0%} {name}"))
    else:
        parser.error("name SCENES and RUNS, or a --report")
    PAGE.write_text(f"{INTRODUCTION}\n{REMARKS}\n{report.markdown()}", "utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
