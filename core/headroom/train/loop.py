"""The training of headroom-1's gain: its batches and losses, driven by ``run.run_training``."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headroom import weights
from headroom.networks.headroom1 import HeadroomOne
from headroom.train.batches import Batch, BatchMaker
from headroom.train.losses import losses
from headroom.train.recipes import Recipe
from headroom.train.run import LOG_FILE, Progress, Step, join_processes, log_line, run_training
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["Progress", "train"]

log = logging.getLogger(__name__)

DOUBT_PART = ("local_net.doubt.",)
"""headroom-1's weights before 0.3.0 lack it."""
VALIDATION_BATCHES = 12
VALIDATION_SEED = 20_000


def train(
    recipe: Recipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    device: str = "cpu",
    time_budget: float | None = None,
    compile_network: bool = False,
    start_weights: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train into the folder ``run`` and return the path of the averaged weights; arguments as ``run_training``'s."""
    crew = join_processes(device)
    where = crew.device
    torch.manual_seed(recipe.seed)
    to: Any = HeadroomOne(recipe.network).to  # its stub knows no memory_format
    network: HeadroomOne = to(where, memory_format=torch.channels_last)
    # The response curve has a stage of its own (curve_stage.py).
    network.curve_net.requires_grad_(False)
    teacher = _teacher(recipe, where)
    autocast = torch.autocast(where.type, torch.bfloat16) if where.type in {"cpu", "cuda"} else nullcontext()

    def begin(step: int) -> Step:
        maker = _maker(scenes, recipe, where, seed=recipe.seed + 1000 * crew.rank + step)

        def one(trained: nn.Module) -> tuple[dict[str, Tensor], int]:
            batch = maker()
            seen = batch.scene_srgb, batch.x_srgb, batch.alpha, _whole_frame(batch)
            with autocast:
                features, local = trained(*seen)
                with torch.no_grad():
                    taught = None if teacher is None else teacher(*seen)[1].gain_log2
            return losses(features, local, batch, recipe.weights, taught), len(batch.x_srgb)

        return one

    checker = _maker(held_out, recipe, where, seed=VALIDATION_SEED) if held_out and crew.rank == 0 else None

    def validate(average: nn.Module, step: int) -> None:
        if checker is not None:
            _validate(run, average, checker, recipe, step, autocast)

    return run_training(
        recipe,
        network,
        run,
        crew=crew,
        facts={"network": "headroom1", "config": json.dumps(asdict(recipe.network)), "recipe": recipe.name},
        begin=begin,
        validate=validate,
        time_budget=time_budget,
        compile_network=compile_network,
        start_weights=start_weights,
        grown=DOUBT_PART,
        on_progress=on_progress,
        cancelled=cancelled,
    )


def _teacher(recipe: Recipe, device: torch.device) -> HeadroomOne | None:
    if not recipe.teacher:
        return None
    loaded = weights.load(recipe.teacher)
    log.info("taught by %s %s, sha256 %s", loaded.card.name, loaded.card.version, loaded.card.sha256)
    to: Any = loaded.module.requires_grad_(False).to
    teacher: HeadroomOne = to(device, memory_format=torch.channels_last)
    return teacher


def _whole_frame(batch: Batch) -> Tensor:
    place = torch.tensor([[0.0, 0.0, 1.0, 1.0]], device=batch.x_srgb.device)
    return place.expand(batch.x_srgb.shape[0], -1)


def _maker(scenes: list[HdrScene], recipe: Recipe, device: torch.device, *, seed: int) -> BatchMaker:
    contract = HeadroomOne.contract
    return BatchMaker(
        SceneBank(scenes, device),
        recipe.shooting,
        scene_px=contract.scene_px,
        scene_multiple=contract.scene_multiple_of,
        seed=seed,
    )


@torch.no_grad()
def _validate(run: Path, average: nn.Module, checker: BatchMaker, recipe: Recipe, step: int, autocast: Any) -> None:
    """The losses on scenes that are not trained on, always the same batches; then the plot and the picture."""
    checker.restart(VALIDATION_SEED)
    sums: dict[str, float] = {}
    batch = checker()
    average.train()  # gains below zero leak through, as the losses of training have it
    for _ in range(VALIDATION_BATCHES):
        with autocast:
            features, local = average(batch.scene_srgb, batch.x_srgb, batch.alpha, _whole_frame(batch))
        for key, value in losses(features, local, batch, recipe.weights).items():
            sums[f"held_out_{key}"] = sums.get(f"held_out_{key}", 0.0) + float(value.detach()) / VALIDATION_BATCHES
        shown = batch, local
        batch = checker()
    average.eval()
    log_line(run, step, math.nan, sums)
    try:
        from headroom.train.pictures import plot_log, validation_picture
    except ImportError:
        log.info("no matplotlib here: no plot of the curves")
        return
    plot_log(run / LOG_FILE, run / "curves.png")
    validation_picture(*shown, run / f"validation-{step:06d}.png")
