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
WINDOW_SIGMA, WIDE_SIGMA = 3.0, 10.0
"""Guide pixels over which two ways of laying a frame on another are compared."""
DENOISE_SIGMA = 1.2
"""Two frames are compared through a blur that leaves about ``KEPT`` of their noise."""
KEPT = 0.5
LEAST_NOISE = 0.7
"""Codes of a guide: its own rounding, and what interpolation does to it."""
BETTER = (0.85, 0.6)
"""Share of what no motion leaves unexplained that a flow may leave: not believed, wholly believed."""
STILLNESS = 0.0005
"""Evidence for no motion that every place has: what is further from anything known than this reaches does not move."""
LITTLE = 0.01
"""Evidence of a place that counts as much as all that is known about it."""
TONES = 16
QUIET = 0.25
"""Of the blocks of a tone, ordered by their detail, the one that shows the noise alone."""
BLOCK = 8
LEAST_BLOCKS = 8
FARTHEST = 0.2
"""Of the longer side: nothing moves farther between two frames of a bracket."""
LOOP_PX = 1.0
"""How far the way there and back may miss its start, and a share of the way."""
LOOP_SHARE = 0.1
TEXTURE = 2.0
"""Spread of a neighbourhood that shows where it lies, in multiples of the noise."""
HIDDEN = 4.0
"""What a hidden place differs by."""


class Field:
    """From each guide pixel of the reference to the frame as laid on it by the homography."""

    def __init__(self, flow: FloatArray, evidence: FloatArray, seen: FloatArray) -> None:
        self.flow = flow
        """(h, w, 2) guide pixels to the right and down."""
        self.evidence = evidence
        """(h, w) 0..1: 1 where the flow was measured, 0 where it follows its surroundings."""
        self.seen = seen
        """(h, w) 0..1: 0 where the frame hides what the reference shows."""


def local_motion(here: Gray, there: Gray, here_useful: Gray, there_useful: Gray) -> Field:
    """Both guides on the reference's grid, of matched exposure."""
    h, w = here.shape
    if min(h, w) < LEAST_CELLS:
        return Field(np.zeros((h, w, 2), np.float32), np.zeros((h, w), np.float32), np.ones((h, w), np.float32))
    with _one_thread():
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flows = finder.calc(here, there, None), finder.calc(there, here, None)
    # Where there is nothing to see, the variational refinement may run away.
    limit = FARTHEST * max(h, w)
    ahead, back = (np.nan_to_num(flow, nan=0, posinf=0, neginf=0).clip(-limit, limit) for flow in flows)
    at = pixels(h, w) + ahead
    miss = ahead + look_up(back, at)
    loop = np.hypot(miss[..., 0], miss[..., 1]) / (LOOP_PX + LOOP_SHARE * np.hypot(ahead[..., 0], ahead[..., 1]))
    agree = np.exp(-0.5 * loop**2)
    quiet_here, quiet_there = (
        cv2.GaussianBlur(gray.astype(np.float32), (0, 0), DENOISE_SIGMA) for gray in (here, there)
    )
    both = (here_useful > 0) & (there_useful > 0)
    inside = (at >= 0).all(axis=2) & (at[..., 0] <= w - 1) & (at[..., 1] <= h - 1)
    moved_useful = (here_useful > 0) & (look_up(there_useful, at) > 250) & inside
    noise_by_tone = _noise(here, here - look_up(there.astype(np.float32), at), moved_useful)
    noise = LEAST_NOISE + KEPT * noise_by_tone[quiet_here.astype(np.uint8)]
    worst, good = BETTER
    belief = np.zeros((h, w), np.float32)
    for sigma in (WINDOW_SIGMA, WIDE_SIGMA):  # the wide one carries what a thing's outline shows into its inside
        plain = _unexplained(quiet_here, quiet_there, both, sigma)
        moved = _unexplained(quiet_here, look_up(quiet_there, at), moved_useful, sigma)
        share = ((worst - (moved + noise) / (plain + noise)) / (worst - good)).clip(0, 1)
        belief = np.maximum(belief, share * share * (3 - 2 * share))
    # Both must show where they lie: black levels and blank walls say anything.
    spread_here, spread_there = _spread(quiet_here), _spread(quiet_there)
    textured = _share(np.minimum(spread_here, look_up(spread_there, at)) / noise, TEXTURE)
    measured = np.maximum(textured, LITTLE) * agree * moved_useful * belief
    plain = _unexplained(quiet_here, quiet_there, both, WINDOW_SIGMA)
    rests = _share(np.minimum(spread_here, spread_there) / noise, TEXTURE) * (1 - belief) * (plain < 2 * noise) * both
    evidence = np.maximum(measured, rests).astype(np.float32)
    flow = _spread_out(ahead, measured.astype(np.float32), rests.astype(np.float32))
    # What was filled in may be wrong where both recorded something after all.
    kept = _unexplained(quiet_here, look_up(quiet_there, pixels(h, w) + flow), both, WINDOW_SIGMA) <= plain + noise
    flow *= cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 1.0)[..., None]
    left = np.abs(quiet_here - look_up(quiet_there, pixels(h, w) + flow))
    hidden = _share(left / noise, HIDDEN) * (1 - agree) * moved_useful
    return Field(flow, evidence, (1 - hidden).astype(np.float32))


