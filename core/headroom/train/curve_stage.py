"""The second stage: the response curve's network, fitted to sums over many virtual photographs.

Most of the time goes into taking photographs; their sums are small. So sums are gathered first, for a share of the
time budget, then the perceptron is fitted to them over many epochs, which takes seconds.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.camera import emor_basis, inverse_emor_curve
from headroom.colour.curves import srgb_decode
from headroom.errors import Cancelled, UsageError
from headroom.networks.curve_net import CURVE_COEFFICIENTS, SUMS, Curve, CurveNet, curve_sums
from headroom.train.batches import CURVE_SAMPLES, BatchMaker, Frame, Shooting
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["CURVE_RECIPES", "CurveRecipe", "Photographs", "curve_error", "fit", "gather", "train_curve"]

log = logging.getLogger(__name__)

BLOCK_ROWS = 2048
GATHER_SHARE = 0.85
"""Share of the time budget that goes into photographs."""
LIGHT_FLOOR = 1e-5
CURVE_CODES = (25 / 255, 230 / 255)
"""Codes over which the curve is judged: well exposed."""
LEVEL_WEIGHT = 0.3
"""Weight of the error that a common exposure would take away, beside that of the curve's shape."""
STATED_WEIGHT = 0.1
SPREAD_WEIGHT = 0.05


@dataclass(frozen=True, kw_only=True)
class CurveRecipe:
    """How the curve's network is trained."""

    shooting: Shooting
    width: int = 256
    dropout: float = 0.1
    noise: float = 0.05
    """Standard deviation of what is added to the features while fitting."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    batch: int = 256
    epochs: int = 12
    exposures: int = 3
    """Photographs of each view, with other exposures and responses."""
    seed: int = 11


@dataclass(frozen=True)
class Photographs:
    """N photographs: sums, true curves at code i/255, whether the stated curve is true, share of each code."""

    sums: Tensor
    curves: Tensor
    stated: Tensor
    codes: Tensor

    def __len__(self) -> int:
        """N."""
        return len(self.sums)


def gather(
    scenes: list[HdrScene],
    recipe: CurveRecipe,
    *,
    seconds: float,
    device: torch.device,
    seed: int,
    least: int = 1,
    cancelled: Callable[[], bool] | None = None,
) -> Photographs:
    """Take photographs for as long as given, ``least`` of them in any case."""
    maker = BatchMaker(SceneBank(scenes, device), recipe.shooting, scene_px=1024, scene_multiple=16, seed=seed)
    kept = _Rows(SUMS + 2 * CURVE_SAMPLES + 1)
    start = time.monotonic()
    with torch.no_grad():
        while kept.count < least or time.monotonic() - start < seconds:
            if cancelled and cancelled():
                raise Cancelled("gathering photographs for the response curve was stopped")
            for batch in maker.exposures(recipe.exposures):
                codes = (batch.x_srgb.flatten(1)[:, ::7] * (CURVE_SAMPLES - 1)).round().long()
                share = torch.zeros(len(codes), CURVE_SAMPLES, device=device)
                share = share.scatter_add(1, codes, torch.ones_like(codes, dtype=share.dtype)) / codes.shape[1]
                kept.add(torch.cat([curve_sums(batch.x_srgb), batch.inverse, share, batch.stated[:, None]], 1).cpu())
    sums, curves, codes, stated = kept.all().split((SUMS, CURVE_SAMPLES, CURVE_SAMPLES, 1), 1)
    return Photographs(sums, curves, stated[:, 0], codes)


class _Rows:
    """Rows in large blocks: kept one by one, they would pin the memory that each batch frees (13 GB in ten minutes)."""

    def __init__(self, width: int) -> None:
        self.blocks = [torch.empty(BLOCK_ROWS, width)]
        self.count = 0

    def add(self, rows: Tensor) -> None:
        for row in rows:
            block, place = divmod(self.count, BLOCK_ROWS)
            if block == len(self.blocks):
                self.blocks.append(torch.empty_like(self.blocks[0]))
            self.blocks[block][place] = row
            self.count += 1

    def all(self) -> Tensor:
        return torch.cat(self.blocks)[: self.count]


def train_curve(
    recipe: CurveRecipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    device: str = "cpu",
    time_budget: float,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Gather, fit and write ``curve.safetensors`` into ``run``; logs the error on held-out scenes in stops."""
    if time_budget <= 0:
        raise UsageError("the curve's stage needs a --time-budget")
    where = torch.device(device)
    run.mkdir(parents=True, exist_ok=True)
    seconds = time_budget * GATHER_SHARE
    train_share = 0.9 if held_out else 1.0
    seen = gather(scenes, recipe, seconds=seconds * train_share, device=where, seed=recipe.seed, cancelled=cancelled)
    unseen = None
    if held_out:
        left = seconds * (1 - train_share)
        unseen = gather(held_out, recipe, seconds=left, device=where, seed=recipe.seed + 1, cancelled=cancelled)
    log.info("%d photographs, %d of held-out scenes", len(seen), len(unseen) if unseen else 0)
    network = fit(recipe, seen, unseen)
    path = run / "curve.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path


