"""A homography fitted to points that were found in two frames, not further than a hand-held camera bends it.

A camera that turns about its lens makes a shift, a turn, hardly any zoom and very little perspective; it shears
nothing. Eight free numbers follow their points wherever these are, and go astray where a frame has none (the bright
half of a long exposure): the weak prior on zoom, shear and perspective holds them there, and yields to points that
know better.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from headroom.bracket.motion import apply

__all__ = ["POINT_PX", "fit"]

Matrix = npt.NDArray[np.float64]
Points = npt.NDArray[np.float64]

POINT_PX = 0.15
"""Standard deviation of a tracked point. Neighbours err alike: so much is their share in it."""
TOGETHER = 20.0
"""As many points count as one."""
PRIOR = np.array([0.02, 3.0, 3.0, 3.0, 0.002, 0.002, 0.01, 0.01])
"""Standard deviations of zoom, turn, shift x and y, the two shears, the two perspectives, in half widths."""
STEPS = 12
LEAST = 4


def fit(a: Points, b: Points, limit_px: float, shape: tuple[int, ...]) -> tuple[Matrix, npt.NDArray[np.bool_]] | None:
    """From (K, 2) points ``a`` to ``b`` in a picture of (h, w), and which of them lie within ``limit_px`` of it."""
    matrix, mask = cv2.findHomography(a, b, cv2.USAC_MAGSAC, limit_px, maxIters=5000, confidence=0.9999)
    if matrix is None or mask is None or int(mask.sum()) < LEAST:
        return None
    inliers = mask.ravel() > 0
    for _ in range(2):
        if inliers.sum() < LEAST:
            return None
        matrix = _held(a[inliers], b[inliers], limit_px, shape)
        inliers = np.hypot(*(apply(matrix, a) - b).T) < limit_px
    return matrix, inliers


def _held(a: Points, b: Points, limit_px: float, shape: tuple[int, ...]) -> Matrix:
    """Gauss-Newton on Cauchy's weights with the prior; coordinates are half widths from the middle."""
    h, w = shape[:2]
    half = w / 2
    unit = np.array([[half, 0, (w - 1) / 2], [0, half, (h - 1) / 2], [0, 0, 1]])
    u, v = (((points - unit[:2, 2]) / half) for points in (a, b))
    sigma = POINT_PX * TOGETHER**0.5 / half
    numbers = np.zeros(8)
    numbers[2:4] = np.median(v - u, axis=0)
    for _ in range(STEPS):
        matrix = _matrix(numbers)
        scale = u @ matrix[2, :2] + 1
        moved = apply(matrix, u)
        missed = v - moved
        weight = 1 / (1 + (missed**2).sum(axis=1) / (limit_px / 2 / half) ** 2) / sigma**2
        x, y = u.T
        zero, one = np.zeros_like(x), np.ones_like(x)
        # Rows of d(moved)/d(numbers), before the division by scale.
        across = np.stack([x, -y, one, zero, x, y, -moved[:, 0] * x, -moved[:, 0] * y], axis=1) / scale[:, None]
        down = np.stack([y, x, zero, one, -y, x, -moved[:, 1] * x, -moved[:, 1] * y], axis=1) / scale[:, None]
        normal = (across * weight[:, None]).T @ across + (down * weight[:, None]).T @ down + np.diag(PRIOR**-2)
        right = across.T @ (weight * missed[:, 0]) + down.T @ (weight * missed[:, 1]) - numbers / PRIOR**2
        change = np.linalg.solve(normal, right)
        numbers += change
        if np.abs(change).max() < 1e-9:
            break
    found: Matrix = unit @ _matrix(numbers) @ np.linalg.inv(unit)
    found /= found[2, 2]
    return found


def _matrix(numbers: npt.NDArray[np.float64]) -> Matrix:
    zoom, turn, right, down, shear, skew, lean, tilt = numbers
    return np.array([[1 + zoom + shear, -turn + skew, right], [turn + skew, 1 + zoom - shear, down], [lean, tilt, 1]])
