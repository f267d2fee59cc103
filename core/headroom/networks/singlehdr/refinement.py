"""Refinement-Net: the three stages' answers looked at together, what is still wrong put right.

Liu et al. 2020, section 3.5. Paper and code agree, but for what only the code says: the deepest level has 128
channels, the residual is not bounded, and the result is cut at zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headroom.networks.singlehdr.unet import UNet

__all__ = ["WIDTHS", "RefinementNet"]

WIDTHS = (16, 32, 64, 128, 128)


class RefinementNet(nn.Module):
    """Linear light in, linear light out."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        """``widths``: channels from full resolution down."""
        super().__init__()
        self.unet = UNet(9, widths)
        self.unet.begin_at_zero()

    def forward(self, hallucinated: Tensor, linear: Tensor, dequantized: Tensor) -> Tensor:
        """(B, 3, H, W) each, linear, linear 0..1 and codes 0..1, to linear light, at least 0."""
        residual = self.unet(torch.cat([hallucinated, linear, dequantized], 1)).float()
        return torch.relu(hallucinated + residual)
