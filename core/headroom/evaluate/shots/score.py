"""One method's result for one shot: a flat record of numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from headroom.errors import UsageError
from headroom.evaluate.shots.ghosts import ghosts
from headroom.evaluate.shots.ground import Ground
from headroom.evaluate.shots.steadiness import steadiness
from headroom.evaluate.shots.trajectories import log2_light
from headroom.metrics import align_scale, log_errors, psnr, pu21_encode, to_nits
from headroom.metrics.pu21 import PEAK
from headroom.plate import FloatArray

__all__ = ["SHOT_MEASURES", "score_shot"]

SHOT_MEASURES = ("motion", "quality", "jod")
"""Groups that can be asked for; ``jod`` needs the ``evaluate`` extra and takes seconds a shot."""


def score_shot(result: FloatArray, ground: Ground, measures: Collection[str] = SHOT_MEASURES[:2]) -> dict[str, float]:
    """Align (frames, H, W, 3) linear light by one scale for the whole shot, then measure it.

    The scale comes from what was recorded well, as for stills, over all frames together. Non-finite samples are counted
    in ``nonfinite`` and measured as 0.
    """
    unknown = sorted(set(measures) - set(SHOT_MEASURES))
    if unknown:
        raise UsageError(f"measure {unknown[0]!r} is not known for shots; choose among {', '.join(SHOT_MEASURES)}")
    truth = ground.truth
    if result.shape != truth.shape:
        raise UsageError(f"a method answered {result.shape} for a shot of {truth.shape}")
    finite = np.isfinite(result)
    record: dict[str, float] = {"nonfinite": float(result.size - np.count_nonzero(finite))}
    if record["nonfinite"]:
        result = np.where(finite, result, np.float32(0.0))
    record["scale"] = align_scale(result, truth, ground.well_exposed)
    aligned = result * np.float32(record["scale"])
    if "motion" in measures:
        result_log2 = np.stack([log2_light(light) for light in aligned])
        record.update(steadiness(result_log2, ground))
        record.update(ghosts(result_log2, ground))
    if "quality" in measures:
        # The mean of the frames' decibels, so that one bad frame among good ones is not the whole score.
        frames = [
            psnr(pu21_encode(to_nits(light)), pu21_encode(to_nits(own)), PEAK)
            for light, own in zip(aligned, truth, strict=True)
        ]
        record["pu21_psnr"] = float(np.mean(frames))
        record["worst_frame"] = float(np.min(frames))
        inside = log_errors(aligned, truth, truth >= 1.0)
        record.update(clip_rmse=inside.rmse, clip_bias=inside.bias, clip_spread=inside.spread)
        record["outside_rmse"] = log_errors(aligned, truth, ground.well_exposed).rmse
    if "jod" in measures:
        from headroom.metrics.jod import jod_of_shot

        assert ground.shot.rate is not None
        record["jod"] = jod_of_shot(aligned, truth, float(ground.shot.rate))
    return record
