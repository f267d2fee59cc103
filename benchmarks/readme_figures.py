"""Fill the README's and the card's figures from a finished evaluation.

    headroom evaluate SCENES --suite srgb --suite mixed --measure pu21 --measure log --measure jod -o out/
    python benchmarks/readme_figures.py out/evaluation.json [MORE.json ...]

Writes the tables between the markers of README.md and keeps the reports, joined, as docs/evaluation-results.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from headroom.evaluate import Report

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
COLUMNS = (
    ("pu21_psnr", "PU21-PSNR dB", "{:.2f}"),
    ("jod", "JOD", "{:.2f}"),
    ("clip_rmse", "log2 RMSE in the clip", "{:.2f}"),
)
SUITES = {"srgb": "sRGB plates", "mixed": "Eight camera responses in turn, each stated"}
SKIP = ("estimate", "--light", "energy-right", "true highlights", "true curve")


def table(summary: list[dict[str, Any]], suite: str) -> list[str]:
    """Mean over the scenes of each measure at each clipped share, one row a method."""
    rows = [row for row in summary if row["suite"] == suite and isinstance(row["share"], float)]
    shares = sorted({row["share"] for row in rows})
    names = [name for name in dict.fromkeys(row["method"] for row in rows) if not any(word in name for word in SKIP)]
    title = " / ".join(f"{share:.0%}" for share in shares)
    lines = ["| method | " + " | ".join(f"{label}: {title}" for _, label, _ in COLUMNS) + " |", "|---" * 4 + "|"]
    for name in names:
        cells = []
        for key, _, form in COLUMNS:
            # Of several reports the first that has the measure counts.
            found: dict[float, float] = {}
            for row in rows:
                mean = (row["measures"].get(key) or {}).get("mean")
                if row["method"] == name and mean is not None:
                    found.setdefault(row["share"], mean)
            shown = [form.format(found[share]) if share in found else "-" for share in shares]
            cells.append(" / ".join(shown))
        mark = "**" if name == "headroom-1" else ""
        lines.append(f"| {mark}{name}{mark} | " + " | ".join(cells) + " |")
    return lines


def main(*sources: Path) -> None:
    summary = [row for source in sources for row in json.loads(source.read_text("utf-8"))["summary"]]
    lines = [
        "16 scenes that were never trained on, clipped to 2, 5 and 15 %; means over scenes; higher is better for",
        "",
    ]
    lines[0] += " the first two, lower for the third. Oracles are shown the truth: bounds, not methods."
    for suite, title in SUITES.items():
        lines += [f"**{title}**", "", *table(summary, suite), ""]
    lines += [
        "Intervals, medians, every image and the protocol: [docs/evaluation-results.md](docs/evaluation-results.md),"
    ]
    lines += ["[docs/evaluation.md](docs/evaluation.md)."]
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    before, rest = text.split(BEGIN)
    readme.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1], "utf-8")
    (ROOT / "docs" / "evaluation-results.md").write_text(Report.read(*sources).markdown(), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
