"""What each part of headroom-1's last leg brings: equal short legs from one start, each with one part left out.

    python benchmarks/ablations.py TRAIN VALIDATION --start RUN/weights.safetensors --out RUNS [--steps 100]
    python benchmarks/ablations.py --again benchmarks/figures/ablations.json       # the table alone

TRAIN: the folder that `headroom train --data` takes. Goes on where it was stopped. Short legs from trained weights say
what a part does to them, not what a whole training without it would come to; the whole leg runs with two seeds, and
what lies between those is noise. Writes benchmarks/figures/ablations.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headroom.evaluate import Method, evaluate
from headroom.evaluate.exposures import Case, expose
from headroom.evaluate.methods import BASE
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.papers.grid import flattened, grid_stops
from headroom.evaluate.scenes import Scene, find_scenes
from headroom.evaluate.statistics import paired
from headroom.evaluate.table import table
from headroom.networks import headroom1
from headroom.plate import FloatArray
from headroom.reconstruct import Options, Reconstructor
from headroom.train.loop import train
from headroom.train.publish import publish
from headroom.train.recipes import Recipe, recipe
from headroom.train.scenes import load
from headroom.weights import load_run

JSON = Path(__file__).resolve().parent / "figures" / "ablations.json"
RECIPE = "headroom-1-cpu-doubt"
SHARES = (0.05, 0.15)
HANDLED_SHARE = 0.05
LETTERS, LAMPS = "captioned", "one-channel"
GRID_CROP_PX = 512
GRID, COVERED = "grid", "covered"
MORE = (LETTERS, LAMPS, GRID, COVERED)
WHOLE = ("whole", "whole, another seed")
AVERAGED = "scene view: its mean alone (not retrained)"


@dataclass(frozen=True)
class Variant:
    """A leg."""

    recipe: Recipe
    measures: tuple[str, ...] = ()
    """Beside PU21-PSNR and log RMSE: what the part is there for."""
    averaged: bool = False
    """Run with the features of the whole frame averaged over it; trained as the whole leg."""


def variants(steps: int) -> dict[str, Variant]:
    """By name; the first is what the others are compared with."""
    whole = replace(recipe(RECIPE), steps=steps, warmup_steps=1 + steps // 4)

    def without(*measures: str, **terms: float) -> Variant:
        return Variant(replace(whole, weights=replace(whole.weights, **terms)), measures)

    def shot(*measures: str, **shares: float) -> Variant:
        return Variant(replace(whole, shooting=replace(whole.shooting, **shares)), measures)

    network = headroom1.Config(**{**vars(whole.network), "doubt_width": 0})
    return {
        WHOLE[0]: Variant(whole, MORE),
        WHOLE[1]: Variant(replace(whole, seed=2), MORE),
        "no letters": shot(LETTERS, graphics_share=0.0),
        "no grid loss": without(GRID, grid=0.0),
        "no lamps": shot(LAMPS, lamp_share=0.0),
        "one spread for the doubt": Variant(replace(whole, network=network), (COVERED,)),
        "no visible contrasts": without(visible=0.0),
        "no PU21 term": without(pu21=0.0),
        "no local means": without(low_pass=0.0),
        "no hue": without(hue=0.0),
        AVERAGED: Variant(whole, averaged=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, nargs="?")
    parser.add_argument("validation", type=Path, nargs="?")
    parser.add_argument("--start", type=Path, help="weights.safetensors of the run that all legs start from")
    parser.add_argument("--out", type=Path, help="folder for the runs")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", action="append", help="a variant's name; may be given again")
    parser.add_argument("--also", action="append", default=[], help="NAME=MODEL or NAME=weights.safetensors, as it is")
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--again", type=Path, help="print the table of such a file; nothing runs")
    asked = parser.parse_args()
    if asked.again:
        print(markdown(json.loads(asked.again.read_text(encoding="utf-8"))))
        return
    if not (asked.train and asked.validation and asked.start and asked.out):
        parser.error("TRAIN, VALIDATION, --start and --out are needed")
    scenes = find_scenes(asked.validation)
    found: dict[str, Any] = {}
    training: list[Any] = []
    for name, variant in variants(asked.steps).items():
        if asked.only and name not in asked.only:
            continue
        folder = asked.out / _slug(WHOLE[0] if variant.averaged else name)
        weights = folder / "weights.safetensors"
        if not weights.is_file() or int(load_run(weights)[1]["step"]) < asked.steps:
            training = training or load(asked.train)
            train(variant.recipe, training, [], folder, start_weights=asked.start)
        found[name] = once(
            asked.out / _slug(name),
            lambda w=weights, v=variant: measured(_model(str(w), w.parent), asked.validation, scenes, v),
        )
        found[name]["minutes"] = round(float(load_run(weights)[1]["processor_seconds"]) / 60, 2)
        say(f"{name}: {found[name]['minutes']} minutes of the processor")
    for name, model in [("start", str(asked.start)), *(pair.split("=", 1) for pair in asked.also)]:
        folder = asked.out / _slug(name)
        found[name] = once(folder, lambda m=model, f=folder: measured(_model(m, f), asked.validation, scenes))
        say(name)
    content = {"recipe": RECIPE, "steps": asked.steps, "variants": found}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(markdown(content))


def once(folder: Path, work: Any) -> dict[str, Any]:
    """What ``work`` gives, kept in ``folder``."""
    path = folder / "ablation.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(work()), encoding="utf-8")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def measured(
    model: str | Path, folder: Path, scenes: Sequence[Scene], variant: Variant | None = None
) -> dict[str, Any]:
    """By scene: PU21-PSNR and log2 RMSE at each share, handled photographs over inverse sRGB; grid and coverage."""
    reconstructor = Reconstructor(model, device="cpu")
    if variant is not None and variant.averaged:
        average_the_scene(reconstructor)

    def run(code: FloatArray, declared: Any, is_jpeg: bool, light: str = "median") -> FloatArray:
        bands = reconstructor.bands(plate_of(code, is_jpeg), declared_plan(declared), Options(light=light))
        return np.concatenate([band.pixels for band in bands])

    method = Method("ours", run)
    asked: Any = {"measures": ("pu21", "log"), "with_baselines": False}
    plain = evaluate(folder, [method], suites=("srgb",), shares=SHARES, **asked)
    more = MORE if variant is None else variant.measures
    found: dict[str, Any] = {
        f"{measure} {100 * share:g} %": plain.by_scene("srgb", share, "ours", measure)
        for measure in ("pu21_psnr", "clip_rmse")
        for share in SHARES
    }
    for suite in (name for name in more if name in (LETTERS, LAMPS)):
        handled = evaluate(folder, [method], suites=(suite,), shares=(HANDLED_SHARE,), **asked)
        ours, base = (handled.by_scene(suite, HANDLED_SHARE, name, "pu21_psnr") for name in ("ours", BASE))
        found[suite] = {scene: ours[scene] - base[scene] for scene in ours}
    for scene in scenes:
        exposure = expose(Case(scene, HANDLED_SHARE))
        if GRID in more:
            light = run(flattened(_middle(exposure.code)), None, False)
            found.setdefault(GRID, {})[scene.name] = grid_stops(light)
        if COVERED in more:
            low, high = (run(exposure.code, None, False, end) for end in ("low", "high"))
            within = (exposure.truth >= low) & (exposure.truth <= high)
            found.setdefault(COVERED, {})[scene.name] = float(within[exposure.truth >= 1].mean())
    return found


def average_the_scene(reconstructor: Reconstructor) -> None:
    """The tiles hear of the whole frame, but not what lies where in it."""
    look = reconstructor.runner.look

    def averaged(*arguments: Any) -> torch.Tensor:
        features = look(*arguments)
        return features.mean((2, 3), keepdim=True).expand_as(features).contiguous()

    reconstructor.runner.look = averaged  # type: ignore[method-assign]


def markdown(content: dict[str, Any]) -> str:
    """One row a variant, differences against the whole leg."""
    found, rows = content["variants"], []
    whole = found[WHOLE[0]]
    for name, figures in found.items():
        cells = [name]
        for measure, form in (("pu21_psnr", "{:.2f}"), ("clip_rmse", "{:.3f}")):
            cells.append(" / ".join(form.format(_mean(figures[f"{measure} {100 * s:g} %"])) for s in SHARES))
            ours, theirs = ({scene: np.mean([part[f"{measure} {100 * s:g} %"][scene] for s in SHARES])
                             for scene in whole[GRID]} for part in (figures, whole))  # fmt: skip
            better = paired(ours, theirs, higher_is_better=True)
            signed = form.replace("{:", "{:+")
            difference = f"{signed.format(better.mean)} [{signed.format(better.low)}, {signed.format(better.high)}]"
            cells.append("" if name == WHOLE[0] else difference)
        for measure, form in ((LETTERS, "{:+.2f}"), (LAMPS, "{:+.2f}"), (GRID, "{:.3f}"), (COVERED, "{:.2f}")):
            cells.append(form.format(_mean(figures[measure])) if measure in figures else "")
        rows.append(cells)
    at = " / ".join(f"{100 * share:g} %" for share in SHARES)
    head = ["", f"PU21-PSNR dB, {at}", "than the whole leg [95 %]", f"log2 RMSE, {at}", "than the whole leg [95 %]",
            "letters, dB", "red lamps, dB", "grid, stops", "80 % covers"]  # fmt: skip
    return table(head, rows)


def _mean(values: dict[str, float]) -> float:
    return float(np.nanmean(list(values.values())))


def _middle(code: FloatArray) -> FloatArray:
    top, left = (max(0, (size - GRID_CROP_PX) // 2) for size in code.shape[:2])
    return code[top : top + GRID_CROP_PX, left : left + GRID_CROP_PX]


def _model(model: str, folder: Path) -> str | Path:
    """A run's weights as a model that converts, in ``folder``; a model's name as it is."""
    if not model.endswith(".safetensors"):
        return model
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "taken.safetensors"
    shutil.copyfile(model, copy)
    publish(copy, None, folder / "model", version="0", hardware="an ablation")
    copy.unlink()
    return folder / "model"


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def say(words: str) -> None:
    """Progress."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
