"""What networks cost and reach: the figures behind docs/quality.md, in benchmarks/figures/quality.json.

    headroom evaluate SCENES --model FOLDER ... --suite srgb --measure pu21 --measure log --no-baselines \\
        --no-estimate -o e/
    python benchmarks/quality_points.py e/evaluation.json METHOD --group GROUP --label LABEL --model FOLDER \\
        [--minutes PROCESSOR] [--steps N] [--scenes N] [--pictures N]

METHOD is the model's name in the evaluation. Cost and parameters are counted from the model's own weights (ExpandNet's:
give its weights.pth); what is there under the same group and label is replaced. ``cost_quality.py`` and
``learning_curve.py`` draw from the file, so that nothing need be measured to make their pictures again. Points that the
training log published as means have ``published``, by share, in place of ``values``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from headroom import weights
from headroom.evaluate.expandnet import load_expandnet
from headroom.evaluate.methods import BASE
from headroom.networks.area import scene_size

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "figures" / "quality.json"
PAGE = ROOT / "docs" / "quality.md"
SIDE = 1024

Point = dict[str, Any]


def points(group: str) -> list[Point]:
    """Those of a group, in the order in which they were added."""
    return [point for point in json.loads(FIGURES.read_text("utf-8")) if point["group"] == group]


def by_scene(point: Point) -> np.ndarray:
    """(scenes, shares, 2), scenes and shares in their sorted order."""
    shares = point["values"].values()
    return np.array([[share[scene] for share in shares] for scene in sorted(next(iter(shares)))])


def by_share(point: Point) -> np.ndarray:
    """(shares, 2) over scenes; NaN: not kept."""
    if "published" in point:
        return np.array(
            [[np.nan if value is None else value for value in pair] for pair in point["published"].values()]
        )
    return np.asarray(by_scene(point).mean(0))


def means(point: Point) -> np.ndarray:
    """(2,) over shares and scenes; NaN: not kept."""
    return np.asarray(by_share(point).mean(0))


def taken(evaluation: Path, method: str) -> dict[str, dict[str, list[float]]]:
    """By clipped share and scene: the photograph's pair."""
    records = [r for r in json.loads(evaluation.read_text("utf-8"))["records"] if r["suite"] == "srgb"]
    plain = {(r["share"], r["scene"]): r["values"] for r in records if r["method"] == BASE}
    mine = {(r["share"], r["scene"]): r["values"] for r in records if r["method"] == method}
    if not mine:
        raise SystemExit(f"{evaluation}: no {method}; there are {sorted({r['method'] for r in records})}")
    found: dict[str, dict[str, list[float]]] = {}
    for (share, scene), values in sorted(mine.items()):
        over = values["pu21_psnr"] - plain[share, scene]["pu21_psnr"]
        found.setdefault(f"{share:g}", {})[scene] = [round(over, 4), round(values["clip_rmse"], 4)]
    return found


def cost(model: Path) -> dict[str, float]:
    """GFLOP for a megapixel of tiles and for a frame, and million parameters."""
    if model.suffix == ".pth":
        network = load_expandnet(model)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, SIDE, SIDE))
        total = counter.get_total_flops() / (SIDE * SIDE) / 1e3
        return {"gflop_per_mp": round(total, 2), "gflop_a_frame": 0.0, "parameters_m": _millions(network)}
    loaded = weights.load(model, network=weights.PLATES)
    module, frame = loaded.module, 0.0
    if loaded.card.network == "headroom1":
        contract = module.contract
        view = torch.zeros(1, 6, *scene_size(SIDE, 2 * SIDE, contract.scene_px, contract.scene_multiple_of))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module.scene(view)
        frame = counter.get_total_flops() / 1e9
    return {
        "gflop_per_mp": round(module.contract.gflop_per_mp, 2),
        "gflop_a_frame": round(frame, 2),
        "parameters_m": _millions(module),
    }


def _millions(module: torch.nn.Module) -> float:
    return round(sum(p.numel() for p in module.parameters()) / 1e6, 3)


def write_between(name: str, lines: list[str]) -> None:
    """The page's part between the markers of ``name``."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = PAGE.read_text("utf-8")
    before, rest = text.split(begin)
    PAGE.write_text(before + "\n".join([begin, *lines, end]) + rest.split(end)[1], "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("method")
    parser.add_argument("--group", required=True, choices=["equal", "whole", "course", "data"])
    parser.add_argument("--label", required=True)
    parser.add_argument("--model", required=True, type=Path)
    for name in ("minutes", "steps", "scenes", "pictures"):
        parser.add_argument(f"--{name}", type=float)
    asked = parser.parse_args()
    told = {name: getattr(asked, name) for name in ("minutes", "steps", "scenes", "pictures")}
    point = {
        "group": asked.group,
        "label": asked.label,
        **cost(asked.model),
        **{name: value for name, value in told.items() if value is not None},
        "values": taken(asked.evaluation, asked.method),
    }
    others = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else []
    kept = [other for other in others if (other["group"], other["label"]) != (asked.group, asked.label)]
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text("[\n" + ",\n".join(json.dumps(one) for one in [*kept, point]) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
