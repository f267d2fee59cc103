"""Whether a merge is what its frames recorded: each frame against the merge, in units of its noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headroom.bracket.align import Alignment
from headroom.bracket.noise import NoiseModel
from headroom.plate import FloatArray

__all__ = ["FrameAgreement", "agreement", "summary"]

ROWS = 256
WITHIN = 2.0
"""Standard deviations; a normal error stays within them 95.4 % of the time."""
LEAST_VALID = 0.99
BLACK = 0.0025
"""Light of a frame (1.0 = its white; about code 8 of 255) below which its black level shows, not the scene."""
DARK = 0.01
"""Light below which stops say little."""
MOST_KEPT = 400_000
"""Samples of a frame from which its figures are taken, spread evenly."""


@dataclass(frozen=True)
class FrameAgreement:
    """Of the samples that this frame and another one recorded."""

    ev_stops: float
    samples: int
    within: float
    """Share of them within ``WITHIN`` standard deviations of the merge."""
    sigmas: float
    """Robust spread (1.4826 times the median) of the difference, in standard deviations: 1 is noise alone."""
    bias_stops: float
    """Median difference in stops, where the frame is not dark: what an exposure or a curve is off."""
    apart_stops: float
    """Median absolute difference in stops there."""


def agreement(alignment: Alignment, radiance: FloatArray, noise: NoiseModel) -> list[FrameAgreement]:
    """``radiance``: (H, W, 3) the merge on the reference's scale, linear as the frames are decoded.

    Looked at is what two frames or more recorded in full: unclipped, not black and valid. A frame has its share in
    the merge, so that their difference is less than its noise: by the inverse-variance weight that it would have had.
    """
    exposures = alignment.bracket.exposures.astype(np.float32)
    count = len(exposures)
    apart: list[list[FloatArray]] = [[] for _ in range(count)]
    stops: list[list[FloatArray]] = [[] for _ in range(count)]
    every = max(1, radiance.size // MOST_KEPT)
    for y0 in range(0, alignment.height, ROWS):
        frames = alignment.window(y0, min(y0 + ROWS, alignment.height))
        light = radiance[y0 : y0 + ROWS]
        good = [
            (frame.clipped == 0) & (frame.valid > LEAST_VALID)[..., None] & (light * exposure > BLACK)
            for frame, exposure in zip(frames, exposures, strict=True)
        ]
        shared = np.sum(good, axis=0) >= 2
        variances = [noise.variance(light * exposure) for exposure in exposures]
        total = np.sum([g * e**2 / v for g, e, v in zip(good, exposures, variances, strict=True)], axis=0)
        for k, frame in enumerate(frames):
            mine = good[k] & shared
            expected = (light * exposures[k])[mine][::every]
            own = exposures[k] ** 2 / variances[k][mine][::every] / total[mine][::every]
            recorded = frame.linear[mine][::every]
            deviation = np.sqrt(variances[k][mine][::every] * np.maximum(1 - own, 1e-3))
            apart[k].append((recorded - expected) / deviation)
            bright = (expected > DARK) & (recorded > 0)
            stops[k].append(np.log2(recorded[bright] / expected[bright]))
    found = []
    for k in range(count):
        sigmas, steps = np.concatenate(apart[k]), np.concatenate(stops[k])
        found.append(
            FrameAgreement(
                ev_stops=alignment.bracket.ev_stops[k],
                samples=len(sigmas),
                within=float((np.abs(sigmas) <= WITHIN).mean()) if len(sigmas) else float("nan"),
                sigmas=1.4826 * float(np.median(np.abs(sigmas))) if len(sigmas) else float("nan"),
                bias_stops=float(np.median(steps)) if len(steps) else float("nan"),
                apart_stops=float(np.median(np.abs(steps))) if len(steps) else float("nan"),
            )
        )
    return found


def summary(frames: list[FrameAgreement], noise: NoiseModel) -> dict[str, Any]:
    """For a report: the frames' figures, and those of all samples together."""
    known = [frame for frame in frames if frame.samples]
    counts = np.array([frame.samples for frame in known], float)
    return {
        "noise": {"shot": noise.shot, "read": noise.read, "source": noise.source},
        "within_2_sigma": float(np.average([f.within for f in known], weights=counts)) if known else None,
        "sigmas": float(np.average([f.sigmas for f in known], weights=counts)) if known else None,
        "apart_stops": float(np.average([f.apart_stops for f in known], weights=counts)) if known else None,
        "frames": [asdict(frame) for frame in frames],
    }
