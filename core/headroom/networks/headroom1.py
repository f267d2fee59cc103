"""headroom-1: what a clipped pixel held, from the whole scene and from its own neighbourhood.

Three parts. ``scene`` looks once at the whole frame, area-resampled to about 32,000 pixels, through a U-Net: it knows
what kind of place this is and where its lights are. ``curve`` estimates the camera's inverse response from small
lines all over the frame. ``local`` works on any tile at a quarter of the plate's resolution (pixel-unshuffle), with
the scene's features sampled at the tile's place in the frame. Its receptive field is bounded, so that a tile with its
halo gives what the whole frame gives.

Shapes: B batch, H W tile, h w scene view. Domains: ``x_srgb`` sRGB-encoded 0..1; ``alpha`` 0..1 how clipped;
``gain_log2`` stops above the plate's own linear value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.contract import NetworkContract
from headroom.networks.curve_net import Curve, CurveNet, Lines
from headroom.networks.overview import FrameOverview, Overview
from headroom.networks.single_image import NORMAL_90, RIGHT_WITHIN, Local, SingleImageNetwork

__all__ = ["Config", "HeadroomOne", "Local", "bound_gain"]

GAIN_STOPS_MAX = 16.0
"""Smooth bound of the log gain: the sun's disc is about 15 stops above a sunlit wall."""
GAIN_LEAK = 0.05
"""Slope below zero gain while training, so that a dead output can come back; inference cuts at zero."""
HISTOGRAM_BINS = 32
LIFT_STOPS_MAX = 4.0
"""Smooth bound of the stops from the gain up to the mean light."""
SUREST = 1 - 1e-6
"""Probability that is told from certainty in float32."""
PATCH_PX = 4
SCENE_PATCH_PX = 2


@dataclass(frozen=True, kw_only=True)
class Config:
    """Widths of the two parts."""

    scene_widths: tuple[int, ...] = (48, 72, 112, 160)
    """Channels at 1/2, 1/4, 1/8, 1/16 of the scene view."""
    scene_features: int = 24
    local_widths: tuple[int, int, int] = (48, 64, 96)
    """Channels at 1/4, 1/8, 1/16 of the plate."""
    curve_width: int = 256
    doubt_width: int = 0
    """Channels of the part that says how light is spread above and below the gain; 0: one spread for both."""


class Residual(nn.Module):
    """Pre-activation residual pair of 3x3 convolutions, without normalisation (which would tie tiles together)."""

    def __init__(self, width: int) -> None:
        """Start close to identity: the second convolution is scaled down."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.25)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y = self.first(F.leaky_relu(x, 0.1))
        result: Tensor = self.second(F.leaky_relu_(y, 0.1)).add_(x)
        return result


class Down(nn.Conv2d):
    """Halve the resolution without overlap."""

    def __init__(self, width_in: int, width_out: int) -> None:
        """2x2 kernel, stride 2."""
        super().__init__(width_in, width_out, 2, stride=2)


class Up(nn.Module):
    """Double the resolution without overlap and join the skip."""

    def __init__(self, width_in: int, width_skip: int) -> None:
        """1x1 convolutions on both, then their sum."""
        super().__init__()
        self.deep = nn.Conv2d(width_in, width_skip * 4, 1)
        self.skip = nn.Conv2d(width_skip, width_skip, 1)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """(B, width_in, n, m), (B, width_skip, 2n, 2m) to the skip's shape."""
        joined: Tensor = F.pixel_shuffle(self.deep(deep), 2) + self.skip(skip)
        return joined


