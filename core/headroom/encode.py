"""A plate's rows as the network sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headroom.clipping import TAU, ClipLevel, soft_mask
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.colour.plan import ColourPlan
from headroom.networks.area import scene_size
from headroom.networks.area_bands import AreaMeans
from headroom.networks.contract import NetworkContract
from headroom.networks.curve_lines import FrameLines
from headroom.networks.curve_net import Lines
from headroom.plate import FloatArray, Plate

__all__ = ["Encoder", "Overview", "Rows", "largest_channel", "overview"]


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

    def rows(self, y0: int, y1: int) -> Rows:
        """Rows y0..y1."""
        code = self.plate.rows(y0, y1)
        if self.plate.video_top is not None and self.clip.code > 1.0:
            # A movie's limited range, recorded above white: the network's 1.0 is where it ends.
            level = np.full((1, 1, 3), self.clip.code, np.float32)
            lin = self.colour.to_lin709(code) / np.float32(self.colour.to_lin709(level).max())
            x = srgb_encode(lin.clip(0, 1))
        else:
            x = self.colour.to_network(code)
            top = self.top
            if top < 1.0:
                lin = srgb_decode(x) / np.float32(srgb_decode(np.float32(top)))
                x = srgb_encode(lin.clip(0, 1))
        alpha = soft_mask(code, self.clip.code, self.tau)
        if self.colour.mixes_channels:
            # A clip in one channel of the plate's primaries touches all three of Rec.709's.
            alpha = np.repeat(largest_channel(alpha)[..., None], 3, axis=2)
        if self.boost != 1.0:
            x = x ** np.float32(1 / self.boost)
        return Rows(code, x.astype(np.float32, copy=False), alpha.astype(np.float32, copy=False))

    @property
    def top(self) -> float:
        """What the clip level is in network space."""
        level = np.full((1, 1, 3), self.clip.code, np.float32)
        return float(np.clip(self.colour.to_network(level).max(), 1e-3, 1.0))


def largest_channel(values: FloatArray) -> FloatArray:
    """(h, W, 3) to (h, W): the same as ``max(axis=2)``, several times as fast."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


@dataclass(frozen=True)
class Overview:
    """What one pass over the whole frame gathers."""

    view: FloatArray
    """(h, w, 6) area means of x_srgb and alpha."""
    lines: Lines
    """(1, K, ...) for the curve's network."""


def overview(encoder: Encoder, contract: NetworkContract, *, rows_at_once: int) -> Overview:
    """Look at the whole frame, band by band."""
    plate = encoder.plate
    h, w = scene_size(plate.height, plate.width, pixels=contract.scene_px, multiple_of=contract.scene_multiple_of)
    seen, masked = (AreaMeans((plate.height, plate.width), (h, w)) for _ in range(2))
    lines = FrameLines(plate.height, plate.width)
    for y0 in range(0, plate.height, rows_at_once):
        rows = encoder.rows(y0, min(y0 + rows_at_once, plate.height))
        seen.see(rows.x_srgb)
        masked.see(rows.alpha)
        lines.see(rows.x_srgb)
    view = np.concatenate([seen.means(), masked.means()], axis=2)
    return Overview(view, lines.lines())
