"""ExpandNet: three branches that see near, farther and everything, fused by 1 x 1 convolutions.

Marnerides, Bashford-Rogers, Hatchett, Debattista, "ExpandNet: A Deep Convolutional Neural Network
for High Dynamic Range Expansion from Low Dynamic Range Content", Eurographics 2018. A baseline of
the benchmark; the parameter names are those of the released weights. Input: code values 0..1,
(B, 3, H, W), R G B. Output: linear light 0..1 of unknown scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

__all__ = ["ExpandNet"]

GLOBAL_PX = 256
"""Side of the square that the global branch sees; six halvings and a 4 x 4 kernel leave one vector."""

HALO_PX = 8
"""Four 3 x 3 convolutions of dilation 2 in the dilated branch."""


class ExpandNet(nn.Module):
    """0.46 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.local_net = nn.Sequential(_layer(3, 64), _layer(64, 128))
        self.mid_net = nn.Sequential(
            _layer(3, 64, dilation=2),
            _layer(64, 64, dilation=2),
            _layer(64, 64, dilation=2),
            nn.Conv2d(64, 64, 3, padding=2, dilation=2),
        )
        halvings = [_layer(3 if i == 0 else 64, 64, stride=2) for i in range(6)]
        self.glob_net = nn.Sequential(*halvings, nn.Conv2d(64, 64, 4))
        self.end_net = nn.Sequential(_layer(256, 64, kernel=1), nn.Conv2d(64, 3, 1), nn.Sigmoid())

    def forward(self, code: Tensor) -> Tensor:
        """(B, 3, H, W) code values to (B, 3, H, W) linear light, both 0..1."""
        return self._fuse(code, self._look(code))

    def by_patches(self, code: Tensor, patch_px: int) -> Tensor:
        """As ``forward``, in patches: the release's way to keep memory low."""
        look = self._look(code)
        result = torch.empty_like(code)
        height, width = code.shape[-2:]
        for y in range(0, height, patch_px):
            for x in range(0, width, patch_px):
                top, left = max(y - HALO_PX, 0), max(x - HALO_PX, 0)
                bottom, right = min(y + patch_px, height), min(x + patch_px, width)
                part = code[..., top : bottom + HALO_PX, left : right + HALO_PX]
                fused = self._fuse(part, look)
                result[..., y:bottom, x:right] = fused[..., y - top : bottom - top, x - left : right - left]
        return result

    def _look(self, code: Tensor) -> Tensor:
        small = F.interpolate(code, (GLOBAL_PX, GLOBAL_PX), mode="bilinear", align_corners=False)
        look: Tensor = self.glob_net(small)
        return look

    def _fuse(self, code: Tensor, look: Tensor) -> Tensor:
        batch, _, height, width = code.shape
        everywhere = look.expand(batch, -1, height, width)
        fused: Tensor = self.end_net(torch.cat((self.local_net(code), self.mid_net(code), everywhere), 1))
        return fused


def _layer(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation)
    return nn.Sequential(convolution, nn.SELU(inplace=True))
