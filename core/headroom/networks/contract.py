"""What a network asks of the engine that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["NetworkContract"]


@dataclass(frozen=True, kw_only=True)
class NetworkContract:
    """Input and geometry of a single-image network."""

    space: str
    """Domain of the plate channels, such as ``"srgb"``: sRGB-encoded, 0..1, 1.0 is the clip of the plate's white."""
    channels: tuple[str, ...]
    """Meaning of the input channels, in order."""
    multiple_of: int
    """Height and width of an input must be multiples of this; tiles start at multiples of it."""
    halo_px: int
    """Pixels around a tile that its result depends on, at most."""
    scene_px: int
    """Pixels of the low-resolution view of the whole frame; 0: the network needs none."""
    scene_multiple_of: int
    dtypes: tuple[str, ...]
    """Precisions it was tested in."""
    gflop_per_mp: float
    """Multiply-adds x 2 for a megapixel of plate, without the constant cost of the scene view."""
    bytes_per_px: int = 260
    """Upper bound of what a pixel of a tile takes in float32; half of it in 16 bit."""
    curve: Literal["lines", "frame", "fixed"] = "lines"
    """Where the response curve that it sees comes from: lines of pixels (cheap: looked at always, for a warning), the
    frame (looked at where it is asked for), or the same curve for every picture."""
    states_doubt: bool = False
    """Whether it says for each pixel how far its answer may be off; otherwise one figure of its card stands for all."""
    stages: tuple[str, ...] = ("dequantize", "linearize", "hallucinate")
    """What it can be asked for: besides these, ``refine``."""
