"""HDRCNN: a VGG-16 encoder and a decoder in log light, joined by log-domain skip connections.

Eilertsen, Kronander, Denes, Mantiuk, Unger, "HDR image reconstruction from a single exposure using
deep CNNs", SIGGRAPH Asia 2017. Input: code values 0..1, (B, 3, H, W), R G B, sides multiples of 32. Output: ln of
linear light, (B, 3, H, W); the network's own inverse camera curve is x^2, for every picture.

As in the released code: batch norm as TensorLayer's (epsilon 1e-5, decay 0.9), transposed convolutions that start as
bilinear interpolation, fusions of decoder and skip that start as their sum, no activation after a fusion.
Differs from the release: any size that is padded to multiples of 32 (the release resamples), the clip mask of each
channel in place of that of the brightest, sizes beyond memory in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.contract import NetworkContract
from headroom.networks.norm import BatchNorm
from headroom.networks.single_image import CURVE_SAMPLES, Local, SingleImageNetwork, linear_blend_gain

__all__ = ["EPSILON", "HDRCNN", "MULTIPLE_OF", "TAU", "Config", "blend"]

MULTIPLE_OF = 32
HALO_PX = 160
"""A cell of 32 px sees the next one through the decoder, that one its next at 1/32, and 90 px more by the encoder: 154
to each side, in multiples of 32."""

VGG_MEAN_BGR = (103.939, 116.779, 123.68)
"""What VGG-16 subtracts from its 0..255 input."""

EPSILON = 1.0 / 255.0
"""Keeps the logarithm finite; one 8-bit step."""

TAU = 0.95
"""Code value at which the paper's blend towards the network begins."""

LN_MOST = 16 * math.log(2)
"""Bound of the output, 16 stops above white: an untrained or foreign network stays finite."""

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
DECODER_WIDTHS = (512, 512, 256, 128, 64)
NORM_EPSILON, NORM_DECAY = 1e-5, 0.9
"""TensorLayer's defaults."""
BYTES_PER_PX = (100, 1400)
"""Upper bound of memory in float32: fixed, and at full width (``benchmarks/memory.py``)."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The paper's network, or one of the same depth with fewer channels."""

    width: float = 1.0
    """Share of the paper's channels, 1/32 to 1."""
    error_stops: float = 2.0
    """Typical error of its gain as measured on held-out scenes: the network itself does not say how sure it is."""

    @property
    def encoder(self) -> tuple[int, ...]:
        """Channels at 1, 1/2, 1/4, 1/8, 1/16."""
        return tuple(max(2, round(width * self.width)) for width in WIDTHS)

    @property
    def decoder(self) -> tuple[int, ...]:
        """Channels at 1/16, 1/8, 1/4, 1/2, 1."""
        return tuple(reversed(self.encoder))


