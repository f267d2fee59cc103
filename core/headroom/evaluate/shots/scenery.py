"""An HDR image as the surroundings of a camera."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from headroom.evaluate.scenes import Scene, load_scene
from headroom.evaluate.shots.geometry import Array64, Pose, look, pixel_grid
from headroom.plate import FloatArray

__all__ = ["OVERSAMPLING", "Scenery", "area_mean", "sample"]

OVERSAMPLING = 2
"""Samples a pixel in each direction: a 1024 x 512 lat-long is magnified 1.3 times at the centre of an 85 degree view of
384 pixels and more at its edges, so that two suffice even after a zoom out."""

LATLONG_HALF_TAN = math.tan(math.radians(85.0 / 2))

# A still hangs before the camera as if it had been taken with this horizontal field of view; beyond its edges it goes
# on mirrored. Views of it are narrower, so that the camera has room to move.
STILL_HALF_TAN = math.tan(math.radians(60.0 / 2))
STILL_VIEW_HALF_TAN = 0.6 * STILL_HALF_TAN


class Scenery:
    """A lat-long around the camera, or a still before it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._light = torch.from_numpy(load_scene(scene.path).copy()).permute(2, 0, 1)[None]
        self.half_tan = LATLONG_HALF_TAN if scene.is_latlong else STILL_VIEW_HALF_TAN

    def light(self, points: Array64) -> FloatArray:
        """(H, W, 3) linear light of (H, W, 3) points of the sphere, bilinear."""
        x, y, z = (points[..., i] for i in range(3))
        height, width = self._light.shape[2:]
        if self.scene.is_latlong:
            column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * width - 0.5
            row = np.arctan2(np.hypot(x, z), y) / np.pi * height - 0.5
            padded = torch.cat([self._light[..., -1:], self._light, self._light[..., :1]], 3)
            return sample(padded, np.stack([column + 1.0, row], -1))
        ahead = np.maximum(z, 1e-3)
        column = (x / ahead / STILL_HALF_TAN + 1.0) / 2.0 * width - 0.5
        row = (1.0 - y / ahead / (STILL_HALF_TAN * height / width)) / 2.0 * height - 0.5
        return sample(self._light, np.stack([column, row], -1), padding="reflection")

    def view(self, pose: Pose, height: int, width: int, over: int = OVERSAMPLING) -> FloatArray:
        """(height * over, width * over, 3) samples of what a camera sees, in the scene's own units."""
        return self.light(look(pose, pixel_grid(height, width, over), height, width))


def sample(image: torch.Tensor, xy: Array64, *, mode: str = "bilinear", padding: str = "border") -> FloatArray:
    """(H, W, C) values of (1, C, h, w) at pixel positions (H, W, 2)."""
    height, width = image.shape[2:]
    unit = (xy + 0.5) / np.array([width, height]) * 2.0 - 1.0
    grid = torch.from_numpy(unit)[None].to(image.dtype)
    found = F.grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=False)
    return np.asarray(found[0].permute(1, 2, 0).numpy())


def area_mean(samples: FloatArray, over: int = OVERSAMPLING) -> FloatArray:
    """(H, W, C) means of (H * over, W * over, C) samples."""
    height, width, channels = samples.shape
    blocks = samples.reshape(height // over, over, width // over, over, channels)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), np.float32)
