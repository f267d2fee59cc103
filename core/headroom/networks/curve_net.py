"""The inverse response curve, from how a picture's edges bend.

Where light varies smoothly, a step's second difference averages to nearly nothing at any level. A response f bends
it: code x = f(L) has x'' / x'^2 = f'' / f'^2 = -g'' / g' with g the inverse response (the geometry invariant of
Ng, Chang and Tsui, "Using Geometry Invariants for Camera Response Function Estimation", 2007). Averaged over the
pixels of each code level, that is a measurement of g; noise, compression and the habits of scenes disturb it in ways
that a small network learns to undo. Everything is a sum over pixels, so a frame can be measured in bands.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["CURVE_COEFFICIENTS", "Curve", "CurveNet", "curve_features", "curve_sums"]

CURVE_COEFFICIENTS = 11
"""Components of the inverse EMoR basis, as many as SingleHDR's Linearization-Net uses."""
LEVELS = 32
GRADIENT_EDGES = (2.5 / 255, 10 / 255, 40 / 255)
"""Upper ends of the classes of gradient, code values a pixel: noise, texture, soft edges; above: hard edges."""
CLASSES = len(GRADIENT_EDGES) + 1
STRIDES = (1, 2, 4)
"""Distances in pixels over which differences are taken."""
MOMENTS = 4
CHANNELS = 3
SUMS = len(STRIDES) * CLASSES * LEVELS * MOMENTS + CHANNELS * LEVELS
UNCLIPPED = 0.985
"""Samples above take no part: their neighbours' differences are cut off."""


class Curve(NamedTuple):
    """B pictures' curves."""

    coefficients: Tensor
    """(B, 11) inverse EMoR coefficients to add to the stated decoding; 0 is the stated curve itself."""
    log2_error: Tensor
    """(B,) log2 of the expected error of the curve, in stops."""
    stated_logit: Tensor
    """(B,) logit that the stated curve is the right one."""


def curve_sums(x_srgb: Tensor) -> Tensor:
    """(B, 3, H, W) 0..1 to (B, SUMS) sums over its pixels: add the sums of bands to get the frame's."""
    batch = x_srgb.shape[0]
    first = torch.arange(batch, device=x_srgb.device).view(-1, 1, 1, 1)
    parts = []
    for stride in STRIDES:
        cells = batch * CLASSES * LEVELS
        sums = x_srgb.new_zeros(MOMENTS, cells, dtype=torch.float64)
        for axis in (2, 3):
            length = x_srgb.shape[axis] - 2 * stride
            if length < 1:
                continue
            # Every third line across the direction is enough.
            lines = x_srgb[:, :, ::3] if axis == 3 else x_srgb[..., ::3]
            before, here, after = (lines.narrow(axis, k * stride, length) for k in range(3))
            use = (torch.maximum(torch.maximum(before, after), here) < UNCLIPPED).to(x_srgb.dtype)
            slope, bend = (after - before) * 0.5, after + before - 2 * here
            size = slope.abs()
            level = (here * LEVELS).long().clamp(max=LEVELS - 1)
            index = sum((size > edge).long() for edge in GRADIENT_EDGES) * LEVELS + level
            index = (index + first * (CLASSES * LEVELS)).flatten()
            for moment, values in enumerate((use, bend * use, slope.square() * use, bend.square() * use)):
                sums[moment] += torch.bincount(index, values.flatten(), cells)
        parts.append(sums.t().reshape(batch, -1).float())
    level = (x_srgb * LEVELS).long().clamp(0, LEVELS - 1)
    channel = torch.arange(CHANNELS, device=x_srgb.device).view(1, -1, 1, 1)
    index = ((first * CHANNELS + channel) * LEVELS + level).flatten()
    histogram = torch.bincount(index, None, batch * CHANNELS * LEVELS)
    return torch.cat([*parts, histogram.view(batch, -1).float()], 1)


def curve_features(sums: Tensor) -> Tensor:
    """(B, SUMS) to what the network sees, independent of the picture's size: ratios and log shares."""
    pairs = sums[:, : -CHANNELS * LEVELS].unflatten(1, (len(STRIDES), CLASSES, LEVELS, MOMENTS))
    count, bend, slope2, bend2 = pairs.unbind(-1)
    total = count.sum((2, 3), keepdim=True).clamp(min=1)
    share = count / total
    # A prior of a few hundred pixels keeps the ratios of empty levels at zero.
    prior = 2e-5 * total
    bend_rate = (bend / (slope2 + prior * 1e-3)).clamp(-40, 40) * 0.1
    bend_mean = bend / (count + prior) * 100
    roughness = (bend2 / (count + prior) + 1e-7).log2() * 0.1 + 1
    histogram = sums[:, -CHANNELS * LEVELS :].unflatten(1, (CHANNELS, LEVELS))
    histogram = histogram / histogram.sum(2, keepdim=True).clamp(min=1)
    logs = [(part + 1e-5).log2() * 0.1 + 1 for part in (share, histogram)]
    features = [bend_rate, bend_mean.clamp(-4, 4), roughness, *logs]
    return torch.cat([part.flatten(1) for part in features], 1)


class CurveNet(nn.Module):
    """A perceptron on the statistics."""

    def __init__(self, width: int = 256) -> None:
        """Starts at the stated curve, undecided."""
        super().__init__()
        inputs = curve_features(torch.zeros(1, SUMS)).shape[1]
        self.first = nn.Linear(inputs, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.head = nn.Linear(width, CURVE_COEFFICIENTS + 2)
        self.dropout, self.noise = nn.Dropout(0.0), 0.0
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()

    def regularise(self, dropout: float, noise: float) -> None:
        """What training adds against learning the scenes by heart: dropout, and noise on the features."""
        self.dropout.p, self.noise = dropout, noise

    def forward(self, sums: Tensor) -> Curve:
        """(B, SUMS) of whole frames."""
        features = curve_features(sums)
        if self.training and self.noise:
            features = features + self.noise * torch.randn_like(features)
        x = self.dropout(F.silu(self.first(features)))
        x = self.dropout(F.silu(self.second(x)) + x)
        x = F.silu(self.third(x)) + x
        coefficients, log2_error, logit = self.head(x).split((CURVE_COEFFICIENTS, 1, 1), 1)
        # What the network believes of the stated curve scales how far it leaves it.
        return Curve(coefficients * torch.sigmoid(-logit), log2_error[:, 0], logit[:, 0])
