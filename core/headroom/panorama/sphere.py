"""Where the pixels of a lat-long lie on the sphere, and how much of it each covers.

Pixel coordinates are continuous: column x and row y cover [x, x + 1) and [y, y + 1), so a pixel's centre is at + 0.5.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from headroom.metrics.lighting import solid_angles

__all__ = ["angles_of", "directions", "direction_at", "direction_of_angles", "pixel_at", "solid_angles", "turned"]

Array = npt.NDArray[np.float64]


def directions(height: int, width: int, y0: int = 0, y1: int | None = None) -> Array:
    """(rows, W, 3) unit vectors to the centres of the pixels in rows y0..y1 (default: all)."""
    y1 = height if y1 is None else y1
    y, x = np.mgrid[y0:y1, 0:width]
    return direction_at(x + 0.5, y + 0.5, height, width)


def direction_at(x: npt.ArrayLike, y: npt.ArrayLike, height: int, width: int) -> Array:
    """(..., 3) unit vectors at continuous pixel coordinates."""
    longitude = (0.5 - np.asarray(x, np.float64) / width) * (2.0 * math.pi)
    polar = np.asarray(y, np.float64) / height * math.pi
    sine = np.sin(polar)
    return np.stack(np.broadcast_arrays(sine * np.sin(longitude), np.cos(polar), sine * np.cos(longitude)), -1)


def pixel_at(direction: npt.ArrayLike, height: int, width: int) -> tuple[Array, Array]:
    """Continuous x in [0, W) and y in [0, H] of directions (..., 3), which need not be of unit length."""
    d = np.asarray(direction, np.float64)
    longitude = np.arctan2(d[..., 0], d[..., 2])
    polar = np.arctan2(np.hypot(d[..., 0], d[..., 2]), d[..., 1])
    x = np.mod(0.5 - longitude / (2.0 * math.pi), 1.0) * width
    return np.where(x >= width, 0.0, x), polar / math.pi * height


def angles_of(direction: npt.ArrayLike) -> tuple[float, float]:
    """Azimuth in degrees, -180..180, 0 in the middle, growing to the right; elevation, 90 at the zenith."""
    x, y, z = (float(v) for v in np.asarray(direction, np.float64))
    return math.degrees(math.atan2(-x, z)), math.degrees(math.atan2(y, math.hypot(x, z)))


def direction_of_angles(azimuth_degrees: float, elevation_degrees: float) -> Array:
    """(3,) unit vector; the inverse of ``angles_of``."""
    azimuth, elevation = math.radians(azimuth_degrees), math.radians(elevation_degrees)
    flat = math.cos(elevation)
    return np.array([-flat * math.sin(azimuth), math.sin(elevation), flat * math.cos(azimuth)])


def turned(height: int, width: int, rows: npt.ArrayLike, columns: npt.ArrayLike) -> tuple[Array, Array]:
    """Row and column indices of any integers brought onto the sphere: round in azimuth, on over the poles.

    A row beyond a pole is the mirrored row half a turn away. ``rows`` (n,) and ``columns`` (m,) give index arrays
    (n, 1) and (n, m).
    """
    row = np.mod(np.asarray(rows, np.int64), 2 * height)
    beyond = row >= height
    row = np.where(beyond, 2 * height - 1 - row, row)
    column = np.asarray(columns, np.int64)[None] + np.where(beyond, width // 2, 0)[:, None]
    return row[:, None], np.mod(column, width)
