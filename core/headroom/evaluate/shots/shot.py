"""A synthetic shot whose truth is known: light, motion, exposure and which pixels belong to what.

It is read like any other shot (frame numbers, plates), one frame at a time.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F  # noqa: N812

from headroom.camera import Response, shoot
from headroom.errors import PlateError
from headroom.evaluate.shots.geometry import Array64, Pose, look, pixel_grid, project, turned
from headroom.evaluate.shots.motion import CAMERAS, poses
from headroom.evaluate.shots.movers import MOVERS, Mover, make_mover
from headroom.evaluate.shots.scenery import OVERSAMPLING, Scenery, area_mean
from headroom.evaluate.shots.spec import ShotSpec
from headroom.metrics import luminance
from headroom.plate import FloatArray, Plate

__all__ = ["FIRST_FRAME", "SyntheticShot"]

FIRST_FRAME = 1001
RATE = Fraction(24)
BITS = 8

CANDIDATES = 12
BEST_OF = 4
PREVIEW = (32, 48)

# Of a camera that exposes by itself: how much of a change of brightness it evens out, how far it goes, and how many
# frames it takes to follow.
METERING_GAIN = 0.7
METERING_LIMIT_STOPS = 1.5
METERING_FRAMES = 4.0

# A mover's goal is where most pixels of such a square clip.
NEAR = 33

# A sample belongs to one layer only where the mover covers it wholly or not at all.
PURE = 1e-3

# Pictures kept: codes, truth and coverage of some thirty frames.
KEPT = 96

_Kept = TypeVar("_Kept")


class SyntheticShot:
    """Frames 1001.. of one ``ShotSpec``. Everything is a function of the spec alone."""

    def __init__(self, spec: ShotSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.frames = tuple(range(FIRST_FRAME, FIRST_FRAME + spec.frames))
        self.rate: Fraction | None = RATE
        self._kept: dict[tuple[str, int], object] = {}
        self._lock = threading.RLock()
        self._grid = pixel_grid(spec.height, spec.width, OVERSAMPLING)
        rng = np.random.default_rng(spec.seed)
        self.scenery = Scenery(spec.scene)
        yaw, pitch = self._choose_view(rng)
        camera = spec.kind if spec.kind in CAMERAS else "drifting"
        track = CAMERAS[camera](rng, spec.frames)
        self.poses = poses(track, yaw, pitch, self.scenery.half_tan, spec.width)
        self.ev_stops = self._metered() if track.meters else track.ev_stops
        self._scale = self._exposure()
        self.mover = self._mover(rng) if spec.kind in MOVERS else None

    def close(self) -> None:
        """Forget the frames that are kept."""
        self._kept.clear()

    def path(self, frame: int) -> Path:
        """A name for messages; there is no such file."""
        return Path(f"{self.name}.{frame}")

    def identity(self, frame: int) -> str:
        """Hex digest of the plate's codes."""
        return hashlib.sha256(self.read(frame).codes.tobytes()).hexdigest()

    def read(self, frame: int) -> Plate:
        """The plate as a camera stores it: sRGB, 8 bits."""
        codes = np.rint(self.code(frame) * 255.0).astype(np.uint8)
        return Plate(codes=codes, is_jpeg=self.spec.jpeg_quality is not None, path=self.path(frame), frame=frame)

    def code(self, frame: int) -> FloatArray:
        """(H, W, 3) code values 0..1, with this frame's own noise."""

        def make() -> FloatArray:
            spec = self.spec
            return shoot(
                self.truth(frame),
                Response.srgb(),
                bits=BITS,
                shot_noise=spec.shot_noise,
                read_noise=spec.read_noise,
                jpeg_quality=spec.jpeg_quality,
                rng=np.random.default_rng((spec.seed, frame)),
            )

        return self._once("code", frame, make)

    def truth(self, frame: int) -> FloatArray:
        """(H, W, 3) linear light without noise, 1.0 = this frame's clip level."""

        def make() -> FloatArray:
            index = self._index(frame)
            scale = np.float32(self._scale * 2.0 ** self.ev_stops[index])
            samples = self.scenery.view(self.poses[index], self.spec.height, self.spec.width) * scale
            if self.mover is not None:
                cover = self.mover.coverage(index, self._grid)
                light = self.mover.light(index, self._grid) * np.float32(2.0 ** self.ev_stops[index])
                samples = samples * (1 - cover) + light * cover
            return area_mean(samples)

        return self._once("truth", frame, make)

    def covered(self, frame: int) -> FloatArray:
        """(H, W) 0..1: how much of each pixel the mover covers; zeros where there is none."""
        if self.mover is None:
            return np.zeros((self.spec.height, self.spec.width), np.float32)
        mover = self.mover

        def make() -> FloatArray:
            return area_mean(mover.coverage(self._index(frame), self._grid))[..., 0]

        return self._once("covered", frame, make)

    def follow(self, frame: int, other: int, xy: Array64) -> tuple[Array64, npt.NDArray[np.bool_]]:
        """Where what is seen at pixel positions (..., 2) of ``frame`` stands in ``other``; whether it is seen there.

        NaN behind the camera. What lies on the mover goes with it; what it covers in either frame is not seen.
        """
        i, j = self._index(frame), self._index(other)
        height, width = self.spec.height, self.spec.width
        there = project(self.poses[j], look(self.poses[i], xy, height, width), height, width)
        seen = np.isfinite(there).all(-1)
        if self.mover is not None:
            here_on = self.mover.coverage(i, xy)[..., 0]
            on = here_on > 1 - PURE
            there = np.where(on[..., None], xy + (self.mover.centres[j] - self.mover.centres[i]), there)
            there_on = self.mover.coverage(j, np.nan_to_num(there))[..., 0]
            same: npt.NDArray[np.bool_] = np.where(on, there_on > 1 - PURE, (here_on < PURE) & (there_on < PURE))
            seen = seen & same
        top = np.array([width - 1.0, height - 1.0])
        with np.errstate(invalid="ignore"):
            for position in (xy, there):
                seen = seen & ((position >= 0) & (position <= top)).all(-1)
        return there, np.asarray(seen, np.bool_)

    def _index(self, frame: int) -> int:
        if frame not in self.frames:
            raise PlateError(f"{self.name}: frame {frame} is not in {self.frames[0]}-{self.frames[-1]}")
        return frame - FIRST_FRAME

    def _once(self, what: str, frame: int, make: Callable[[], _Kept]) -> _Kept:
        key = (what, frame)
        with self._lock:  # frames may be asked for from several threads
            if key not in self._kept:
                value = make()
                while len(self._kept) >= KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = value
            found: _Kept = self._kept[key]  # type: ignore[assignment]
            return found

    def _choose_view(self, rng: np.random.Generator) -> tuple[float, float]:
        """One of the views with the most light above the clip: where there is none, nothing can be measured."""
        reach = (np.pi, 0.3) if self.spec.scene.is_latlong else (0.15, 0.05)
        yaws = (np.arange(CANDIDATES) / CANDIDATES + rng.uniform(0, 1 / CANDIDATES)) * 2 - 1
        found = []
        for yaw, pitch in zip(yaws * reach[0], rng.uniform(-0.3, 1.0, CANDIDATES) * reach[1], strict=True):
            view = self.scenery.view(Pose(turned(yaw, pitch, 0.0), np.zeros(3), self.scenery.half_tan), *PREVIEW)
            level, top = np.quantile(area_mean(view).max(-1), [1 - self.spec.share, 0.995])
            found.append((min(float(np.log2(max(top, 1e-9) / max(level, 1e-9))), 4.0), float(yaw), float(pitch)))
        found.sort(reverse=True)
        _, yaw, pitch = found[int(rng.integers(BEST_OF))]
        return yaw, pitch

    def _metered(self) -> Array64:
        """Stops of a camera that exposes by itself: it follows the mean log light of what it sees, some frames late."""
        seen = []
        for pose in self.poses:
            light = luminance(area_mean(self.scenery.view(pose, *PREVIEW)))
            seen.append(float(np.log2(light.clip(1e-6)).mean()))
        follows, state = np.zeros(len(seen)), seen[0]
        for i, value in enumerate(seen):
            state += (value - state) / METERING_FRAMES
            follows[i] = state
        ev = -METERING_GAIN * (follows - follows.mean())
        return np.asarray(ev.clip(-METERING_LIMIT_STOPS, METERING_LIMIT_STOPS), np.float64)

    def _exposure(self) -> float:
        """Scale at which the stated share of the first, the middle and the last frame clips, together."""
        peaks = []
        for index in (0, len(self.poses) // 2, len(self.poses) - 1):
            seen = area_mean(self.scenery.view(self.poses[index], self.spec.height // 2, self.spec.width // 2))
            peaks.append(seen.max(-1).ravel() * 2.0 ** self.ev_stops[index])
        return 1.0 / max(float(np.quantile(np.concatenate(peaks), 1 - self.spec.share)), 1e-9)

    def _mover(self, rng: np.random.Generator) -> Mover:
        """Its way leads over the middle of what clips in the middle of the shot."""
        middle = len(self.poses) // 2
        height, width = self.spec.height, self.spec.width
        seen = area_mean(self.scenery.view(self.poses[middle], height, width)).max(-1) * self._scale
        clipped = torch.from_numpy((seen >= 1.0).astype(np.float32))[None, None]
        inside = F.avg_pool2d(clipped, NEAR, 1, NEAR // 2, count_include_pad=True)[0, 0].numpy()
        row, column = np.unravel_index(int(inside.argmax()), inside.shape)
        goal = np.array([float(column), float(row)])
        ray = look(self.poses[middle], goal, height, width)
        yaw, pitch = float(np.arctan2(ray[0], ray[2])), float(np.arcsin(ray[1]))
        close = Pose(turned(yaw, pitch, 0.0), np.zeros(3), self.scenery.half_tan * 0.17)
        return make_mover(self.spec.kind, rng, len(self.poses), goal, self.scenery, close, width)
