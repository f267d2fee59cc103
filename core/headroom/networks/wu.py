"""Wu's merge: three encoders, a merger in the middle, a decoder with skips; no alignment finer than a homography.

Wu, Xu, Tai, Tang, "Deep High Dynamic Range Imaging with Large Foreground Motions", ECCV 2018. Everything in -1..1:
gamma 2.2 codes and linear light over the darkest frame's white go in, six channels a frame; the same light comes out
of a tanh. ``resnet`` is what the authors released: nine residual blocks at an eighth of the resolution. ``unet`` is
the paper's other merger, for which no code was released: the encoder goes on to a thirty-second, with skips.

All convolutions reflect at the borders; strided 5x5 ones pad one pixel before and two behind, as TensorFlow does, and
transposed ones drop the last row and column for the same reason. Batch norm with an epsilon of 1e-5.
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
from headroom.networks.norm import BatchNorm

__all__ = ["MERGERS", "Config", "Wu"]

MERGERS = ("resnet", "unet")
FRAME_CHANNELS = 6
LEAK = 0.2
NORM_EPSILON = 1e-5
NORM_DECAY = 0.9
START_STD = 0.02
"""Of the normal weights that training starts from."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Merger and widths; the default is what the authors released."""

    merger: str = "resnet"
    width: int = 64
    blocks: int = 9
    """Of the ResNet."""


SMALL_WIDTH = 16


