"""What may be concluded of frames that clip without asking a network: headroom-merge-1's rules of evidence.

Shapes and domains as in ``merging``; frames stand darkest first.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.merging import Stack

__all__ = ["CENSORED", "LEVEL_PX", "LIGHT_FLOOR", "doubted", "last_word", "none_has", "uncontradicted"]

LEVEL_PX = 5
"""Neighbourhood over which the level of light and the disagreement of frames are averaged."""
CENSORED = 8.0
"""How much faster than the clip mask a sample becomes a mere lower bound: compressed, clipped ones fall below white."""
CONTRADICTS = (0.55, 0.75)
"""Share of the reference's light: a frame that shows less than the first has seen something else, above the second it
may be the curve."""
FADED = (0.25, 0.4)
"""The same of a channel that the reference recorded beside others that it lost: it was raised towards white."""
MIXED = (0.6, 0.8)
"""Shares of the brightest sample nearby between which one counts as clipped that is marked so."""
CLIP_ERROR = 0.5
"""Share of the light by which samples may be off that are clipped in part: compression rings there."""
HUE_ERROR = 0.1
"""The same of whole samples beside a clipped channel: a response that is not quite right shows as a false colour."""
LIGHT_FLOOR = 1e-4


def last_word(stack: Stack) -> Tensor:
    """(B, N, 3, H, W) how clipped, where the darkest frame keeps what resampling only mixed with clipped light.

    Alignment marks all such samples. One that lies far below the white next to it is mostly other light; in a brighter
    frame it gives way to darker ones, but after the darkest nothing comes.
    """
    linear, half = stack.linear[:, 0], LEVEL_PX // 2
    most = F.max_pool2d(linear.amax(1, keepdim=True), (LEVEL_PX, 1), stride=1, padding=(half, 0))
    most = F.max_pool2d(most, (1, LEVEL_PX), stride=1, padding=(0, half))
    low, high = MIXED
    at_white = ((linear / most.clamp(min=LIGHT_FLOOR) - low) / (high - low)).clamp(0, 1)
    others = stack.clipped[:, 1:].amin(1)
    return torch.cat([(stack.clipped[:, 0] * (1 - others * (1 - at_white)))[:, None], stack.clipped[:, 1:]], 1)


def uncontradicted(stack: Stack, variance: Tensor) -> Tensor:
    """(B, N, 1, H, W) 0..1: how far the reference clipped where this frame shows what may well have clipped there.

    At least as bright as the reference proves, and in the channels that it recorded about the same: then nothing
    speaks for motion, and recorded light is better than any guess. One answer for all channels, from their mean where
    they clipped: cameras fade colours out towards white. Noise does not count, nor a curve not quite right.
    """
    at = stack.reference
    reference, noise = stack.radiance[:, at, None], 3 * (variance + variance[:, at, None]).sqrt()
    least = reference.clamp(min=LIGHT_FLOOR)
    shown = (stack.radiance + noise).mean(2, keepdim=True) / least.mean(2, keepdim=True)
    brighter = ((shown - CONTRADICTS[0]) / (CONTRADICTS[1] - CONTRADICTS[0])).clamp(0, 1)
    above = (((stack.radiance + noise) / least - FADED[0]) / (FADED[1] - FADED[0])).clamp(0, 1)
    most = (stack.radiance - noise).clamp(min=LIGHT_FLOOR)
    below = ((least / most - CONTRADICTS[0]) / (CONTRADICTS[1] - CONTRADICTS[0])).clamp(0, 1)
    lost = (CENSORED * stack.clipped[:, at, None]).clamp(max=1)
    same = above * below
    possible = (same + (1 - same) * lost).amin(2, keepdim=True) * brighter
    return possible * stack.clipped[:, at, None].amax(2, keepdim=True)


def doubted(clipped: Tensor, recorded: Tensor, whole: Tensor, believed: Tensor, level: Tensor) -> Tensor:
    """(B, N, 3, H, W) variance on top of the noise's, by which frames that clip give way to darker ones.

    What is left of a channel that clips in part gives way to frames that recorded that channel, the channels beside
    it to frames that recorded all three; only as far as those are believed. In the dark, noise weighs more.
    """
    by_channel, by_all = _darker_has(believed * recorded), _darker_has(believed * whole)
    share = (CLIP_ERROR * clipped).square() * by_channel + (HUE_ERROR * (recorded - whole)).square() * by_all
    return share * level[:, None].square()


def _darker_has(shares: Tensor) -> Tensor:
    """(B, N, C, H, W) of 0..1: for each frame, how far any darker one has a share."""
    found = [torch.zeros_like(shares[:, 0])]
    for share in shares[:, :-1].unbind(1):
        found.append(found[-1] + share * (1 - found[-1]))
    return torch.stack(found, 1)


def none_has(shares: Tensor) -> Tensor:
    """(B, N, C, H, W) of 0..1 to (B, C, H, W): how far no frame has a share."""
    none = 1 - shares[:, 0]
    for share in shares[:, 1:].unbind(1):  # not ``prod``, whose gradient is slow where factors are 0
        none = none * (1 - share)
    return none
