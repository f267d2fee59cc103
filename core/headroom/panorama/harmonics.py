"""Real spherical harmonics of a panorama's light, up to order 4, and of the irradiance that it gives.

Basis: real, orthonormal, without the Condon-Shortley phase, in (l, m) order with m from -l to l; x, y, z as in
`panorama.sphere` with y up. Ramamoorthi and Hanrahan 2001 give the irradiance's factors.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["ORDER_MAX", "basis", "irradiance_factors", "project"]

Array = npt.NDArray[np.float64]
ORDER_MAX = 4


def basis(directions: npt.ArrayLike, order: int) -> Array:
    """(..., (order + 1)^2) values at unit vectors (..., 3)."""
    if not 0 <= order <= ORDER_MAX:
        raise ValueError(f"order {order} is not in 0..{ORDER_MAX}")
    d = np.asarray(directions, np.float64)
    # The polar axis of the usual formulas is our y: their (x, y, z) is our (z, x, y).
    x, y, z = d[..., 2], d[..., 0], d[..., 1]
    pi = math.pi
    values = [np.full(x.shape, 0.5 / math.sqrt(pi))]
    if order >= 1:
        k = math.sqrt(3 / (4 * pi))
        values += [k * y, k * z, k * x]
    if order >= 2:
        k = 0.5 * math.sqrt(15 / pi)
        values += [
            k * x * y,
            k * y * z,
            0.25 * math.sqrt(5 / pi) * (3 * z * z - 1),
            k * x * z,
            0.5 * k * (x * x - y * y),
        ]
    if order >= 3:
        a, b, c = math.sqrt(35 / (2 * pi)) / 4, math.sqrt(105 / pi) / 4, math.sqrt(21 / (2 * pi)) / 4
        values += [
            a * y * (3 * x * x - y * y),
            2 * b * x * y * z,
            c * y * (5 * z * z - 1),
            math.sqrt(7 / pi) / 4 * z * (5 * z * z - 3),
            c * x * (5 * z * z - 1),
            b * z * (x * x - y * y),
            a * x * (x * x - 3 * y * y),
        ]
    if order >= 4:
        a, b = 0.75 * math.sqrt(35 / pi), 0.75 * math.sqrt(35 / (2 * pi))
        c, d4 = 0.75 * math.sqrt(5 / pi), 0.75 * math.sqrt(5 / (2 * pi))
        values += [
            a * x * y * (x * x - y * y),
            b * y * z * (3 * x * x - y * y),
            c * x * y * (7 * z * z - 1),
            d4 * y * z * (7 * z * z - 3),
            3 / (16 * math.sqrt(pi)) * (35 * z**4 - 30 * z * z + 3),
            d4 * x * z * (7 * z * z - 3),
            0.5 * c * (x * x - y * y) * (7 * z * z - 1),
            b * x * z * (x * x - 3 * y * y),
            0.25 * a * (x * x * (x * x - 3 * y * y) - y * y * (3 * x * x - y * y)),
        ]
    return np.stack(values, -1)


def project(directions: Array, energy: Array, order: int) -> Array:
    """((order + 1)^2, 3) coefficients of radiance from (n, 3) directions and (n, 3) radiance x solid angle."""
    coefficients: Array = basis(directions, order).T @ energy
    return coefficients


def irradiance_factors(order: int) -> Array:
    """((order + 1)^2,): radiance's coefficients times these are irradiance's (pi, 2 pi / 3, pi / 4, 0, -pi / 24)."""
    by_band = [math.pi, 2 * math.pi / 3, math.pi / 4, 0.0, -math.pi / 24]
    return np.concatenate([np.full(2 * band + 1, by_band[band]) for band in range(order + 1)])
