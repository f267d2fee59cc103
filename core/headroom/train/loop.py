"""The training loop: draw, step, average, save; stops at its time budget and goes on from where it stopped.

One process a device. Under ``torchrun`` the processes share gradients (DistributedDataParallel) and draw different
batches; rank 0 saves. The learning rate follows the share of the run that is done: of the time budget if there is
one, else of the steps.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from headroom.errors import Cancelled, DeviceError, WeightsError, WriteError
from headroom.networks.headroom1 import HeadroomOne
from headroom.train.batches import Batch, BatchMaker
from headroom.train.losses import losses
from headroom.train.recipes import Recipe
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["Progress", "train"]

log = logging.getLogger(__name__)

VALIDATION_BATCHES = 12
VALIDATION_SEED = 20_000
STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"


@dataclass(frozen=True)
class Progress:
    """What the caller hears of after every logged stretch."""

    step: int
    share: float
    """0..1 of the run."""
    terms: dict[str, float]
    seconds: float


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
    """Train into the folder ``run`` and return the path of the averaged weights.

    ``time_budget`` in seconds counts this call only; the schedule spans what was run before and this call.
    ``start_weights``: a model's ``weights.safetensors`` that a fresh run starts from.
    """
    rank, world = _join_processes(device)
    where = torch.device(f"cuda:{rank % torch.cuda.device_count()}" if device == "cuda" else device)
    torch.manual_seed(recipe.seed)
    network, average = _network(recipe, where), _network(recipe, where)
    if start_weights is not None:
        _start(network, start_weights)
    average.load_state_dict(network.state_dict())
    # The response curve has a stage of its own (curve_stage.py).
    network.curve_net.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        _decay_groups(network, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.98), fused=device == "cuda"
    )
    run.mkdir(parents=True, exist_ok=True)
    step, before = _resume(run, network, average, optimiser, where)
    maker = _maker(scenes, recipe, where, seed=recipe.seed + 1000 * rank + step)
    checker = _maker(held_out, recipe, where, seed=VALIDATION_SEED) if held_out else None
    trained: Any = torch.compile(network) if compile_network else network
    if world > 1:
        trained = nn.parallel.DistributedDataParallel(trained)
    autocast = torch.autocast(where.type, torch.bfloat16) if where.type in {"cpu", "cuda"} else nullcontext()

    start = last_save = last_log = time.monotonic()
    sums: dict[str, Tensor] = {}
    count = 0
    while True:
        elapsed = time.monotonic() - start
        share = (before + elapsed) / (before + time_budget) if time_budget else step / recipe.steps
        if _agree(share >= 1.0 or bool(cancelled and cancelled()), world, where):
            break
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(recipe, step, share)
        batch = maker()
        with autocast:
            features, local = trained(batch.scene_srgb, batch.x_srgb, batch.alpha, _whole_frame(batch))
        terms = losses(features, local, batch, recipe.weights)
        optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_norm)
        if bool(torch.isfinite(norm)):
            optimiser.step()
            _follow(average, network, min(recipe.ema, (1 + step) / (10 + step)))
        else:
            log.warning("step %d: gradients are not finite; the step is skipped", step)
        step += 1
        count += 1
        for key, value in terms.items():
            sums[key] = sums[key] + value.detach() if key in sums else value.detach()
        now = time.monotonic()
        if now - last_log > 20 or step == 1:
            means = {key: float(value) / count for key, value in sums.items()}
            means["samples_per_second"] = count * len(batch.x_srgb) / max(now - last_log, 1e-6)
            sums, count, last_log = {}, 0, now
            if rank == 0:
                _log_line(run, step, before + now - start, means)
                if on_progress:
                    on_progress(Progress(step, min(share, 1.0), means, now - start))
        if rank == 0 and now - last_save > recipe.save_seconds:
            last_save = now
            _save(run, recipe, network, average, optimiser, step, before + now - start)
            _validate(run, average, checker, recipe, step, autocast)
    spent = before + time.monotonic() - start
    path = run / "weights.safetensors"
    if rank == 0:
        path = _save(run, recipe, network, average, optimiser, step, spent)
        _validate(run, average, checker, recipe, step, autocast)
    if world > 1:
        torch.distributed.destroy_process_group()
    if cancelled and cancelled():
        raise Cancelled(f"training stopped at step {step}; {run / STATE_FILE} goes on from there")
    return path


def schedule(recipe: Recipe, step: int, share: float) -> float:
    """Share of the full learning rate: linear warm-up, cosine fall."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    fall = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return warm * (recipe.final_share + (1 - recipe.final_share) * fall)


