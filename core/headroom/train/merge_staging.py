"""From scenes to aligned crops: brackets staged, seen from the reference as a merge will see them, and cut up.

``prepare`` aligns with the very code that ``headroom merge`` aligns with, and keeps shards on disk. ``DeviceStager``
makes crops where the scenes are, on a GPU: the still scene's true motion, with errors as an alignment leaves them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.bracket.align import Way, align
from headroom.bracket.stack import Bracket
from headroom.camera import jpeg
from headroom.clipping import soft_mask
from headroom.errors import Cancelled
from headroom.plate import Plate
from headroom.staging import StagedBracket, Staging, Surroundings, stage, stage_tensors
from headroom.train.jpeg import jpeg_loss
from headroom.train.merge_crops import Crops, save_crops
from headroom.train.scenes import HdrScene

__all__ = ["DeviceStager", "MergeStaging", "prepare", "staged_shards", "surroundings", "whole_frames"]

log = logging.getLogger(__name__)

_SHARD = "crops-{:03d}.safetensors"
HELD_OUT_SEED = 70_000
STEP_VARIANCE = 6e-6
"""Of a display curve's 8-bit codes, per unit of linear light."""


@dataclass(frozen=True, kw_only=True)
class MergeStaging:
    """Which brackets are staged for training, and how they are cut."""

    staging: Staging = field(
        default_factory=lambda: Staging(
            white_balance_std=0.12, saturation=(0.8, 1.3), clipped_share=(0.003, 0.3), view_degrees=(70.0, 115.0)
        )
    )
    height: int = 256
    width: int = 384
    crop_px: int = 128
    brackets: int = 600
    """How many are made ahead."""
    shard: int = 20
    """Brackets to a shard."""
    moving_share: float = 0.75
    five_share: float = 0.15
    """Shards of five frames; the rest have three."""
    dull_kept: float = 0.4
    """Of the crops of a moving bracket in which nothing moves, so many are kept."""
    jpeg_share: float = 0.3
    """Brackets whose frames went through a JPEG: what rings near a clip looks recorded and is not."""
    jpeg_quality: tuple[int, int] = (75, 98)
    ways: tuple[tuple[Way, float], ...] = (("flow", 0.75), ("global", 0.2), ("none", 0.05))
    """How they are aligned, and how often."""
    held_out: int = 24
    """Whole brackets of held-out scenes to watch the training by, two moving to each still one."""


def surroundings(scenes: Sequence[HdrScene], device: torch.device | None = None) -> list[Surroundings]:
    """The scenes as staging takes them."""
    made = [Surroundings(scene.name, scene.pixels, scene.latlong) for scene in scenes]
    return [scene.to(device) for scene in made] if device is not None else made


