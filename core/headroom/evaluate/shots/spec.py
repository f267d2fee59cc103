"""Which shots a benchmark takes: scenes, kinds of movement and clipped shares, so few that it ends in minutes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from headroom.errors import UsageError
from headroom.evaluate.scenes import Scene

__all__ = ["KINDS", "QUICK", "SHARES", "ShotSpec", "Size", "plan_shots"]

KINDS = {
    "pan": "the camera turns, slow at both ends",
    "handheld": "sway, tremor and roll of a camera in hands",
    "lamp": "a lamp moves over the scene's brightest part",
    "zoom": "the focal length changes by a third",
    "ramp": "the exposure changes smoothly by more than a stop",
    "passing": "something dark passes before the scene's brightest part",
    "dolly": "the camera drives into the scene or out of it",
    "static": "nothing moves: only the sensor's noise changes",
    "cutout": "a highlight cut out of the scene moves over it",
    "blink": "a lamp over the scene's brightest part goes on and off",
    "auto": "a pan under automatic exposure",
}
"""Name and meaning, in the order in which scenes take them."""

SHARES = (0.05, 0.15)

SHOTS_PER_SCENE = 2

# Shot noise of about 10,000 electrons at the clip, read noise of half an 8-bit code of linear light: the still
# benchmark's suite srgb-noise.
SHOT_NOISE = 0.01
READ_NOISE = 0.002

JPEG_QUALITY = 90
JPEG_EVERY = 4


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    frames: int = 16
    width: int = 384
    height: int = 256
    shots_per_scene: int = SHOTS_PER_SCENE
    scenes: int | None = None


QUICK = Size(frames=10, shots_per_scene=1, scenes=10)
"""Every kind of shot once."""


@dataclass(frozen=True)
class ShotSpec:
    """One synthetic shot: everything that decides its pixels."""

    scene: Scene
    kind: str
    share: float
    """Share of the pixels that have some channel at or above the clip level, over the shot."""
    frames: int = 16
    width: int = 384
    height: int = 256
    jpeg_quality: int | None = None
    shot_noise: float = SHOT_NOISE
    read_noise: float = READ_NOISE

    def __post_init__(self) -> None:
        """Refuse what makes no shot."""
        if self.kind not in KINDS:
            raise UsageError(f"kind of shot {self.kind!r} is not known; choose among {', '.join(KINDS)}")
        if self.frames < 2 or self.width < 32 or self.height < 32:
            raise UsageError(
                f"a shot of {self.frames} frames of {self.width}x{self.height}: give 2 frames of 32x32 or more"
            )

    @property
    def name(self) -> str:
        """For tables and logs."""
        jpeg = f", JPEG {self.jpeg_quality}" if self.jpeg_quality else ""
        return f"{self.scene.name}, {self.kind}, {100 * self.share:g} %{jpeg}"

    @property
    def seed(self) -> int:
        """Of the shot's movement and noise: the same on every machine and in every Python."""
        return zlib.crc32(f"{self.scene.name}|{self.kind}|{self.share:g}".encode())


def plan_shots(
    scenes: Sequence[Scene],
    kinds: Sequence[str] = tuple(KINDS),
    shares: Sequence[float] = SHARES,
    size: Size | None = None,
) -> list[ShotSpec]:
    """Some shots of every scene, kinds and shares in turn, none twice; every fourth shot is stored as JPEG."""
    size = size or Size()
    specs: dict[tuple[str, str, float], ShotSpec] = {}
    for index, scene in enumerate(scenes[: size.scenes]):
        for turn in range(size.shots_per_scene):
            # The second shot is half the list away from the first; shares change their partner every two scenes.
            kind = kinds[(index + turn * (len(kinds) // 2)) % len(kinds)]
            share = shares[(index // 2 + turn) % len(shares)]
            quality = JPEG_QUALITY if (index + turn) % JPEG_EVERY == JPEG_EVERY - 1 else None
            spec = ShotSpec(scene, kind, share, size.frames, size.width, size.height, quality)
            specs.setdefault((scene.name, kind, share), spec)
    return list(specs.values())
