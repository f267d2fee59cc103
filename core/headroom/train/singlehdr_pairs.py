"""Real photographs with merged brackets beside them: what Refinement-Net learns from.

A folder of ``NAME.exr`` (linear light, as ``headroom merge`` writes it, Rec.709) and ``NAME.jpg`` (or png, tif): the
frame of the same bracket that is to become it, same size. The scale between the two does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headroom.errors import PlateError

__all__ = ["Pair", "PairCrops", "read_pairs"]

LDR_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
HALF_MAX = 65504.0


@dataclass(frozen=True)
class Pair:
    """One photograph, (3, H, W) both."""

    name: str
    x_srgb: Tensor
    """Codes 0..1, float16."""
    light: Tensor
    """Linear, any scale, float16."""


def read_pairs(folder: Path) -> list[Pair]:
    """All pairs of a folder, by name; an EXR without a photograph is passed over; ``PlateError`` where sizes differ."""
    from headroom import io

    found = []
    for path in sorted(folder.glob("*.exr")):
        beside = [path.with_suffix(suffix) for suffix in LDR_SUFFIXES]
        photograph = next((candidate for candidate in beside if candidate.is_file()), None)
        if photograph is None:
            continue
        merged, plate = io.read(path), io.read(photograph)
        if (merged.height, merged.width) != (plate.height, plate.width):
            raise PlateError(
                f"{path} is {merged.width}x{merged.height}, {photograph.name} {plate.width}x{plate.height}; "
                "give them the same size"
            )
        light = np.nan_to_num(merged.rows(0, merged.height), nan=0, posinf=HALF_MAX, neginf=0).clip(0, HALF_MAX)
        codes = plate.rows(0, plate.height).clip(0, 1)
        x_srgb, lin = (torch.from_numpy(v.transpose(2, 0, 1).astype(np.float16)) for v in (codes, light))
        found.append(Pair(path.stem, x_srgb, lin))
    return found


class PairCrops:
    """Draws crops, turned by quarters and mirrored; a seed gives the same ones."""

    def __init__(self, pairs: Sequence[Pair], *, crop_px: int, batch: int, device: torch.device, seed: int) -> None:
        """``PlateError`` where none is large enough."""
        self._pairs = [pair for pair in pairs if min(pair.x_srgb.shape[1:]) >= crop_px]
        if not self._pairs:
            raise PlateError(f"no pair of photograph and EXR holds a crop of {crop_px} px; give larger ones")
        self._crop_px, self._batch, self._device = crop_px, batch, device
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) codes and light."""
        crops = [self._crop() for _ in range(self._batch)]
        x_srgb, light = (torch.stack(parts).to(self._device) for parts in zip(*crops, strict=True))
        return x_srgb, light

    def _crop(self) -> tuple[Tensor, Tensor]:
        draw, size = torch.rand(4, generator=self._generator).tolist(), self._crop_px
        pair = self._pairs[int(draw[0] * len(self._pairs))]
        height, width = pair.x_srgb.shape[1:]
        top, left, turn = int(draw[1] * (height - size + 1)), int(draw[2] * (width - size + 1)), int(draw[3] * 8)

        def part(pixels: Tensor) -> Tensor:
            crop = pixels[:, top : top + size, left : left + size].float().rot90(turn % 4, (1, 2))
            return crop.flip(2) if turn >= 4 else crop

        return part(pair.x_srgb), part(pair.light)
