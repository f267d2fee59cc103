"""What a good reconstruction is, as numbers to go down.

Errors are log2 ratios of linear light, in stops: ``e = alpha * gain - target``, where the target is what the scene's
light lies above the pixel's own linear value. They are averaged over the mask of each picture first, then over
pictures: otherwise large clips drown small suns. Squared near zero, so that the mean of a heavy tail is sought.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.metrics import pu21
from headroom.networks.area import area_weights
from headroom.networks.headroom1 import Local, bound_gain
from headroom.train.batches import Batch
from headroom.train.visible import visible_difference

__all__ = ["LossWeights", "losses"]

LIGHT_FLOOR = 1e-5
TARGET_STOPS = (-0.5, 16.0)
"""A little below zero for noise and compression; the sun's disc above."""
GRID_PX = 8
"""Period of headroom-1's two pixel shuffles, by 2 and by 4."""
GRID_CELLS = 8
"""Cells each way over which errors at one place in the patch are averaged."""
MEAN_BLOCK_PX = 64
HUBER_STOPS = 2.0
"""Errors beyond this many stops count linearly: clamped suns in the truth must not rule."""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each term."""

    log: float = 1.0
    low_pass: float = 0.5
    gradient: float = 0.25
    hue: float = 0.0
    pu21: float = 0.25
    energy: float = 0.05
    scene: float = 0.3
    spread: float = 0.05
    doubt: float = 0.2
    """The lights that nine in ten pixels pass, and one in ten; of networks that say more of doubt than a spread."""
    mean: float = 0.2
    """The mean light that such networks state, against the light that was there."""
    teacher: float = 0.0
    """Against the gain of a trained network; needs ``Recipe.teacher``."""
    visible: float = 0.0
    """Contrasts as an eye weighs them, by scale, light apart from colour."""
    grid: float = 0.0
    """What errors have in common with the places of pixels in the network's own patches."""
    dequantize: float = 0.05
    coherence: float = 0.0
    """What the error changes by from one frame to the next; needs ``Shooting.pairs``."""


def losses(
    features: Tensor, local: Local, batch: Batch, weights: LossWeights, taught: Tensor | None = None
) -> dict[str, Tensor]:
    """Every term, weighted, and their ``total``; ``stops_rmse`` and ``stops_bias`` are for the log only.

    ``taught``: the gain of a trained network, where one teaches.
    """
    target = (batch.truth_lin.clamp(min=LIGHT_FLOOR) / batch.lin.clamp(min=LIGHT_FLOOR)).log2().clamp(*TARGET_STOPS)
    mask = (batch.alpha > 0).float()
    error = (batch.alpha * local.gain_log2 - target) * mask
    terms = {
        "log": weights.log * per_picture(huber(error), mask),
        "low_pass": weights.low_pass * low_pass(error, mask),
        "gradient": weights.gradient * gradient(error, mask),
        "hue": weights.hue * hue(error, mask),
        "pu21": weights.pu21 * pu21_term(local.gain_log2, batch),
        "energy": weights.energy * energy(local.gain_log2, batch, mask),
        "scene": weights.scene * scene_term(features, target, mask),
    }
    if local.doubt is None:
        terms["spread"] = weights.spread * spread_term(local.spread_log2, error, mask)
    else:
        terms["doubt"] = weights.doubt * doubt_term(local.doubt, -error.detach(), batch.alpha, mask)
        terms["mean"] = weights.mean * mean_term(local, batch, mask)
    if weights.visible:
        terms["visible"] = weights.visible * visible_difference(local.gain_log2, batch)
    if taught is not None:
        terms["teacher"] = weights.teacher * per_picture(huber(batch.alpha * (local.gain_log2 - taught)), mask)
    if weights.grid:
        terms["grid"] = weights.grid * grid(error, mask)
    if weights.coherence and batch.moved is not None:
        terms["coherence"] = weights.coherence * coherence(error, mask, batch.moved)
    if local.dequantize is not None:
        terms["dequantize"] = weights.dequantize * dequantize_term(local.dequantize, batch, mask)
    terms["total"] = torch.stack(list(terms.values())).sum()
    with torch.no_grad():
        clipped = (batch.truth_lin >= 1).float()
        terms["stops_rmse"] = per_picture(error.square(), clipped).sqrt()
        terms["stops_bias"] = per_picture(error, clipped)
    return terms


