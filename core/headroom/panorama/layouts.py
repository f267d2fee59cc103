"""Pictures of the whole sphere that are no lat-longs, and the way between them and one.

Faces of a cube are named as seen from inside: front is a lat-long's middle, right lies to the right of it.
``LAYOUTS`` says how each layout is laid out; OpenGL's names are px right, nx left, py up, ny down, pz front, nz back.

Why not py360convert: it knows cubes only, needs scipy, widths that divide by 8, and samples cubes at points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.panorama.sphere import direction_at, pixel_at
from headroom.plate import FloatArray

__all__ = ["FACES", "LAYOUTS", "cube_directions", "cube_of", "guess_layout", "latlong_of", "latlong_width"]

Array = npt.NDArray[np.float64]

LAYOUTS = ("latlong", "cross", "strip", "angular", "mirror-ball", "dual-fisheye")
FACES = ("px", "nx", "py", "ny", "pz", "nz")
"""Right, left, up, down, front, back: the order of strips, six files and KTX2."""

_FRONT, _UP, _RIGHT = np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([-1.0, 0, 0])
_BASES = {  # where a face looks, what is to its right, what is at its top
    "px": (_RIGHT, -_FRONT, _UP),
    "nx": (-_RIGHT, _FRONT, _UP),
    "py": (_UP, _RIGHT, -_FRONT),
    "ny": (-_UP, _RIGHT, _FRONT),
    "pz": (_FRONT, _RIGHT, _UP),
    "nz": (-_FRONT, -_RIGHT, _UP),
}
_CROSS_ACROSS = {"py": (1, 0), "nx": (0, 1), "pz": (1, 1), "px": (2, 1), "nz": (3, 1), "ny": (1, 2)}
_CROSS_DOWN = {"py": (1, 0), "nx": (0, 1), "pz": (1, 1), "px": (2, 1), "ny": (1, 2), "nz": (1, 3)}
"""Column and row of each face; in the upright cross the back hangs below the floor, upside down."""

SAMPLES = 2
"""Samples across a pixel of a result, each way."""
BAND_PIXELS = 1 << 20


@dataclass(frozen=True)
class _Places:
    """Faces of a cube in one picture."""

    face: int
    at: dict[str, tuple[int, int]]
    upside_down: frozenset[str] = frozenset()


def guess_layout(width: int, height: int) -> str | None:
    """By the sides alone: 2:1 (within 1 %) lat-long, 4:3 and 3:4 cross, 6:1 and 1:6 strip; None for any other."""
    if width >= 2 and abs(width - 2 * height) <= 0.01 * width:
        return "latlong"
    for across, down, name in ((4, 3, "cross"), (3, 4, "cross"), (6, 1, "strip"), (1, 6, "strip")):
        if width * down == height * across and width % across == 0:
            return name
    return None


def empty_corners(codes: npt.NDArray[Any]) -> bool:
    """Whether what lies outside a cross's arms is one flat colour, as no photograph's corners are."""
    places = _places("cross", codes.shape[1], codes.shape[0])
    if places is None:
        return False
    used = set(places.at.values())
    n = places.face
    corners = [
        codes[row * n : (row + 1) * n, column * n : (column + 1) * n]
        for row in range(codes.shape[0] // n)
        for column in range(codes.shape[1] // n)
        if (column, row) not in used
    ]
    low = min(int(np.asarray(c.min(), np.float64) * 1e6) for c in corners)
    high = max(int(np.asarray(c.max(), np.float64) * 1e6) for c in corners)
    top = np.iinfo(codes.dtype).max if codes.dtype.kind == "u" else 1
    return (high - low) <= 0.02 * 1e6 * float(top)


def latlong_width(layout: str, width: int, height: int, fov_degrees: float) -> int:
    """Width of a lat-long that keeps the picture's resolution at the horizon, even."""
    if layout in ("cross", "strip"):
        places = _places(layout, width, height)
        return 4 * (places.face if places else 0)
    if layout == "dual-fisheye":
        return max(2, 2 * round(180.0 * (width / 2) / fov_degrees))
    return max(2, 2 * min(width, height))


