"""Write what the benchmark of brackets measured into the merge models' cards and the README.

    headroom evaluate SCENES --brackets --stacks STACKS -o out/
    python benchmarks/bracket_figures.py out/evaluation-brackets.json

Only the table ``measured`` of the cards changes, and the README between its markers.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.train.publish import card_readme

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- brackets: begin -->", "<!-- brackets: end -->"
MODELS = ("headroom-merge-1", "ahdrnet-small", "kalantari-we-small", "wu-resnet-small")
CLASSICAL = ("debevec", "inverse-variance")
REFERENCE = "reference frame alone"
PROTOCOL = (
    "headroom evaluate SCENES --brackets: 64 brackets staged from 16 validation scenes, response known, aligned by "
    "flow; means [95 %]; docs/brackets-results.md has all methods"
)
# Name on the card, kind of bracket, measure, form.
LINES = (
    ("where something moves, mu-PSNR dB", "moving", "mu_psnr_moving", "{:.2f}"),
    ("where something moves, ghosts, stops", "moving", "ghost", "{:.3f}"),
    ("brackets with motion, whole, mu-PSNR dB", "moving", "mu_psnr", "{:.2f}"),
    ("still brackets, mu-PSNR dB", "still", "mu_psnr", "{:.2f}"),
    ("still brackets, PU21-PSNR dB", "still", "pu21_psnr", "{:.2f}"),
)

Means = dict[tuple[str, str, str], dict[str, Any]]


def means(content: dict[str, Any]) -> Means:
    """By kind, method and measure."""
    return {
        (row["kind"], row["method"], measure): interval
        for row in content["summary"]
        for measure, interval in row["measures"].items()
    }


def measured(found: Means, model: str) -> dict[str, str]:
    """The card's lines."""
    lines = {"protocol": PROTOCOL}
    for name, kind, measure, form in LINES:
        own = found[kind, model, measure]
        beside = ", ".join(f"{other} {form.format(found[kind, other, measure]['mean'])}" for other in CLASSICAL)
        shown = [form.format(own[key]) for key in ("mean", "low", "high")]
        lines[name] = f"{shown[0]} [{shown[1]}, {shown[2]}] ({beside})"
    return lines


def paragraph(content: dict[str, Any], found: Means) -> str:
    """The README's."""

    def best(kind: str, measure: str) -> float:
        return max(float(found[kind, name, measure]["mean"]) for name in CLASSICAL)

    own_moving, own_still = found["moving", MODELS[0], "mu_psnr_moving"], found["still", MODELS[0], "mu_psnr"]
    static = [
        stack for stack in content["stacks"]
        if "static" in stack["name"] and stack["method"] == MODELS[0] and stack["response"] != "declared"
    ]  # fmt: skip
    apart, within = (
        " and ".join(text)
        for text in zip(*((f"{s['apart_stops']:.2f}", f"{100 * s['within']:.1f} %") for s in static), strict=True)
    )
    return textwrap.fill(
        f"Brackets: where something moves, `headroom-merge-1` has {own_moving['mean']:.1f} dB mu-PSNR, the best "
        f"classical merge with alignment {best('moving', 'mu_psnr_moving'):.1f}, the reference frame alone "
        f"{found['moving', REFERENCE, 'mu_psnr_moving']['mean']:.1f}; where nothing moves {own_still['mean']:.1f} "
        f"against {best('still', 'mu_psnr'):.1f} ([results](docs/brackets-results.md)). Frames of real "
        f"static JPEG stacks lie {apart} stops from their merge: {within} of their samples within twice their noise "
        "(noise alone: 95.4 %).",
        120,
        break_long_words=False,
        break_on_hyphens=False,
    )


def main(source: Path) -> None:
    content = json.loads(source.read_text("utf-8"))
    found = means(content)
    for model in MODELS:
        folder = ROOT / "models" / model
        card = weights.read_card(folder)
        written = weights.write_card(folder, {**card.facts, "measured": measured(found, model)})
        (folder / "README.md").write_text(card_readme(written), "utf-8")
    page = ROOT / "README.md"
    before, rest = page.read_text("utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{paragraph(content, found)}\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
