"""How a reconstructed lat-long lights a scene, compared with how the true one does.

Radiance is summed by solid angle into 64 x 32 directions, which then light 512 normals spread over
the sphere: a diffuse surface (cosine kernel) and a glossy lobe (cosine ** 32).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance

__all__ = ["LightingErrors", "irradiance", "lighting_errors", "relative_rms", "solid_angles"]

Array = npt.NDArray[np.floating]
Array64 = npt.NDArray[np.float64]

BINS_X, BINS_Y = 64, 32
NORMALS = 512
GLOSSY_EXPONENT = 32


@dataclass(frozen=True)
class LightingErrors:
    """Errors of the light that a lat-long sends into a scene."""

    diffuse: float
    """RMS error of irradiance over all normals and channels / RMS of the true irradiance."""
    glossy: float
    """The same for a cosine ** 32 lobe."""
    energy: float
    """Total luminous energy: test / truth."""
    energy_clipped: float
    """Energy of the samples at or above the clip level: test / truth; NaN where there are none."""
    direction_degrees: float
    """Angle between the two resultants (luminance-weighted mean directions)."""


def solid_angles(height: int, width: int) -> Array64:
    """Solid angle (H,) in steradians of one pixel of each row of a lat-long; H x W of them: 4 pi."""
    edges = np.cos(np.linspace(0.0, math.pi, height + 1))
    return np.asarray((edges[:-1] - edges[1:]) * (2.0 * math.pi / width))


def lighting_errors(test: Array, truth: Array) -> LightingErrors:
    """Compare two (H, W, 3) lat-longs in camera units, already aligned."""
    lights = [_binned(test), _binned(truth)]
    diffuse, glossy = _kernels()
    vectors = [luminance(light) @ _bin_directions() for light in lights]
    weights = solid_angles(truth.shape[0], truth.shape[1])[:, None, None]
    clipped = (truth >= 1.0) * weights
    inside = [float((image * clipped).sum(dtype=np.float64)) for image in (test, truth)]
    totals = [float(luminance(light).sum()) for light in lights]
    return LightingErrors(
        diffuse=relative_rms(diffuse @ lights[0], diffuse @ lights[1]),
        glossy=relative_rms(glossy @ lights[0], glossy @ lights[1]),
        energy=totals[0] / totals[1] if totals[1] > 0.0 else math.nan,
        energy_clipped=inside[0] / inside[1] if inside[1] > 0.0 else math.nan,
        direction_degrees=_angle(vectors[0], vectors[1]),
    )


def irradiance(latlong: Array) -> Array64:
    """(512, 3) irradiance of normals spread over the sphere, under an (H, W, 3) lat-long."""
    return _kernels()[0] @ _binned(latlong)


def _binned(latlong: Array) -> Array64:
    """(2048, 3) energy in each of 32 x 64 directions, rows from the top."""
    height, width, _ = latlong.shape
    energy = latlong.astype(np.float64) * solid_angles(height, width)[:, None, None]
    rows = np.arange(height) * BINS_Y // height
    columns = np.arange(width) * BINS_X // width
    bins = np.zeros((BINS_Y, BINS_X, 3))
    by_row = np.zeros((BINS_Y, width, 3))
    np.add.at(by_row, rows, energy)
    np.add.at(bins.swapaxes(0, 1), columns, by_row.swapaxes(0, 1))
    return bins.reshape(-1, 3)


@functools.cache
def _bin_directions() -> Array64:
    """(2048, 3) unit vectors to the bins' centres; y is up."""
    theta = (np.arange(BINS_Y) + 0.5) * math.pi / BINS_Y
    phi = (np.arange(BINS_X) + 0.5) * 2.0 * math.pi / BINS_X
    t, p = (grid.ravel() for grid in np.meshgrid(theta, phi, indexing="ij"))
    return np.stack([np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)], -1)


@functools.cache
def _kernels() -> tuple[Array64, Array64]:
    """Diffuse and glossy (512, 2048): how much of each bin's light each normal receives."""
    index = np.arange(NORMALS) + 0.5
    y = 1.0 - 2.0 * index / NORMALS
    phi = index * math.pi * (3.0 - math.sqrt(5.0))  # golden angle: even spacing on the sphere
    radius = np.sqrt(1.0 - y * y)
    normals = np.stack([radius * np.cos(phi), y, radius * np.sin(phi)], -1)
    cosine = (normals @ _bin_directions().T).clip(0.0)
    return cosine, cosine**GLOSSY_EXPONENT


def relative_rms(test: Array64, truth: Array64) -> float:
    """RMS of the difference / RMS of the truth; NaN where the truth is 0."""
    reference = float(np.sqrt(np.mean(np.square(truth))))
    error = float(np.sqrt(np.mean(np.square(test - truth))))
    return error / reference if reference > 0.0 else math.nan


def _angle(a: Array64, b: Array64) -> float:
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norms == 0.0:
        return math.nan
    return math.degrees(math.acos(max(-1.0, min(1.0, float(a @ b) / norms))))
