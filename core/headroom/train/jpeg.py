"""JPEG's loss as tensor arithmetic, for batches on any device (the bit stream itself is not made)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

__all__ = ["jpeg_loss"]

# ITU-T T.81, annex K.1: luminance and chrominance quantisation tables, row by row.
LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)
# JFIF 1.02: RGB to YCbCr.
YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def jpeg_loss(code: Tensor, quality: Tensor, *, subsample: bool) -> Tensor:
    """(B, 3, H, W) 0..1, H and W multiples of 16, to what decoding a JPEG of quality (B,) 1..100 gives."""
    matrix = torch.tensor(YCC, device=code.device, dtype=code.dtype)
    ycc = torch.einsum("ij,bjhw->bihw", matrix, code * 255) - code.new_tensor([128.0, 0, 0])[:, None, None]
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    luma = _round_trip(ycc[:, :1], LUMA, scale)
    chroma = F.avg_pool2d(ycc[:, 1:], 2) if subsample else ycc[:, 1:]
    chroma = _round_trip(chroma, CHROMA, scale)
    if subsample:
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear")
    ycc = torch.cat([luma + 128, chroma], 1)
    rgb = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(matrix), ycc)
    return rgb.round().clamp(0, 255) / 255


def _round_trip(plane: Tensor, table: str, scale: Tensor) -> Tensor:
    k = torch.arange(8, device=plane.device, dtype=plane.dtype)
    dct = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    dct[0] /= math.sqrt(2)
    steps = torch.tensor([float(s) for s in table.split()], device=plane.device).view(8, 8)
    steps = (steps * scale[:, None, None]).round().clamp(1, 255)[:, None, None, :, None, :]
    blocks = plane.unflatten(2, (-1, 8)).unflatten(4, (-1, 8))  # B C by 8 bx 8
    spectrum = torch.einsum("ui,bcyixj,vj->bcyuxv", dct, blocks, dct)
    spectrum = (spectrum / steps).round() * steps
    return torch.einsum("ui,bcyuxv,vj->bcyixj", dct, spectrum, dct).flatten(4, 5).flatten(2, 3)
