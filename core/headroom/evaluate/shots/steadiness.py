"""How a reconstruction changes in time, against how the truth does.

All in stops of luminance a frame (or over ``SLOW_LAG`` frames), RMS over all ways and frames of a shot. A shot has one
scale, never one a frame, so that nothing that pumps is aligned away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headroom.evaluate.shots.ground import Ground
from headroom.evaluate.shots.trajectories import Pair, at
from headroom.plate import FloatArray

__all__ = ["excess_variation", "fixed_excess", "steadiness", "warping_error"]


def steadiness(result_log2: FloatArray, ground: Ground) -> dict[str, float]:
    """Every measure of change of (frames, H, W) log2 luminance."""
    return {
        "excess": excess_variation(result_log2, ground, ground.ways),
        "excess_slow": excess_variation(result_log2, ground, ground.slow_ways),
        "excess_fixed": fixed_excess(result_log2, ground),
        "warping": warping_error(result_log2, ground),
        "outside_excess": excess_variation(result_log2, ground, ground.outside_ways),
    }


def excess_variation(result_log2: FloatArray, ground: Ground, ways: Sequence[Pair]) -> float:
    """RMS of |d/dt log2 L_result - d/dt log2 L_truth| along the true motion.

    A perfect result scores 0. One that is wrong by a steady amount at each point of the scene scores next to 0 and pays
    in ``clip_rmse``; one that smooths away what the truth does (a light that is dimmed by the camera's exposure, a
    highlight that moves) pays here. Not the plain variation of Lai et al. 2018 and Eilertsen et al. 2019 (see
    :func:`warping_error`), which is least for a constant.
    """
    first = ground.shot.frames[0]
    changes = [
        at(result_log2[pair.other - first], pair.there)
        - at(result_log2[pair.frame - first], pair.here)
        - pair.truth_change
        for pair in ways
    ]
    return _rms(changes)


def fixed_excess(result_log2: FloatArray, ground: Ground) -> float:
    """RMS of the same difference at fixed pixels that are clipped in both frames: what a frame difference shows.

    Here errors that move rightly with the scene count too, so that it is never 0 for a moving camera.
    """
    error = result_log2 - ground.truth_log2
    return _rms([(error[i + 1] - error[i])[ground.clipped[i] & ground.clipped[i + 1]] for i in range(len(error) - 1)])


def warping_error(result_log2: FloatArray, ground: Ground) -> float:
    """RMS difference of a frame and the next one carried back along the true motion, in the clip.

    Lai et al., "Learning blind video temporal consistency", ECCV 2018, eq. 9, in log light instead of display codes,
    with true motion and true occlusions instead of estimated ones, the camera's own change of exposure taken off. The
    truth's own value is the row ``oracle: true highlights``: interpolation alone.
    """
    first = ground.shot.frames[0]
    changes = [
        at(result_log2[pair.other - first], pair.there)
        - at(result_log2[pair.frame - first], pair.here)
        - np.float32(pair.exposure_change)
        for pair in ground.ways
    ]
    return _rms(changes)


def _rms(parts: Sequence[npt.NDArray[np.floating]]) -> float:
    count = sum(part.size for part in parts)
    if not count:
        return math.nan
    return math.sqrt(math.fsum(float(np.square(part, dtype=np.float64).sum()) for part in parts) / count)
