"""Which light of those that are possible: the network states a gain and how far it may be off, the user picks.

    median    the network's gain, untouched
    mean      right on average, and so for what the light does to a scene
    bold      what one light in ten passes
    low high  the ends between which eight in ten lie

Networks that state one spread s (stops) describe a log-normal light: its mean lies ln(2)/2 s^2 above the gain, and
bold one spread. Those that state a doubt of three parts (``Local.doubt``) say all of this themselves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.networks.single_image import NORMAL_90, Local

__all__ = ["evened", "picked"]

SPREAD_STOPS_MAX = 3.0
"""A wider doubt adds no more to mean and bold: they would be ruled by lights that hardly ever are."""
PERIOD_PX = 8
"""Of the pattern that a network's pixel shuffles, by 2 and by 4, leave: a mean over so many pixels holds none of it."""


def picked(local: Local, alpha: Tensor, light: str) -> Local:
    """``local`` with the gain of one of ``settings.LIGHTS`` or ``settings.ENDS``; ``alpha`` (B, 3, H, W).

    The doubt is evened first, but for the median. No light lies below what was recorded; mean and bold lie at most
    4 stops above the gain, high at most 16.
    """
    if light == "median":
        return local
    if local.doubt is None:
        local = local._replace(spread_log2=evened(local.spread_log2, alpha))
        more = _of_one_spread(local.spread_log2, light)
    else:
        even = evened(torch.cat([local.doubt, local.spread_log2], 1), alpha)
        local = local._replace(doubt=even[:, :3], spread_log2=even[:, 3:])
        more = _of_three_parts(even[:, :3], light)
    return local._replace(gain_log2=(local.gain_log2 + more).clamp_(min=0))


def _of_one_spread(spread_log2: Tensor, light: str) -> Tensor:
    """(B, 1, H, W) stops from the gain to the light."""
    if light in ("low", "high"):
        stops = NORMAL_90 * torch.exp2(spread_log2.clamp(-8, 3))
        return stops if light == "high" else -stops
    spread = torch.exp2(spread_log2.clamp(-8, math.log2(SPREAD_STOPS_MAX)))
    return math.log(2) / 2 * spread * spread if light == "mean" else spread


def _of_three_parts(doubt: Tensor, light: str) -> Tensor:
    """(B, 1, H, W) stops from the gain to the light."""
    if light == "mean":
        return doubt[:, 2:]
    if light == "low":
        return -torch.exp2(doubt[:, :1])
    above = torch.exp2(doubt[:, 1:2])
    return above if light == "high" else above.clamp(max=NORMAL_90 * SPREAD_STOPS_MAX)


def evened(maps: Tensor, alpha: Tensor) -> Tensor:
    """(B, C, H, W) means over 15 px of what clipped, nearer ones counting more; ``alpha`` (B, 3, H, W).

    Reaches 7 px: with that headroom-1's answer still lies within its halo, so that tiles give what the frame gives. A
    doubt of three parts, interpolated from cells of 4 px, may reach 12 px beyond it, where hardly anything is left.
    """
    clipped = (alpha.amax(1, keepdim=True) > 0).float()
    both = torch.cat([maps.float() * clipped, clipped], 1)
    half = PERIOD_PX // 2
    for before, after in ((half, half - 1), (half - 1, half)):
        both = F.avg_pool2d(F.pad(both, (before, after, before, after)), PERIOD_PX, stride=1)
    return torch.where(clipped > 0, both[:, :-1] / both[:, -1:].clamp(min=1e-6), maps.float())
