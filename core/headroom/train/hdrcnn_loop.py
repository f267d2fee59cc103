"""The training of HDRCNN: its camera and losses, driven by ``run.run_training``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.networks.hdrcnn import HDRCNN
from headroom.networks.headroom1 import HeadroomOne
from headroom.train.batches import BatchMaker, Shooting
from headroom.train.hdrcnn_camera import Shots, VirtualCamera
from headroom.train.hdrcnn_losses import clip_figures, coherence, reconstruction, sparse_jacobian, truth_mask
from headroom.train.hdrcnn_recipes import HdrcnnRecipe
from headroom.train.run import Progress, Step, join_processes, log_line, run_training
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["train_hdrcnn"]

VALIDATION_BATCHES = 8
VALIDATION_SEED = 20_000
MOVE_PX, MOVE_DEGREES, MOVE_ZOOM = 2.0, 1.0, 0.03
"""Most that a picture is shifted, turned, sheared and zoomed for the temporal terms; then noise of these deviations."""
MOVE_NOISE = (0.01, 0.05)

Camera = Callable[[], Shots]


def train_hdrcnn(
    recipe: HdrcnnRecipe,
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
    to: Any = HDRCNN(recipe.network).to  # its stub knows no memory_format
    network: HDRCNN = to(where, memory_format=torch.channels_last)
    autocast = torch.autocast(where.type, torch.bfloat16) if where.type in {"cpu", "cuda"} else nullcontext()

    def begin(step: int) -> Step:
        seed = recipe.seed + 1000 * crew.rank + step
        camera = _camera(recipe, SceneBank(scenes, where), seed)
        chance = torch.Generator(where).manual_seed(seed)

        def one(trained: nn.Module) -> tuple[dict[str, Tensor], int]:
            shots = camera()
            with autocast:
                if recipe.temporal == "none":
                    terms = _terms(trained(shots.x_srgb), shots, recipe)
                else:
                    terms = _temporal_terms(trained, shots, recipe, chance)
            return {**terms, "total": torch.stack(list(terms.values())).sum()}, len(shots.x_srgb)

        return one

    checker = SceneBank(held_out, where) if held_out and crew.rank == 0 else None

    def validate(average: nn.Module, step: int) -> None:
        if checker is not None:
            found = _figures(average, _camera(recipe, checker, VALIDATION_SEED), recipe, autocast)
            log_line(run, step, math.nan, found)
            if on_progress:
                on_progress(Progress(step, math.nan, found, math.nan))

    return run_training(
        recipe,
        network,
        run,
        crew=crew,
        facts={"network": "hdrcnn", "config": json.dumps(asdict(recipe.network)), "recipe": recipe.name},
        begin=begin,
        validate=validate,
        time_budget=time_budget,
        compile_network=compile_network,
        start_weights=start_weights,
        on_progress=on_progress,
        cancelled=cancelled,
    )


def _camera(recipe: HdrcnnRecipe, bank: SceneBank, seed: int) -> Camera:
    if not isinstance(recipe.camera, Shooting):
        return VirtualCamera(bank, recipe.camera, size_px=recipe.size_px, batch=recipe.batch, seed=seed)
    contract = HeadroomOne.contract
    maker = BatchMaker(
        bank, recipe.camera, scene_px=contract.scene_px, scene_multiple=contract.scene_multiple_of, seed=seed
    )

    def shoot() -> Shots:
        batch = maker()
        return Shots(batch.x_srgb, batch.truth_lin)

    return shoot


def _terms(ln_lin: Tensor, shots: Shots, recipe: HdrcnnRecipe) -> dict[str, Tensor]:
    return reconstruction(ln_lin, shots, lam=recipe.illumination, per_clip=recipe.per_clip)


def _temporal_terms(
    trained: nn.Module, shots: Shots, recipe: HdrcnnRecipe, chance: torch.Generator
) -> dict[str, Tensor]:
    """Both pictures in one pass; the reconstruction counts for what is left of the temporal term's share."""
    grid = move_grid(shots.x_srgb, chance)
    moved = F.grid_sample(shots.x_srgb, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    low, high = MOVE_NOISE
    std = low + (high - low) * torch.rand(len(moved), 1, 1, 1, generator=chance, device=moved.device)
    noise = torch.randn(moved.shape, generator=chance, device=moved.device)
    both = trained(torch.cat([shots.x_srgb, (moved + std * noise).clamp(0, 1)]))
    still, ln_moved = both.chunk(2)
    share = recipe.temporal_share
    terms = {name: (1 - share) * term for name, term in _terms(still, shots, recipe).items()}
    if recipe.temporal == "coherence":
        terms["coherence"] = share * coherence(ln_moved, still, grid, truth_mask(shots.truth_lin))
    else:
        terms["jacobian"] = share * sparse_jacobian(ln_moved, still, shots.truth_lin, grid)
    return terms


def move_grid(like: Tensor, chance: torch.Generator) -> Tensor:
    """(B, H, W, 2) for ``grid_sample``: small shifts, turns, shears and zooms, one of each for every picture."""
    count, _, height, width = like.shape
    drawn = torch.rand(6, count, generator=chance, device=like.device) * 2 - 1
    shift_x, shift_y = drawn[0] * MOVE_PX * 2 / width, drawn[1] * MOVE_PX * 2 / height
    turn, shear = torch.deg2rad(drawn[2] * MOVE_DEGREES), torch.deg2rad(drawn[3] * MOVE_DEGREES).tan()
    zoom = 1 + drawn[4] * MOVE_ZOOM
    cos, sin, aspect = turn.cos() / zoom, turn.sin() / zoom, height / width
    rows = [
        torch.stack([cos + shear * sin, (shear * cos - sin) * aspect, shift_x], -1),
        torch.stack([sin / aspect, cos, shift_y], -1),
    ]
    return F.affine_grid(torch.stack(rows, 1), list(like.shape), align_corners=False)


@torch.no_grad()
def _figures(average: nn.Module, camera: Camera, recipe: HdrcnnRecipe, autocast: Any) -> dict[str, float]:
    """Losses and errors on scenes that are not trained on, always the same pictures."""
    sums: dict[str, float] = {}
    for _ in range(VALIDATION_BATCHES):
        shots = camera()
        with autocast:
            ln_lin = average(shots.x_srgb)
        terms = {**_terms(ln_lin, shots, recipe), **clip_figures(ln_lin, shots)}
        for name, value in terms.items():
            sums[f"held_out_{name}"] = sums.get(f"held_out_{name}", 0.0) + float(value) / VALIDATION_BATCHES
    return sums
