"""A plate's rows as the network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headroom.clipping import TAU, ClipLevel, soft_mask
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.colour.plan import ColourPlan
from headroom.networks.single_image import Gatherer, NothingGathered
from headroom.plate import FloatArray, Plate

__all__ = ["Encoder", "Rows", "largest_channel", "overview"]


@dataclass(frozen=True)
class Rows:
    """Some rows of a plate in three domains."""

    code: FloatArray
    """(h, W, 3) plate codes, un-premultiplied."""
    x_srgb: FloatArray
    """(h, W, 3) 0..1, sRGB-encoded, 1.0 is the clip level."""
    alpha: FloatArray
    """(h, W, 3) 0..1 how clipped."""


@dataclass(frozen=True)
class Encoder:
    """Fixed for one plate."""

    plate: Plate
    colour: ColourPlan
    clip: ClipLevel
    tau: float = TAU
    boost: float = 1.0
    """HDRCNN's gamma trick: the network sees ``x^(1/boost)`` and its gain counts ``boost`` times."""
    scaling: float = 1.0
    """HDRCNN's other: the network sees ``min(1, scaling * x)``, and codes that reach 1 so count as clipped."""

    def rows(self, y0: int, y1: int) -> Rows:
        """Rows y0..y1."""
        code = self.plate.rows(y0, y1)
        alpha = soft_mask(code, self.level, self.tau)
        if self.colour.mixes_channels:
            # A clip in one channel of the plate's primaries touches all three of Rec.709's.
            alpha = np.repeat(largest_channel(alpha)[..., None], 3, axis=2)
        return Rows(code, self.seen(code), alpha.astype(np.float32, copy=False))

    def seen(self, code: FloatArray) -> FloatArray:
        """(..., 3) codes as the network sees them: 0..1, sRGB-encoded, 1.0 is the clip level."""
        x = self._x_srgb(code)
        if self.scaling != 1.0:
            x = np.minimum(np.float32(1), x * np.float32(1 / self._level_srgb))
        if self.boost != 1.0:
            x = x ** np.float32(1 / self.boost)
        return x.astype(np.float32, copy=False)

    def _x_srgb(self, code: FloatArray) -> FloatArray:
        """Codes to 0..1, sRGB-encoded, 1.0 is the clip level."""
        if self.plate.video_top is not None and self.clip.code > 1.0:
            # A movie's limited range, recorded above white: the network's 1.0 is where it ends.
            level = np.full((1, 1, 3), self.clip.code, np.float32)
            lin = self.colour.to_lin709(code) / np.float32(self.colour.to_lin709(level).max())
            return srgb_encode(lin.clip(0, 1))
        x = self.colour.to_network(code)
        top = self.top
        if top < 1.0:
            lin = srgb_decode(x) / np.float32(srgb_decode(np.float32(top)))
            x = srgb_encode(lin.clip(0, 1))
        return x

    @property
    def level(self) -> float:
        """Code value from which samples count as clipped: the clip level, or what ``scaling`` brings up to it."""
        return self.clip.code / self.scaling

    @property
    def _level_srgb(self) -> float:
        """``level`` as the network would see it unscaled: ``1 / scaling`` where the plate's curve is sRGB's."""
        return float(np.clip(self._x_srgb(np.full((1, 1, 3), self.level, np.float32)).max(), 1e-3, 1.0))

    @property
    def top(self) -> float:
        """What the clip level is in network space."""
        level = np.full((1, 1, 3), self.clip.code, np.float32)
        return float(np.clip(self.colour.to_network(level).max(), 1e-3, 1.0))


def largest_channel(values: FloatArray) -> FloatArray:
    """(h, W, 3) to (h, W): the same as ``max(axis=2)``, several times as fast."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


def overview(encoder: Encoder, gatherer: Gatherer, *, rows_at_once: int) -> Any:
    """What ``gatherer`` keeps of the whole frame, shown to it band by band."""
    if not isinstance(gatherer, NothingGathered):
        for y0 in range(0, encoder.plate.height, rows_at_once):
            rows = encoder.rows(y0, min(y0 + rows_at_once, encoder.plate.height))
            gatherer.see(rows.x_srgb, rows.alpha)
    return gatherer.gathered()
