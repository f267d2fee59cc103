"""One staged bracket: scene -> hand -> movers -> exposure -> camera -> codes, with the truth of the reference frame.

Radiance is in the reference's exposure: 1.0 is its white. The same scene, seed, kind and size give the same bracket;
a CPU and a GPU draw different noise.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.camera import Response, quantise, sensor_noise
from headroom.errors import UsageError
from headroom.plate import FloatArray
from headroom.staging.motion import Hand, look_up
from headroom.staging.movers import Flutter, Mover, draw_movers
from headroom.staging.scenery import Surroundings, pixel_centres, rays_through, rotation
from headroom.staging.settings import WIDTH_PX, Staging

__all__ = ["KINDS", "Staged", "StagedBracket", "stage", "stage_tensors"]

KINDS = ("still", "moving")
"""``still``: the hand alone moves, or nothing; ``moving``: things move too."""
OVERSAMPLING = 2
COVERED = 0.02
"""Opacity from which a pixel shows a mover."""
SWAYED_PX = 0.5
SWAYED_STOPS = 0.1
LIGHT_MAX = 60000.0
"""Holds in half floats."""


@dataclass(frozen=True, kw_only=True)
class StagedBracket:
    """A bracket with its truth."""

    scene: str
    seed: int
    kind: str
    frames: FloatArray
    """(N, H, W, 3) codes 0..1, 8 bits, darkest first."""
    ev_stops: tuple[float, ...]
    """Over the reference, rising."""
    reference: int
    response: Response
    shot_noise: float
    read_noise: float
    """Standard deviations at a frame's own white."""
    truth: FloatArray
    """(H, W, 3) radiance that the reference frame saw, without noise; 1.0 is its white."""
    moving: npt.NDArray[np.bool_]
    """(H, W) where, seen from the reference, some frame shows another thing than the reference does."""

    @property
    def exposures(self) -> npt.NDArray[np.float64]:
        """(N,) light gathered relative to the reference."""
        return np.exp2(np.array(self.ev_stops, np.float64))

    def decode(self, codes: FloatArray) -> FloatArray:
        """Codes to the frame's own linear light, 1.0 = white: the true inverse response."""
        return np.asarray(self.response.inverse(codes), np.float32)


class Staged(NamedTuple):
    """The same on a device, with what a trainer knows besides."""

    codes: Tensor
    """(N, 3, H, W)."""
    truth: Tensor
    """(3, H, W)."""
    moving: Tensor
    """(H, W) bool."""
    frame_xy: Tensor
    """(N, H, W, 2) where the still scene of each pixel of the reference stands in each frame."""
    ev_stops: tuple[float, ...]
    reference: int
    response: Response
    shot_noise: float
    read_noise: float


def stage(
    scene: Surroundings,
    *,
    seed: int,
    kind: str,
    height: int = 256,
    width: int = 384,
    frames: int = 3,
    ev_stops: tuple[float, ...] | None = None,
    others: Sequence[Surroundings] = (),
    staging: Staging | None = None,
) -> StagedBracket:
    """Photograph ``scene`` as a bracket, on the CPU; ``others``: what movers are cut out of, else the scene itself."""
    made = stage_tensors(
        scene, seed=seed, kind=kind, height=height, width=width, frames=frames, ev_stops=ev_stops, others=others,
        staging=staging,
    )  # fmt: skip
    return StagedBracket(
        scene=scene.name,
        seed=seed,
        kind=kind,
        frames=made.codes.permute(0, 2, 3, 1).contiguous().numpy(),
        ev_stops=made.ev_stops,
        reference=made.reference,
        response=made.response,
        shot_noise=made.shot_noise,
        read_noise=made.read_noise,
        truth=made.truth.permute(1, 2, 0).contiguous().numpy(),
        moving=made.moving.numpy(),
    )


