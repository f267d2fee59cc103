"""What every network that reconstructs one picture gives to the page that runs it.

    rows of the frame --gatherer--> gathered --inverse_curve--> the curve that the network sees in it
                                        |
                                        +--look--> features, of the whole frame
                                                       |
    tile + halo ---------------------------------------+--local--> gain_log2, its spread, a dequantising correction

A network answers in stops above ITS OWN linearisation of the plate, so that the page can put them on the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from headroom.networks.contract import NetworkContract

__all__ = [
    "CURVE_SAMPLES",
    "NORMAL_90",
    "RIGHT_WITHIN",
    "Gathered",
    "Gatherer",
    "Local",
    "NothingGathered",
    "SingleImageNetwork",
    "linear_blend_gain",
]

CURVE_SAMPLES = 1024
"""Of an inverse response curve over x_srgb 0..1."""
NORMAL_90 = 1.2816
"""Standard deviations from a normal distribution's middle to what one in ten passes."""
RIGHT_WITHIN = 0.85
"""A normal error is below 1 stop with probability erf(1 / (sqrt(2) spread)); tanh(this / spread) is within 0.02."""
ALPHA_LEAST = 1e-3
"""Below this the blend is taken at this: the gain is a quotient by alpha."""
RATIO_MOST = 65536.0
"""Sixteen stops: more than the sun's disc over a sunlit wall."""


class Local(NamedTuple):
    """What a tile gets."""

    gain_log2: Tensor
    """(B, 3, H, W) stops; at least 0 in evaluation mode."""
    spread_log2: Tensor
    """(B, 1, H, W) log2 of the expected error of the gain, in stops."""
    dequantize: Tensor | None
    """(B, 3, H, W) correction in -1..1, in units of half a code value, if asked for."""
    doubt: Tensor | None = None
    """(B, 3, H, W) of networks that say more of it: log2 of the stops from the gain down to the light that nine in ten
    pixels pass, log2 of the stops up to the one that one in ten passes, and the stops from the gain up to the mean."""


class Gathered(Protocol):
    """What a network keeps of a whole frame."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""


class Gatherer(Protocol):
    """Looks at a frame's rows, which come in order, top to bottom, and leave none out; any thread."""

    def see(self, x_srgb: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> None:
        """The next rows, (h, W, 3) each."""

    def gathered(self) -> Gathered:
        """Once all rows were seen."""


class NothingGathered:
    """For networks that need no look at the whole frame: gatherer and what it gathered."""

    nbytes = 0

    def see(self, x_srgb: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> None:
        """Keeps nothing."""

    def gathered(self) -> NothingGathered:
        """Itself."""
        return self


class SingleImageNetwork(nn.Module):
    """Base of the networks that ``headroom convert`` runs; the contract may be an instance's own."""

    contract: NetworkContract

    def gatherer(self, height: int, width: int) -> Gatherer:
        """For a frame of this size."""
        return NothingGathered()

    def look(self, gathered: Any, table: Tensor, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """Features (1, F, h, w) of the whole frame for its tiles, on the device that ``upload`` brings tensors to.

        ``table`` (1, 1024): linear light at x_srgb = i / 1023 by the curve in use, on the CPU.
        """
        return upload(table.new_zeros((1, 0, 1, 1)))

    def inverse_curve(self, gathered: Any, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, 1024) linear 0..1 at x_srgb = i / 1023 as the network sees this frame; ``contract.curve`` says when."""
        raise NotImplementedError

    def local(
        self, x_srgb: Tensor, alpha: Tensor, features: Tensor, place: Tensor, *, dequantize: bool = True
    ) -> Local:
        """A tile (B, 3, H, W) and where it lies: ``place`` (B, 4) = x0, y0, width, height over the frame's size.

        Networks whose contract has that stage take ``refine: bool = False`` besides.
        """
        raise NotImplementedError


def linear_blend_gain(ratio: Tensor, alpha: Tensor) -> Tensor:
    """Stops that make ``2^(alpha * gain)`` the papers' linear blend ``(1 - alpha) + alpha * ratio``; never below 0.

    ``ratio``: the network's light over its own linearisation of the plate. What clipped held at least what was
    recorded, so ratios below 1 count as 1.
    """
    share = alpha.clamp(min=ALPHA_LEAST)
    return (share * (ratio.clamp(1, RATIO_MOST) - 1)).log1p() / (share * math.log(2))
