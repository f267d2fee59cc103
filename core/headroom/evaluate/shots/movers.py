"""Things that move through a shot on their own: a lamp, a highlight cut out of the scene, something passing before one.

A mover lives in the picture plane: it keeps its shape and shifts by whole and part pixels, so that its own motion is
known exactly too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headroom.evaluate.shots.geometry import Array64, Pose, pixel_grid
from headroom.evaluate.shots.scenery import Scenery, sample
from headroom.plate import FloatArray

__all__ = ["MOVERS", "Mover", "make_mover"]

MOVERS = ("lamp", "cutout", "passing", "blink")

# Width of the soft edge in pixels: what an area-sampled sharp edge would have.
EDGE_PX = 0.7

# A lamp's centre lies so many stops above the clip; its rim still clips.
LAMP_STOPS = (2.0, 4.0)
LAMP_RIM = 1.3
LAMP_COLOUR = (1.0, 0.87, 0.68)

# A blinking lamp is lit for so many frames, and dark for so many.
BLINK = (5, 3)

# Share of a cut-out's samples that clip, and what a thing passing before a highlight reflects.
CUTOUT_CLIPPED = 0.7
PASSING_LIGHT = (0.03, 0.2)


@dataclass(frozen=True)
class Mover:
    """A thing's shape, light and way."""

    kind: str
    centres: Array64
    """(frames, 2) x and y in pixels."""
    radii: tuple[float, float]
    """Half width and half height of a superellipse."""
    texture: FloatArray
    """(h, w, 3) linear light in camera units over the square that holds the shape."""
    present: npt.NDArray[np.bool_]
    """(frames,) whether it is there at all: a blinking lamp is not always."""

    def coverage(self, index: int, xy: Array64) -> FloatArray:
        """(H, W, 1) 0..1 of the sample positions in frame ``index``."""
        if not self.present[index]:
            return np.zeros((*xy.shape[:-1], 1), np.float32)
        across, along = np.moveaxis(((xy - self.centres[index]) / np.array(self.radii)) ** 2, -1, 0)
        # An ellipse, or for what passes by the squarer |x|^4 + |y|^4 = 1.
        distance = np.sqrt(np.sqrt(across**2 + along**2) if self.kind == "passing" else across + along)
        edge = (1.0 - distance) * min(self.radii) / EDGE_PX + 0.5
        return np.asarray(edge.clip(0.0, 1.0)[..., None], np.float32)

    def light(self, index: int, xy: Array64) -> FloatArray:
        """(H, W, 3) its own light at the sample positions."""
        height, width = self.texture.shape[:2]
        unit = (xy - self.centres[index]) / np.array(self.radii) * 0.5 + 0.5
        picture = torch.from_numpy(self.texture).permute(2, 0, 1)[None]
        return sample(picture, unit * np.array([width, height]) - 0.5)


def make_mover(
    kind: str, rng: np.random.Generator, frames: int, goal: Array64, scenery: Scenery, brightest: Pose, width: int
) -> Mover:
    """A mover whose way leads over ``goal`` (x, y) in the middle of the shot; sizes go with the frame's width."""
    unit = width / 384.0
    angle = rng.uniform(-0.5, 0.5) + (np.pi if rng.random() < 0.5 else 0.0)
    speed = rng.uniform(5.0, 9.0) * unit
    way = (np.arange(frames) - (frames - 1) / 2.0) * speed
    bend = rng.uniform(-10.0, 10.0) * unit * np.sin(np.linspace(0, np.pi, frames))
    centres = goal + np.stack([way * np.cos(angle), way * np.sin(angle) + bend], -1)
    present = np.ones(frames, np.bool_)
    if kind in ("lamp", "blink"):
        radius = rng.uniform(12.0, 20.0) * unit
        if kind == "blink":
            centres = np.broadcast_to(goal, centres.shape)
            present = (np.arange(frames) + rng.integers(sum(BLINK))) % sum(BLINK) < BLINK[0]
        return Mover(kind, centres, (radius, radius), _lamp(rng), present)
    if kind == "cutout":
        radius = rng.uniform(22.0, 32.0) * unit
        shape = (radius, radius * rng.uniform(0.6, 0.9))
        return Mover(kind, centres, shape, _cutout(scenery, brightest), present)
    shape = (rng.uniform(10.0, 16.0) * unit, rng.uniform(60.0, 90.0) * unit)
    return Mover(kind, centres, shape, _dark(rng), present)


def _lamp(rng: np.random.Generator) -> FloatArray:
    offset = pixel_grid(64, 64) / 31.5 - 1.0
    distance = np.hypot(offset[..., 0], offset[..., 1]).clip(0.0, 1.0)
    light = LAMP_RIM * np.exp2(rng.uniform(*LAMP_STOPS) * (1.0 - distance**2))
    return np.asarray(light[..., None] * np.array(LAMP_COLOUR) / LAMP_COLOUR[-1], np.float32)


def _cutout(scenery: Scenery, brightest: Pose) -> FloatArray:
    """A piece of the scene itself, around its brightest part, exposed to clip."""
    texture = scenery.view(brightest, 48, 64, over=1)
    level = max(float(np.quantile(texture.max(-1), 1.0 - CUTOUT_CLIPPED)), 1e-6)
    return np.asarray(texture / np.float32(level), np.float32)


def _dark(rng: np.random.Generator) -> FloatArray:
    low, high = PASSING_LIGHT
    stripes = np.sin(np.arange(96)[:, None, None] * 0.35 + rng.uniform(0, 6)) * 0.5 + 0.5
    return np.asarray((low + (high - low) * stripes) * np.ones((1, 32, 3)), np.float32)