def _network(recipe: Recipe, device: torch.device) -> HeadroomOne:
    to: Any = HeadroomOne(recipe.network).to  # its stub knows no memory_format
    network: HeadroomOne = to(device, memory_format=torch.channels_last)
    return network


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


def _join_processes(device: str) -> tuple[int, int]:
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda: torch sees no CUDA device here; use --device cpu")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return int(os.environ.get("RANK", "0")), world


def _agree(stop: bool, world: int, device: torch.device) -> bool:
    """All processes stop at the same step, or the others wait for ever."""
    if world == 1:
        return stop
    vote = torch.tensor([float(stop)], device=device)
    torch.distributed.all_reduce(vote, op=torch.distributed.ReduceOp.MAX)
    return bool(vote.item() > 0)


def _decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.dim() > 1]
    vectors = [p for p in trained if p.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    torch._foreach_lerp_([*average.parameters()], [*network.parameters()], 1 - decay)


def _start(network: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: not found; give the weights.safetensors of a model")
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path}: not weights of this recipe's network ({str(error).splitlines()[0]})") from error


def _resume(
    run: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> tuple[int, float]:
    path = run / STATE_FILE
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    log.info("going on from step %d of %s", state["step"], path)
    return int(state["step"]), float(state["seconds"])


def _save(
    run: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> Path:
    facts = {"network": "headroom1", "config": json.dumps(asdict(recipe.network)), "recipe": recipe.name}
    tensors = {key: value.detach().cpu().contiguous() for key, value in average.state_dict().items()}
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    weights = run / "weights.safetensors"
    try:
        save_file(tensors, weights.with_suffix(".partial"), metadata={**facts, "step": str(step)})
        weights.with_suffix(".partial").replace(weights)
        torch.save(state, run / "state.partial")
        (run / "state.partial").replace(run / STATE_FILE)
    except OSError as error:
        raise WriteError(f"{run}: cannot save the checkpoint ({error.strerror}); free some space") from error
    return weights


@torch.no_grad()
def _validate(
    run: Path, average: HeadroomOne, checker: BatchMaker | None, recipe: Recipe, step: int, autocast: Any
) -> None:
    """The losses on scenes that are not trained on, always the same batches; then the plot and the picture."""
    if checker is None:
        return
    checker.restart(VALIDATION_SEED)
    sums: dict[str, float] = {}
    batch = checker()
    for _ in range(VALIDATION_BATCHES):
        with autocast:
            features, local = average(batch.scene_srgb, batch.x_srgb, batch.alpha, _whole_frame(batch))
        for key, value in losses(features, local, batch, recipe.weights).items():
            sums[f"held_out_{key}"] = sums.get(f"held_out_{key}", 0.0) + float(value.detach()) / VALIDATION_BATCHES
        shown = batch, local
        batch = checker()
    _log_line(run, step, math.nan, sums)
    try:
        from headroom.train.pictures import plot_log, validation_picture
    except ImportError:
        log.info("no matplotlib here: no plot of the curves")
        return
    plot_log(run / LOG_FILE, run / "curves.png")
    validation_picture(*shown, run / f"validation-{step:06d}.png")


def _log_line(run: Path, step: int, seconds: float, terms: dict[str, float]) -> None:
    line: dict[str, float] = {"step": step, **{k: round(v, 5) for k, v in terms.items()}}
    if not math.isnan(seconds):
        line["seconds"] = round(seconds, 1)
    with (run / LOG_FILE).open("a") as file:
        file.write(json.dumps(line) + "\n")
