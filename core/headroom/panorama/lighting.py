"""What a panorama's light does: gathered once by solid angle, then spread over surfaces.

Energy of a cell is kept where its light comes from (the cell's energy-weighted direction), so a sun of a pixel lights
from where it stands and not from the middle of its cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headroom.metrics.linear import luminance
from headroom.panorama.sphere import directions, solid_angles
from headroom.plate import FloatArray

__all__ = ["Energy", "EnergySums", "ggx_lit", "irradiance"]

Array = npt.NDArray[np.float64]
CHUNK = 1 << 24
"""Pairs of a surface and a cell looked at together."""


@dataclass(frozen=True)
class Energy:
    """Light by direction."""

    toward: Array
    """(n, 3) unit vectors."""
    rgb: Array
    """(n, 3) radiance x solid angle."""


class EnergySums:
    """Gathers a panorama's bands into rows x 2 rows cells; each row of the panorama once, in any order."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._rgb, self._vector = np.zeros((rows, 2 * rows, 3)), np.zeros((rows, 2 * rows, 3))

    def add(self, pixels: FloatArray, y0: int, height: int) -> None:
        """(h, W, 3) linear rows y0.. of ``height``."""
        count, width = pixels.shape[:2]
        omega = solid_angles(height, width)[y0 : y0 + count]
        toward = directions(height, width, y0, y0 + count)
        cells, starts = np.unique(np.arange(width) * 2 * self.rows // width, return_index=True)
        energy = pixels * omega[:, None, None]
        vector = toward * luminance(energy)[..., None]
        row_cell = (y0 + np.arange(count)) * self.rows // height
        rows, row_starts = np.unique(row_cell, return_index=True)
        for target, values in ((self._rgb, energy), (self._vector, vector)):
            summed = np.add.reduceat(np.add.reduceat(values, starts, axis=1), row_starts, axis=0)
            target[rows[:, None], cells] += summed

    def cells(self) -> tuple[Array, Array]:
        """Energy (rows * 2 rows, 3) of every cell, and the sum of its directions weighted by luminous energy."""
        return self._rgb.reshape(-1, 3), self._vector.reshape(-1, 3)

    def energy(self, merged: int = 1) -> Energy:
        """All cells that hold light; ``merged``: so many cells across become one."""
        sums = [
            np.add.reduceat(np.add.reduceat(part, range(0, self.rows, merged)), range(0, 2 * self.rows, merged), axis=1)
            for part in (self._rgb, self._vector)
        ]
        rgb, vector = (part.reshape(-1, 3) for part in sums)
        length = np.linalg.norm(vector, axis=1, keepdims=True)
        lit = (length[:, 0] > 0) & (rgb != 0).any(axis=1)
        return Energy(vector[lit] / length[lit], rgb[lit])


def irradiance(energy: Energy, normals: Array) -> FloatArray:
    """(..., 3) irradiance / pi at normals (..., 3): what a white diffuse surface shows; a uniform 1 gives 1."""
    return _spread(energy, normals, lambda cosine: cosine.clamp_(min=0) / math.pi, normalise=False)


def ggx_lit(energy: Energy, toward: Array, roughness: float) -> FloatArray:
    """(..., 3) radiance prefiltered about directions (..., 3) by GGX with alpha = roughness^2, seen head-on.

    Karis 2013: view = normal = reflection; each light counts by D(h) (n . l), and the counts sum to 1 over the sphere.
    """
    alpha2 = max(roughness, 1e-3) ** 4

    def kernel(cosine: torch.Tensor) -> torch.Tensor:
        half2 = (1 + cosine) / 2  # (n . h)^2 where view and normal are one
        return cosine.clamp(min=0) / (half2 * (alpha2 - 1) + 1).square_()

    return _spread(energy, toward, kernel, normalise=True, total=ggx_total(alpha2))


def ggx_total(alpha2: float) -> float:
    """Integral over the sphere of what ``ggx_lit`` weighs by: 2 pi int c / (((1 + c) / 2)(a - 1) + 1)^2 dc over 0..1.

    With t = ((1 + c) / 2)(a - 1) + 1 it is elementary; near a = 1 the kernel is the cosine, and the integral pi.
    """
    b = alpha2 - 1
    if abs(b) < 1e-6:
        return math.pi
    # c = 2 (t - 1) / b - 1, dc = 2 / b dt: int (2 (t - 1) / b - 1) / t^2 * 2 / b dt from t0 = 1 + b / 2 to t1 = 1 + b
    t0, t1 = 1 + b / 2, 1 + b

    def primitive(t: float) -> float:
        return 2 / b * (2 / b * (math.log(t) + 1 / t) + 1 / t)

    return 2 * math.pi * (primitive(t1) - primitive(t0))


def _spread(
    energy: Energy,
    toward: Array,
    kernel: Callable[[torch.Tensor], torch.Tensor],
    *,
    normalise: bool,
    total: float = 1.0,
) -> FloatArray:
    shape = toward.shape
    targets = torch.from_numpy(np.ascontiguousarray(toward.reshape(-1, 3), np.float32))
    sources = torch.from_numpy(np.ascontiguousarray(energy.toward.T, np.float32))
    light = torch.from_numpy(np.ascontiguousarray(energy.rgb, np.float64)).float()
    result = np.zeros((len(targets), 3), np.float32)
    step = max(1, CHUNK // max(1, sources.shape[1]))
    with torch.inference_mode():
        for first in range(0, len(targets), step):
            part = kernel(targets[first : first + step] @ sources)
            result[first : first + step] = (part @ light).numpy() / (total if normalise else 1.0)
    return result.reshape(shape)
