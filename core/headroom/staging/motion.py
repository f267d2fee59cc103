"""How the hand moves between the frames of a bracket, and where that takes every point of the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.staging.scenery import project, rays_through, rotation
from headroom.staging.settings import WIDTH_PX, Staging

__all__ = ["Hand", "look_up", "smooth_field"]

STEPS_BACK = 8
"""Fixed-point steps that turn the map of a frame round: enough for 0.01 px at the slopes that are drawn."""


@dataclass(frozen=True)
class Hand:
    """The camera's way: turns, roll, zoom, and what a shift of it does to near and far; none at the reference."""

    height: int
    width: int
    focal_px: float
    turns: tuple[tuple[float, float, float], ...]
    """Radians of yaw, pitch, roll a frame."""
    zooms: tuple[float, ...]
    shifts: npt.NDArray[np.float64]
    """(N, 2) pixels that what is nearest moves by."""
    nearness: Tensor
    """(H, W) 0..1, smooth."""

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        staging: Staging,
        *,
        frames: int,
        reference: int,
        size: tuple[int, int],
        focal_px: float,
        device: torch.device,
    ) -> Hand:
        """A random walk through the frames, or a tripod."""
        unit = size[1] / WIDTH_PX
        steady = bool(rng.random() < staging.tripod_share)
        walk = np.zeros((frames, 6))
        steps = rng.normal(0, 1, (frames - 1, 6))
        walk[1:] = np.cumsum(steps, 0) * (0.0 if steady else 1.0)
        walk -= walk[reference]
        shake = staging.shake_px * unit / focal_px
        roll = math.radians(staging.roll_degrees)
        turns = tuple((float(w[0] * shake), float(w[1] * shake), float(w[2] * roll)) for w in walk)
        zooms = tuple(math.exp(float(w[3]) * staging.zoom) for w in walk)
        shifts = walk[:, 4:] * (rng.uniform(*staging.parallax_px) * unit)
        nearness = smooth_field(rng, 1, size, cells=int(rng.integers(2, 6)), device=device)[0]
        return cls(*size, focal_px, turns, zooms, shifts, nearness)

    def ref_xy(self, frame: int, xy: Tensor) -> Tensor:
        """Where the scene's points at ``xy`` (..., 2) of a frame stand in the reference."""
        yaw, pitch, roll = self.turns[frame]
        near = look_up(self.nearness[None], xy)[0][..., None]
        moved = xy + near * torch.as_tensor(self.shifts[frame], dtype=xy.dtype, device=xy.device)
        rays = rays_through(moved, self.height, self.width, self.focal_px * self.zooms[frame])
        turned = rays @ rotation(yaw, pitch, roll, xy.device).T
        return project(turned, self.height, self.width, self.focal_px)

    def frame_xy(self, frame: int, xy: Tensor) -> Tensor:
        """Back: where the reference's points at the pixel centres ``xy`` (H, W, 2) stand in a frame."""
        way = (self.ref_xy(frame, xy) - xy).permute(2, 0, 1)
        there = xy
        for _ in range(STEPS_BACK):
            there = xy - look_up(way, there).permute(1, 2, 0)
        return there


def smooth_field(
    rng: np.random.Generator, channels: int, size: tuple[int, int], *, cells: int, device: torch.device
) -> Tensor:
    """(channels, H, W) 0..1: random numbers on a coarse grid, bicubically between."""
    coarse = torch.from_numpy(rng.random((1, channels, cells, cells + 1)).astype(np.float32)).to(device)
    return F.interpolate(coarse, size, mode="bicubic", align_corners=True)[0].clamp(0, 1)


def look_up(values: Tensor, xy: Tensor) -> Tensor:
    """(C, h', w') bilinear values of (C, H, W) at pixel positions (h', w', 2); the edge goes on."""
    height, width = values.shape[1:]
    scale = torch.tensor([2 / width, 2 / height], dtype=xy.dtype, device=xy.device)
    grid = ((xy + 0.5) * scale - 1)[None]
    return F.grid_sample(values[None], grid, padding_mode="border", align_corners=False)[0]
