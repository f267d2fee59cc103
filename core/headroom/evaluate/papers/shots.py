"""The photographs on which the papers' claims are measured: every step of the pipeline known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from headroom.camera import expose_for_clipped_share, jpeg, quantise
from headroom.evaluate.exposures import EMOR_NAMES, response_named
from headroom.evaluate.scenes import Scene, load_scene
from headroom.networks.singlehdr.linearization import CURVE_SAMPLES
from headroom.plate import FloatArray

__all__ = ["PART_PX", "Shot", "shots"]

PART_PX = 512
"""Side of the part of a scene that is photographed: its middle; sides are cut to multiples of 32."""
MULTIPLE = 32
JPEG_QUALITY = 90
RESPONSES = ("srgb", *EMOR_NAMES)
"""In turn: sRGB, and five cameras that no training run has drawn."""


@dataclass(frozen=True)
class Shot:
    """One photograph, (H, W, 3) each."""

    scene: str
    share: float
    response: str
    x_srgb: FloatArray
    """8-bit codes 0..1."""
    x_jpeg: FloatArray
    """The same through a JPEG of quality 90."""
    code: FloatArray
    """Codes before rounding."""
    clipped: FloatArray
    """Linear 0..1."""
    light: FloatArray
    """Linear, 1.0 is the clip."""
    curve: FloatArray
    """(1024,) true linear light at code i / 1023."""


def shots(scenes: Sequence[Scene], shares: Sequence[float]) -> Iterator[Shot]:
    """Each scene once a share, by another camera each time."""
    grid = np.linspace(0, 1, CURVE_SAMPLES)
    for shift, share in enumerate(shares):
        for number, scene in enumerate(scenes):
            name = RESPONSES[(number + shift) % len(RESPONSES)]
            response = response_named(name)
            lin = _middle(load_scene(scene.path))
            light = lin * np.float32(expose_for_clipped_share(lin, share))
            clipped = light.clip(0, 1)
            code = np.asarray(response.forward(clipped), np.float32)
            x_srgb = quantise(code, 8).astype(np.float32)
            curve = np.asarray(response.inverse(grid), np.float32)
            yield Shot(scene.name, share, name, x_srgb, jpeg(x_srgb, JPEG_QUALITY), code, clipped, light, curve)


def _middle(lin: FloatArray) -> FloatArray:
    sides = [max(min(PART_PX, size) // MULTIPLE * MULTIPLE, min(size, MULTIPLE)) for size in lin.shape[:2]]
    top, left = ((size - side) // 2 for size, side in zip(lin.shape[:2], sides, strict=True))
    return lin[top : top + sides[0], left : left + sides[1]]
