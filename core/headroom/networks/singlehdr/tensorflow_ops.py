"""What TensorFlow 1 does otherwise than torch, where SingleHDR's weights depend on it; tensors are (B, C, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

__all__ = ["max_pool_same", "pad_same", "sobel_edges", "upsample_bilinear"]


def pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad as ``padding="SAME"``: what is left over of an odd amount goes below and to the right.

    A kernel of 7 at stride 2 pads (2, 3) on even sides and (3, 3) on odd ones; a kernel of 3 pads (0, 1) and (1, 1).
    """
    amounts: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts, value=value)


def max_pool_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Maximum over a window; what lies beyond the picture takes no part."""
    return F.max_pool2d(pad_same(x, kernel, stride, value=float("-inf")), kernel, stride)


def upsample_bilinear(x: Tensor) -> Tensor:
    """``resize_bilinear`` to twice the size without half-pixel centres: out[2i] = in[i], out[2i + 1] between it and
    in[i + 1], the last one repeated."""
    for axis in (2, 3):
        size = x.shape[axis]
        following = torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], axis)
        x = torch.stack([x, 0.5 * (x + following)], axis + 1).flatten(axis, axis + 1)
    return x


def sobel_edges(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 2 C, H, W): for each channel the derivative downwards, then the one to the right.

    Not divided by the kernel's sum; the border reflects (a side of one pixel, which has no inside, is repeated).
    """
    mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
    padded = F.pad(x, (1, 1, 1, 1), mode=mode)
    down = padded[:, :, 2:] - padded[:, :, :-2]
    right = padded[..., 2:] - padded[..., :-2]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    right = right[:, :, :-2] + 2 * right[:, :, 1:-1] + right[:, :, 2:]
    return torch.stack([down, right], 2).flatten(1, 2)
