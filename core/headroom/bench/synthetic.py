"""A shot made of arithmetic: lights that move over a panning, textured wall, a tenth of it clipped. The same each time.

For measuring and for proofs of survival; nothing here says how good a reconstruction is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO

from headroom.errors import UsageError, WriteError
from headroom.plate import FloatArray

__all__ = ["FIRST_FRAME", "SUFFIXES", "SyntheticShot"]

FIRST_FRAME = 1001
"""Where shots begin in most houses."""
SUFFIXES = {".jpg": "jpeg:95", ".png": "zip"}
"""And the compression of each."""
LIGHTS = 16
TINT = np.array([1.0, 0.96, 0.9], np.float32)
CLIPPED_SHARE = 0.1
GRAIN = 0.006
"""Standard deviation of the grain in codes, 0..1: without it the files would be too easy to pack."""
WRITE_GAMMA = 2.2
SEED = 7


@dataclass(frozen=True)
class SyntheticShot:
    """Frames of one size, numbered from 0."""

    width: int
    height: int

    def light(self, index: int) -> FloatArray:
        """(H, W, 3) linear light, 1.0 is where the plate clips; unclipped and without grain."""
        light: FloatArray = self._grey(index)[..., None] * np.float32(self._exposure) * TINT
        return light

    def codes(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) what a camera makes of it: clipped, gamma, grain, 8 bit."""
        code = self.light(index).clip(0, 1) ** np.float32(1 / WRITE_GAMMA)
        grain = np.random.default_rng((SEED, index)).standard_normal((self.height, self.width, 1), np.float32)
        kept = code < 1  # what is clipped shows no grain
        codes: npt.NDArray[np.uint8] = np.rint((code + kept * grain * np.float32(GRAIN)).clip(0, 1) * 255).astype(
            np.uint8
        )
        return codes

    def save(
        self, folder: Path, frames: int, *, suffix: str = ".jpg", progress: Callable[[float], None] = lambda _: None
    ) -> Path:
        """``frames`` plates into ``folder``; returns their pattern. Plates that are there already are kept."""
        if suffix not in SUFFIXES:
            raise UsageError(f"{suffix}: synthetic plates are {', '.join(SUFFIXES)}")
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(frames):
            path = folder / f"plate.{FIRST_FRAME + index:04d}{suffix}"
            if not path.exists():
                self._write(path, index, SUFFIXES[suffix])
            progress((index + 1) / frames)
        return folder / f"plate.####{suffix}"

    @cached_property
    def _exposure(self) -> float:
        return 1 / float(np.quantile(self._grey(0), 1 - CLIPPED_SHARE))

    def _write(self, path: Path, index: int, compression: str) -> None:
        partial = path.with_name(f".{path.name}")
        image: Any = OpenImageIO.ImageOutput.create(path.name)
        spec = OpenImageIO.ImageSpec(self.width, self.height, 3, "uint8")
        spec.attribute("compression", compression)
        written = image.open(str(partial), spec) and image.write_image(self.codes(index)) and image.close()
        if not written:
            raise WriteError(f"cannot write {path}: {image.geterror()}; check the disk's space")
        partial.replace(path)

    def _grey(self, index: int) -> FloatArray:
        """(H, W) light of a frame before its exposure; each light is a product of two bells, so frames are quick."""
        rng = np.random.default_rng(SEED)
        height, width = self.height, self.width
        small = min(height, width)
        y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[:, None]
        pan = index * width / 480  # the whole width in 20 seconds at 24 frames a second
        top, left = rng.uniform(0, height, LIGHTS), rng.uniform(-0.2 * width, 1.2 * width, LIGHTS)
        speed = rng.uniform(-1, 1, (2, LIGHTS)) * small / 240
        radius = rng.uniform(0.02, 0.13, LIGHTS) * small + 1
        power = rng.uniform(1, 8, LIGHTS)
        rows = np.exp(-((y - top - speed[0] * index) ** 2) / (2 * radius**2)) * power
        across = (x - left - speed[1] * index + pan + 0.4 * width) % (1.8 * width) - 0.4 * width
        columns = np.exp(-(across**2) / (2 * radius**2))
        waves = 0.5 + 0.25 * (
            np.sin(y / 17.3) @ np.sin((x.T + pan) / 11.1) + np.cos(y / 3.7) @ np.cos((x.T + pan) / 5.3)
        )
        wall = (0.05 + 0.2 * y / height) * waves
        # einsum rather than a product of matrices: the same bits whatever BLAS library and threads there are.
        bells = np.einsum("yl,xl->yx", rows, columns)
        lit: FloatArray = (wall + bells).astype(np.float32)
        return lit
