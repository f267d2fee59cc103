"""The training of a merge network: brackets made ahead or on the device, mu-law losses, ``run.run_training``."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from headroom.bracket.classical import merge_inverse_variance
from headroom.bracket.frames import FrameRows
from headroom.metrics.linear import mu_law_psnr
from headroom.networks.merging import MergeNetwork, Stack, mu_law
from headroom.networks.table import NETWORKS
from headroom.train.merge_batches import MergeBatch, MergeBatches
from headroom.train.merge_crops import Crops, Pool, count_crops, load_crops, stack_of
from headroom.train.merge_recipes import MergeRecipe
from headroom.train.merge_staging import DeviceStager, prepare, staged_shards, surroundings
from headroom.train.run import Progress, Step, join_processes, log_line, run_training
from headroom.train.scenes import HdrScene

__all__ = ["classical_figures", "figures", "merge_loss", "train_merge"]

STAGING_SHARE = 0.3
"""Of a time budget, at most, for brackets that are made ahead."""


class Merging(nn.Module):
    """A merge network whose ``forward`` is the whole merge, so that it can be wrapped."""

    def __init__(self, network: MergeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, stack: Stack) -> Tensor:
        """(B, 3, H, W) light."""
        return self.network.merge(stack).radiance


def train_merge(
    recipe: MergeRecipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    brackets: Path | None = None,
    device: str = "cpu",
    time_budget: float | None = None,
    compile_network: bool = False,
    start_weights: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_staged: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train into the folder ``run`` and return the path of the averaged weights; arguments as ``run_training``'s.

    ``brackets``: the folder of brackets that are made ahead, default ``run``/brackets; several runs may share it.
    What is staged there counts against ``time_budget``.
    """
    began = time.monotonic()
    crew = join_processes(device)
    where = crew.device
    torch.manual_seed(recipe.seed)
    made_by, _ = NETWORKS[recipe.network]
    to: Any = made_by(recipe.config).to  # its stub knows no memory_format
    # Not on a CPU: there, torch 2.13's bfloat16 gradients of dilated convolutions in channels_last are not finite.
    layout = torch.channels_last if where.type == "cuda" else torch.contiguous_format
    network: MergeNetwork = to(where, memory_format=layout)
    autocast = torch.autocast(where.type, torch.bfloat16) if where.type in {"cpu", "cuda"} else nullcontext()
    watched: Crops | None = None
    pool = Pool(recipe.pool)
    if recipe.on_device:
        if held_out and crew.rank == 0:
            watched = _staged_on(where, held_out, recipe)
    else:
        folder = brackets or run / "brackets"
        if crew.rank == 0:
            prepare(
                folder, surroundings(scenes), surroundings(held_out), recipe.staging,
                seconds=STAGING_SHARE * time_budget if time_budget else None, cancelled=cancelled,
                on_progress=on_staged,
            )  # fmt: skip
        if crew.world > 1:
            torch.distributed.barrier()
        paths = staged_shards(folder, recipe.staging)
        pool = Pool(sum(count_crops(path) for path in paths))
        for path in paths:
            pool.put(load_crops(path))
        if held_out:
            watched = load_crops(folder / "held-out.safetensors")
    if time_budget:
        time_budget = max(1.0, time_budget - (time.monotonic() - began))

    def begin(step: int) -> Step:
        seed = recipe.seed + 1000 * crew.rank + step
        fresh: Callable[[], Crops] | None = None
        if recipe.on_device:
            fresh = DeviceStager(surroundings(scenes, where), recipe.staging, seed=seed)
            for _ in range(recipe.warm_pool):
                pool.put(fresh())
        draw = MergeBatches(pool, recipe, seed=seed, fresh=fresh)

        def one(trained: nn.Module) -> tuple[dict[str, Tensor], int]:
            batch = draw()
            with autocast:
                radiance = trained(batch.stack)
            return merge_loss(radiance, batch, recipe), recipe.batch

        return one

    baseline = classical_figures(watched) if watched is not None and crew.rank == 0 else {}

    def validate(average: nn.Module, step: int) -> None:
        if watched is not None:
            found = figures(cast(MergeNetwork, average), watched, autocast)
            gain = {f"{name}_over_classical": value - baseline[name] for name, value in found.items()}
            log_line(run, step, math.nan, {**found, **gain})
            if on_progress:
                on_progress(Progress(step, math.nan, {**found, **gain}, time.monotonic() - began))

    return run_training(
        recipe,
        network,
        run,
        crew=crew,
        facts={"network": recipe.network, "config": json.dumps(asdict(recipe.config)), "recipe": recipe.name},
        begin=begin,
        wrap=Merging,
        validate=validate,
        time_budget=time_budget,
        compile_network=compile_network,
        start_weights=start_weights,
        on_progress=on_progress,
        cancelled=cancelled,
    )


