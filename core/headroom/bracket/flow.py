"""What moves otherwise than the whole: dense flow between guides, where it can be believed.

DIS (Kroeger et al. 2016) between the reference's guide and the other frame's, laid on it by the homography, both
ways. A flow is taken where it explains the frame clearly better than no motion does; where it does not, none is: a
tripod's stack stays as it is, noise does not drag shadows about. What shows nothing (clipped, black, blank) follows
what surrounds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from headroom.bracket.guide import Gray
from headroom.plate import FloatArray

__all__ = ["Field", "local_motion", "look_up", "pixels"]

LEAST_CELLS = 16
"""Sides of a guide below which nothing is taken to move: the optical flow's pyramid needs more."""
WINDOW_SIGMA = 3.0
"""Guide pixels over which two ways of laying a frame on another are compared."""
NOISE_CODES = 1.5
"""Square-root codes that a difference has at least: 8-bit steps and their noise; times the root of the gain."""
BETTER = 0.7
"""Share of what no motion leaves unexplained that a flow may leave, to be half believed."""
LOOP_PX = 1.0
"""How far the way there and back may miss its start, and a share of the way."""
LOOP_SHARE = 0.1
TEXTURE_CODES = 2.0
"""Spread of a neighbourhood that shows where it lies."""
HIDDEN_CODES = 4.0
"""What a hidden place differs by, in multiples of the noise."""


class Field:
    """From each guide pixel of the reference to the frame as laid on it by the homography."""

    def __init__(self, flow: FloatArray, evidence: FloatArray, seen: FloatArray) -> None:
        self.flow = flow
        """(h, w, 2) guide pixels to the right and down."""
        self.evidence = evidence
        """(h, w) 0..1: 1 where the flow was measured, 0 where it follows its surroundings."""
        self.seen = seen
        """(h, w) 0..1: 0 where the frame hides what the reference shows."""


def local_motion(here: Gray, there: Gray, here_useful: Gray, there_useful: Gray, *, gain: float) -> Field:
    """Both guides on the reference's grid, of matched exposure; ``gain``: the larger of theirs."""
    h, w = here.shape
    if min(h, w) < LEAST_CELLS:
        return Field(np.zeros((h, w, 2), np.float32), np.zeros((h, w), np.float32), np.ones((h, w), np.float32))
    noise = np.float32(NOISE_CODES * gain**0.5)
    with _one_thread():
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        ahead, back = finder.calc(here, there, None), finder.calc(there, here, None)
    at = pixels(h, w) + ahead
    miss = ahead + look_up(back, at)
    loop = np.hypot(miss[..., 0], miss[..., 1]) / (LOOP_PX + LOOP_SHARE * np.hypot(ahead[..., 0], ahead[..., 1]))
    both = (here_useful > 0) & (there_useful > 0)
    moved_useful = (here_useful > 0) & (look_up(there_useful, at) > 250)
    plain = _unexplained(here, there.astype(np.float32), both)
    moved = _unexplained(here, look_up(there.astype(np.float32), at), moved_useful)
    # 1 where the flow leaves a fraction of what no motion leaves, beyond noise; 0 where it leaves as much.
    ratio = (moved + noise) / (plain + noise)
    belief = ((1 - ratio) / (2 * (1 - BETTER))).clip(0, 1)
    belief = belief * (3 - 2 * belief)
    textured = _share(_spread(here), TEXTURE_CODES * noise)
    measured = textured * np.exp(-0.5 * loop**2) * moved_useful
    rests = textured * (1 - belief) * (plain < 2 * noise) * both
    evidence = np.maximum(measured * belief, rests).astype(np.float32)
    flow = _spread_out(ahead * belief[..., None], evidence)
    at = pixels(h, w) + flow
    left = np.abs(here - look_up(there.astype(np.float32), at))
    left = cv2.GaussianBlur(left, (0, 0), 1.0)
    hidden = _share(left, HIDDEN_CODES * noise) * (1 - np.exp(-0.5 * loop**2)) * moved_useful
    return Field(flow, evidence, (1 - hidden).astype(np.float32))


def pixels(height: int, width: int) -> FloatArray:
    """(h, w, 2) x, y of every pixel."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([columns, rows])


def look_up(values: npt.NDArray[np.generic], at: FloatArray) -> FloatArray:
    """Bilinear; what lies beyond repeats the edge."""
    found: FloatArray = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found


def _unexplained(here: Gray, there: FloatArray, where: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean difference in a neighbourhood, over what both recorded; 0 where they recorded nothing."""
    weight = where.astype(np.float32)
    difference = np.abs(here - there) * weight
    total, count = (cv2.GaussianBlur(part, (0, 0), WINDOW_SIGMA) for part in (difference, weight))
    mean: FloatArray = total / np.maximum(count, np.float32(1e-3))
    return mean


def _spread(gray: Gray) -> FloatArray:
    """Standard deviation of a neighbourhood."""
    picture = gray.astype(np.float32)
    mean, square = (cv2.GaussianBlur(part, (0, 0), WINDOW_SIGMA) for part in (picture, picture * picture))
    deviation: FloatArray = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def _share(values: FloatArray, middle: float) -> FloatArray:
    """0 far below ``middle``, one half at it, 1 far above."""
    square = values * values
    share: FloatArray = square / (square + np.float32(middle * middle))
    return share


def _spread_out(flow: FloatArray, evidence: FloatArray) -> FloatArray:
    """The flow where it is known; elsewhere what the nearest known parts say (normalised convolution, coarse to fine).

    Knutsson and Westin 1993; each level fills what the finer one knows nothing of. Nothing known at all is no motion.
    """
    weight = evidence[..., None]
    return _pulled(np.concatenate([flow * weight, weight], axis=2))


def _pulled(sums: FloatArray) -> FloatArray:
    h, w = sums.shape[:2]
    known = sums[..., 2:]
    if min(h, w) <= 2:
        middle: FloatArray = sums[..., :2] / np.maximum(known, np.float32(1e-6))
        return middle
    coarse = _pulled(cv2.pyrDown(sums))
    beyond: FloatArray = cv2.pyrUp(coarse, dstsize=(w, h))
    share = known / (known + np.float32(0.05))
    pulled: FloatArray = share * (sums[..., :2] / np.maximum(known, np.float32(1e-6))) + (1 - share) * beyond
    return pulled


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV splits the flow into as many stripes as it has threads: no machine's number of cores shows in it."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
