"""A disc on the sphere, such as the sun's, painted into a lat-long: edges by coverage, energy kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headroom.panorama.sphere import direction_at, pixel_at
from headroom.plate import FloatArray

__all__ = ["Disc", "disc_of"]

SAMPLES_ACROSS = 24
"""Of a pixel or the disc, whichever is smaller, so that coverage is right within a few tenths of a per cent."""
MOST_SAMPLES = 1 << 22


@dataclass(frozen=True)
class Disc:
    """The pixels that a disc touches, and what share of each it covers."""

    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    cover: npt.NDArray[np.float64]
    solid_angle_sr: float
    """As painted: sum of cover x solid angle."""
    rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def lit(self, rgb: tuple[float, float, float]) -> Disc:
        """The disc with a radiance, added where it is painted."""
        return replace(self, rgb=rgb)

    def painted(self, y0: int, pixels: FloatArray) -> FloatArray:
        """Rows y0.. with the disc added; the same array where it touches none of them."""
        mine = (self.y >= y0) & (self.y < y0 + len(pixels))
        if not mine.any() or self.rgb == (0.0, 0.0, 0.0):
            return pixels
        result: FloatArray = pixels.copy()
        result[self.y[mine] - y0, self.x[mine]] += (self.cover[mine, None] * np.array(self.rgb)).astype(np.float32)
        return result


def disc_of(direction: tuple[float, float, float], degrees: float, height: int, width: int) -> Disc:
    """A disc of this diameter about a direction, on a lat-long of this size.

    Sampled by solid angle: equal steps in azimuth and in the cosine of the polar angle, over the box that holds it.
    """
    radius = math.radians(degrees) / 2
    centre = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    x, y = (float(v) for v in pixel_at(centre, height, width))
    polar = y / height * math.pi
    top, bottom = max(0.0, polar - radius), min(math.pi, polar + radius)
    over_pole = polar - radius <= 0 or polar + radius >= math.pi
    half = math.pi if over_pole else math.asin(min(1.0, math.sin(radius) / math.sin(polar)))
    rows = np.arange(int(top / math.pi * height), min(height, int(bottom / math.pi * height) + 1))
    first = int(math.floor(x - half / (2 * math.pi) * width))
    columns = np.arange(width) if over_pole else np.arange(first, int(x + half / (2 * math.pi) * width) + 1)
    pixel = math.pi / height
    across = math.ceil(SAMPLES_ACROSS * max(1.0, pixel / (2 * radius)))
    across = max(1, min(across, math.isqrt(MOST_SAMPLES // max(1, len(columns)))))
    step = (np.arange(across) + 0.5) / across
    near = math.cos(radius)
    ys, xs, covers, total = [], [], [], 0.0
    for row in rows:
        cosines = np.cos(np.array([row, row + 1]) * pixel)
        z = cosines[0] + (cosines[1] - cosines[0]) * step
        sample_y = np.arccos(z.clip(-1, 1)) / pixel
        sample_x = (columns[:, None] + step).ravel()
        toward = direction_at(sample_x[None], sample_y[:, None], height, width)
        hit = (toward @ centre >= near).reshape(across, len(columns), across).mean(axis=(0, 2))
        touched = np.flatnonzero(hit)
        ys.append(np.full(len(touched), row))
        xs.append(columns[touched] % width)
        covers.append(hit[touched])
        total += float(hit.sum()) * float(cosines[0] - cosines[1]) * 2 * math.pi / width
    if total <= 0.0:  # far smaller than a pixel, and between the samples
        last, column = min(int(y), height - 1), int(x) % width
        row_sr = (math.cos(last * pixel) - math.cos((last + 1) * pixel)) * 2 * math.pi / width
        return Disc(np.array([last]), np.array([column]), np.ones(1), row_sr)
    return Disc(np.concatenate(ys).astype(np.int64), np.concatenate(xs).astype(np.int64), np.concatenate(covers), total)
