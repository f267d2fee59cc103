"""Where the tiles lie: integers only, no pixels.

The frame is cut into cores that cover it exactly. A core's window is the core plus its halo, clipped to the padded
frame: at the frame's edge a tile meets the same edge that the whole frame has, so results agree there too.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rect", "Tile", "halving_step", "padded", "plan", "split"]


def halving_step(height: int, width: int, most_px: int) -> int:
    """Pixels to a cell, a power of two, so that the longer side has ``most_px`` cells at most."""
    step = 1
    while max(height, width) > most_px * step:
        step *= 2
    return step


@dataclass(frozen=True)
class Rect:
    """Half-open pixel rectangle."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0


@dataclass(frozen=True)
class Tile:
    """``core`` is what the tile answers for; ``window`` is what it reads, in the padded frame."""

    core: Rect
    window: Rect


def padded(size: int, multiple: int) -> int:
    """The least multiple that is not below ``size``."""
    return -(-size // multiple) * multiple


def plan(width: int, height: int, *, tile_px: int, halo_px: int, multiple: int) -> list[list[Tile]]:
    """Rows of tiles, top to bottom and left to right; ``ValueError`` where a size is not positive or not a multiple."""
    if width < 1 or height < 1:
        raise ValueError(f"a frame of {width}x{height} has no pixels")
    if tile_px < multiple or tile_px % multiple or halo_px % multiple:
        raise ValueError(f"tile {tile_px} and halo {halo_px} must be multiples of {multiple}")
    return [
        [
            _tile(Rect(x, y, min(x + tile_px, width), min(y + tile_px, height)), width, height, halo_px, multiple)
            for x in range(0, width, tile_px)
        ]
        for y in range(0, height, tile_px)
    ]


def split(tile: Tile, width: int, height: int, *, halo_px: int, multiple: int) -> list[Tile]:
    """The tile as up to four smaller ones, cut at multiples; itself where it is too small to cut."""
    core = tile.core
    middle_x = core.x0 + padded(-(-core.width // 2), multiple)
    middle_y = core.y0 + padded(-(-core.height // 2), multiple)
    columns = [(core.x0, min(middle_x, core.x1)), (middle_x, core.x1)]
    rows = [(core.y0, min(middle_y, core.y1)), (middle_y, core.y1)]
    return [
        _tile(Rect(x0, y0, x1, y1), width, height, halo_px, multiple)
        for y0, y1 in rows
        if y1 > y0
        for x0, x1 in columns
        if x1 > x0
    ]


def _tile(core: Rect, width: int, height: int, halo: int, multiple: int) -> Tile:
    right, bottom = padded(width, multiple), padded(height, multiple)
    window = Rect(
        max(0, core.x0 - halo),
        max(0, core.y0 - halo),
        min(right, padded(core.x1, multiple) + halo),
        min(bottom, padded(core.y1, multiple) + halo),
    )
    return Tile(core, window)
