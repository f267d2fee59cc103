"""What is compared: a method sees a plate and what its curve is said to be, and answers linear light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headroom.camera import Response
from headroom.evaluate.exposures import Exposure
from headroom.metrics import align_scale
from headroom.plate import FloatArray

__all__ = [
    "BASE",
    "BEST_GAIN",
    "CURVE_ESTIMATE",
    "LIGHT_MEAN",
    "Method",
    "MethodFunction",
    "Oracle",
    "inverse_response",
    "oracles",
    "told",
    "told_the_curve",
]

BASE = "inverse of the declared curve"
"""The baseline that all others, and headroom-1, are compared with."""

BEST_GAIN = "oracle: best constant gain"

CURVE_ESTIMATE = " --curve estimate"
LIGHT_MEAN = " --light mean"
"""What a model's name gets where it runs with these options."""

MethodFunction = Callable[[FloatArray, "Response | None", bool], FloatArray]
"""(code (H, W, 3) 0..1, declared response or None, is it a JPEG) -> linear (H, W, 3)."""


@dataclass(frozen=True)
class Method:
    """A reconstruction under test."""

    name: str
    run: MethodFunction
    follows_curve: bool = False
    """Its answer hangs on the declared curve: told the true one, it also is an oracle."""


@dataclass(frozen=True)
class Oracle:
    """A bound, not a method: it is shown the truth."""

    name: str
    run: Callable[[Exposure], FloatArray]
    needs_wrong_curve: bool = False
    """Says nothing new where the declared curve is the true one."""


def inverse_response(code: FloatArray, declared: Response | None, is_jpeg: bool = False) -> FloatArray:
    """Do nothing but undo the declared curve (sRGB where none is): the hardest simple baseline."""
    del is_jpeg
    response = declared or Response.srgb()
    return np.asarray(response.inverse(code), np.float32)


def oracles() -> tuple[Oracle, ...]:
    """The bounds that every table shows; all start from the plate linearised by its declared curve."""
    return (
        Oracle(BEST_GAIN, best_log_gain),
        Oracle("oracle: energy-right gain", energy_gain),
        Oracle("oracle: true highlights", true_highlights),
        Oracle("oracle: true curve", true_curve, needs_wrong_curve=True),
    )


def told_the_curve(method: str) -> str:
    """Name of the oracle that a method is when it is told the camera's true curve."""
    return f"oracle: true curve, then {method}"


def told(method: Method) -> Oracle:
    """``method``, told the true curve: what an estimate of the curve would come to if it were perfect."""

    def run(exposure: Exposure) -> FloatArray:
        return method.run(exposure.code, exposure.response, exposure.is_jpeg)

    return Oracle(told_the_curve(method.name), run, needs_wrong_curve=True)


def best_log_gain(exposure: Exposure) -> FloatArray:
    """One gain for all clipped samples of the image: the one with the least squared log error."""
    aligned, clipped = _aligned(exposure)
    truth = exposure.truth
    if clipped.any():
        stops = np.log2(truth[clipped]) - np.log2(aligned[clipped].clip(np.float32(1e-5)))
        aligned[clipped] *= np.float32(2.0 ** float(stops.mean(dtype=np.float64)))
    return aligned


def energy_gain(exposure: Exposure) -> FloatArray:
    """One gain for all clipped samples: the one that makes their energy right (sphere-weighted)."""
    aligned, clipped = _aligned(exposure)
    weights = np.ones((aligned.shape[0], 1, 1), np.float64)
    if exposure.case.scene.is_latlong:
        weights = np.sin((np.arange(aligned.shape[0]) + 0.5) * np.pi / aligned.shape[0])[:, None, None]
    energy = [float((image * clipped * weights).sum()) for image in (exposure.truth, aligned)]
    if energy[1] > 0.0:
        aligned[clipped] *= np.float32(energy[0] / energy[1])
    return aligned


def true_highlights(exposure: Exposure) -> FloatArray:
    """The truth where it clipped, the decoded plate elsewhere: nobody can do better inside."""
    aligned, clipped = _aligned(exposure)
    aligned[clipped] = exposure.truth[clipped]
    return aligned


def true_curve(exposure: Exposure) -> FloatArray:
    """The plate linearised by the camera's true curve, highlights left clipped."""
    return inverse_response(exposure.code, exposure.response)


def _aligned(exposure: Exposure) -> tuple[FloatArray, np.ndarray]:
    decoded = inverse_response(exposure.code, exposure.declared)
    scale = align_scale(decoded, exposure.truth, exposure.well_exposed)
    return decoded * np.float32(scale), exposure.truth >= 1.0