def fit(recipe: CurveRecipe, seen: Photographs, unseen: Photographs | None = None) -> CurveNet:
    """Fit a fresh network, on the CPU."""
    torch.manual_seed(recipe.seed)
    network = CurveNet(recipe.width)
    network.regularise(recipe.dropout, recipe.noise)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = max(1, recipe.epochs * len(seen) // recipe.batch)
    for step in range(steps):
        fall = 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1.0, (step + 1) / 50)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * fall
        index = torch.randint(len(seen), (recipe.batch,))
        curve = network(seen.sums[index])
        loss = curve_loss(curve, seen.curves[index], seen.stated[index], seen.codes[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            log.info("step %d loss %.3f %s", step, float(loss.detach()), _measure(network, unseen or seen))
    return network.eval()


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
    grid = torch.linspace(0, 1, CURVE_SAMPLES)
    components = torch.as_tensor(emor_basis().inverse_components[:CURVE_COEFFICIENTS])
    components = F.interpolate(components[None], CURVE_SAMPLES, mode="linear", align_corners=True)[0]
    estimate = inverse_emor_curve(coefficients, srgb_decode(grid), components)
    error = (estimate.clamp(min=LIGHT_FLOOR) / truth.clamp(min=LIGHT_FLOOR)).log2()
    inside = ((grid >= CURVE_CODES[0]) & (grid <= CURVE_CODES[1])).float()
    seen = codes * inside
    weight = inside / inside.sum() + seen / seen.sum(1, keepdim=True).clamp(min=1e-6)
    return error, weight / weight.sum(1, keepdim=True)


@torch.no_grad()
def _measure(network: CurveNet, photographs: Photographs) -> dict[str, float]:
    """Mean RMS error in stops after the best exposure, on stated and other responses, and without the network."""
    training = network.training
    curve = network.eval()(photographs.sums)
    network.train(training)
    result = {}
    for name, coefficients in (("", curve.coefficients), ("_if_stated", torch.zeros_like(curve.coefficients))):
        error, weight = curve_error(coefficients, photographs.curves, photographs.codes)
        centred = error - (error * weight).sum(1, keepdim=True)
        rms = (weight * centred.square()).sum(1).sqrt()
        for kind, is_stated in (("other", 0), ("stated", 1)):
            chosen = rms[photographs.stated == is_stated]
            result[f"{kind}{name}"] = round(float(chosen.mean()), 3) if len(chosen) else math.nan
    return result


# Resampling changes how edges bend: most pictures are taken as the scenes are stored, pixel by pixel.
FRAMES = (
    Frame(kind="panorama", height=512, width=1024, batch=4, share=0.4),
    Frame(kind="panorama", height=256, width=512, batch=8, share=0.25),
    Frame(kind="latlong", height=512, width=1024, batch=4, share=0.05),
    Frame(kind="view", height=256, width=384, batch=8, share=0.15),
    Frame(kind="view", height=512, width=640, batch=4, share=0.1),
    Frame(kind="still", height=320, width=384, batch=4, share=0.05),
)


def headroom_1_curve() -> CurveRecipe:
    """The default model's second stage. The scenes' own contrast is left alone: it is what tells a curve."""
    shooting = Shooting(
        frames=FRAMES,
        white_balance_std=0.1,
        saturation=(0.9, 1.1),
        contrast=(1.0, 1.0),
        srgb_share=0.35,
        emor_share=0.38,
        style_share=0.15,
        sigmoid_share=0.06,
        noisy_share=0.35,
        jpeg_share=0.35,
        responses=3000,
    )
    return CurveRecipe(shooting=shooting)


CURVE_RECIPES: dict[str, Callable[[], CurveRecipe]] = {"headroom-1-curve": headroom_1_curve}