class Wu(MergeNetwork):
    """Three encoders of their own weights, ResNet or U-Net, decoder."""

    def __init__(self, config: Config | None = None) -> None:
        """Normal weights of 0.02, as the authors train from; ``ValueError`` for a merger that is none."""
        super().__init__()
        self.config = config or Config()
        if self.config.merger not in MERGERS:
            raise ValueError(f"merger {self.config.merger!r} is not one of {', '.join(MERGERS)}")
        n, is_unet = self.config.width, self.config.merger == "unet"
        self.encoders = nn.ModuleList(Encoder(n) for _ in range(3))
        self.merge_conv, self.merge_norm = Strided(6 * n, 4 * n), _norm(4 * n)
        if is_unet:
            self.down = nn.ModuleList((Strided(4 * n, 8 * n), Strided(8 * n, 8 * n)))
            self.down_norm = nn.ModuleList((_norm(8 * n), _norm(8 * n)))
            self.up = nn.ModuleList((Transposed(8 * n, 8 * n), Transposed(16 * n, 4 * n)))
            self.up_norm = nn.ModuleList((_norm(8 * n), _norm(4 * n)))
        else:
            self.blocks = nn.ModuleList(ResidualBlock(4 * n) for _ in range(self.config.blocks))
        self.deconv1, self.norm1 = Transposed(8 * n, 2 * n), _norm(2 * n)
        self.deconv2, self.norm2 = Transposed(8 * n, n), _norm(n)
        self.deconv3, self.norm3 = Transposed(4 * n, n), _norm(n)
        self.out = nn.Conv2d(n, 3, 5)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=START_STD)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.constant_(cast(Tensor, self.out.bias), math.atanh(2 * START_LIGHT - 1))
        self.contract = MergeContract(
            frames=3, domain="-1..1: gamma 2.2 code and linear over the darkest frame's white",
            multiple_of=32 if is_unet else 8, halo_px=192 if is_unet else -(-(44 + 16 * self.config.blocks) // 8) * 8,
            least_px=96 if is_unet else 16, dtypes=("float32", "bfloat16"),
            gflop_per_mp=_gflop_per_mp(self.config), bytes_per_px=700 + 24 * n,
        )  # fmt: skip

    def merge(self, stack: Stack) -> Light:
        """Aligned windows to linear light."""
        return Light((self(*self.encode(stack)) + 1) * 0.5 * stack.top, unrecorded(stack))

    def encode(self, stack: Stack) -> tuple[Tensor, Tensor, Tensor]:
        """Dark, reference and bright frame, (B, 6, H, W) each, -1..1."""
        linear = triples(stack)
        whole = torch.cat([gamma_code(linear), hdr01(linear, stack)], 2) * 2 - 1
        return whole[:, 0], whole[:, 1], whole[:, 2]

    def forward(self, dark: Tensor, reference: Tensor, bright: Tensor) -> Tensor:
        """(B, 6, H, W) thrice to (B, 3, H, W) linear light, -1..1, float32."""
        halves, quarters = [], []
        for encoder, frame in zip(self.encoders, (dark, reference, bright), strict=True):
            half, quarter = encoder(frame)
            halves.append(half)
            quarters.append(quarter)
        eighth = self.merge_norm(self.merge_conv(F.leaky_relu(torch.cat(quarters, 1), LEAK)))
        deep = self._unet(eighth) if self.config.merger == "unet" else self._resnet(eighth)
        x = self.norm1(self.deconv1(F.relu(torch.cat((deep, eighth), 1))))
        x = self.norm2(self.deconv2(F.relu(torch.cat((x, *quarters), 1))))
        x = self.norm3(self.deconv3(F.relu(torch.cat((x, *halves), 1))))
        # Light of many stops does not fit the 8 bits of bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            return torch.tanh(self.out(F.pad(F.relu(x.float()), (2, 2, 2, 2), mode="reflect")))

    def _resnet(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(F.relu(x))
        return x

    def _unet(self, eighth: Tensor) -> Tensor:
        sixteenth = self.down_norm[0](self.down[0](F.leaky_relu(eighth, LEAK)))
        deep = self.down_norm[1](self.down[1](F.leaky_relu(sixteenth, LEAK)))
        x = self.up_norm[0](self.up[0](F.relu(deep)))
        result: Tensor = self.up_norm[1](self.up[1](F.relu(torch.cat((x, sixteenth), 1))))
        return result


class Encoder(nn.Module):
    """One frame at a half and a quarter."""

    def __init__(self, width: int) -> None:
        """Widths ``width`` and twice that."""
        super().__init__()
        self.first, self.second, self.norm = Strided(FRAME_CHANNELS, width), Strided(width, 2 * width), _norm(2 * width)

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 6, H, W) to (B, n, H/2, W/2) and (B, 2n, H/4, W/4)."""
        half = self.first(frame)
        return half, self.norm(self.second(F.leaky_relu(half, LEAK)))


class ResidualBlock(nn.Module):
    """Two reflecting 3x3 convolutions with batch norm, ReLU between; the input has been through a ReLU."""

    def __init__(self, width: int) -> None:
        """Keeps the width."""
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 3), _norm(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3), _norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y = F.relu(self.norm1(self.conv1(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        result: Tensor = self.norm2(self.conv2(F.pad(y, (1, 1, 1, 1), mode="reflect"))) + x
        return result


class Strided(nn.Conv2d):
    """5x5, stride 2, on even sizes: reflects one pixel before and two behind."""

    def __init__(self, width_in: int, width_out: int) -> None:
        """With a bias."""
        super().__init__(width_in, width_out, 5, stride=2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """(B, C, H, W) to (B, C', H/2, W/2)."""
        return super().forward(F.pad(input, (1, 2, 1, 2), mode="reflect"))


class Transposed(nn.ConvTranspose2d):
    """5x5, stride 2: TensorFlow's SAME, which is the transposed of padding one pixel before and two behind."""

    def __init__(self, width_in: int, width_out: int) -> None:
        """With a bias."""
        super().__init__(width_in, width_out, 5, stride=2, padding=1)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002  torch's name
        """(B, C, H, W) to (B, C', 2H, 2W)."""
        return super().forward(input, output_size)[..., :-1, :-1]


def _norm(width: int) -> BatchNorm:
    return BatchNorm(width, eps=NORM_EPSILON, decay=NORM_DECAY)


def _gflop_per_mp(config: Config) -> float:
    n = config.width
    encoders = 3 * 25 * (FRAME_CHANNELS * n / 4 + n * 2 * n / 16)
    merger = 25 * 6 * n * 4 * n / 64
    if config.merger == "unet":
        merger += 25 * (4 * n * 8 * n / 256 + 8 * n * 8 * n / 1024 + 8 * n * 8 * n / 1024 + 16 * n * 4 * n / 256)
    else:
        merger += config.blocks * 2 * 9 * (4 * n) ** 2 / 64
    decoder = 25 * (8 * n * 2 * n / 64 + 8 * n * n / 16 + 4 * n * n / 4 + n * 3)
    return 2e-3 * (encoders + merger + decoder)