@torch.no_grad()
def stage_tensors(
    scene: Surroundings,
    *,
    seed: int,
    kind: str,
    height: int = 256,
    width: int = 384,
    frames: int = 3,
    ev_stops: tuple[float, ...] | None = None,
    others: Sequence[Surroundings] = (),
    staging: Staging | None = None,
) -> Staged:
    """The same on the device that holds the scene."""
    if kind not in KINDS:
        raise UsageError(f"no kind of bracket {kind!r}; there are: {', '.join(KINDS)}")
    staging = staging or Staging()
    device = scene.pixels.device
    rng = np.random.default_rng([zlib.crc32(scene.name.encode()), seed, KINDS.index(kind)])
    stops = tuple(sorted(ev_stops)) if ev_stops is not None else _ev_stops(rng, staging, frames)
    if 0.0 not in stops:
        raise UsageError(f"a staged bracket needs its reference at 0 stops, not {list(stops)}")
    reference, frames = stops.index(0.0), len(stops)
    size = height, width

    view = math.radians(rng.uniform(*staging.view_degrees))
    focal_px = WIDTH_PX / 2 / math.tan(view / 2) * _magnified(width)
    pitch = math.radians(rng.normal(0, staging.pitch_degrees))
    yaw = rng.uniform(-math.pi, math.pi)
    if not scene.latlong:
        yaw, pitch = yaw / 10, pitch / 4
    pose = rotation(yaw, pitch, rng.normal(0, 0.05), device)
    hand = Hand.draw(rng, staging, frames=frames, reference=reference, size=size, focal_px=focal_px, device=device)
    gain = _grade(rng, staging, device)

    def background(xy: Tensor) -> Tensor:
        return gain(scene.look(rays_through(xy, height, width, focal_px) @ pose.T))

    coarse = background(pixel_centres(height // 2, width // 2, 1, device) * 2 + 0.5)
    scale = 1 / _level(coarse, math.exp(rng.uniform(*np.log(staging.clipped_share))))
    movers: list[Mover] = []
    flutters: list[Flutter] = []
    if kind == "moving":
        movers, flutters = draw_movers(
            rng, staging, frames=frames, reference=reference, size=size, textures=list(others) or [scene],
            median=float((coarse * scale).median()), device=device,
        )  # fmt: skip

    fine, grid = pixel_centres(height, width, OVERSAMPLING, device), pixel_centres(height, width, 1, device)
    radiance, covers, ways = [], [], []
    for frame in range(frames):
        ref_xy = fine if frame == reference else hand.ref_xy(frame, fine)
        moved = ref_xy
        for flutter in flutters:
            moved = flutter.moved(frame, moved)
        light = background(moved) * scale
        cover = torch.zeros(light.shape[1:], device=device)
        for mover in movers:
            mover.paint(frame, ref_xy, light, cover if mover.moves() else torch.zeros_like(cover))
        radiance.append(F.avg_pool2d(light, OVERSAMPLING).clamp(0, LIGHT_MAX))
        covers.append(F.avg_pool2d(cover[None], OVERSAMPLING))
        ways.append(grid if frame == reference else hand.frame_xy(frame, grid))

    moving = torch.stack([look_up(cover, way)[0] for cover, way in zip(covers, ways, strict=True)]).amax(0) > COVERED
    for flutter in flutters:
        moving |= _sways(flutter, background, grid)

    response = _response(rng, staging)
    shot, read = (math.exp(rng.uniform(*np.log(span))) for span in (staging.shot_noise, staging.read_noise))
    noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    exposed = torch.stack(radiance) * torch.tensor([2.0**ev for ev in stops], device=device).view(-1, 1, 1, 1)
    seen = sensor_noise(exposed, torch.randn(exposed.shape, generator=noise, device=device), shot, read)
    codes = quantise(response.forward(seen.clamp(0, 1)), staging.bits).float()
    return Staged(codes, radiance[reference], moving, torch.stack(ways), stops, reference, response, shot, read)


def _sways(flutter: Flutter, background: Callable[[Tensor], Tensor], grid: Tensor) -> Tensor:
    """(H, W) where what sways can be seen to: a bare sky does not."""
    still, seen = background(grid), torch.zeros(grid.shape[:2], dtype=torch.bool, device=grid.device)
    for frame in range(len(flutter.ways)):
        change = ((background(flutter.moved(frame, grid)) + 1e-6) / (still + 1e-6)).log2().abs().amax(0)
        seen |= change > SWAYED_STOPS
    near = F.max_pool2d(seen[None].float(), 5, stride=1, padding=2)[0] > 0
    swayed: Tensor = (flutter.ways.norm(dim=1) > SWAYED_PX).any(0)
    return near & swayed


def _ev_stops(rng: np.random.Generator, staging: Staging, frames: int) -> tuple[float, ...]:
    if frames == 3:
        return staging.ev_stops[int(rng.integers(len(staging.ev_stops)))]
    if frames < 2:
        raise UsageError(f"a bracket has at least 2 frames, not {frames}")
    step = float(rng.choice([2.0, 3.0])) if frames < 5 else float(rng.choice([1.0, 2.0]))
    reference = frames // 2 if frames % 2 else frames // 2 - int(rng.integers(2))
    return tuple(step * (i - reference) for i in range(frames))


def _magnified(width: int) -> float:
    """A wider frame shows somewhat more of the scene and is somewhat finer, half of each."""
    return math.sqrt(width / WIDTH_PX) if width > WIDTH_PX else 1.0


def _grade(rng: np.random.Generator, staging: Staging, device: torch.device) -> Callable[[Tensor], Tensor]:
    balance = torch.tensor(np.exp(rng.normal(0, 1, 3) * staging.white_balance_std), dtype=torch.float32, device=device)
    saturation = float(rng.uniform(*staging.saturation))

    def gain(light: Tensor) -> Tensor:
        light = light * balance[:, None, None]
        if saturation == 1.0:
            return light
        grey = light.mean(0, keepdim=True)
        return torch.lerp(grey, light, saturation).clamp(min=0)

    return gain


def _level(light: Tensor, share: float) -> float:
    """The light that ``share`` of the pixels of (3, h, w) reach in some channel."""
    peak = light.amax(0).flatten().sort().values
    return max(float(peak[min(peak.numel() - 1, round(peak.numel() * (1 - share)))]), 1e-6)


def _response(rng: np.random.Generator, staging: Staging) -> Response:
    kind = rng.random()
    if kind < staging.srgb_share:
        return Response.srgb()
    if kind < staging.srgb_share + staging.gamma_share:
        return Response.gamma(float(rng.uniform(1.8, 2.6)))
    return Response.draw_emor(rng, spread=float(rng.uniform(0.6, 1.0)))
