"""What every merge network is given, what it states, and the encodings that several of them share.

Shapes: B batch, N frames (darkest first), H W a window. Domains: ``linear`` is a frame's own exposure, 1.0 its white;
``radiance`` is linear light in the reference frame's scale, frame k's ``linear`` over ``exposures[k]``; ``hdr01`` is
radiance over what the darkest frame can hold, which is where the papers' networks live; ``ldr`` is the gamma 2.2
code of ``linear``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import log1p
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = [
    "MU", "READ", "SHOT", "START_LIGHT", "Light", "MergeContract", "MergeNetwork", "Stack", "expand_mu_law",
    "gamma_code", "hdr01", "mu_law", "triples", "unrecorded",
]  # fmt: skip

MU = 5000.0
"""Of the tone curve in which all of the papers measure and train (Kalantari and Ramamoorthi 2017, equation 5)."""
GAMMA = 2.2
"""Of the display code that the papers' networks see."""
START_LIGHT = 0.03
"""Over the darkest frame's white: what an untrained network gives. Half of it, as it came, is a burnt picture."""
SHOT = 1e-4
"""Variance of a frame's noise per unit of its own linear light, where nobody measured it."""
READ = 4e-6
"""Variance of a frame's noise in the dark, where nobody measured it."""


@dataclass(frozen=True, kw_only=True)
class MergeContract:
    """Input and geometry of a merge network, and what it costs."""

    frames: int | None
    """How many frames it takes; None: two or more."""
    domain: str
    """What it works on, in words."""
    multiple_of: int
    """Height and width of a window must be multiples of this; windows start at multiples of it."""
    halo_px: int
    """Pixels around a window's core that its result depends on, at most."""
    least_px: int
    """The smallest height and width of a window: reflecting needs something to reflect."""
    dtypes: tuple[str, ...]
    """Precisions it was tested in."""
    gflop_per_mp: float
    """Multiply-adds x 2 for a megapixel of three frames."""
    bytes_per_px: int
    """Upper bound of the memory that a pixel of a window of three frames takes in float32."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Aligned windows of a bracket as tensors, darkest frame first."""

    linear: Tensor
    """(B, N, 3, H, W) each frame's own exposure, 1.0 = its white; warping may pass 0 and 1 a little."""
    clipped: Tensor
    """(B, N, 3, H, W) 0..1 how clipped."""
    valid: Tensor
    """(B, N, 1, H, W) 0..1 inside the overlap and not occluded."""
    exposures: Tensor
    """(B, N) light gathered, the reference 1.0, ascending."""
    reference: int
    """Which frame all others are aligned to."""
    noise: Tensor | None = None
    """(B, 2) variance of the noise per unit of ``linear`` and at ``linear`` 0; None: ``SHOT`` and ``READ``."""

    @property
    def frames(self) -> int:
        """N."""
        return self.linear.shape[1]

    @property
    def scale(self) -> Tensor:
        """(B, N, 1, 1, 1) ``exposures`` beside ``linear``."""
        return self.exposures[:, :, None, None, None]

    @property
    def radiance(self) -> Tensor:
        """(B, N, 3, H, W) in the reference's scale."""
        return self.linear / self.scale

    @property
    def top(self) -> Tensor:
        """(B, 1, 1, 1) radiance at which the darkest frame clips."""
        return (1.0 / self.exposures[:, 0])[:, None, None, None]

    def variance(self, level: Tensor) -> Tensor:
        """(B, N, 3, H, W) of each frame's radiance where the light's own level is (B, 3, H, W)."""
        if self.noise is None:
            shot, read = torch.tensor(SHOT).to(level), torch.tensor(READ).to(level)
        else:
            shot, read = self.noise.to(level)[:, :, None, None, None, None].unbind(1)
        return shot * level.clamp(min=0)[:, None] / self.scale + read / self.scale.square()

    def to(self, device: torch.device | str) -> Stack:
        """On another device."""
        moved = {name: getattr(self, name).to(device) for name in ("linear", "clipped", "valid", "exposures")}
        return replace(self, **moved, noise=None if self.noise is None else self.noise.to(device))


class Light(NamedTuple):
    """What a merge gives."""

    radiance: Tensor
    """(B, 3, H, W) linear light, the reference's scale."""
    doubt: Tensor
    """(B, 1, H, W) 0..1: how little of it was recorded."""
    shares: Tensor | None = None
    """(B, N, 3, H, W) of a weighted mean: each frame's share in the light."""


class MergeNetwork(nn.Module, ABC):
    """Training and inference call ``merge``; ``forward`` sees encoded tensors and nothing else."""

    contract: MergeContract

    @abstractmethod
    def merge(self, stack: Stack) -> Light:
        """Aligned windows to linear light: encode, ``forward``, decode. Sizes as in the contract."""


def mu_law(hdr01: Tensor) -> Tensor:
    """0..1 linear to 0..1: ``ln(1 + 5000 h) / ln(5001)``."""
    return torch.log1p(MU * hdr01) / log1p(MU)


def expand_mu_law(code: Tensor) -> Tensor:
    """The inverse of ``mu_law``."""
    return torch.expm1(code * log1p(MU)) / MU


def gamma_code(linear: Tensor) -> Tensor:
    """Linear light, cut to 0..1, to the display code of gamma 2.2."""
    return linear.clamp(0, 1).pow(1 / GAMMA)


def hdr01(linear: Tensor, stack: Stack) -> Tensor:
    """(B, N, 3, H, W) cut to 0..1, each frame's own exposure, to linear light over the darkest frame's white."""
    return linear.clamp(0, 1) * (stack.exposures[:, :1, None, None, None] / stack.scale)


def triples(stack: Stack) -> Tensor:
    """(B, 3, 3, H, W) ``linear`` of three frames; what is not valid is the reference seen through that exposure.

    So did the authors' preparation of pixels to which no flow leads.
    """
    if stack.frames != 3:
        raise ValueError(f"{stack.frames} frames for a network of 3")
    reference = stack.linear[:, stack.reference, None]
    seen = (reference * stack.scale).clamp(0, 1)
    return (seen + (stack.linear - seen) * stack.valid).clamp(0, 1)


def unrecorded(stack: Stack) -> Tensor:
    """(B, 1, H, W) 0..1: how much of the pixel no valid frame recorded in all its channels."""
    recorded = stack.valid * (1 - stack.clipped.amax(2, keepdim=True))
    return 1 - recorded.amax(1)
