"""Batches for merge networks out of a pool of crops: frames chosen, turned and mirrored, colours exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from headroom.clipping import soft_mask
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.networks.merge1 import MISMATCH
from headroom.networks.merging import Stack
from headroom.train.merge_crops import Crops, Pool, stack_of
from headroom.train.merge_recipes import MergeRecipe

__all__ = ["MergeBatch", "MergeBatches"]

FEWER_SHARE = 0.25
"""Of the batches for networks that take any number of frames, so many have fewer than were staged."""
NOISE_ERROR = 0.4
"""Standard deviation of the natural log of what a measured noise is wrong by."""

MISJUDGED_SHARE = 0.5
"""Of the batches, so many are decoded by a response that is not quite the camera's."""
CURVE_ERROR = (0.02, 0.18)
"""Standard deviation of the natural log of an exponent on decoded light, another in every batch: cameras' contrast
curves taken for sRGB scale all stops by up to 1.3, so that frames two stops apart disagree by a third."""
CHANNEL_ERROR = 0.03
"""The same of what the channels have of their own."""
CONTRAST = (-0.3, 0.8)
"""Of an S-curve on the codes (``camera.Response.picture_style``), in half of these batches."""


class MergeBatch(NamedTuple):
    """What goes in and what should come out."""

    stack: Stack
    truth: Tensor
    """(B, 3, H, W) light in the reference's scale."""
    moving: Tensor
    """(B, 1, H, W) 1 where something moves."""


class MergeBatches:
    """Draws from a pool; everything random comes from one generator on the CPU."""

    def __init__(self, pool: Pool, recipe: MergeRecipe, *, seed: int, fresh: Callable[[], Crops] | None = None) -> None:
        """``fresh``: gives crops that are put into the pool before every batch."""
        self.pool, self.recipe, self.fresh = pool, recipe, fresh
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self) -> MergeBatch:
        """The next batch."""
        if self.fresh is not None:
            for _ in range(self.recipe.fresh):
                self.pool.put(self.fresh())
        crops = self.pool.draw(self.recipe.batch, self._generator)
        crops = crops.of_frames(self._frames(crops))
        if float(torch.rand((), generator=self._generator)) < MISJUDGED_SHARE:
            crops = self._misdecoded(crops)
        told = float(torch.rand((), generator=self._generator)) < self.recipe.measured_noise
        return self._turned(crops.having({"noise": self._misjudged(crops.noise)}), told)

    def _frames(self, crops: Crops) -> list[int]:
        count, at = crops.linear.shape[1], crops.reference
        others = [index for index in range(count) if index != at]
        if self.recipe.frames is not None:
            darker, brighter = others[:at], others[at:]
            return [self._one(darker), at, self._one(brighter)]
        if float(torch.rand((), generator=self._generator)) < FEWER_SHARE:
            left = 1 + int(torch.randint(len(others), (), generator=self._generator))
            order = torch.randperm(len(others), generator=self._generator)[:left].tolist()
            others = [others[index] for index in order]
        return sorted([at, *others])

    def _one(self, numbers: list[int]) -> int:
        return numbers[int(torch.randint(len(numbers), (), generator=self._generator))]

    def _misjudged(self, noise: Tensor) -> Tensor:
        error = torch.randn(noise.shape, generator=self._generator) * NOISE_ERROR
        return noise * error.exp().to(noise.device)

    def _misdecoded(self, crops: Crops) -> Crops:
        """All frames bent by a wrong curve; the truth is what frames of it, so decoded, would merge to."""
        least, most = CURVE_ERROR
        error = least + (most - least) * float(torch.rand((), generator=self._generator))
        shape = (len(crops), 3, 1, 1)
        common = error * torch.randn((len(crops), 1, 1, 1), generator=self._generator)
        exponent = (common + CHANNEL_ERROR * torch.randn(shape, generator=self._generator)).exp()
        contrast = torch.zeros(len(crops), 1, 1, 1)
        if float(torch.rand((), generator=self._generator)) < 0.5:
            contrast = contrast.uniform_(*CONTRAST, generator=self._generator)
        exponent, contrast = exponent.to(crops.truth.device), contrast.to(crops.truth.device)
        linear = bent(crops.linear.float(), exponent[:, None], contrast[:, None])
        return crops.having({"linear": linear, "truth": merged_truth(crops, exponent, contrast)})

    def _turned(self, crops: Crops, told: bool) -> MergeBatch:
        """One of the eight ways for the whole batch; an order of the channels for it."""
        way = int(torch.randint(8, (), generator=self._generator))
        order = torch.randperm(3, generator=self._generator).tolist() if self.recipe.permute_channels else [0, 1, 2]

        def turn(image: Tensor) -> Tensor:
            if image.shape[-3] == 3:
                image = image[..., order, :, :]
            image = image.transpose(-1, -2) if way & 1 else image
            sides = [side for bit, side in ((2, -1), (4, -2)) if way & bit]
            return image.flip(sides) if sides else image

        turned = {name: turn(getattr(crops, name)) for name in ("linear", "clipped", "valid", "truth", "moving")}
        crops = crops.having(turned)
        return MergeBatch(stack_of(crops, noise=told), crops.truth.float(), crops.moving.float())


def merged_truth(crops: Crops, exponent: Tensor, contrast: Tensor) -> Tensor:
    """(M, 3, H, W): what frames without noise and motion, bent like these, merge to by their precision.

    They disagree: the reference about shadows with brighter frames, about highlights with darker ones. To ask for
    light that they do not show would be to ask for frames to be disbelieved though nothing moved.
    """
    truth, exposures = crops.truth.float()[:, None], crops.exposures[:, :, None, None, None]
    linear = truth * exposures
    radiance = bent(linear.clamp(0, 1), exponent[:, None], contrast[:, None]) / exposures
    # A little more than 1: the code of white is not quite 1 in floats.
    recorded = (1 - 1.001 * soft_mask(srgb_encode(linear.clamp(0, 1)), 1.0)).clamp(min=0) * (crops.valid.float() / 255)
    shot, read = crops.noise[:, :, None, None, None, None].unbind(1)
    variance = shot * truth / exposures + read / exposures.square()
    apart = torch.full_like(exposures, MISMATCH)
    apart[:, crops.reference] = 0
    weight = recorded / (variance + (apart * truth).square())
    total = weight.sum(1)
    darkest = bent(linear[:, 0], exponent, contrast) / exposures[:, 0]
    return torch.where(total > 0, (weight * radiance).sum(1) / total.clamp(min=1e-12), darkest)


def bent(linear: Tensor, exponent: Tensor, contrast: Tensor) -> Tensor:
    """Light 0..1 by another curve, 0 to 0 and 1 to 1; beyond them it goes on straight."""
    inside = linear.clamp(0, 1)
    code = srgb_encode(inside)
    styled: Tensor = (1 - contrast) * code + contrast * code * code * (3 - 2 * code)
    return srgb_decode(styled).pow(exponent) + (linear - inside)