def prepare(
    folder: Path,
    scenes: Sequence[Surroundings],
    held_out: Sequence[Surroundings],
    staging: MergeStaging,
    *,
    seed: int = 1,
    seconds: float | None = None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make the shards of crops in ``folder`` that are not there yet.

    ``seconds``: begin no further shard after so long, but make at least one. The held-out ones are whole frames.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    watched = folder / "held-out.safetensors"
    if held_out and not watched.is_file():
        save_crops(whole_frames(held_out, staging), watched)
    count = -(-staging.brackets // staging.shard)
    for number in range(count):
        path = folder / _SHARD.format(number)
        if not path.is_file():
            if number and seconds is not None and time.monotonic() - start > seconds:
                log.info("%d of %d shards of brackets: time is up", number, count)
                break
            if cancelled and cancelled():
                raise Cancelled(f"staging brackets stopped at shard {number} of {count}; {folder} goes on from there")
            save_crops(_shard(scenes, staging, number, seed), path)
        if on_progress:
            on_progress(number + 1, count)


def staged_shards(folder: Path, staging: MergeStaging) -> list[Path]:
    """Paths of the shards that ``prepare`` has made."""
    paths = (folder / _SHARD.format(number) for number in range(-(-staging.brackets // staging.shard)))
    return [path for path in paths if path.is_file()]


def whole_frames(scenes: Sequence[Surroundings], staging: MergeStaging) -> Crops:
    """Brackets to watch a training by: whole, aligned by flow, as they would come from a camera."""
    plain = replace(staging.staging, white_balance_std=0.0, saturation=(1.0, 1.0), clipped_share=(0.02, 0.2))
    made = []
    for number in range(staging.held_out):
        scene = scenes[number % len(scenes)]
        others = [other for other in scenes if other is not scene] or [scene]
        staged = stage(
            scene, seed=HELD_OUT_SEED + number, kind="still" if number % 3 == 2 else "moving", others=others,
            height=staging.height, width=staging.width, staging=plain,
        )  # fmt: skip
        made.append(_aligned(staged, "flow"))
    return _joined(made)


def _shard(scenes: Sequence[Surroundings], staging: MergeStaging, number: int, seed: int) -> Crops:
    rng = np.random.default_rng([seed, number])
    frames = 5 if rng.random() < staging.five_share else 3
    ways, shares = zip(*staging.ways, strict=True)
    made = []
    for _ in range(staging.shard):
        scene = scenes[int(rng.integers(len(scenes)))]
        staged = stage(
            scene,
            seed=int(rng.integers(2**31)),
            kind="moving" if rng.random() < staging.moving_share else "still",
            frames=frames,
            ev_stops=_five(rng) if frames == 5 else None,
            others=[scenes[int(rng.integers(len(scenes)))] for _ in range(3)],
            height=staging.height,
            width=staging.width,
            staging=staging.staging,
        )
        how: Way = rng.choice(ways, p=shares)
        lossy = bool(rng.random() < staging.jpeg_share)
        if lossy:
            quality = int(rng.integers(*staging.jpeg_quality))
            staged = replace(staged, frames=np.stack([jpeg(frame, quality) for frame in staged.frames]))
        made.append(_cut(_aligned(staged, how, lossy=lossy), staging, rng))
    return _joined(made)


def _five(rng: np.random.Generator) -> tuple[float, ...]:
    step = float(rng.choice([1.0, 2.0]))
    return tuple(step * (i - 2) for i in range(5))


def _aligned(staged: StagedBracket, how: Way, *, lossy: bool = False) -> Crops:
    codes = np.rint(staged.frames * 255).astype(np.uint8)
    plates = tuple(Plate(codes=code, is_jpeg=lossy) for code in codes)
    bracket = Bracket(plates=plates, ev_stops=staged.ev_stops, reference=staged.reference, source="stated")
    seen = align(bracket, staged.decode, how=how).window(0, codes.shape[1])

    def eighths(values: list[np.ndarray]) -> Tensor:
        whole = torch.from_numpy(np.stack(values))
        return (whole.clamp(0, 1) * 255).round().to(torch.uint8)[None]

    return Crops(
        linear=torch.from_numpy(np.stack([f.linear for f in seen])).permute(0, 3, 1, 2).half()[None],
        clipped=eighths([f.clipped for f in seen]).permute(0, 1, 4, 2, 3),
        valid=eighths([f.valid for f in seen])[:, :, None],
        truth=torch.from_numpy(staged.truth).permute(2, 0, 1).half()[None],
        moving=torch.from_numpy(staged.moving.astype(np.uint8))[None, None],
        exposures=torch.tensor(staged.exposures, dtype=torch.float32)[None],
        noise=_noise(staged.shot_noise, staged.read_noise),
        reference=staged.reference,
    )


def _noise(shot: float, read: float) -> Tensor:
    return torch.tensor([[shot**2 + STEP_VARIANCE, read**2 + STEP_VARIANCE / 50]])


def _cut(whole: Crops, staging: MergeStaging, rng: np.random.Generator) -> Crops:
    """Squares that do not overlap, from a random corner."""
    size = staging.crop_px
    height, width = whole.truth.shape[-2:]
    top, left = (int(rng.integers(length % size + 1)) for length in (height, width))
    parts = []
    moves = bool(whole.moving.any())
    for y in range(top, height - size + 1, size):
        for x in range(left, width - size + 1, size):
            window = {
                name: value[..., y : y + size, x : x + size] if value.dim() > 2 else value
                for name, value in whole.tensors().items()
            }
            dull = moves and not bool(window["moving"].any())
            if not dull or rng.random() < staging.dull_kept:
                parts.append(whole.having(window))
    return _joined(parts)


def _joined(parts: Sequence[Crops]) -> Crops:
    names = parts[0].tensors()
    return parts[0].having({name: torch.cat([getattr(part, name) for part in parts]) for name in names})


class DeviceStager:
    """Stages, warps and cuts brackets without leaving the device."""

    def __init__(self, scenes: Sequence[Surroundings], staging: MergeStaging, *, seed: int) -> None:
        """``scenes`` on the device."""
        self.scenes, self.staging = list(scenes), staging
        self._rng = np.random.default_rng([seed, 11])

    @torch.no_grad()
    def __call__(self) -> Crops:
        """The crops of one more bracket."""
        rng, staging = self._rng, self.staging
        frames = 5 if rng.random() < staging.five_share else 3
        staged = stage_tensors(
            self.scenes[int(rng.integers(len(self.scenes)))],
            seed=int(rng.integers(2**31)),
            kind="moving" if rng.random() < staging.moving_share else "still",
            frames=frames,
            ev_stops=_five(rng) if frames == 5 else None,
            others=[self.scenes[int(rng.integers(len(self.scenes)))] for _ in range(3)],
            height=staging.height,
            width=staging.width,
            staging=staging.staging,
        )
        device = staged.codes.device
        size, codes = (staging.height, staging.width), staged.codes
        if rng.random() < staging.jpeg_share:
            quality = torch.full((len(codes),), float(rng.uniform(*staging.jpeg_quality)), device=device)
            codes = jpeg_loss(codes, quality, subsample=bool(rng.random() < 0.5))
        clipped = soft_mask(codes, 1.0)
        linear = staged.response.inverse(codes).float()
        at = staged.frame_xy + self._errors(len(linear), size, device)
        at[staged.reference] = staged.frame_xy[staged.reference]
        scale = torch.tensor([2 / size[1], 2 / size[0]], device=device)
        grid = (at + 0.5) * scale - 1
        inside = (grid.abs() < 1).all(-1).float()[:, None]
        seen = F.grid_sample(linear, grid, mode="bicubic", padding_mode="border", align_corners=False)
        worst = F.grid_sample(clipped, grid, padding_mode="border", align_corners=False)
        seen[staged.reference], worst[staged.reference] = linear[staged.reference], clipped[staged.reference]
        whole = Crops(
            linear=seen.half()[None],
            clipped=((worst > 0) * worst.clamp(min=0.2) * 255).round().to(torch.uint8)[None],
            valid=(inside * 255).to(torch.uint8)[None],
            truth=staged.truth.half()[None],
            moving=staged.moving.to(torch.uint8)[None, None],
            exposures=torch.tensor([[2.0**ev for ev in staged.ev_stops]], device=device),
            noise=_noise(staged.shot_noise, staged.read_noise).to(device),
            reference=staged.reference,
        )
        return _cut(whole, staging, rng)

    def _errors(self, frames: int, size: tuple[int, int], device: torch.device) -> Tensor:
        """(N, H, W, 2) pixels: smooth, mostly parts of one, of some frames more."""
        amount = np.where(self._rng.random(frames) < 0.25, 4.0, 0.6) * self._rng.random(frames)
        coarse = torch.from_numpy(self._rng.normal(0, 1, (frames, 2, 7, 10)) * amount[:, None, None, None])
        return F.interpolate(coarse.float().to(device), size, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