def per_picture(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the mask in each picture, then over the pictures that have one."""
    total = mask.flatten(1).sum(1)
    mean = (values * mask).flatten(1).sum(1) / total.clamp(min=1)
    has = (total > 0).float()
    return (mean * has).sum() / has.sum().clamp(min=1)


def huber(stops: Tensor) -> Tensor:
    """Half the square, linear beyond HUBER_STOPS."""
    return F.huber_loss(stops, torch.zeros_like(stops), reduction="none", delta=HUBER_STOPS)


def low_pass(error: Tensor, mask: Tensor) -> Tensor:
    """The error of local means at 4 and 16 px: right power before right texture."""
    total = error.new_zeros(())
    for size in (4, 16):
        cover = F.avg_pool2d(mask, size)
        mean = F.avg_pool2d(error, size) / cover.clamp(min=1e-4)
        total = total + 0.5 * per_picture(huber(mean), cover)
    return total


def gradient(error: Tensor, mask: Tensor) -> Tensor:
    """Differences of the error between neighbours at three scales, where both are masked."""
    total = error.new_zeros(())
    for scale in range(3):
        if scale:
            cover = F.avg_pool2d(mask, 2)
            error, mask = F.avg_pool2d(error, 2) / cover.clamp(min=1e-4), (cover > 0).float()
        for axis in (2, 3):
            size = error.shape[axis] - 1
            both = mask.narrow(axis, 1, size) * mask.narrow(axis, 0, size)
            step = error.narrow(axis, 1, size) - error.narrow(axis, 0, size)
            total = total + per_picture((step.square() + 1e-4).sqrt() - 1e-2, both) / 6
    return total


def coherence(error: Tensor, mask: Tensor, moved: Tensor) -> Tensor:
    """Change of the error along the motion, where both frames are masked: excess variation, as a loss.

    The light itself may change as the scene and the exposure make it: that is in both targets. Only what the network
    adds of its own counts; an error that stays is left to the other terms. Absolute, not squared: small flicker is
    seen too.
    """
    (first, second), (first_mask, second_mask) = error.chunk(2), mask.chunk(2)
    there = [F.grid_sample(part, moved.to(part.dtype), align_corners=False) for part in (first, first_mask)]
    both = second_mask * (there[1] > 0.999).to(mask.dtype)
    change = second - there[0]
    return per_picture((change.square() + 1e-4).sqrt() - 1e-2, both)


def hue(error: Tensor, mask: Tensor) -> Tensor:
    """What the channels' errors differ by where all three clipped: a sky's colour, apart from its light."""
    all_clipped = mask.amin(1, keepdim=True)
    apart = (error - error.mean(1, keepdim=True)) * all_clipped
    total = per_picture(huber(apart).sum(1, keepdim=True), all_clipped)
    cover = F.avg_pool2d(all_clipped, 8)
    mean = F.avg_pool2d(apart, 8) / cover.clamp(min=1e-4)
    return 0.5 * total + 0.5 * per_picture(huber(mean).sum(1, keepdim=True), cover)


def pu21_term(gain_log2: Tensor, batch: Batch) -> Tensor:
    """Log of the mean squared PU21 difference of the frame: minus this is PU21-PSNR, up to a constant."""
    predicted = pu21_code(batch.lin * torch.exp2((batch.alpha * gain_log2).clamp(max=16)))
    difference = (predicted - pu21_code(batch.truth_lin)) * (batch.alpha > 0)
    mse = difference.square().flatten(1).mean(1) / pu21.PEAK**2
    return (mse + 1e-5).log().mean() * (0.5 / math.log(2))


def pu21_code(lin: Tensor) -> Tensor:
    """Linear camera units to PU21 units on the benchmark's display."""
    code: Tensor = pu21.pu21_curve(lin * pu21.DIFFUSE_WHITE_NITS)
    return code


def energy(gain_log2: Tensor, batch: Batch, mask: Tensor) -> Tensor:
    """Stops between predicted and true total light inside the mask: what lights a scene."""
    predicted = (batch.lin * torch.exp2((batch.alpha * gain_log2).clamp(max=16)) * mask).flatten(1).sum(1)
    true = (batch.truth_lin * mask).flatten(1).sum(1)
    return huber(((predicted + 1) / (true + 1)).log2()).mean()


def scene_term(features: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The scene view's own gain against the masked mean of the target in each of its cells."""
    h, w = features.shape[2:]
    rows = area_weights(target.shape[2], h).to(target.device)
    columns = area_weights(target.shape[3], w).to(target.device)
    cover = rows @ mask @ columns.T
    mean = (rows @ (target * mask) @ columns.T) / cover.clamp(min=1e-4)
    return per_picture(huber(bound_gain(features[:, -4:-1].float()) - mean), cover)


def spread_term(spread_log2: Tensor, error: Tensor, mask: Tensor) -> Tensor:
    """Gaussian negative log likelihood of the error under the predicted spread; the gain is not moved by it."""
    spread = spread_log2.clamp(-6, 5)
    variance = torch.exp2(2 * spread)
    return per_picture(error.detach().square() / (2 * variance) + spread * math.log(2), mask)


def doubt_term(doubt: Tensor, left: Tensor, alpha: Tensor, mask: Tensor) -> Tensor:
    """Pinball loss of both ends of the 80 % interval; ``left`` (B, 3, H, W): stops from the gain up to the truth."""
    stops = torch.exp2(doubt[:, :2])
    below, above = left + alpha * stops[:, :1], left - alpha * stops[:, 1:]
    return per_picture(torch.maximum(0.9 * above, -0.1 * above) + torch.maximum(0.1 * below, -0.9 * below), mask)


def mean_term(local: Local, batch: Batch, mask: Tensor) -> Tensor:
    """Stops between the mean light and the true, summed in blocks and whole pictures; the gain is not moved."""
    doubt = local.doubt
    if doubt is None:
        raise ValueError("a network that states no mean")
    stops = batch.alpha * (local.gain_log2.detach() + doubt[:, 2:])
    predicted, true = batch.lin * torch.exp2(stops.clamp(max=16)) * mask, batch.truth_lin * mask
    whole = huber(_stops_apart(predicted.flatten(1).mean(1), true.flatten(1).mean(1))).mean()
    cover = F.avg_pool2d(mask, MEAN_BLOCK_PX).mean(1, keepdim=True)
    blocks = (F.avg_pool2d(light, MEAN_BLOCK_PX).mean(1, keepdim=True) for light in (predicted, true))
    return 0.5 * whole + 0.5 * per_picture(huber(_stops_apart(*blocks)), cover)


def _stops_apart(predicted: Tensor, true: Tensor) -> Tensor:
    return ((predicted + LIGHT_FLOOR) / (true + LIGHT_FLOOR)).log2()


def grid(error: Tensor, mask: Tensor) -> Tensor:
    """How much errors depend on where in a patch of GRID_PX they lie, averaged over blocks of GRID_CELLS patches."""
    sums, cover = (
        F.avg_pool2d(F.pixel_unshuffle(part, GRID_PX).unflatten(1, (3, GRID_PX**2)).flatten(0, 1), GRID_CELLS)
        for part in (error * mask, mask)
    )
    full = (cover.amin(1, keepdim=True) > 0.5).float()
    mean = sums / cover.clamp(min=1e-4)
    apart = (mean - mean.mean(1, keepdim=True)).square().mean(1, keepdim=True)
    return per_picture((apart + 1e-4).sqrt() - 1e-2, full)


def dequantize_term(correction: Tensor, batch: Batch, mask: Tensor) -> Tensor:
    """The rounding that 8 bits took away, in half codes, where nothing else disturbed it."""
    lost = ((batch.code_truth - batch.x_srgb) * (2 * 255)).clamp(-1, 1)
    use = (1 - mask) * batch.lossless[:, None, None, None]
    return per_picture((correction - lost).abs(), use)
