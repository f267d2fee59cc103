"""One prediction against one truth: a flat record of numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

import numpy as np

from headroom.errors import UsageError
from headroom.evaluate.exposures import Exposure
from headroom.metrics import (
    align_scale,
    correct_curve,
    lighting_errors,
    linear_psnr,
    log_errors,
    mu_law_psnr,
    psnr,
    pu21_encode,
    pu21_psnr_luminance,
    pu21_ssim,
    to_nits,
)
from headroom.metrics.pu21 import PEAK
from headroom.plate import FloatArray

__all__ = ["MEASURES", "QUICK_MEASURES", "score"]

MEASURES = ("pu21", "ssim", "log", "psnr", "corrected", "lighting", "jod")
"""Groups that can be asked for; ``jod`` needs the ``evaluate`` extra and takes seconds an image."""

QUICK_MEASURES = ("pu21", "log")


def score(prediction: FloatArray, exposure: Exposure, measures: Collection[str] = QUICK_MEASURES) -> dict[str, float]:
    """Align the prediction on what was recorded, then measure it.

    Non-finite samples are counted in ``nonfinite`` and measured as 0.
    """
    unknown = sorted(set(measures) - set(MEASURES))
    if unknown:
        raise UsageError(f"measure {unknown[0]!r} is not known; choose among {', '.join(MEASURES)}")
    truth = exposure.truth
    if prediction.shape != truth.shape:
        raise UsageError(f"a method answered {prediction.shape} for a plate of {truth.shape}")
    finite = np.isfinite(prediction)
    record: dict[str, float] = {"nonfinite": float(prediction.size - np.count_nonzero(finite))}
    if record["nonfinite"]:
        prediction = np.where(finite, prediction, np.float32(0.0))
    scale = align_scale(prediction, truth, exposure.well_exposed)
    record["scale"] = scale
    aligned = prediction * np.float32(scale)
    if "pu21" in measures:
        record["pu21_psnr"] = psnr(pu21_encode(to_nits(aligned)), exposure.truth_pu21, PEAK)
        record["pu21_psnr_y"] = pu21_psnr_luminance(aligned, truth)
    if "ssim" in measures:
        record["pu21_ssim"] = pu21_ssim(aligned, truth)
    if "log" in measures:
        inside = log_errors(aligned, truth, truth >= 1.0)
        record.update(clip_rmse=inside.rmse, clip_bias=inside.bias, clip_spread=inside.spread)
        record["outside_rmse"] = log_errors(aligned, truth, exposure.well_exposed).rmse
    if "psnr" in measures:
        record["mu_psnr"] = mu_law_psnr(aligned, truth)
        record["linear_psnr"] = linear_psnr(aligned, truth)
    if "corrected" in measures:
        corrected = correct_curve(aligned, truth)
        record["corrected_pu21_psnr"] = psnr(pu21_encode(to_nits(corrected)), exposure.truth_pu21, PEAK)
        if "ssim" in measures:
            record["corrected_pu21_ssim"] = pu21_ssim(corrected, truth)
    if "lighting" in measures and exposure.case.scene.is_latlong:
        errors = asdict(lighting_errors(aligned, truth))
        record.update({f"light_{name}": value for name, value in errors.items()})
    if "jod" in measures:
        from headroom.metrics.jod import jod

        record["jod"] = jod(aligned, truth)
    return record
