"""The training loop of any network: draw, step, average, save; stops at its time budget and goes on where it stopped.

One process a device. Under ``torchrun`` the processes share gradients (DistributedDataParallel) and draw different
batches; rank 0 saves. The learning rate follows the share of the run that is done: of the time budget if there is
one, else of the steps. What is averaged over the steps is what is saved as weights. Their header says how long they
took by the clock and by the processor: on a shared machine runs are compared by the latter.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from headroom.errors import Cancelled, DeviceError, WeightsError, WriteError

__all__ = ["LOG_FILE", "STATE_FILE", "Crew", "Pace", "Progress", "Step", "join_processes", "log_line", "run_training"]

log = logging.getLogger(__name__)

STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"
LOG_SECONDS = 20.0
SKIPPED_MOST = 25
"""Steps in a row without a finite gradient after which nothing is to be hoped for."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a network is driven; recipes extend it."""

    learning_rate: float = 1e-3
    final_share: float = 0.02
    """The learning rate's last value, as a share of its first; it falls along a cosine over the run."""
    warmup_steps: int = 100
    betas: tuple[float, float] = (0.9, 0.98)
    """Of Adam."""
    weight_decay: float = 0.02
    """Decoupled, of matrices and kernels alone."""
    gradient_norm: float = 2.0
    ema: float = 0.999
    steps: int = 100_000
    """Length of the run where no time budget sets it."""
    seed: int = 1
    save_seconds: float = 300.0


@dataclass(frozen=True)
class Progress:
    """What the caller hears of after every logged stretch."""

    step: int
    share: float
    """0..1 of the run."""
    terms: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Crew:
    """This process among those that share the work."""

    rank: int
    world: int
    device: torch.device


Step = Callable[[nn.Module], tuple[dict[str, Tensor], int]]
"""Of the network as it is wrapped for this run: a step's loss terms, among them ``total``, and its samples."""


def join_processes(device: str) -> Crew:
    """The process group of ``torchrun``, or this process alone; ``DeviceError`` without the device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda: torch sees no CUDA device here; use --device cpu")
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    where = torch.device(f"cuda:{rank % torch.cuda.device_count()}" if device == "cuda" else device)
    return Crew(rank, world, where)


def run_training(
    pace: Pace,
    network: nn.Module,
    folder: Path,
    *,
    crew: Crew,
    facts: Mapping[str, str],
    begin: Callable[[int], Step],
    wrap: Callable[[Any], nn.Module] | None = None,
    validate: Callable[[nn.Module, int], None] | None = None,
    time_budget: float | None = None,
    compile_network: bool = False,
    start_weights: Path | None = None,
    grown: tuple[str, ...] = (),
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train ``network`` (on the crew's device) into ``folder`` and return the path of the averaged weights.

    ``facts``: ``network``, ``config`` (JSON) and ``recipe`` for the weights' header. ``begin`` gets the step that the
    run goes on from and gives the function that every step calls, with the network inside ``wrap``. ``validate`` gets
    the average at every save.
    ``time_budget`` in seconds counts this call only; the schedule spans what was run before and this call.
    ``start_weights``: a model's ``weights.safetensors`` that a fresh run starts from; it may lack tensors whose names
    begin as one of ``grown``, which stay as the network made them.
    """
    if start_weights is not None:
        _start(network, start_weights, grown)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    network.train()
    optimiser = torch.optim.AdamW(
        _decay_groups(network, pace.weight_decay), lr=pace.learning_rate, betas=pace.betas,
        fused=crew.device.type == "cuda",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    step, before, processor_before = _resume(folder, network, average, optimiser, crew.device)
    draw = begin(step)
    trained: Any = network if wrap is None else wrap(network)
    if compile_network:
        trained = torch.compile(trained)
    if crew.world > 1:
        # Papers' networks may carry layers that never run.
        trained = nn.parallel.DistributedDataParallel(trained, find_unused_parameters=wrap is not None)

    def save() -> Path:
        taken = before + time.monotonic() - start, processor_before + time.process_time() - processor_start
        path = _save(folder, facts, network, average, optimiser, step, *taken)
        if validate is not None:
            validate(average, step)
        return path

    start = last_save = last_log = time.monotonic()
    processor_start = time.process_time()
    sums: dict[str, Tensor] = {}
    count = samples = skipped = 0
    while True:
        elapsed = time.monotonic() - start
        share = (before + elapsed) / (before + time_budget) if time_budget else step / pace.steps
        if _agree(share >= 1.0 or bool(cancelled and cancelled()), crew):
            break
        for group in optimiser.param_groups:
            group["lr"] = pace.learning_rate * schedule(pace, step, share)
        terms, drawn = draw(trained)
        optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), pace.gradient_norm)
        if bool(torch.isfinite(norm)):
            skipped = 0
            optimiser.step()
            _follow(average, network, min(pace.ema, (1 + step) / (10 + step)))
        else:
            skipped += 1
            log.warning("step %d: gradients are not finite; the step is skipped", step)
            if skipped == SKIPPED_MOST:
                raise DeviceError(
                    f"{folder}: no finite gradient in {skipped} steps, the last of them {step}; start again at a lower "
                    "learning rate, or on another device"
                )
        step, count, samples = step + 1, count + 1, samples + drawn
        for key, value in terms.items():
            sums[key] = sums[key] + value.detach() if key in sums else value.detach()
        now = time.monotonic()
        if now - last_log > LOG_SECONDS or step == 1:
            means = {key: float(value) / count for key, value in sums.items()}
            means["samples_per_second"] = samples / max(now - last_log, 1e-6)
            sums, count, samples, last_log = {}, 0, 0, now
            if crew.rank == 0:
                log_line(folder, step, before + now - start, means)
                if on_progress:
                    on_progress(Progress(step, min(share, 1.0), means, now - start))
        if crew.rank == 0 and now - last_save > pace.save_seconds:
            last_save = now
            save()
    path = save() if crew.rank == 0 else folder / "weights.safetensors"
    if crew.world > 1:
        torch.distributed.destroy_process_group()
    if cancelled and cancelled():
        raise Cancelled(f"training stopped at step {step}; {folder / STATE_FILE} goes on from there")
    return path


