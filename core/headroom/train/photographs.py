"""Photographs that did not clip as training scenes: exposed anew, they clip, and what was there is known.

Any folder of pictures serves. Only those are taken that hold all of their light; each is linearised by the space that
it states (sRGB where it states none), so its white is its own. They teach what lies a stop or two above the clip, not
suns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from headroom.clipping import clip_level
from headroom.errors import Cancelled, HeadroomError, PlateError
from headroom.plate import Plate
from headroom.train.scenes import HdrScene

__all__ = ["CLIPPED_SHARE", "Photographs", "pictures", "shrunk", "unclipped_photographs"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}
CLIPPED_SHARE = 1e-4
"""Of a picture's pixels; from here on it is left out."""
LONGEST_PX = 1024
"""Larger photographs are brought to this by area means: what JPEG left in them goes too."""
SHORTEST_PX = 64


@dataclass(frozen=True)
class Photographs:
    """What a folder gave."""

    scenes: list[HdrScene]
    clipped: int = 0
    """Left out: too much of them has no light."""
    small: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        """How many were taken, and why others were not."""
        reasons = (self.clipped, "clipped"), (self.small, f"under {SHORTEST_PX} px"), (self.unreadable, "not readable")
        left = ", ".join(f"{count} {why}" for count, why in reasons if count)
        return f"{len(self.scenes)} photographs" + (f"; left out: {left}" if left else "")


def unclipped_photographs(folder: Path, *, cancelled: Callable[[], bool] | None = None) -> Photographs:
    """Those below ``folder`` with next to no clipped pixel, sorted by name; ``PlateError`` where there is none."""
    from headroom.colour.plan import plan

    if not folder.is_dir():
        raise PlateError(f"{folder}: no such folder; give a folder of photographs")
    scenes: list[HdrScene] = []
    clipped = small = unreadable = 0
    for path, plate in pictures(folder, cancelled=cancelled):
        if plate is None:
            unreadable += 1
        elif min(plate.width, plate.height) < SHORTEST_PX:
            small += 1
        elif clip_level(plate).clipped_share >= CLIPPED_SHARE:
            clipped += 1
        else:
            way = plan(plate.space, is_float=plate.is_float, bits=plate.bits)
            light = way.to_lin709(plate.rows(0, plate.height)).clip(0)
            scenes.append(HdrScene(f"photograph:{path.relative_to(folder)}", shrunk(light).half(), latlong=False))
    found = Photographs(scenes, clipped, small, unreadable)
    if not scenes:
        raise PlateError(
            f"{folder}: {found}; give a folder of photographs (.jpg, .png, .tif, .webp) of at least {SHORTEST_PX} px a "
            f"side with fewer than {CLIPPED_SHARE:.2%} of their pixels clipped"
        )
    return found


def pictures(folder: Path, *, cancelled: Callable[[], bool] | None = None) -> Iterator[tuple[Path, Plate | None]]:
    """All LDR pictures below a folder by name, and what they hold: nothing if damaged, as some of thousands are."""
    from headroom import io

    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        if cancelled and cancelled():
            raise Cancelled(f"{folder}: cancelled")
        try:
            plate = io.read(path)
        except HeadroomError:
            yield path, None
        else:
            yield path, plate


def shrunk(light: np.ndarray) -> torch.Tensor:
    """(H, W, 3) light as (3, h, w) float32, no side above LONGEST_PX."""
    height, width = light.shape[:2]
    pixels = torch.from_numpy(light.transpose(2, 0, 1).astype(np.float32))
    scale = LONGEST_PX / max(width, height)
    if scale < 1:
        size = [max(1, round(height * scale)), max(1, round(width * scale))]
        pixels = F.interpolate(pixels[None], size, mode="area")[0]
    return pixels
