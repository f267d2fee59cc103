"""Hallucination-Net: what the over-exposed held, as light to be added.

Liu et al. 2020, section 3.4: HDRCNN's shape (VGG-16 down, skips, five steps up), three things changed: it answers a
residual that is never negative, it goes up by nearest neighbours and a convolution (no checkerboard), and its skips
stay linear. The authors' code says of it what the paper does not:

- skips are divided by 255 and not put into logarithms (HDRCNN's are);
- the mask begins at 0.88 of the linear image (``mask_from``); the paper says 0.95;
- a step up is convolution, ReLU, batch norm, ReLU: both ReLUs are there;
- the last skip is the input scaled to 0..255 and back, R G B, not VGG's centred B G R.

``signed=True`` and ``upsample="transposed"`` are what the paper's Table 4 compares with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.norm import BatchNorm

__all__ = ["REACH_PX", "WIDTHS", "HallucinationNet", "Upsample", "gflop_per_mp", "soft_mask"]

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of VGG-16's five blocks."""
DEPTHS = (2, 2, 3, 3, 3)
VGG_MEAN_BGR = (103.939, 116.779, 123.68)
"""What VGG-16 subtracts from its 0..255 input."""
CODE_TOP = 255.0
REACH_PX = 184
"""No pixel further away than this changes an answer: 122 down to the bottom, 31 up, 31 by where the poolings lie."""
Upsample = Literal["resize", "transposed"]


def soft_mask(linear: Tensor, begins: float) -> Tensor:
    """(B, 1, H, W) 0..1: 0 up to ``begins``, 1 where the brightest channel reaches 1."""
    peak = linear.amax(1, keepdim=True)
    return ((peak - begins) / (1.0 - begins)).clamp(0.0, 1.0)


class HallucinationNet(nn.Module):
    """Linear 0..1 in, light to be added out."""

    mean_bgr: Tensor

    def __init__(self, widths: Sequence[int] = WIDTHS, *, upsample: Upsample = "resize", signed: bool = False) -> None:
        """``signed``: the residual may be negative."""
        super().__init__()
        self.signed = signed
        self.register_buffer("mean_bgr", torch.tensor(VGG_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.encoder = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a if i == 0 else b, b, 3, padding=1) for i in range(depth))
            for a, b, depth in zip([3, *widths], widths, DEPTHS, strict=False)
        )
        self.bottom = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.bottom_norm = _norm(widths[-1])
        decoded = [widths[-1], *widths[::-1]]
        self.up = nn.ModuleList(UpStep(a, b, upsample) for a, b in zip(decoded, decoded[1:], strict=False))
        self.fuse = nn.ModuleList(addition(width) for width in decoded[1:])
        self.head = nn.Conv2d(widths[0], 3, 1)
        self.head_norm = _norm(3)
        self.head_fuse = addition(3)

    def forward(self, linear: Tensor) -> Tensor:
        """(B, 3, H, W) linear 0..1 to (B, 3, H, W) light beyond it, float32; sides are multiples of 32."""
        x = (linear * CODE_TOP).flip(1) - self.mean_bgr
        skips: list[Tensor] = []
        for block in self.encoder:
            for conv in block:  # type: ignore[attr-defined]
                x = F.relu(conv(x))
            skips.append(x / CODE_TOP)
            x = F.max_pool2d(x, 2)
        x = F.relu(self.bottom_norm(self.bottom(x)))
        for step, fuse, skip in zip(self.up, self.fuse, reversed(skips), strict=True):
            x = fuse(torch.cat([step(x), skip], 1))
        x = F.relu(self.head_norm(self.head(x)))
        light: Tensor = self.head_fuse(torch.cat([x, linear.to(x.dtype)], 1)).float()
        return light if self.signed else torch.relu(light)


class UpStep(nn.Module):
    """Twice the resolution."""

    def __init__(self, inputs: int, outputs: int, upsample: Upsample) -> None:
        """``transposed``: as HDRCNN does it, begun as bilinear interpolation."""
        super().__init__()
        self.transposed = upsample == "transposed"
        self.conv: nn.Conv2d | nn.ConvTranspose2d
        if self.transposed:
            self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
            ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
            with torch.no_grad():
                self.conv.weight.zero_()
                same = torch.arange(min(inputs, outputs))
                self.conv.weight[same, same] = torch.outer(ramp, ramp)
        else:
            self.conv = nn.Conv2d(inputs, outputs, 3)
        self.norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, n, m) to (B, outputs, 2n, 2m)."""
        if self.transposed:
            return F.relu(self.norm(self.conv(x)))
        return F.relu(self.norm(F.relu(self.conv(doubled(x)))))


def _norm(width: int) -> BatchNorm:
    """TensorLayer's."""
    return BatchNorm(width, eps=1e-5, decay=0.9)


def gflop_per_mp(widths: Sequence[int]) -> float:
    """Multiply-adds x 2 for a megapixel, with resize-convolutions."""
    macs = 9.0 * widths[-1] ** 2 / 4 ** len(widths)
    for level, (a, b, depth) in enumerate(zip([3, *widths], widths, DEPTHS, strict=False)):
        deeper = widths[min(level + 1, len(widths) - 1)]
        macs += (9 * (a + (depth - 1) * b) * b + 9 * deeper * b + 2 * b * b) / 4**level
    return float(2 * macs / 1e3)


def doubled(x: Tensor) -> Tensor:
    """(B, C, n, m) to (B, C, 2n + 2, 2m + 2): nearest neighbours, then reflected by a pixel, which repeats the edge."""
    if x.dtype == torch.float32:
        return F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    # The same by index: autocast would interpolate in 32 bit.
    for axis in (2, 3):
        size = 2 * x.shape[axis]
        x = x.index_select(axis, torch.arange(-1, size + 1, device=x.device).clamp(0, size - 1) // 2)
    return x


def addition(width: int) -> nn.Conv2d:
    """A 1 x 1 convolution of two lots of ``width`` channels that begins as their sum."""
    fuse = nn.Conv2d(2 * width, width, 1)
    assert fuse.bias is not None
    with torch.no_grad():
        fuse.weight.copy_(torch.eye(width).repeat(1, 2)[..., None, None])
        fuse.bias.zero_()
    return fuse