def latlong_of(codes: npt.NDArray[Any], layout: str, *, fov_degrees: float, width: int) -> FloatArray:
    """(H, W, 3) float32 lat-long of a picture in another layout, in the same values; ``ValueError`` for wrong sides."""
    places = _places(layout, codes.shape[1], codes.shape[0])
    if layout in ("cross", "strip") and places is None:
        raise ValueError(f"{codes.shape[1]}x{codes.shape[0]} is no {layout} of six squares")
    source = np.ascontiguousarray(codes, np.float32)
    height = width // 2
    result = np.empty((height, width, 3), np.float32)
    for y0 in range(0, height, max(1, BAND_PIXELS // width)):
        y1 = min(height, y0 + max(1, BAND_PIXELS // width))
        total = np.zeros((y1 - y0, width, 3), np.float32)
        for dy in range(SAMPLES):
            for dx in range(SAMPLES):
                y, x = np.mgrid[y0:y1, 0:width]
                toward = direction_at(x + (dx + 0.5) / SAMPLES, y + (dy + 0.5) / SAMPLES, height, width)
                total += _look(source, toward, layout, places, fov_degrees)
        result[y0:y1] = total / SAMPLES**2
    return result


def cube_directions(face: str, size: int, *, samples: int = 1) -> Array:
    """(size * samples, size * samples, 3) directions, not of unit length, to the samples of a face."""
    forward, right, up = _BASES[face]
    step = (np.arange(size * samples) + 0.5) / (size * samples) * 2 - 1
    directions: Array = forward + step[None, :, None] * right - step[:, None, None] * up
    return directions


def cube_of(latlong: FloatArray, face: str, size: int, first: int = 0, end: int | None = None) -> FloatArray:
    """(size, size, 3) face of a cube, or its rows first..end, each pixel the mean over its solid angle."""
    height, width, _ = latlong.shape
    end = size if end is None else end
    samples = max(2, min(16, math.ceil(2 * width / (4 * size))))
    result = np.empty((end - first, size, 3), np.float32)
    band = max(1, BAND_PIXELS // (size * samples * samples))
    directions = cube_directions(face, size, samples=samples) if size * samples <= 2048 else None
    for y0 in range(first, end, band):
        y1 = min(end, y0 + band)
        part = slice(y0 * samples, y1 * samples)
        toward = directions[part] if directions is not None else _face_rows(face, size * samples, part)
        light = sample_latlong(latlong, toward).reshape(y1 - y0, samples, size, samples, 3)
        # A sample of a cube's face covers solid angle as 1 / |d|^3.
        weight = (np.einsum("yxc,yxc->yx", toward, toward) ** -1.5).reshape(y1 - y0, samples, size, samples, 1)
        result[y0 - first : y1 - first] = (light * weight).sum((1, 3)) / weight.sum((1, 3))
    return result


def sample_latlong(latlong: FloatArray, toward: Array) -> FloatArray:
    """(..., 3) bilinear samples in directions (n, m, 3), round in azimuth."""
    height, width, _ = latlong.shape
    x, y = pixel_at(toward, height, width)
    x, y = x - 0.5, (y - 0.5).clip(0, height - 1)
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - x0).astype(np.float32)[..., None], (y - y0).astype(np.float32)[..., None]
    left, right, below = x0 % width, (x0 + 1) % width, np.minimum(y0 + 1, height - 1)
    top = latlong[y0, left] * (1 - fx) + latlong[y0, right] * fx
    bottom = latlong[below, left] * (1 - fx) + latlong[below, right] * fx
    result: FloatArray = top * (1 - fy) + bottom * fy
    return result


def _face_rows(face: str, size: int, rows: slice) -> Array:
    forward, right, up = _BASES[face]
    step = (np.arange(size) + 0.5) / size * 2 - 1
    directions: Array = forward + step[None, :, None] * right - step[rows, None, None] * up
    return directions


def _places(layout: str, width: int, height: int) -> _Places | None:
    wide = width > height
    if layout == "strip":
        across, down = (6, 1) if wide else (1, 6)
        at = {face: (i, 0) if wide else (0, i) for i, face in enumerate(FACES)}
        turned: frozenset[str] = frozenset()
    elif layout == "cross":
        across, down = (4, 3) if wide else (3, 4)
        at, turned = (_CROSS_ACROSS, frozenset()) if wide else (_CROSS_DOWN, frozenset({"nz"}))
    else:
        return None
    if width % across or width // across != height / down or width < across:
        return None
    return _Places(width // across, at, turned)


def _look(source: FloatArray, toward: Array, layout: str, places: _Places | None, fov_degrees: float) -> FloatArray:
    height, width = source.shape[:2]
    ahead, right, up = toward @ _FRONT, toward @ _RIGHT, toward @ _UP
    if places is not None:
        return _remap(source, *_on_cube(toward, places))
    if layout == "dual-fisheye":
        return _two_circles(source, ahead, right, up, math.radians(fov_degrees) / 2)
    angle = np.arctan2(np.hypot(right, up), ahead)
    if layout == "mirror-ball":
        radius, right = np.sin(angle / 2), -right  # one who stands at the ball sees left what the camera sees right
    else:
        radius = angle / math.pi
    x, y = _round(radius, right, up)
    return _remap(source, (x + 1) / 2 * width - 0.5, (1 - y) / 2 * height - 0.5)


def _two_circles(source: FloatArray, ahead: Array, right: Array, up: Array, half_fov: float) -> FloatArray:
    """Front in the left half, back in the right one, equidistant; crossfaded where both see."""
    height, width = source.shape[:2]
    total = np.zeros((*ahead.shape, 3), np.float32)
    overlap = max(half_fov - math.pi / 2, 1e-6)
    for offset, sign in ((0.0, 1.0), (width / 2, -1.0)):
        angle = np.arctan2(np.hypot(right, up), sign * ahead)
        x, y = _round(np.minimum(angle / half_fov, 1.0), sign * right, up)
        share = ((half_fov - angle) / (2 * overlap)).clip(0, 1).astype(np.float32)
        seen = _remap(
            source,
            (offset + (x + 1) / 4 * width - 0.5).clip(offset, offset + width / 2 - 1),
            (1 - y) / 2 * height - 0.5,
        )
        total += seen * share[..., None]
    return total


def _round(radius: Array, right: Array, up: Array) -> tuple[Array, Array]:
    length = np.maximum(np.hypot(right, up), 1e-12)
    return radius * right / length, radius * up / length


def _on_cube(toward: Array, places: _Places) -> tuple[Array, Array]:
    """Pixel coordinates, -0.5 at the picture's corner, never across a face's edge."""
    n = places.face
    x, y = np.zeros(toward.shape[:2]), np.zeros(toward.shape[:2])
    depths = np.stack([toward @ _BASES[face][0] for face in FACES])
    nearest = depths.argmax(axis=0)
    for index, face in enumerate(FACES):
        mine = nearest == index
        if not mine.any():
            continue
        _, right, up = _BASES[face]
        d, depth = toward[mine], depths[index][mine]
        u, v = (d @ right) / depth, -(d @ up) / depth
        if face in places.upside_down:
            u, v = -u, -v
        column, row = places.at[face]
        x[mine] = column * n + ((u + 1) / 2 * n - 0.5).clip(0, n - 1)
        y[mine] = row * n + ((v + 1) / 2 * n - 0.5).clip(0, n - 1)
    return x, y


def _remap(source: FloatArray, x: Array, y: Array) -> FloatArray:
    import cv2

    result: FloatArray = cv2.remap(
        source, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return result