def schedule(pace: Pace, step: int, share: float) -> float:
    """Share of the full learning rate: linear warm-up, cosine fall."""
    warm = min(1.0, (step + 1) / pace.warmup_steps)
    fall = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return warm * (pace.final_share + (1 - pace.final_share) * fall)


def log_line(folder: Path, step: int, seconds: float, terms: Mapping[str, float]) -> None:
    """Add a line to the run's log; ``seconds`` NaN: none stated."""
    line: dict[str, float] = {"step": step, **{k: round(v, 5) for k, v in terms.items()}}
    if not math.isnan(seconds):
        line["seconds"] = round(seconds, 1)
    with (folder / LOG_FILE).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _agree(stop: bool, crew: Crew) -> bool:
    """All processes stop at the same step, or the others wait for ever."""
    if crew.world == 1:
        return stop
    vote = torch.tensor([float(stop)], device=crew.device)
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
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):  # batch norm's statistics
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def _start(network: nn.Module, path: Path, grown: tuple[str, ...]) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: not found; give the weights.safetensors of a model")
    try:
        tensors = load_file(path)
        fresh = {k: v for k, v in network.state_dict().items() if k.startswith(grown) and k not in tensors}
        network.load_state_dict({**fresh, **tensors})
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path}: not weights of this recipe's network ({str(error).splitlines()[0]})") from error


def _resume(
    folder: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> tuple[int, float, float]:
    path = folder / STATE_FILE
    if not path.is_file():
        return 0, 0.0, 0.0
    state = torch.load(path, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    log.info("going on from step %d of %s", state["step"], path)
    # States of before processor time was kept have none.
    return int(state["step"]), float(state["seconds"]), float(state.get("processor_seconds", state["seconds"]))


def _save(
    folder: Path,
    facts: Mapping[str, str],
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
    processor_seconds: float,
) -> Path:
    tensors = {key: value.detach().cpu().contiguous() for key, value in average.state_dict().items()}
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "seconds": seconds,
        "processor_seconds": processor_seconds,
    }
    header = {**facts, "step": str(step), "seconds": f"{seconds:.2f}", "processor_seconds": f"{processor_seconds:.2f}"}
    weights = folder / "weights.safetensors"
    try:
        save_file(tensors, weights.with_suffix(".partial"), metadata=header)
        weights.with_suffix(".partial").replace(weights)
        torch.save(state, folder / "state.partial")
        (folder / "state.partial").replace(folder / STATE_FILE)
    except OSError as error:
        raise WriteError(f"{folder}: cannot save the checkpoint ({error.strerror}); free some space") from error
    return weights