def pixels(height: int, width: int) -> FloatArray:
    """(h, w, 2) x, y of every pixel."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([columns, rows])


def look_up(values: npt.NDArray[np.generic], at: FloatArray) -> FloatArray:
    """Bilinear; what lies beyond repeats the edge."""
    found: FloatArray = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found


def _noise(here: Gray, left: FloatArray, where: npt.NDArray[np.bool_]) -> FloatArray:
    """(256,) standard deviation by tone of what two guides differ by along the flow, in their quietest blocks."""
    h, w = (side // BLOCK * BLOCK for side in here.shape)
    # Second difference over a 2 x 2 square: lines and slopes vanish, noise keeps its variance.
    detail = np.zeros_like(left)
    detail[:-1, :-1] = (left[:-1, :-1] - left[1:, :-1] - left[:-1, 1:] + left[1:, 1:]) / 2
    tone, power, good = (
        part[:h, :w].astype(np.float32).reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).mean(axis=(1, 3))
        for part in (here, detail**2, where)
    )
    tones, powers = [], []
    for n in range(TONES):
        inside = (good > 0.9) & (tone >= n * 256 / TONES) & (tone < (n + 1) * 256 / TONES)
        if inside.sum() >= LEAST_BLOCKS:
            tones.append((n + 0.5) * 256 / TONES)
            powers.append(float(np.quantile(power[inside], QUIET)))
    known: FloatArray = np.sqrt(np.interp(np.arange(256), tones, powers) if tones else np.zeros(256)).astype(np.float32)
    return known


def _unexplained(here: FloatArray, there: FloatArray, where: npt.NDArray[np.bool_], sigma: float) -> FloatArray:
    """Mean difference in a neighbourhood, over what both recorded; 0 where they recorded nothing."""
    weight = where.astype(np.float32)
    difference = np.abs(here - there) * weight
    total, count = (cv2.GaussianBlur(part, (0, 0), sigma) for part in (difference, weight))
    mean: FloatArray = total / np.maximum(count, np.float32(1e-3))
    return mean


def _spread(picture: FloatArray) -> FloatArray:
    """Standard deviation of a neighbourhood."""
    mean, square = (cv2.GaussianBlur(part, (0, 0), WINDOW_SIGMA) for part in (picture, picture * picture))
    deviation: FloatArray = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def _share(values: FloatArray, middle: float) -> FloatArray:
    """0 far below ``middle``, one half at it, 1 far above."""
    square = values * values
    share: FloatArray = square / (square + np.float32(middle * middle))
    return share


def _spread_out(flow: FloatArray, measured: FloatArray, rests: FloatArray) -> FloatArray:
    """The flow where it is measured, none where nothing moves; elsewhere what the nearest known parts say.

    Normalised convolution (Knutsson and Westin 1993), coarse to fine: each level fills what the finer one knows
    nothing of. Far from anything known there is no motion.
    """
    moving = measured[..., None]
    return _pulled(np.concatenate([flow * moving, moving + rests[..., None] + np.float32(STILLNESS)], axis=2))


def _pulled(sums: FloatArray) -> FloatArray:
    h, w = sums.shape[:2]
    known = sums[..., 2:]
    if min(h, w) <= 2:
        middle: FloatArray = sums[..., :2] / np.maximum(known, np.float32(1e-6))
        return middle
    coarse = _pulled(cv2.pyrDown(sums))
    beyond: FloatArray = cv2.pyrUp(coarse, dstsize=(w, h))
    share = known / (known + np.float32(LITTLE))
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