class HDRCNN(SingleImageNetwork):
    """29,447,332 numbers at full width, batch norm's statistics among them."""

    mean: Tensor

    def __init__(self, config: Config | None = None) -> None:
        """He's random weights in the encoder, the paper's start of the decoder."""
        super().__init__()
        self.config = config or Config()
        encoder, decoder = self.config.encoder, self.config.decoder
        self.contract = _contract(self.config)
        self.register_buffer("mean", torch.tensor(VGG_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        inputs = [3, *encoder[:-1]]
        self.encoder = nn.ModuleList(map(_block, inputs, encoder, DEPTHS))
        bottom = encoder[-1]
        self.bottom = nn.Sequential(_conv(bottom, bottom, 3), _norm(bottom), nn.ReLU(True))
        self.up = nn.ModuleList(map(_up, [bottom, *decoder[:-1]], decoder))
        self.fuse = nn.ModuleList(_fuse(width) for width in decoder)
        self.last = nn.Sequential(_conv(decoder[-1], 3, 1), _norm(3), nn.ReLU(True))
        self.last_fuse = _fuse(3)

    def forward(self, code: Tensor) -> Tensor:
        """(B, 3, H, W) code values 0..1 to ln of linear light, float32."""
        scaled = code * 255.0
        features = scaled.flip(1) - self.mean
        skips = []
        for block in self.encoder:
            features = block(features)
            skips.append(_log_skip(features))
            features = F.max_pool2d(features, 2)
        features = self.bottom(features)
        for up, fuse in zip(self.up, self.fuse, strict=True):
            features = _join(cast(nn.Conv2d, fuse), up(features), skips.pop())
        # Small numbers here are the result itself: never in half precision.
        with torch.autocast(code.device.type, enabled=False):
            return _join(self.last_fuse, self.last(features.float()), _log_skip(scaled.float()))

    def look(self, gathered: Any, table: Tensor, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """Nothing: the network sees each pixel's neighbourhood alone."""
        return upload(table.new_zeros((1, 0, 1, 1)))

    def inverse_curve(self, gathered: Any, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, 1024): x^2, whatever the picture."""
        return torch.linspace(0, 1, CURVE_SAMPLES).square()[None]

    def local(
        self, x_srgb: Tensor, alpha: Tensor, features: Tensor, place: Tensor, *, dequantize: bool = True
    ) -> Local:
        """Stops above x^2 that blend as the paper does; ``features``, ``place`` and ``dequantize`` have no part."""
        ln_lin = self(x_srgb).clamp(max=LN_MOST)
        ratio = (ln_lin.exp() - EPSILON) / x_srgb.float().square().clamp(min=EPSILON)
        gain = linear_blend_gain(ratio, alpha.float())
        spread = torch.full_like(gain[:, :1], self.config.error_stops).log2()
        return Local(gain, spread, None)


def blend(code: Tensor, ln_lin: Tensor) -> Tensor:
    """The paper's output: the plate squared where it was recorded, the network's light where it clipped."""
    alpha = ((code.amax(1, keepdim=True) - TAU) / (1.0 - TAU)).clamp(0.0, 1.0)
    return (1.0 - alpha) * code.square() + alpha * (ln_lin.exp() - EPSILON)


def _norm(width: int) -> BatchNorm:
    return BatchNorm(width, eps=NORM_EPSILON, decay=NORM_DECAY)


def _block(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [_conv(inputs if index == 0 else outputs, outputs, 3), nn.ReLU(True)]
    return nn.Sequential(*layers)


def _conv(inputs: int, outputs: int, side: int) -> nn.Conv2d:
    """SAME padding; He's start: torch's own shrinks the signal in every one of VGG's layers."""
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(cast(Tensor, conv.bias))
    return conv


def _up(inputs: int, outputs: int) -> nn.Sequential:
    """TensorFlow's SAME transposed convolution is torch's with a padding of 1; starts as bilinear interpolation."""
    upsample = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        upsample.weight.zero_()
        cast(Tensor, upsample.bias).zero_()
        each = torch.arange(min(inputs, outputs))
        upsample.weight[each, each] = torch.outer(tent, tent)
    return nn.Sequential(upsample, _norm(outputs), nn.ReLU(True))


def _fuse(width: int) -> nn.Conv2d:
    """A 1 x 1 convolution of decoder and skip that starts as their sum."""
    fuse = nn.Conv2d(2 * width, width, 1)
    with torch.no_grad():
        cast(Tensor, fuse.bias).zero_()
        fuse.weight.copy_(torch.eye(width).repeat(1, 2)[..., None, None])
    return fuse


def _join(fuse: nn.Conv2d, decoded: Tensor, skip: Tensor) -> Tensor:
    """``fuse`` of [decoder, skip], without their concatenation in memory."""
    first, second = fuse.weight.chunk(2, 1)
    joined: Tensor = F.conv2d(decoded, first, fuse.bias)
    joined += F.conv2d(skip.to(joined.dtype), second)
    return joined


def _log_skip(features_255: Tensor) -> Tensor:
    """ln of the squared features of 0..255."""
    scaled = features_255 / 255.0
    if torch.is_grad_enabled():
        return torch.log(scaled.square() + EPSILON)
    return scaled.square_().add_(EPSILON).log_()


def _contract(config: Config) -> NetworkContract:
    encoder, decoder = config.encoder, config.decoder
    fixed, wide = BYTES_PER_PX
    return NetworkContract(
        space="srgb",
        channels=("R", "G", "B"),
        multiple_of=MULTIPLE_OF,
        halo_px=HALO_PX,
        scene_px=0,
        scene_multiple_of=1,
        dtypes=("float32", "bfloat16", "float16"),
        gflop_per_mp=_gflop_per_mp(encoder, decoder),
        bytes_per_px=round(fixed + wide * encoder[0] / WIDTHS[0]),
        curve="fixed",
        stages=("hallucinate",),
    )


def _gflop_per_mp(encoder: tuple[int, ...], decoder: tuple[int, ...]) -> float:
    """2 x multiply-adds of all convolutions for a million pixels."""
    macs, inputs = 0.0, 3
    for level, (width, depth) in enumerate(zip(encoder, DEPTHS, strict=True)):
        macs += 9 * (inputs * width + (depth - 1) * width * width) / 4.0**level
        inputs = width
    macs += 9 * inputs * inputs / 4.0 ** len(encoder)
    for level, width in zip(reversed(range(len(decoder))), decoder, strict=True):
        macs += (4 * inputs * width + 2 * width * width) / 4.0**level  # a pixel is touched by 4 of the 16 taps
        inputs = width
    macs += 3 * inputs + 18
    return round(2 * macs / 1000, 1)
