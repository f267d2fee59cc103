"""Pictures taken inside scenes: whole lat-longs turned on the sphere, rectilinear views, crops of stills.

All in torch on the device that holds the scenes. Directions: x right, y up, z forward; a lat-long's centre column
looks along z, its top row along y.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.train.scenes import HdrScene

__all__ = ["SceneBank", "latlong_rays", "moved_grid", "rectilinear_rays", "rotations", "sample_latlong"]

LATLONG_HEIGHT = 512


class SceneBank:
    """All scenes on one device: lat-longs stacked at two sizes, stills as they are."""

    def __init__(self, scenes: Sequence[HdrScene], device: torch.device) -> None:
        """Lat-longs are brought to 1024x512 by area means if they are larger."""
        panoramas = [_to_height(scene.pixels, LATLONG_HEIGHT) for scene in scenes if scene.latlong]
        self.names = [scene.name for scene in scenes if scene.latlong]
        self.latlongs = torch.stack(panoramas).to(device) if panoramas else torch.zeros(0, 3, 2, 4)
        halved = [F.avg_pool2d(p.float(), 2).half() for p in panoramas]
        self.latlongs_half = torch.stack(halved).to(device) if halved else self.latlongs
        self.stills = [scene.pixels.to(device) for scene in scenes if not scene.latlong]
        self.device = device

    def latlong_views(self, index: Tensor, rays: Tensor, *, half: bool) -> Tensor:
        """(B,) scene numbers and (B, H, W, 3) rays to (B, 3, H, W) linear light."""
        source = self.latlongs_half if half else self.latlongs
        return sample_latlong(source[index].float(), rays)

    def turned(self, index: Tensor, yaw: Tensor, height: int) -> Tensor:
        """(B, 3, height, 2 height): lat-longs turned by whole pixels, every pixel as it was stored."""
        source = self.latlongs_half if height == self.latlongs_half.shape[2] else self.latlongs
        if height != source.shape[2]:
            raise ValueError(f"panoramas are {source.shape[2]} or half as many rows high, not {height}")
        shifts = (yaw / (2 * math.pi) * source.shape[3]).long().tolist()
        return torch.stack([source[i].float().roll(shift, 2) for i, shift in zip(index, shifts, strict=True)])

    def still_crop(self, number: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(3, height, width): a random crop, scaled by up to 1.5 either way."""
        pixels = self.stills[number].float()
        fit = max(height / pixels.shape[1], width / pixels.shape[2])
        scale = max(fit, math.exp(_uniform(generator, -0.4, 0.4)))
        size = [max(height, round(pixels.shape[1] * scale)), max(width, round(pixels.shape[2] * scale))]
        pixels = F.interpolate(pixels[None], size, mode="bilinear", antialias=scale < 1)[0].clamp(min=0)
        top = int(_uniform(generator, 0, size[0] - height + 0.999))
        left = int(_uniform(generator, 0, size[1] - width + 0.999))
        return pixels[:, top : top + height, left : left + width]


def sample_latlong(latlong: Tensor, rays: Tensor) -> Tensor:
    """Bilinear look-up of (B, 3, h, w) along (B, H, W, 3) rays of any length; wraps in azimuth."""
    x, y, z = rays.unbind(-1)
    height, width = latlong.shape[2:]
    u = torch.atan2(x, z) / (2 * math.pi) + 0.5
    v = torch.atan2(torch.hypot(x, z), y) / math.pi
    padded = torch.cat([latlong[..., -1:], latlong, latlong[..., :1]], 3)
    column = (u * width + 1) / (width + 2) * 2 - 1
    grid = torch.stack([column, v * 2 - 1], -1)
    light: Tensor = F.grid_sample(padded, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return light


def latlong_rays(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W, 3) unit rays through the pixel centres of a lat-long."""
    azimuth = ((torch.arange(width, device=device) + 0.5) / width - 0.5) * (2 * math.pi)
    polar = (torch.arange(height, device=device) + 0.5) / height * math.pi
    sin, cos = torch.sin(polar)[:, None], torch.cos(polar)[:, None]
    ones = torch.ones_like(azimuth)
    return torch.stack([sin * torch.sin(azimuth), cos * ones, sin * torch.cos(azimuth)], -1)


def rectilinear_rays(height: int, width: int, half_tan: Tensor) -> Tensor:
    """(B, H, W, 3) rays of pinhole views; ``half_tan`` (B,) is tan(horizontal field of view / 2)."""
    device = half_tan.device
    x = ((torch.arange(width, device=device) + 0.5) / width * 2 - 1)[None, None]
    y = (1 - (torch.arange(height, device=device) + 0.5) / height * 2)[None, :, None] * (height / width)
    tan = half_tan[:, None, None]
    plane = (tan * x).expand(-1, height, -1), (tan * y).expand(-1, -1, width)
    return torch.stack([*plane, torch.ones_like(plane[0])], -1)


def moved_grid(height: int, width: int, shift_px: Tensor, roll: Tensor, zoom: Tensor) -> Tensor:
    """(B, H, W, 2) where the pixels of a moved camera's picture lie in the first one's, for ``grid_sample``.

    ``shift_px`` (B, 2) right and down, ``roll`` (B,) radians, ``zoom`` (B,) above 1 comes closer; about the centre.
    """
    device = shift_px.device
    x = torch.arange(width, device=device) + 0.5 - width / 2
    y = (torch.arange(height, device=device) + 0.5 - height / 2)[:, None]
    cos, sin = (part[:, None, None] / zoom[:, None, None] for part in (roll.cos(), roll.sin()))
    column = cos * x - sin * y + shift_px[:, 0, None, None]
    row = sin * x + cos * y + shift_px[:, 1, None, None]
    return torch.stack([column * (2 / width), row * (2 / height)], -1)


def rotations(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """(B, 3, 3) rotations, radians: roll about z, then pitch about x, then yaw about y."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: Tensor) -> Tensor:
        square: Tensor = torch.stack(rows, -1).unflatten(-1, (3, 3))
        return square

    cy, sy, cp, sp = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    cr, sr = roll.cos(), roll.sin()
    about_y = matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_x = matrix(one, zero, zero, zero, cp, -sp, zero, sp, cp)
    about_z = matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    turn: Tensor = about_y @ about_x @ about_z
    return turn


def _to_height(pixels: Tensor, height: int) -> Tensor:
    if pixels.shape[1:] == (height, 2 * height):
        return pixels
    size = [height, 2 * height]
    return F.interpolate(pixels.float()[None], size, mode="bilinear", antialias=True)[0].clamp(0, 65504).half()


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, device=generator.device))