class SceneNet(nn.Module):
    """The whole frame at low resolution."""

    def __init__(self, config: Config) -> None:
        """U-Net with pooled context at the bottom."""
        super().__init__()
        widths = config.scene_widths
        self.stem = nn.Conv2d(6 * SCENE_PATCH_PX**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(Residual(w) for w in widths)
        self.bottom = nn.ModuleList(Residual(widths[-1]) for _ in range(2))
        self.down = nn.ModuleList(Down(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.context = nn.Sequential(
            nn.Linear(2 * widths[-1] + 6 * HISTOGRAM_BINS, 192),
            nn.SiLU(),
            nn.Linear(192, 192),
            nn.SiLU(),
        )
        self.modulate = nn.Linear(192, 2 * widths[-1])
        self.up = nn.ModuleList(Up(b, a) for a, b in zip(widths, widths[1:], strict=False))
        self.decoder = nn.ModuleList(Residual(w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], config.scene_features + 4, 1)
        with torch.no_grad():
            self.modulate.weight.mul_(0.1)
            self.modulate.bias.zero_()

    def forward(self, scene_srgb: Tensor) -> Tensor:
        """(B, 6, h, w) area means of x_srgb and alpha, sides multiples of 16, to (B, F + 4, h/2, w/2)."""
        x = self.stem(F.pixel_unshuffle(scene_srgb, SCENE_PATCH_PX))
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x)
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x)
        statistics = level_statistics(scene_srgb[:, :3].float()).type_as(scene_srgb)
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3)), statistics], 1)
        context = self.context(pooled)
        scale, shift = self.modulate(context)[..., None, None].chunk(2, 1)
        x = x * (1 + scale) + shift
        for block in self.bottom:
            x = block(x)
        for level in reversed(range(len(self.down))):
            x = self.decoder[level](self.up[level](x, skips[level]))
        features: Tensor = self.head(x)
        return features


class LocalNet(nn.Module):
    """A tile at a quarter of the plate's resolution."""

    def __init__(self, config: Config) -> None:
        """Three levels; every resampling is free of overlap, so tiles stay exact."""
        super().__init__()
        a, b, c = config.local_widths
        self.stem = nn.Conv2d(6 * PATCH_PX**2, a, 3, padding=1)
        self.sample = nn.Conv2d(config.scene_features + 4, a, 1)
        self.fine_in = Residual(a)
        self.down_b, self.middle_in = Down(a, b), nn.Sequential(Residual(b), Residual(b))
        self.down_c, self.coarse = Down(b, c), Residual(c)
        self.up_b, self.middle_out = Up(c, b), Residual(b)
        self.up_a, self.fine_out = Up(b, a), Residual(a)
        self.head = nn.Conv2d(a, 7 * PATCH_PX**2, 1)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            nn.init.zeros_(cast(Tensor, self.head.bias))
        self.doubt = DoubtHead(a, config.doubt_width) if config.doubt_width else None

    def forward(self, x_srgb: Tensor, alpha: Tensor, sampled: Tensor, outputs: int) -> tuple[Tensor, Tensor | None]:
        """(B, 3, H, W) twice and (B, F, H/4, W/4) to the first ``outputs`` of 7 raw maps, (B, outputs, H, W).

        And to (B, 3, H/4, W/4) raw doubt, of networks that have it.
        """
        patches = F.pixel_unshuffle(torch.cat([x_srgb - 0.5, alpha], 1), PATCH_PX)
        fine = self.fine_in(self.stem(patches) + self.sample(sampled))
        middle = self.middle_in(self.down_b(fine))
        coarse = self.coarse(self.down_c(middle))
        middle = self.middle_out(self.up_b(coarse, middle))
        fine = self.fine_out(self.up_a(middle, fine))
        rows = outputs * PATCH_PX**2
        fine = F.leaky_relu_(fine, 0.1)
        head = F.conv2d(fine, self.head.weight[:rows], cast(Tensor, self.head.bias)[:rows])
        return F.pixel_shuffle(head, PATCH_PX), None if self.doubt is None else self.doubt(fine)


class DoubtHead(nn.Sequential):
    """How light is spread about the gain, at a quarter of the plate's resolution."""

    def __init__(self, width_in: int, width: int) -> None:
        """Begins as a normal distribution of the spread that it is added to, its mean 0.4 stops above the gain."""
        last = nn.Conv2d(width, 3, 1)
        super().__init__(nn.Conv2d(width_in, width, 1), nn.LeakyReLU(0.1), last)
        with torch.no_grad():
            last.weight.zero_()
            cast(Tensor, last.bias).copy_(torch.tensor([math.log2(NORMAL_90), math.log2(NORMAL_90), -0.7]))


