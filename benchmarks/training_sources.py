"""What each source of truth beside the training scenes adds: equal short legs from one start, each with one source.

    python benchmarks/training_sources.py TRAIN VALIDATION --start RUN/weights.safetensors --out RUNS [--steps 60]
        [--views FOLDER] [--photographs FOLDER] [--only NAME ...]

TRAIN: what ``headroom train --data`` takes; FOLDERs: what ``--add`` and ``--photographs`` take. Every leg has the same
seed, steps, rate and share of crops out of stills, and a quarter of the recipe's batches, so that a minute of one core
is a leg; the leg without a source runs with two seeds, and what lies between those is noise. Goes on where it was
stopped. Prints the table; sources.json in RUNS holds every figure.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headroom.evaluate import Method, evaluate
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.statistics import paired
from headroom.evaluate.table import table
from headroom.plate import FloatArray
from headroom.reconstruct import Options, Reconstructor
from headroom.train.loop import train
from headroom.train.photographs import unclipped_photographs
from headroom.train.publish import publish
from headroom.train.recipes import Recipe, recipe
from headroom.train.scenes import HdrScene, load
from headroom.weights import load_run

RECIPE = "headroom-1-cpu-tune"
STILL_SHARE = 0.3
"""Of the batches; 0.08 in the recipe, where nearly all scenes are panoramas."""
LIGHTS_SHARE = 0.2
RATE = 1.5e-4
"""Of a leg that goes on from a finished one, and is short."""
BATCH_SHARE = 4
"""Batches are divided by this."""
SHARES = (0.05,)
MEASURES = (("pu21_psnr", "{:.2f}", True), ("clip_rmse", "{:.3f}", False))
PLAIN = "no source"


def leg(steps: int, *, seed: int = 1, lights: float = 0.0) -> Recipe:
    """The recipe of a leg."""
    base = recipe(RECIPE)
    others = sum(frame.share for frame in base.shooting.frames if frame.kind != "still")
    frames = tuple(
        replace(
            f,
            share=STILL_SHARE if f.kind == "still" else f.share * (1 - STILL_SHARE) / others,
            batch=max(1, f.batch // BATCH_SHARE),
        )
        for f in base.shooting.frames
    )
    shooting = replace(base.shooting, frames=frames, added_lights_share=lights)
    return replace(base, shooting=shooting, steps=steps, seed=seed, warmup_steps=steps // 6, learning_rate=RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--views", type=Path)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--only", action="append", help="a leg's name; may be given again")
    asked = parser.parse_args()
    legs = {PLAIN: (leg(asked.steps), nothing), f"{PLAIN}, another seed": (leg(asked.steps, seed=2), nothing)}
    legs["added lights"] = leg(asked.steps, lights=LIGHTS_SHARE), nothing
    if asked.views:
        legs["rendered views"] = leg(asked.steps), lambda: load(asked.views)
    if asked.photographs:
        legs["re-exposed photographs"] = leg(asked.steps), lambda: unclipped_photographs(asked.photographs).scenes
    legs = {name: one for name, one in legs.items() if not asked.only or name in asked.only}
    scenes: list[HdrScene] = []
    for name, (chosen, source) in legs.items():
        if not done(asked.out / slug(name), asked.steps):
            scenes = scenes or load(asked.train)
            run(name, chosen, scenes, source(), asked)
    models = {"start": asked.start, **{name: asked.out / slug(name) / "weights.safetensors" for name in legs}}
    found = measured({name: model_of(path, asked.out / slug(name)) for name, path in models.items()}, asked.validation)
    asked.out.joinpath("sources.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(markdown(found))


def nothing() -> list[HdrScene]:
    """No source."""
    return []


def done(folder: Path, steps: int) -> bool:
    """Whether a leg is there."""
    weights = folder / "weights.safetensors"
    return weights.is_file() and int(load_run(weights)[1]["step"]) >= steps


def run(name: str, chosen: Recipe, scenes: list[HdrScene], more: list[HdrScene], asked: argparse.Namespace) -> None:
    """Train a leg."""
    weights = train(chosen, [*scenes, *more], [], asked.out / slug(name), start_weights=asked.start)
    minutes = float(load_run(weights)[1]["processor_seconds"]) / 60
    print(f"{name}: {len(more)} scenes more, {minutes:.1f} minutes of the processor", file=sys.stderr, flush=True)


def model_of(weights: Path, folder: Path) -> Path:
    """The weights as a model that converts."""
    publish(weights, None, folder / "model", version="0", hardware="an ablation")
    return folder / "model"


def measured(models: dict[str, Path], validation: Path) -> dict[str, dict[str, dict[str, float]]]:
    """By leg, by measure and share, by scene."""
    methods = [Method(name, converter(model)) for name, model in models.items()]
    report = evaluate(
        validation, methods, suites=("srgb",), shares=SHARES, measures=("pu21", "log"), with_baselines=False
    )
    return {
        name: {f"{m} {s:g}": report.by_scene("srgb", s, name, m) for m, _, _ in MEASURES for s in SHARES}
        for name in models
    }


def converter(model: Path) -> Callable[..., FloatArray]:
    """As ``evaluate`` calls it."""
    reconstructor = Reconstructor(model, device="cpu")

    def convert(code: FloatArray, declared: Any, is_jpeg: bool) -> FloatArray:
        bands = reconstructor.bands(plate_of(code, is_jpeg), declared_plan(declared), Options())
        return np.concatenate([band.pixels for band in bands])

    return convert


def markdown(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """One row a leg; differences are means over the shares, paired by scene."""
    plain, rows = found[PLAIN], []
    for name, figures in found.items():
        cells = [name]
        for measure, form, higher in MEASURES:
            values = [list(figures[f"{measure} {share:g}"].values()) for share in SHARES]
            cells.append(" / ".join(form.format(float(np.nanmean(value))) for value in values))
            better = paired(over_shares(figures, measure), over_shares(plain, measure), higher_is_better=higher)
            signed = form.replace("{:", "{:+")
            span = f"{signed.format(better.mean)} [{signed.format(better.low)}, {signed.format(better.high)}]"
            cells.append("" if name == PLAIN else span)
        rows.append(cells)
    at = " / ".join(f"{100 * share:g} %" for share in SHARES)
    better = f"better than {PLAIN} [95 %]"
    return table(["", f"PU21-PSNR dB, {at}", better, f"log2 RMSE in the clip, {at}", better], rows)


def over_shares(figures: dict[str, dict[str, float]], measure: str) -> dict[str, float]:
    """By scene, the mean over the shares."""
    scenes = figures[f"{measure} {SHARES[0]:g}"]
    return {scene: float(np.mean([figures[f"{measure} {share:g}"][scene] for share in SHARES])) for scene in scenes}


def slug(name: str) -> str:
    """As a folder's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


if __name__ == "__main__":
    main()
