"""Batches for merge networks out of a pool of crops: frames chosen, turned and mirrored, colours exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

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
GAMMA_ERROR = (0.03, 0.09)
"""Standard deviation of the natural log of the exponent that a channel's decoded light is off by, another in every
batch: at 0.05, frames two stops apart disagree by 7 %, though nothing moved."""


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
        """Exponents on the light of each crop's channels, in its frames and in its truth: what a wrong curve gives."""
        least, most = GAMMA_ERROR
        error = least + (most - least) * float(torch.rand((), generator=self._generator))
        normal = torch.randn((len(crops), 3, 1, 1), generator=self._generator)
        exponent = (error * normal).exp().to(crops.truth.device)
        linear = crops.linear.float()
        bent = linear.abs().pow(exponent[:, None]) * linear.sign()
        return crops.having({"linear": bent, "truth": crops.truth.float().pow(exponent)})

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
