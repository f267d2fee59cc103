"""Write what an evaluation measured into a model's card, and the card's page.

    headroom evaluate SCENES --suite srgb --suite mixed --measure pu21 --measure log --measure jod --no-estimate -o a/
    headroom evaluate SCENES --suite unknown --suite srgb --suite srgb-jpeg --measure pu21 --measure log \\
        --no-baselines -o b/
    python benchmarks/card_figures.py models/headroom-1 a/evaluation.json b/evaluation.json

Only the table ``measured`` of the card changes. Of several reports the first that has a figure counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from headroom import weights
from headroom.train.publish import card_readme

SHARES = (0.02, 0.05, 0.15)
BASE, ORACLE = "inverse of the declared curve", "oracle: best constant gain"
PROTOCOL = (
    "headroom evaluate on 16 validation scenes, means at 2 / 5 / 15 % clipped; "
    "docs/evaluation-results.md has intervals and every image"
)

Figures = dict[tuple[str, str, float, str], float]


def figures(sources: list[Path]) -> Figures:
    """Means by suite, method, share and measure."""
    found: Figures = {}
    for source in sources:
        for row in json.loads(source.read_text("utf-8"))["summary"]:
            for measure, interval in row["measures"].items():
                if isinstance(row["share"], float) and interval["mean"] is not None:
                    found.setdefault((row["suite"], row["method"], row["share"], measure), interval["mean"])
    return found


def measured(found: Figures, name: str) -> dict[str, str]:
    """The card's lines."""

    def line(suite: str, method: str, measure: str, form: str = "{:.2f}") -> str:
        return " / ".join(form.format(found[suite, method, share, measure]) for share in SHARES)

    def beside(suite: str, measure: str, base: str = "inverse sRGB") -> str:
        ours, plain, oracle = (line(suite, method, measure) for method in (name, BASE, ORACLE))
        return f"{ours} ({base} {plain}; oracle, best constant gain, {oracle})"

    estimate, unknown = f"{name} --curve estimate", "unknown EMoR responses, --curve estimate"
    return {
        "protocol": PROTOCOL,
        "srgb PU21-PSNR dB": beside("srgb", "pu21_psnr"),
        "srgb JOD": beside("srgb", "jod"),
        "srgb log2 RMSE in the clip": beside("srgb", "clip_rmse"),
        "srgb bias in the clip, stops": line("srgb", name, "clip_bias", "{:+.2f}"),
        "eight responses, stated: PU21-PSNR dB": beside("mixed", "pu21_psnr", "inverse of each"),
        "srgb, JPEG 90: PU21-PSNR dB": beside("srgb-jpeg", "pu21_psnr"),
        f"{unknown}: PU21-PSNR dB": f"{line('unknown', estimate, 'pu21_psnr')} "
        f"(inverse sRGB {line('unknown', BASE, 'pu21_psnr')})",
        f"{unknown}: log2 RMSE outside the clip": f"{line('unknown', estimate, 'outside_rmse')} "
        f"(inverse sRGB {line('unknown', BASE, 'outside_rmse')})",
        "srgb plates with --curve estimate: PU21-PSNR dB": line("srgb", estimate, "pu21_psnr"),
    }


def main(folder: Path, *sources: Path) -> None:
    card = weights.read_card(folder)
    card = weights.write_card(folder, {**card.facts, "measured": measured(figures(list(sources)), card.name)})
    (folder / "README.md").write_text(card_readme(card), "utf-8")
    weights.verify(card)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
