"""Where a camera's pixels look: a pinhole inside a sphere that carries the scene.

Directions: x right, y up, z forward; the scene is painted on a sphere of radius 1. A camera that turns or zooms in its
centre sees every point move exactly; one that leaves the centre (a dolly) sees near things pass faster than far ones,
without anything hidden by anything. So the way of every point through a shot is known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Array64", "Pose", "hit", "look", "pixel_grid", "project", "turned"]

Array64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """A camera at one moment."""

    turn: Array64
    """(3, 3) camera to world."""
    place: Array64
    """(3,) inside the unit sphere."""
    half_tan: float
    """tan(horizontal field of view / 2)."""


def turned(yaw: float, pitch: float, roll: float) -> Array64:
    """(3, 3) rotation, radians: roll about z, then pitch about x (up is positive), then yaw about y."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z, np.float64)


def pixel_grid(height: int, width: int, over: int = 1) -> Array64:
    """(height * over, width * over, 2) x and y of sample centres; pixel (0, 0) has its centre at (0, 0)."""
    x = (np.arange(width * over) + 0.5) / over - 0.5
    y = (np.arange(height * over) + 0.5) / over - 0.5
    return np.stack(np.meshgrid(x, y), -1)


def look(pose: Pose, xy: Array64, height: int, width: int) -> Array64:
    """(..., 3) points of the sphere that pixel positions (..., 2) show."""
    x = ((xy[..., 0] + 0.5) / width * 2.0 - 1.0) * pose.half_tan
    y = (1.0 - (xy[..., 1] + 0.5) / height * 2.0) * (pose.half_tan * height / width)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ pose.turn.T
    return hit(pose.place, rays)


def hit(place: Array64, rays: Array64) -> Array64:
    """(..., 3) where rays from ``place`` leave the unit sphere."""
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays @ place
    reach = -along + np.sqrt(along**2 + 1.0 - place @ place)
    return np.asarray(place + reach[..., None] * rays, np.float64)


def project(pose: Pose, points: Array64, height: int, width: int) -> Array64:
    """(..., 2) pixel positions of points of the sphere; NaN for what lies behind the camera."""
    seen = (points - pose.place) @ pose.turn
    depth = np.where(seen[..., 2] > 1e-6, seen[..., 2], np.nan)
    x = (seen[..., 0] / depth / pose.half_tan + 1.0) / 2.0 * width - 0.5
    y = (1.0 - seen[..., 1] / depth / (pose.half_tan * height / width)) / 2.0 * height - 0.5
    return np.stack([x, y], -1)
