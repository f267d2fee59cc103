"""The second stage: the response curve's network, trained on lines of virtual photographs (curve_lines.py)."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.camera import inverse_emor_curve
from headroom.curve import MID_CODES
from headroom.errors import Cancelled, UsageError, WeightsError, WriteError
from headroom.networks.curve_net import Curve, CurveNet
from headroom.train.batches import CELL_PX, Frame, Shooting
from headroom.train.curve_lines import Album, LineShooting, Photographer, Photographs
from headroom.train.scenes import HdrScene

__all__ = ["CURVE_RECIPES", "CurveRecipe", "curve_error", "curve_loss", "train_curve"]

log = logging.getLogger(__name__)

LIGHT_FLOOR = 1e-5
LEVEL_WEIGHT = 0.3
"""Weight of the error that a common exposure would take away, beside that of the curve's shape."""
STATED_WEIGHT = 0.1
SPREAD_WEIGHT = 0.05
CHECKS = 10
"""Times in a run that the held-out scenes are looked at and the weights saved."""
HELD_OUT_BATCHES = 8
HELD_OUT_SEED = 20_000


@dataclass(frozen=True, kw_only=True)
class CurveRecipe:
    """How the curve's network is trained."""

    shooting: LineShooting
    lines: int = 1024
    """Of each photograph."""
    looks: int = 3
    """How often each photograph is learnt from."""
    width: int = 256
    dropout: float = 0.05
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup_steps: int = 60
    ema: float = 0.998
    gradient_norm: float = 1.0
    seed: int = 11