class HeadroomOne(SingleImageNetwork):
    """Single image in; log gain, its spread, a dequantising correction and an inverse response curve out."""

    contract = NetworkContract(
        space="srgb",
        channels=("R", "G", "B", "alpha_R", "alpha_G", "alpha_B"),
        multiple_of=16,
        halo_px=112,
        scene_px=32768,
        scene_multiple_of=32,
        dtypes=("float32", "bfloat16", "float16"),
        gflop_per_mp=26.2,
        states_doubt=True,
    )

    def __init__(self, config: Config | None = None) -> None:
        """Random weights of the given widths."""
        super().__init__()
        self.config = config or Config()
        self.contract = replace(HeadroomOne.contract, gflop_per_mp=_gflop_per_mp(self.config))
        self.scene_net = SceneNet(self.config)
        self.local_net = LocalNet(self.config)
        self.curve_net = CurveNet(self.config.curve_width)
        with torch.no_grad():
            # Start at one stop of gain where clipped, and one stop of doubt.
            cast(Tensor, self.scene_net.head.bias)[-4:-1] = 1.0

    def gatherer(self, height: int, width: int) -> FrameOverview:
        """A small view of the frame and lines for its curve."""
        return FrameOverview(height, width, self.contract)

    def look(self, gathered: Overview, table: Tensor, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """The scene's features; the curve in use makes no difference to them."""
        view = torch.from_numpy(np.ascontiguousarray(gathered.view.transpose(2, 0, 1)))
        return self.scene(upload(view[None]))

    def scene(self, scene_srgb: Tensor) -> Tensor:
        """(B, 6, h, w) scene view of a whole frame, sides multiples of 32, to its (B, F + 4, h/2, w/2) features.

        The last four features are the log2 gain per channel and its log2 spread, as the scene alone sees them.
        """
        features: Tensor = self.scene_net(scene_srgb)
        return features

    def curve(self, lines: Lines) -> Curve:
        """Lines of whole frames to their inverse response curves."""
        curve: Curve = self.curve_net(lines)
        return curve

    def local(
        self, x_srgb: Tensor, alpha: Tensor, features: Tensor, place: Tensor, *, dequantize: bool = True
    ) -> Local:
        """A tile (B, 3, H, W) and where it lies: ``place`` (B, 4) = x0, y0, width, height over the frame's size.

        H and W are multiples of 16. ``features`` is the scene's map of the whole frame.
        """
        sampled = sample_scene(features, place, x_srgb.shape[2] // PATCH_PX, x_srgb.shape[3] // PATCH_PX)
        raw, doubt = self.local_net(x_srgb, alpha, sampled, 7 if dequantize else 4)
        gain, spread = stops(raw, sampled, leak=self.training)
        correction = torch.tanh(raw[:, 4:].float()) if dequantize else None
        if doubt is None:
            return Local(gain, spread, correction)
        cells = (F.avg_pool2d(raw[:, 3:4], PATCH_PX) + sampled[:, -1:]).float()
        spread, doubt = stated_doubt(doubt.float(), cells)
        return Local(gain, spread, correction, doubt)

    def forward(self, scene_srgb: Tensor, x_srgb: Tensor, alpha: Tensor, place: Tensor) -> tuple[Tensor, Local]:
        """Scene features and local outputs, for training: one call, as DistributedDataParallel needs."""
        features = self.scene(scene_srgb)
        return features, self.local(x_srgb, alpha, features, place)


def _gflop_per_mp(config: Config) -> float:
    """Of ``LocalNet``: multiply-adds x 2 of its convolutions, a megapixel of plate."""
    a, b, c = config.local_widths
    residual = 2 * 9
    fine = 9 * 6 * PATCH_PX**2 * a + (config.scene_features + 4) * a + 2 * residual * a * a
    fine += a * a + 7 * PATCH_PX**2 * a + (a + 3) * config.doubt_width
    middle = 3 * residual * b * b + b * b + 8 * a * b
    coarse = residual * c * c + 8 * b * c
    return 2e-3 * (fine + middle / 4 + coarse / 16) / PATCH_PX**2


def stops(raw: Tensor, sampled: Tensor, *, leak: bool = False) -> tuple[Tensor, Tensor]:
    """Gain (B, 3, H, W) and its log2 spread (B, 1, H, W): the local answer added to the scene's.

    ``leak``: gains below 0 live on, for training.
    """
    scene_raw = F.interpolate(sampled[:, -4:], scale_factor=PATCH_PX, mode="nearest")
    gain = (raw[:, :3] + scene_raw[:, :3]).float()
    # Without the leak, `bound_gain` above 0 alone: the same bits in fewer passes over the frame.
    gain = bound_gain(gain) if leak else GAIN_STOPS_MAX * gain.clamp_(min=0).div_(GAIN_STOPS_MAX).tanh_()
    return gain, (raw[:, 3:4] + scene_raw[:, 3:4]).float()


def stated_doubt(raw: Tensor, spread_log2: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, h, w) raw doubt and (B, 1, h, w) spread of cells to ``spread_log2`` and ``doubt`` of their pixels."""
    ends = (raw[:, :2] + spread_log2).clamp(-6, 4)
    lift = LIFT_STOPS_MAX * torch.tanh(F.softplus(raw[:, 2:]) / LIFT_STOPS_MAX)
    cells = torch.cat([one_spread(ends), ends, lift], 1)
    maps = F.interpolate(cells, scale_factor=PATCH_PX, mode="bilinear", align_corners=False)
    return maps[:, :1], maps[:, 1:]


def one_spread(ends_log2: Tensor) -> Tensor:
    """(B, 2, h, w) log2 of the stops to both ends to (B, 1, h, w) log2 of one spread, as likely right within a stop.

    Half of the light lies on either side of the gain, each half of its own normal distribution.
    """
    right = torch.tanh(RIGHT_WITHIN * NORMAL_90 * torch.exp2(-ends_log2)).mean(1, keepdim=True)
    return (RIGHT_WITHIN / torch.atanh(right.clamp(max=SUREST))).log2()


def bound_gain(raw: Tensor) -> Tensor:
    """Raw output to stops: linear near 0, at most 16, leaking below 0."""
    return torch.where(raw > 0, GAIN_STOPS_MAX * torch.tanh(raw / GAIN_STOPS_MAX), GAIN_LEAK * raw)


def sample_scene(features: Tensor, place: Tensor, rows: int, columns: int) -> Tensor:
    """Bilinear samples of (B, F, h, w) at the centres of rows x columns cells of the tile at ``place``.

    Separable, from absolute coordinates in double precision, so that a cell gets the same numbers in any tile.
    """
    height, width = features.shape[2:]
    place64 = place.double()
    vertical = _linear_taps(place64[:, 1], place64[:, 3], rows, height).to(features)
    horizontal = _linear_taps(place64[:, 0], place64[:, 2], columns, width).to(features)
    return vertical[:, None] @ features @ horizontal[:, None].transpose(2, 3)


def _linear_taps(start: Tensor, extent: Tensor, cells: int, size: int) -> Tensor:
    """(B, cells, size) weights of linear interpolation with clamped ends."""
    centre = (torch.arange(cells, device=start.device, dtype=torch.float64) + 0.5) / cells
    position = (start[:, None] + extent[:, None] * centre) * size - 0.5
    position = position.clamp(0, size - 1)
    return (1 - (position[..., None] - torch.arange(size, device=start.device)).abs()).clamp(min=0)


def level_statistics(x_srgb: Tensor) -> Tensor:
    """(B, 6*bins): for each channel, the soft histogram of code values and the mean edge strength at each level.

    How strong edges are at each level, against how often the level occurs, is what a response curve bends.
    """
    step = 1.0 / (HISTOGRAM_BINS - 1)
    dx = (x_srgb[..., :-1, 1:] - x_srgb[..., :-1, :-1]).abs()
    dy = (x_srgb[..., 1:, :-1] - x_srgb[..., :-1, :-1]).abs()
    edge = (dx + dy).flatten(2)
    level = (0.25 * (x_srgb[..., :-1, :-1] * 2 + x_srgb[..., 1:, :-1] + x_srgb[..., :-1, 1:])).flatten(2)
    position = level / step
    low = position.floor().clamp(0, HISTOGRAM_BINS - 2)
    fraction = position - low
    low = low.long()
    zeros = level.new_zeros((level.shape[0], level.shape[1], HISTOGRAM_BINS))  # a trace keeps no device of it
    count = zeros.scatter_add(2, low, 1 - fraction).scatter_add(2, low + 1, fraction) / level.shape[2]
    weight = zeros.scatter_add(2, low, (1 - fraction) * edge).scatter_add(2, low + 1, fraction * edge) / level.shape[2]
    mean_edge = weight / (count + 1e-4)
    return torch.cat([(count + 1e-5).log2() * 0.1 + 0.5, mean_edge * 10], 1).flatten(1)
