"""One merged bracket against the truth: a flat record of numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from headroom.errors import UsageError
from headroom.evaluate.brackets.ground import Ground
from headroom.metrics import align_scale, linear_psnr, log_errors, mu_law_psnr, psnr, pu21_encode, to_nits
from headroom.metrics.pu21 import PEAK
from headroom.plate import FloatArray

__all__ = ["BRACKET_MEASURES", "SHOWN_LIGHT", "score_bracket"]

BRACKET_MEASURES = ("psnr", "pu21", "log", "jod", "speed")
"""Groups that can be asked for; ``jod`` needs the ``evaluate`` extra and takes about a second an image. ``speed`` is of
methods, not of images: all of them in turn on the same frames."""

SHOWN_LIGHT = ("pu21", "jod")
"""What a picture made to be looked at, which holds no light, can be measured by."""

FEWEST_SAMPLES = 192
"""64 pixels; fewer say nothing of an area."""


def score_bracket(answer: FloatArray, ground: Ground, measures: Collection[str]) -> dict[str, float]:
    """Scale the answer to the truth by one number, from what the reference recorded and nothing crossed; measure it.

    Samples that are not finite are counted in ``nonfinite`` and measured as 0.
    """
    unknown = sorted(set(measures) - set(BRACKET_MEASURES))
    if unknown:
        raise UsageError(
            f"measure {unknown[0]!r} is not known for brackets; choose among {', '.join(BRACKET_MEASURES)}"
        )
    truth = ground.truth
    if answer.shape != truth.shape:
        raise UsageError(f"a method answered {answer.shape} for frames of {truth.shape}")
    finite = np.isfinite(answer)
    record: dict[str, float] = {"nonfinite": float(answer.size - np.count_nonzero(finite))}
    if record["nonfinite"]:
        answer = np.where(finite, answer, np.float32(0.0))
    record["scale"] = align_scale(answer, truth, ground.recorded & ~ground.moving)
    aligned = answer * np.float32(record["scale"])
    if "psnr" in measures:
        record["mu_psnr"] = mu_law_psnr(aligned, truth)
        for name, where in (("mu_psnr_moving", ground.moving), ("mu_psnr_rest", ~ground.moving)):
            if 3 * np.count_nonzero(where) >= FEWEST_SAMPLES:
                record[name] = mu_law_psnr(aligned, truth, where)
        record["linear_psnr"] = linear_psnr(aligned, truth)
    if "pu21" in measures:
        record["pu21_psnr"] = psnr(pu21_encode(to_nits(aligned)), ground.truth_pu21, PEAK)
    if "log" in measures:
        areas = {
            "log_rmse": np.ones(truth.shape, np.bool_),
            "ghost": ground.moving & ground.recorded,
            "ghost_clip": ground.moving[..., None] & ground.clipped & ~ground.burnt,
            "clip_rmse": ground.clipped,
            "burnt_rmse": ground.burnt,
            "dark_rmse": ground.dark,
        }
        for name, where in areas.items():
            found = log_errors(aligned, truth, where)
            if found.samples >= FEWEST_SAMPLES:
                record[name] = found.rmse
                if name == "burnt_rmse":
                    record["burnt_bias"] = found.bias
    if "jod" in measures:
        from headroom.metrics.jod import jod

        record["jod"] = jod(aligned, truth)
    return record
