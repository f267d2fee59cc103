"""HDRCNN: a VGG-16 encoder and a decoder in log light, joined by log-domain skip connections.

Eilertsen, Kronander, Denes, Mantiuk, Unger, "HDR image reconstruction from a single exposure using
deep CNNs", SIGGRAPH Asia 2017. Here for comparisons of speed and memory. Input: code values 0..1,
(B, 3, H, W), R G B, sides multiples of 32. Output: ln of linear light, (B, 3, H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

__all__ = ["HDRCNN", "MULTIPLE_OF", "blend"]

MULTIPLE_OF = 32

VGG_MEAN_BGR = (103.939, 116.779, 123.68)
"""What VGG-16 subtracts from its 0..255 input."""

EPSILON = 1.0 / 255.0
"""Keeps the logarithm finite; one 8-bit step."""

TAU = 0.95
"""Code value at which the blend towards the network begins."""

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
DECODER_WIDTHS = (512, 512, 256, 128, 64)


class HDRCNN(nn.Module):
    """29.4 M parameters at full width; ``divide_width`` makes small ones for tests."""

    mean: Tensor

    def __init__(self, *, divide_width: int = 1) -> None:
        super().__init__()
        encoder = [width // divide_width for width in WIDTHS]
        decoder = [width // divide_width for width in DECODER_WIDTHS]
        self.register_buffer("mean", torch.tensor(VGG_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        inputs = [3, *encoder[:-1]]
        self.encoder = nn.ModuleList(map(_block, inputs, encoder, DEPTHS))
        bottom = encoder[-1]
        self.bottom = nn.Sequential(nn.Conv2d(bottom, bottom, 3, padding=1), nn.BatchNorm2d(bottom), nn.ReLU(True))
        self.up = nn.ModuleList(map(_up, [bottom, *decoder[:-1]], decoder))
        self.fuse = nn.ModuleList(_fuse(width) for width in decoder)
        self.last = nn.Sequential(nn.Conv2d(decoder[-1], 3, 1), nn.BatchNorm2d(3), nn.ReLU(True))
        self.last_fuse = _fuse(3)

    def forward(self, code: Tensor) -> Tensor:
        """(B, 3, H, W) code values 0..1 to ln of linear light."""
        scaled = code * 255.0
        features = scaled.flip(1) - self.mean
        skips = []
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = F.max_pool2d(features, 2)
        features = self.bottom(features)
        for up, fuse, skip in zip(self.up, self.fuse, reversed(skips), strict=True):
            features = fuse(torch.cat((up(features), _log_skip(skip)), 1))
        ln_lin: Tensor = self.last_fuse(torch.cat((self.last(features), _log_skip(scaled)), 1))
        return ln_lin


def blend(code: Tensor, ln_lin: Tensor) -> Tensor:
    """Linear light: the plate squared where it was recorded, the network's where it clipped."""
    alpha = ((code.amax(1, keepdim=True) - TAU) / (1.0 - TAU)).clamp(0.0, 1.0)
    return (1.0 - alpha) * code.square() + alpha * (ln_lin.exp() - EPSILON)


def _block(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Conv2d(inputs if index == 0 else outputs, outputs, 3, padding=1), nn.ReLU(True)]
    return nn.Sequential(*layers)


def _up(inputs: int, outputs: int) -> nn.Sequential:
    upsample = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
    return nn.Sequential(upsample, nn.BatchNorm2d(outputs), nn.ReLU(True))


def _fuse(width: int) -> nn.Conv2d:
    """A 1 x 1 convolution that starts as the sum of decoder and skip."""
    fuse = nn.Conv2d(2 * width, width, 1)
    assert fuse.bias is not None
    with torch.no_grad():
        fuse.bias.zero_()
        fuse.weight.copy_(torch.eye(width).repeat(1, 2)[..., None, None])
    return fuse


def _log_skip(features_255: Tensor) -> Tensor:
    return torch.log((features_255 / 255.0).square() + EPSILON)