def train_curve(
    recipe: CurveRecipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    device: str = "cpu",
    time_budget: float | None = None,
    steps: int | None = None,
    start_weights: Path | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train and write ``curve.safetensors`` into ``run``, several times on the way; logs the held-out error in stops.

    The run ends, and its learning rate falls, by ``time_budget`` in seconds or else by ``steps``.

    ``start_weights``: a ``curve.safetensors``, or a whole model's weights, to start from.
    """
    if not time_budget and not steps:
        raise UsageError("the curve's stage needs a --time-budget or --steps: its learning rate falls by them")
    where = torch.device(device)
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network, average = CurveNet(recipe.width).to(where), CurveNet(recipe.width).to(where).eval()
    if start_weights is not None:
        _start(network, start_weights)
    average.load_state_dict(network.state_dict())
    network.dropout.p = recipe.dropout
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    take = Album(Photographer(scenes, recipe.shooting, recipe.lines, where, recipe.seed), recipe.looks, recipe.seed)
    unseen = None
    if held_out:
        photographer = Photographer(held_out, recipe.shooting, recipe.lines, where, HELD_OUT_SEED)
        unseen = [photographer() for _ in range(HELD_OUT_BATCHES)]
    path = run / "curve.safetensors"
    start, checks, step, photographs = time.monotonic(), 0, 0, 0

    def done() -> float:
        return (time.monotonic() - start) / time_budget if time_budget else step / (steps or 1)

    while (share := done()) < 1:
        if cancelled and cancelled():
            _save(average, path)
            raise Cancelled(f"training the response curve stopped at step {step}; {path} is what it had")
        rate = recipe.learning_rate * min(1.0, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = rate
        shot = take()
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type in {"cpu", "cuda"}):
            sums, count = network.averages(shot.lines)
        loss = curve_loss(network.curve(sums, count), shot.curves, shot.stated, shot.codes)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_norm)
        optimiser.step()
        step, photographs = step + 1, photographs + len(shot.curves)
        _follow(average, network, min(recipe.ema, step / (step + 20)))
        if share * CHECKS >= checks:
            checks += 1
            measured = {"step": step, "photographs": photographs, "loss": round(float(loss.detach()), 3)}
            measured |= measure(average, unseen or [shot])
            log.info("%s", measured)
            with (run / "curve-log.jsonl").open("a") as file:
                file.write(json.dumps(measured) + "\n")
            _save(average, path)
    _save(average, path)
    return path


def curve_loss(curve: Curve, truth: Tensor, stated: Tensor, codes: Tensor) -> Tensor:
    """Stops between the curves, how well the error was foreseen, and whether the stated curve was known as such."""
    error, weight = curve_error(curve.coefficients, truth, codes)
    level = (error * weight).sum(1, keepdim=True)
    size = (weight * ((error - level).abs() + LEVEL_WEIGHT * error.abs())).sum(1)
    square = (weight * (error - level).square()).sum(1).detach().clamp(min=1e-4)
    log2_error = curve.log2_error.clamp(-7, 3)
    surprise = square / (2 * torch.exp2(2 * log2_error)) + log2_error * math.log(2)
    verdict = F.binary_cross_entropy_with_logits(curve.stated_logit, stated)
    return (size + SPREAD_WEIGHT * surprise).mean() + STATED_WEIGHT * verdict


def curve_error(coefficients: Tensor, truth: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 256) log2 ratios of estimated to true curves, and weights that sum to 1: half plain, half by codes."""
    estimate = inverse_emor_curve(coefficients)
    grid = torch.linspace(0, 1, estimate.shape[1], device=estimate.device)
    error = (estimate.clamp(min=LIGHT_FLOOR) / truth.clamp(min=LIGHT_FLOOR)).log2()
    inside = ((grid >= MID_CODES[0]) & (grid <= MID_CODES[1])).float()
    seen = codes * inside
    weight = inside / inside.sum() + seen / seen.sum(1, keepdim=True).clamp(min=1e-6)
    return error, weight / weight.sum(1, keepdim=True)


@torch.no_grad()
def measure(network: CurveNet, batches: list[Photographs]) -> dict[str, float]:
    """Mean RMS error in stops after the best exposure, on stated and other responses, and without the network."""
    rows = []
    for shot in batches:
        curve = network(shot.lines)
        columns = [shot.stated]
        for coefficients in (curve.coefficients, torch.zeros_like(curve.coefficients)):
            error, weight = curve_error(coefficients, shot.curves, shot.codes)
            centred = error - (error * weight).sum(1, keepdim=True)
            columns.append((weight * centred.square()).sum(1).sqrt())
        rows.append(torch.stack(columns, 1))
    stated, with_network, without = torch.cat(rows).unbind(1)
    result = {}
    for name, values in (("", with_network), ("_if_stated", without)):
        for kind, is_stated in (("other", 0), ("stated", 1)):
            chosen = values[stated == is_stated]
            result[f"{kind}{name}"] = round(float(chosen.mean()), 3) if len(chosen) else math.nan
    return result


def _start(network: nn.Module, path: Path) -> None:
    try:
        tensors = load_file(path)
        ours = {key.removeprefix("curve_net."): value for key, value in tensors.items() if key.startswith("curve_net.")}
        network.load_state_dict(ours or tensors)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path}: not weights of the curve's network ({str(error).splitlines()[0]})") from error


def _save(network: nn.Module, path: Path) -> None:
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    try:
        save_file(tensors, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
    except OSError as error:
        raise WriteError(f"{path}: cannot save the weights ({error.strerror}); free some space") from error


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    torch._foreach_lerp_([*average.parameters()], [*network.parameters()], 1 - decay)


FRAMES = (
    Frame(kind="cells", height=3 * CELL_PX, width=4 * CELL_PX, batch=12, share=0.75),
    Frame(kind="cells half", height=3 * CELL_PX, width=4 * CELL_PX, batch=12, share=0.25),
)


def headroom_1_curve() -> CurveRecipe:
    """The default model's second stage. The scenes' own contrast is left alone: it is what tells a curve.

    Logarithms and channels that differ came after headroom-1 0.3.0 and are not measured yet.
    """
    shooting = Shooting(
        frames=FRAMES,
        white_balance_std=0.15,
        saturation=(0.8, 1.25),
        contrast=(1.0, 1.0),
        srgb_share=0.4,
        emor_share=0.37,
        style_share=0.11,
        sigmoid_share=0.06,
        log_share=0.03,
        channel_spread=0.02,
        noisy_share=0.35,
        jpeg_quality=(60, 98),
        responses=4000,
    )
    return CurveRecipe(shooting=LineShooting(sheets=shooting))


CURVE_RECIPES: dict[str, Callable[[], CurveRecipe]] = {"headroom-1-curve": headroom_1_curve}
