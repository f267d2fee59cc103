"""An HDR image as the surroundings of a camera, on any device.

Directions: x right, y up, z forward; a lat-long's centre column looks along z. A still hangs before the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.plate import FloatArray

__all__ = ["Surroundings", "pixel_centres", "project", "rays_through", "rotation"]

STILL_HALF_TAN = math.tan(math.radians(50.0))
"""A still's width as the camera sees it; beyond its edges it goes on mirrored."""


@dataclass(frozen=True)
class Surroundings:
    """Linear, relative light around a camera."""

    name: str
    pixels: Tensor
    """(3, H, W) float16 or float32, finite, at least 0."""
    latlong: bool

    @classmethod
    def of(cls, name: str, light: FloatArray, *, latlong: bool) -> Surroundings:
        """From (H, W, 3)."""
        return cls(name, torch.from_numpy(np.ascontiguousarray(light.transpose(2, 0, 1))), latlong)

    def to(self, device: torch.device) -> Surroundings:
        """The same on another device."""
        return Surroundings(self.name, self.pixels.to(device), self.latlong)

    def look(self, rays: Tensor) -> Tensor:
        """(3, ...) light along (..., 3) rays of any length, bilinear."""
        x, y, z = rays.reshape(1, -1, rays.shape[-2], 3).unbind(-1)
        height, width = self.pixels.shape[1:]
        source = self.pixels[None].float()
        if self.latlong:
            column = (torch.atan2(x, z) / (2 * math.pi) + 0.5) * width
            row = torch.atan2(torch.hypot(x, z), y) / math.pi * height
            source = torch.cat([source[..., -1:], source, source[..., :1]], 3)
            grid = torch.stack([(column + 1) / (width + 2) * 2 - 1, row / height * 2 - 1], -1)
            light = F.grid_sample(source, grid, padding_mode="border", align_corners=False)
        else:
            ahead = z.clamp(min=1e-3) * STILL_HALF_TAN
            grid = torch.stack([x / ahead, -y / ahead * (width / height)], -1).clamp(-50, 50)
            light = F.grid_sample(source, grid, padding_mode="reflection", align_corners=False)
        return light[0].reshape(3, *rays.shape[:-1])


def pixel_centres(height: int, width: int, over: int, device: torch.device) -> Tensor:
    """(height * over, width * over, 2) x, y in pixels, 0 at the centre of the first; ``over`` samples each way."""
    x = (torch.arange(width * over, device=device) + 0.5) / over - 0.5
    y = (torch.arange(height * over, device=device) + 0.5) / over - 0.5
    return torch.stack(torch.broadcast_tensors(x[None], y[:, None]), -1)


def rays_through(xy: Tensor, height: int, width: int, focal_px: float) -> Tensor:
    """(..., 3) rays of a pinhole camera through pixel positions (..., 2)."""
    x, y = xy.unbind(-1)
    right, up = (x - (width - 1) / 2) / focal_px, ((height - 1) / 2 - y) / focal_px
    return torch.stack([right, up, torch.ones_like(right)], -1)


def project(rays: Tensor, height: int, width: int, focal_px: float) -> Tensor:
    """Pixel positions (..., 2) of rays ahead of the camera: back from ``rays_through``."""
    x, y, z = rays.unbind(-1)
    z = z.clamp(min=1e-3)
    return torch.stack([x / z * focal_px + (width - 1) / 2, (height - 1) / 2 - y / z * focal_px], -1)


def rotation(yaw: float, pitch: float, roll: float, device: torch.device) -> Tensor:
    """(3, 3): roll about z, then pitch about x, then yaw about y; radians."""
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(a), math.sin(a)) for a in (yaw, pitch, roll))
    about_y = torch.tensor([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_x = torch.tensor([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    about_z = torch.tensor([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    return (about_y @ about_x @ about_z).to(device)