def merge_loss(radiance: Tensor, batch: MergeBatch, recipe: MergeRecipe) -> dict[str, Tensor]:
    """Error of mu-law light over what the darkest frame can hold; what lies above that, nobody recorded."""
    top = batch.stack.top
    truth = mu_law((batch.truth / top).clamp(0, 1))
    error = signed_mu_law(radiance.float() / top) - truth
    weight = 1 + recipe.moving_weight * batch.moving
    weight = (weight / weight.mean()).expand_as(error)
    absolute, square = (weight * error.abs()).mean(), (weight * error.square()).mean()
    if recipe.loss == "l1":
        total = absolute
    elif recipe.loss == "l2":
        total = square
    else:
        raise ValueError(f"loss {recipe.loss!r} is neither l1 nor l2")
    with torch.no_grad():
        psnr = -10 * square.detach().clamp(min=1e-9).log10()
    return {"total": total, "l1": absolute.detach(), "psnr": psnr}


def signed_mu_law(hdr01: Tensor) -> Tensor:
    """Also of the small negative light that resampling leaves."""
    return mu_law(hdr01.abs()) * hdr01.sign()


@torch.no_grad()
def figures(network: MergeNetwork, whole: Crops, autocast: Any = None) -> dict[str, float]:
    """Mean mu-PSNR over whole brackets: ``moving`` where things move, ``around`` them, ``still`` scenes."""
    found = []
    for number in range(len(whole)):
        one = whole[torch.tensor([number])]
        with autocast or nullcontext():
            radiance = network.merge(stack_of(one)).radiance
        found.append(_scores(radiance[0].float().permute(1, 2, 0).cpu().numpy(), one))
    return _means(found)


def classical_figures(whole: Crops) -> dict[str, float]:
    """The same of the inverse-variance merge."""
    found = []
    for number in range(len(whole)):
        one = whole[torch.tensor([number])]
        stack = stack_of(one).to("cpu")
        frames = [
            FrameRows(
                stack.linear[0, k].permute(1, 2, 0).numpy(),
                stack.clipped[0, k].permute(1, 2, 0).numpy(),
                stack.valid[0, k, 0].numpy(),
            )
            for k in range(stack.frames)
        ]
        merged = merge_inverse_variance(frames, stack.exposures[0].numpy(), stack.reference)
        found.append(_scores(merged.radiance, one))
    return _means(found)


def _scores(radiance: np.ndarray, one: Crops) -> dict[str, float]:
    truth = one.truth[0].float().permute(1, 2, 0).cpu().numpy()
    moving = one.moving[0, 0].cpu().numpy() > 0
    # Where even the darkest frame clipped there is nothing to be merged.
    recorded = truth.max(-1) < 1.0 / float(one.exposures[0, 0])
    if not moving.any():
        return {"still": mu_law_psnr(radiance, truth, recorded)}
    return {
        "moving": mu_law_psnr(radiance, truth, moving & recorded),
        "around": mu_law_psnr(radiance, truth, ~moving & recorded),
    }


def _means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for scores in found for name in scores})
    return {name: float(np.mean([scores[name] for scores in found if name in scores])) for name in names}


def _staged_on(where: torch.device, held_out: list[HdrScene], recipe: MergeRecipe) -> Crops:
    """Crops of held-out scenes, of three frames, staged as the training's."""
    stager = DeviceStager(surroundings(held_out, where), recipe.staging, seed=recipe.seed + 77)
    pool = Pool(recipe.staging.held_out)
    while len(pool) < recipe.staging.held_out:
        crops = stager()
        if crops.linear.shape[1] == 3:
            pool.put(crops)
    return pool.draw(recipe.staging.held_out, torch.Generator().manual_seed(0))
