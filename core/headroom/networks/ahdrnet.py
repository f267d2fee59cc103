"""AHDRNet: attention keeps what moved out, dilated dense blocks put three exposures together.

Yan, Gong, Shi, van den Hengel, Shen, Reid, Zhang, "Attention-guided Network for Ghost-free High Dynamic Range
Imaging", CVPR 2019. Three frames, dark, reference, bright, of six channels each: the gamma 2.2 code and linear light
over the darkest frame's white. Out: linear light over the darkest frame's white, a sigmoid.

Modules carry the names of the authors' state dict, so that it loads strictly: ``attConv1`` and ``attConv3`` are there
and never run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.merging import (
    START_LIGHT,
    Light,
    MergeContract,
    MergeNetwork,
    Stack,
    gamma_code,
    hdr01,
    triples,
    unrecorded,
)

__all__ = ["AHDRNet", "Config"]

FRAME_CHANNELS = 6


@dataclass(frozen=True, kw_only=True)
class Config:
    """Widths; the default is the paper's."""

    features: int = 64
    growth: int = 32
    dense_layers: int = 6


SMALL = Config(features=16, growth=8)
"""A sixteenth of the work, for CPUs."""


class AHDRNet(MergeNetwork):
    """Attention, three dilated residual dense blocks, a global residual of the reference's features."""

    def __init__(self, config: Config | None = None) -> None:
        """Kaiming's weights, as the authors train from."""
        super().__init__()
        self.config = config or Config()
        n, growth, layers = self.config.features, self.config.growth, self.config.dense_layers
        self.conv1 = _conv(FRAME_CHANNELS, n)
        self.conv2 = _conv(3 * n, n)
        self.att11, self.att12, self.attConv1 = _conv(2 * n, 2 * n), _conv(2 * n, n), _conv(n, n)
        self.att31, self.att32, self.attConv3 = _conv(2 * n, 2 * n), _conv(2 * n, n), _conv(n, n)
        self.RDB1, self.RDB2, self.RDB3 = (DilatedDenseBlock(n, layers, growth) for _ in range(3))
        self.GFF_1x1, self.GFF_3x3 = nn.Conv2d(3 * n, n, 1), _conv(n, n)
        self.conv_up, self.conv3 = _conv(n, n), _conv(n, 3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        # A sigmoid of Kaiming's outputs starts saturated: near usual light, it learns from the first step.
        with torch.no_grad():
            self.conv3.weight.mul_(0.1)
            cast(Tensor, self.conv3.bias).fill_(math.log(START_LIGHT / (1 - START_LIGHT)))
        # 3x3 convolutions in a row reach a pixel each, dilated ones two.
        reach = 1 + 2 + 1 + 3 * layers * 2 + 3
        self.contract = MergeContract(
            frames=3, domain="gamma 2.2 code and linear over the darkest frame's white", multiple_of=4,
            halo_px=-(-reach // 4) * 4, least_px=4, dtypes=("float32", "bfloat16"),
            gflop_per_mp=_gflop_per_mp(self.config), bytes_per_px=500 + 8 * (6 * n + 2 * layers * growth),
        )  # fmt: skip

    def merge(self, stack: Stack) -> Light:
        """Aligned windows to linear light."""
        return Light(self(*self.encode(stack)) * stack.top, unrecorded(stack))

    def encode(self, stack: Stack) -> tuple[Tensor, Tensor, Tensor]:
        """Dark, reference and bright frame, (B, 6, H, W) each."""
        linear = triples(stack)
        whole = torch.cat([gamma_code(linear), hdr01(linear, stack)], 2)
        return whole[:, 0], whole[:, 1], whole[:, 2]

    def forward(self, dark: Tensor, reference: Tensor, bright: Tensor) -> Tensor:
        """(B, 6, H, W) thrice to (B, 3, H, W) linear light, 0..1, float32."""
        f_dark, f_reference, f_bright = (F.leaky_relu(self.conv1(x)) for x in (dark, reference, bright))
        f_dark = f_dark * _attention(self.att11, self.att12, f_dark, f_reference)
        f_bright = f_bright * _attention(self.att31, self.att32, f_bright, f_reference)
        f_0 = self.conv2(torch.cat((f_dark, f_reference, f_bright), 1))
        f_1 = self.RDB1(f_0)
        f_2 = self.RDB2(f_1)
        f_3 = self.RDB3(f_2)
        fused = self.GFF_3x3(self.GFF_1x1(torch.cat((f_1, f_2, f_3), 1))) + f_reference
        deep = self.conv_up(fused)
        # Light of many stops does not fit the 8 bits of bfloat16.
        with torch.autocast(deep.device.type, enabled=False):
            return torch.sigmoid(self.conv3(deep.float()))


class DilatedDenseBlock(nn.Module):
    """Each layer sees all layers before it, at a dilation of 2; the sum of a 1x1 of them and the input goes out."""

    def __init__(self, width: int, layers: int, growth: int) -> None:
        """``layers`` convolutions of ``growth`` channels."""
        super().__init__()
        self.dense_layers = nn.Sequential(*(DilatedDenseLayer(width + i * growth, growth) for i in range(layers)))
        self.conv_1x1 = nn.Conv2d(width + layers * growth, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        result: Tensor = self.conv_1x1(self.dense_layers(x)) + x
        return result


class DilatedDenseLayer(nn.Module):
    """A dilated convolution, ReLU, and the input again before it."""

    def __init__(self, width: int, growth: int) -> None:
        """3x3, dilation 2."""
        super().__init__()
        self.conv = nn.Conv2d(width, growth, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + growth, H, W)."""
        return torch.cat((x, F.relu(self.conv(x))), 1)


def _attention(first: nn.Module, second: nn.Module, features: Tensor, reference: Tensor) -> Tensor:
    return torch.sigmoid(second(F.leaky_relu(first(torch.cat((features, reference), 1)))))


def _conv(width_in: int, width_out: int) -> nn.Conv2d:
    return nn.Conv2d(width_in, width_out, 3, padding=1)


def _gflop_per_mp(config: Config) -> float:
    n, growth, layers = config.features, config.growth, config.dense_layers
    threes = 3 * FRAME_CHANNELS * n + 3 * n * n + 2 * (2 * n * 2 * n + 2 * n * n) + 2 * n * n + 3 * n
    dense = sum((n + i * growth) * growth for i in range(layers))
    ones = 3 * (n + layers * growth) * n + 3 * n * n
    return 2e-3 * (9 * (threes + 3 * dense) + ones)
