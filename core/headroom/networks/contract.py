"""What a network asks of the engine that runs it."""

from __future__ import annotations

from dataclasses import dataclass

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
