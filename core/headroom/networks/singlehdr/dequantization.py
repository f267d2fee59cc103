"""Dequantization-Net: what rounding to 8 bits, and JPEG, took away.

Liu et al., "Single-Image HDR Reconstruction by Learning to Reverse the Camera Pipeline", CVPR 2020, section 3.2.
Paper and code differ in one thing:

- the paper's U-Net has six levels; the code, and the default here, five (``widths`` with 512 at its end: six).

It is computed in 32 bits whatever the rest is: bfloat16 hardly tells neighbouring codes apart, and what is looked for
is a part of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headroom.networks.singlehdr.unet import UNet

__all__ = ["WIDTHS", "DequantizationNet"]

WIDTHS = (16, 32, 64, 128, 256)


class DequantizationNet(nn.Module):
    """Code values in, code values out."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        """``widths``: channels from full resolution down."""
        super().__init__()
        self.unet = UNet(3, widths)
        self.unet.begin_at_zero()

    def forward(self, x_srgb: Tensor) -> Tensor:
        """(B, 3, H, W) codes 0..1 to codes as they were before rounding, not clipped; sides multiples of 16 (or 32)."""
        with torch.autocast(x_srgb.device.type, enabled=False):
            x_srgb = x_srgb.float()
            return x_srgb + torch.tanh(self.unet(x_srgb))
