"""Take tone and colour differences out of a comparison, so that only structure is compared.

Hanji, Mantiuk, Eilertsen, Hajisharif, Unger, "Comparison of Single Image HDR Reconstruction
Methods: the Caveats of Quality Assessment", SIGGRAPH 2022: luminance is fitted to the reference's
by a cubic in PQ code values, the scaled u'v' chromaticities by a cubic in both of them with one
cross term and a ridge (lambda 0.01) towards the identity. Settings as in gfxdisp/pu21.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headroom.metrics.pu21 import DIFFUSE_WHITE_NITS, NITS_CEILING, NITS_FLOOR
from headroom.plate import FloatArray

__all__ = ["correct_curve"]

Array = npt.NDArray[np.floating]
Array64 = npt.NDArray[np.float64]

DEGREE = 3
RIDGE = 0.01

# SMPTE ST 2084: PQ, for luminance divided by 10,000 cd/m2.
PQ_M1 = 2610 / 16384
PQ_M2 = 2523 / 4096 * 128
PQ_C1 = 3424 / 4096
PQ_C2 = 2413 / 4096 * 32
PQ_C3 = 2392 / 4096 * 32

# Linear Rec.709 (D65) to CIE XYZ, IEC 61966-2-1.
XYZ_FROM_RGB = np.array(
    [[0.412424, 0.357579, 0.180464], [0.212656, 0.715158, 0.072186], [0.019332, 0.119193, 0.950444]]
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
XYZ_FLOOR, XYZ_CEILING = 1e-4, 1e8

# LogLuv (Ward Larson 1998): u' and v' times 410 fill 8 bits.
UV_SCALE = 410.0 / 255.0


def correct_curve(test: Array, truth: Array) -> FloatArray:
    """``test`` (H, W, 3) in camera units, its tone and chromaticities fitted to ``truth``'s."""
    shape = truth.shape
    test_y, test_uv = _split(test)
    truth_y, truth_uv = _split(truth)
    y = _fit(_pq_encode(test_y)[:, None], _pq_encode(truth_y)[:, None], 0.0)[:, 0]
    y = _pq_decode(y.clip(_pq_encode(np.array(NITS_FLOOR))))
    uv = _fit(test_uv, truth_uv, RIDGE).clip(NITS_FLOOR)
    nits = _join(y, uv)
    return (nits / DIFFUSE_WHITE_NITS).reshape(shape).astype(np.float32)


def _split(lin: Array) -> tuple[Array64, Array64]:
    """Return luminance (N,) in cd/m2 and scaled u', v' (N, 2)."""
    nits = (lin.reshape(-1, 3).astype(np.float64) * DIFFUSE_WHITE_NITS).clip(NITS_FLOOR)
    xyz = (nits @ XYZ_FROM_RGB.T).clip(XYZ_FLOOR, XYZ_CEILING)
    below = xyz @ np.array([1.0, 15.0, 3.0])
    uv = np.stack([4.0 * xyz[:, 0] / below, 9.0 * xyz[:, 1] / below], -1)
    return xyz[:, 1], uv * UV_SCALE


def _join(y: Array64, uv: Array64) -> Array64:
    u, v = uv[:, 0] / UV_SCALE, uv[:, 1] / UV_SCALE
    x = y * 9.0 * u / (4.0 * v)
    z = y * (12.0 - 3.0 * u - 20.0 * v) / (4.0 * v)
    xyz = np.stack([x, y, z], -1).clip(XYZ_FLOOR, XYZ_CEILING)
    return np.asarray((xyz @ RGB_FROM_XYZ.T).clip(0.0))


def _fit(x: Array64, y: Array64, ridge: float) -> Array64:
    """Map (N, C) ``x`` by the polynomial that takes it nearest to ``y``."""
    channels = x.shape[1]
    columns = [x**power for power in range(DEGREE, 0, -1)]
    identity = (DEGREE - 1) * channels
    if channels == 2:
        columns.insert(DEGREE - 1, x[:, :1] * x[:, 1:])
        identity += 1
    columns.append(np.ones((len(x), 1)))
    design = np.concatenate(columns, 1)
    towards = np.zeros((design.shape[1], channels))
    towards[identity : identity + channels] = np.eye(channels)
    weight = ridge * len(x) / design.shape[1]
    gram = design.T @ design + weight * np.eye(design.shape[1])
    # Least squares, not an inverse: a grey or one-tone image has no unique polynomial.
    solution = np.linalg.lstsq(gram, design.T @ y + weight * towards, rcond=None)[0]
    return np.asarray(design @ solution)


def _pq_encode(nits: Array64) -> Array64:
    power = (nits / NITS_CEILING) ** PQ_M1
    return np.asarray(((PQ_C1 + PQ_C2 * power) / (1.0 + PQ_C3 * power)) ** PQ_M2)


def _pq_decode(code: Array64) -> Array64:
    root = code ** (1.0 / PQ_M2)
    # Far above the reference's peak a cubic may pass PQ's pole; the code stops short of it.
    below = (PQ_C2 - PQ_C3 * root).clip(1e-6)
    return np.asarray(NITS_CEILING * ((root - PQ_C1).clip(0.0) / below) ** (1.0 / PQ_M1))
