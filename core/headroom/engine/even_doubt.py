"""The stated doubt, without the pattern that a network's pixel shuffle leaves in it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

__all__ = ["even_doubt"]

PERIOD_PX = 8
"""Of the pattern (two pixel shuffles by 2 and 4): a mean over so many pixels holds none of it."""


def even_doubt(spread_log2: Tensor, alpha: Tensor) -> Tensor:
    """(B, 1, H, W) means over 15 px of what clipped, nearer ones counting more; ``alpha`` (B, 3, H, W).

    Reaches 7 px: with that headroom-1's answer still lies within its halo, so that tiles give what the frame gives.
    """
    clipped = (alpha.amax(1, keepdim=True) > 0).float()
    both = torch.cat([spread_log2.float() * clipped, clipped], 1)
    half = PERIOD_PX // 2
    for before, after in ((half, half - 1), (half - 1, half)):
        both = F.avg_pool2d(F.pad(both, (before, after, before, after)), PERIOD_PX, stride=1)
    return torch.where(clipped > 0, both[:, :1] / both[:, 1:].clamp(min=1e-6), spread_log2.float())
