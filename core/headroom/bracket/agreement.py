"""Whether a merge is what its frames recorded: each frame against the merge, in units of its noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headroom.bracket.align import Alignment
from headroom.bracket.frames import Merged
from headroom.bracket.noise import NoiseModel, placement_variance
from headroom.encode import largest_channel
from headroom.plate import FloatArray

__all__ = ["FrameAgreement", "agreement", "summary"]

ROWS = 256
WITHIN = 2.0
"""Standard deviations; a normal error stays within them 95.4 % of the time."""
LEAST_VALID = 0.99
BLACK = 0.0025
"""Light of a frame (1.0 = its white) below which a frame of RAW or floats shows its noise alone; frames of 8 bits have
a black level of their own (``Alignment.black``)."""
DARK = 0.01
"""Light below which stops say little."""
LEAST = 1e-3
"""Of a frame's variance: a merge that is this frame alone differs from it by rounding."""
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


def agreement(alignment: Alignment, merged: Merged, noise: NoiseModel) -> list[FrameAgreement]:
    """``merged``: all of the bracket's light on the reference's scale, linear as the frames are decoded.

    Looked at is what two frames or more recorded in full: no channel clipped, none black, and valid. The merge holds
    each frame's own noise by the frame's share in it: x_k - sum(w_j x_j) has the variance
    v_k (1 - w_k)^2 + sum_{j != k} w_j^2 v_j. A method that is no weighted mean is taken for the best one. A frame that
    was resampled is known to lie where it does to ``placed_px`` only, as its tracked points say: at edges that counts.
    """
    exposures = alignment.bracket.exposures.astype(np.float32)
    count = len(exposures)
    black = np.maximum(alignment.black, np.float32(BLACK))
    apart: list[list[FloatArray]] = [[] for _ in range(count)]
    stops: list[list[FloatArray]] = [[] for _ in range(count)]
    every = max(1, merged.radiance.size // MOST_KEPT)
    for y0 in range(0, alignment.height, ROWS):
        rows = slice(y0, y0 + ROWS)
        frames = alignment.window(y0, min(y0 + ROWS, alignment.height))
        light = merged.radiance[rows]
        good = [
            ((largest_channel(frame.clipped) == 0) & (frame.valid > LEAST_VALID))[..., None]
            & (np.minimum(light * e, frame.linear) > black)
            for frame, e in zip(frames, exposures, strict=True)
        ]
        shared = np.sum(good, axis=0) >= 2
        # Of radiance, so that frames can be added up.
        variances = [noise.variance(light * exposure) / exposure**2 for exposure in exposures]
        for variance, frame in zip(variances, frames, strict=True):
            if frame.placed_px:
                variance += placement_variance(light, frame.placed_px)
        if merged.shares is not None:
            shares = [share[rows] for share in merged.shares]
        else:
            best = [part / variance for part, variance in zip(good, variances, strict=True)]
            total = np.maximum(np.sum(best, axis=0), 1e-12)
            shares = [part / total for part in best]
        held = np.sum([share**2 * variance for share, variance in zip(shares, variances, strict=True)], axis=0)
        for k, frame in enumerate(frames):
            mine = good[k] & shared
            off = held + (1 - 2 * shares[k]) * variances[k]
            deviation = exposures[k] * np.sqrt(np.maximum(off, LEAST * variances[k])[mine][::every])
            expected = (light * exposures[k])[mine][::every]
            recorded = frame.linear[mine][::every]
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
        "noise": noise.facts(),
        "within_2_sigma": float(np.average([f.within for f in known], weights=counts)) if known else None,
        "sigmas": float(np.average([f.sigmas for f in known], weights=counts)) if known else None,
        "apart_stops": float(np.average([f.apart_stops for f in known], weights=counts)) if known else None,
        "frames": [asdict(frame) for frame in frames],
    }
