"""The U-Net that Dequantization-Net and Refinement-Net share: convolutions with leaky ReLU, averages down, TensorFlow
1's bilinear up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.singlehdr.tensorflow_ops import upsample_bilinear

__all__ = ["UNet", "gflop_per_mp", "reach_px"]

LEAK = 0.1
KERNELS = (7, 5)
"""At full and at half resolution; 3 from there on, and on the way up."""
OUTPUTS = 3


class UNet(nn.Module):
    """(B, inputs, H, W) to (B, 3, H, W); H and W multiples of 2 to the power of the halvings."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        """``widths``: channels from full resolution down."""
        super().__init__()
        kernels = [*KERNELS, *[3] * len(widths)]
        self.down = nn.ModuleList(map(Pair, [inputs, *widths[:-1]], widths, kernels))
        deep = [*widths[::-1]]
        self.up = nn.ModuleList(map(Up, deep, deep[1:]))
        self.head = _conv(widths[0], OUTPUTS, 3)

    def forward(self, x: Tensor) -> Tensor:
        """No activation at the end."""
        skips: list[Tensor] = []
        for level, pair in enumerate(self.down):
            if level:
                skips.append(x)
                x = F.avg_pool2d(x, 2)
            x = pair(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        answer: Tensor = self.head(x)
        return answer

    def begin_at_zero(self) -> None:
        """Untrained, answer next to nothing: as a residual it then changes nothing."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(0.01)


class Pair(nn.Module):
    """Two convolutions, each with its activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        """Of one kernel."""
        super().__init__()
        self.first, self.second = _conv(inputs, outputs, kernel), _conv(outputs, outputs, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, n, m) to (B, outputs, n, m)."""
        return F.leaky_relu(self.second(F.leaky_relu(self.first(x), LEAK)), LEAK)


class Up(nn.Module):
    """Twice the resolution, a convolution, the skip, another one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """The skip has as many channels as come out."""
        super().__init__()
        self.first, self.second = _conv(inputs, outputs, 3), _conv(2 * outputs, outputs, 3)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, inputs, n, m) and (B, outputs, 2n, 2m) to the skip's shape."""
        x = F.leaky_relu(self.first(upsample_bilinear(x)), LEAK)
        return F.leaky_relu(self.second(torch.cat([x, skip], 1)), LEAK)


def reach_px(widths: Sequence[int]) -> int:
    """No pixel further away than this changes an answer: 131 with five levels."""
    return (4 << len(widths)) + 3


def gflop_per_mp(inputs: int, widths: Sequence[int]) -> float:
    """Multiply-adds x 2 for a megapixel."""
    kernels = [*KERNELS, *[3] * len(widths)]
    macs = 9.0 * widths[0] * OUTPUTS
    for level, (a, b) in enumerate(zip([inputs, *widths], widths, strict=False)):
        macs += kernels[level] ** 2 * (a + b) * b / 4**level
        if level + 1 < len(widths):
            macs += 9 * (widths[level + 1] + 2 * b) * b / 4**level
    return 2 * macs / 1e3


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
