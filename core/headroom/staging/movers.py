"""Things that move on their own before a scene: pieces of other scenes, lamps, and parts of the scene that sway.

A cut-out's outline is a circle bent by a few waves, squeezed and turned; it changes a little from frame to frame, as
what walks does. Positions are the reference's pixels, so that the hand moves a thing along with the scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom.staging.motion import look_up, smooth_field
from headroom.staging.scenery import Surroundings, rotation
from headroom.staging.settings import WIDTH_PX, Staging

__all__ = ["Flutter", "Mover", "draw_movers"]

WAVES = 5
REACH = 1.9
"""A cut-out's farthest point from its centre, in radii: beyond it nothing is sampled."""
LAMP_FALL = 3.0
"""Stops that a lamp's rim lies below its centre."""
LAMP_COLOURS = ((1.0, 0.85, 0.62), (1.0, 1.0, 1.0), (0.8, 0.9, 1.0), (1.0, 0.35, 0.2))


@dataclass(frozen=True)
class Mover:
    """A cut-out or a lamp."""

    centres: npt.NDArray[np.float64]
    """(N, 2) pixels of the reference."""
    angles: npt.NDArray[np.float64]
    radius: float
    squeeze: float
    waves: npt.NDArray[np.float64]
    """(N, WAVES, 2) cosines and sines of the outline's bends, as shares of the radius."""
    edge_px: float
    opacity: float
    light: tuple[float, float, float]
    """Scale of its texture's light; of a lamp: its centre's light."""
    texture: Surroundings | None
    """What it is cut out of; None: a lamp."""
    turn: Tensor
    """(3, 3) where in its texture it looks."""
    focal_px: float

    def paint(self, frame: int, xy: Tensor, light: Tensor, cover: Tensor) -> None:
        """Over (3, h, w) ``light`` sampled at the reference's positions (h, w, 2); (h, w) ``cover`` is raised."""
        centre = torch.as_tensor(self.centres[frame], dtype=xy.dtype, device=xy.device)
        there = ((xy - centre).abs() < self.radius * REACH).all(-1)
        offset = (xy[there] - centre) @ self._turned(frame, xy)
        if offset.shape[0] == 0:
            return
        x, y = offset[:, 0], offset[:, 1] / self.squeeze
        around, distance = torch.atan2(y, x), torch.hypot(x, y)
        outline = torch.ones_like(distance)
        for number, (cosine, sine) in enumerate(self.waves[frame], 2):
            outline = outline + float(cosine) * (number * around).cos() + float(sine) * (number * around).sin()
        outline = outline.clamp(0.15, REACH / 1.2)
        alpha = ((outline * self.radius - distance) * self.squeeze / self.edge_px + 0.5).clamp(0, 1) * self.opacity
        own = self._light(offset, distance / (outline * self.radius))
        light[:, there] = torch.lerp(light[:, there], own, alpha)
        cover[there] = torch.maximum(cover[there], alpha)

    def moves(self) -> bool:
        """Whether it can be told from the scene by its way."""
        return bool(np.ptp(self.centres, axis=0).max() > 0.5)

    def _light(self, offset: Tensor, distance: Tensor) -> Tensor:
        scale = torch.tensor(self.light, device=offset.device)[:, None]
        if self.texture is None:
            return scale * torch.exp2(-LAMP_FALL * distance.square())
        ahead = torch.cat([offset / self.focal_px, torch.ones_like(offset[:, :1])], 1)
        return scale * self.texture.look((ahead @ self.turn.T)[None])[:, 0]

    def _turned(self, frame: int, like: Tensor) -> Tensor:
        cos, sin = math.cos(self.angles[frame]), math.sin(self.angles[frame])
        return torch.tensor([[cos, -sin], [sin, cos]], dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class Flutter:
    """A part of the scene that sways."""

    ways: Tensor
    """(N, 2, H, W) pixels that it is off by; 0 in the reference and outside."""

    def moved(self, frame: int, xy: Tensor) -> Tensor:
        """Where the light at the reference's positions (h, w, 2) comes from."""
        return xy + look_up(self.ways[frame], xy).permute(1, 2, 0)


def draw_movers(
    rng: np.random.Generator,
    staging: Staging,
    *,
    frames: int,
    reference: int,
    size: tuple[int, int],
    textures: list[Surroundings],
    median: float,
    device: torch.device,
) -> tuple[list[Mover], list[Flutter]]:
    """What moves through a bracket; ``median`` is that of the scene's light in the reference's exposure."""
    movers: list[Mover] = []
    flutters: list[Flutter] = []
    for number in range(int(rng.integers(staging.movers[0], staging.movers[1] + 1))):
        # The first is a cut-out: what sways may be a bare sky, and then nothing would be seen to move.
        kind = rng.random() if number else 1.0
        if kind < staging.flutter_share:
            flutters.append(_flutter(rng, staging, frames, reference, size, device))
        else:
            lamp = kind < staging.flutter_share + staging.lamp_share
            texture = None if lamp else textures[int(rng.integers(len(textures)))]
            movers.append(_mover(rng, staging, frames, reference, size, texture, median, device, bold=number == 0))
    return movers, flutters


def _mover(
    rng: np.random.Generator,
    staging: Staging,
    frames: int,
    reference: int,
    size: tuple[int, int],
    texture: Surroundings | None,
    median: float,
    device: torch.device,
    *,
    bold: bool,
) -> Mover:
    unit = size[1] / WIDTH_PX
    radius = math.exp(rng.uniform(*np.log(staging.mover_px))) * unit
    if texture is None:
        radius = rng.uniform(2.5, 12.0) * unit
    slow = rng.random() < staging.slow_share and not bold
    step = (rng.uniform(0.0, staging.step_px[0]) if slow else rng.uniform(*staging.step_px)) * unit
    way = rng.uniform(0, 2 * math.pi)
    velocity = step * np.array([math.cos(way), math.sin(way) * rng.uniform(0.1, 0.7)])
    # Frames are shot in any order of exposures.
    times = rng.permutation(frames).astype(np.float64)[:, None]
    goal = (rng.uniform(0.2, 0.8, 2) if bold else rng.uniform(0.05, 0.95, 2)) * np.array([size[1], size[0]])
    centres = goal + (times - times[reference]) * velocity + rng.normal(0, 0.12 * step, (frames, 2))
    angles = rng.uniform(0, 2 * math.pi) + rng.normal(0, 0.004 * step / unit, frames)
    bends = rng.normal(0, 0.17, (1, WAVES, 2)) / np.arange(1.0, WAVES + 1)[:, None] ** 0.7
    waves = bends + rng.normal(0, 0.0025 * step / unit, (frames, WAVES, 2))
    turn = rotation(rng.uniform(-math.pi, math.pi), rng.normal(0, 0.35), rng.normal(0, 0.2), device)
    focal_px = rng.uniform(120.0, 240.0) * unit
    if texture is None:
        stops = rng.uniform(*staging.lamp_stops)
        light = np.array(LAMP_COLOURS[int(rng.integers(len(LAMP_COLOURS)))]) * 2.0 ** (stops + LAMP_FALL / 2)
        waves *= 0.2
    else:
        here = torch.tensor([[0.0, 0.0, 1.0], [0.2, 0.1, 1.0], [-0.2, 0.1, 1.0], [0.1, -0.2, 1.0], [-0.1, -0.2, 1.0]])
        level = float(texture.look((here.to(device) @ turn.T)[None]).median().clamp(min=1e-5))
        gain = median * 2.0 ** rng.uniform(*staging.mover_stops) / level
        light = gain * np.exp(rng.normal(0, 0.1, 3))
    opaque = rng.random() < 0.9
    return Mover(
        centres=centres,
        angles=angles,
        radius=radius,
        squeeze=rng.uniform(0.35, 1.0),
        waves=waves,
        edge_px=rng.uniform(0.7, 2.5),
        opacity=1.0 if opaque else rng.uniform(0.5, 0.9),
        light=(float(light[0]), float(light[1]), float(light[2])),
        texture=texture,
        turn=turn,
        focal_px=focal_px,
    )


def _flutter(
    rng: np.random.Generator,
    staging: Staging,
    frames: int,
    reference: int,
    size: tuple[int, int],
    device: torch.device,
) -> Flutter:
    unit = size[1] / WIDTH_PX
    amount = rng.uniform(*staging.flutter_px) * unit
    centre = rng.uniform(0.1, 0.9, 2) * np.array([size[1], size[0]])
    radius = rng.uniform(25.0, 90.0) * unit
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(x - centre[0], (y - centre[1]) * rng.uniform(0.8, 1.6)) / radius
    inside = torch.from_numpy(np.clip(2.0 - 2.0 * distance, 0, 1).astype(np.float32)).to(device)
    ways = torch.zeros(frames, 2, *size, device=device)
    for frame in range(frames):
        if frame != reference:
            cells = max(3, round(size[1] / (3.5 * amount)))
            field = smooth_field(rng, 2, size, cells=min(cells, 24), device=device)
            ways[frame] = (field * 2 - 1) * (amount * inside)
    return Flutter(ways)
