"""How the picture moves from a frame to its neighbour, and where that can be believed.

What clipped is flat white, so that a plain optical flow sees nothing in it but its rim. The guide that the flow looks
at therefore carries the clip's own shape: the distance from its rim, as a relief. A large clip then moves as its
outline does, and a lamp that crosses another clip is found by its outline as long as it has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from headroom.colour.curves import srgb_decode
from headroom.encode import Rows
from headroom.engine.tiles import halving_step
from headroom.plate import FloatArray

__all__ = ["Chain", "Guide", "GuideMaker", "Link", "grid_step", "link", "prolong", "start"]

GRID_PX = 1100
"""Longest side of the grid on which motion is found: 960 for HD and UHD. Finer grids cost more than they find."""
LUMA = np.array([0.3, 0.5, 0.2], np.float32)
"""Weights of R, G, B in the guide: edges of any colour count."""
RELIEF = 0.5
"""Share of the guide's range that is the relief's inside a clip."""
RELIEF_SHARE = 1 / 32
"""The relief's depth, as a share of the grid's width."""
WELL_EXPOSED = (0.1, 0.85)
"""sRGB codes between which the change of exposure is measured, as shares of the clip level."""
LEAST_CELLS = 16
"""Sides of a grid below which nothing is taken to move: the optical flow's pyramid needs more."""
LEAST_EVIDENCE = 200
"""Cells below which the exposure counts as unchanged."""
LOOP_PX = 1.0
"""How far the way there and back may miss its start, in cells, one standard deviation; and a share of the way."""
LOOP_SHARE = 0.05
CHANGE_STOPS = 0.3
"""How much recorded light may change along the motion, one standard deviation."""
LIGHT_FLOOR = 0.01
"""Light, as a share of the clip level, below which a change is noise."""

# OpenCV splits the flow into as many stripes as it has threads. One, so that no machine's number of cores can show in
# the result; shots overlap frames instead.
cv2.setNumThreads(1)


def grid_step(height: int, width: int) -> int:
    """Pixels of the plate to a cell of the grid: a power of two, so that bands of tiles hold whole cells."""
    return halving_step(height, width, GRID_PX)


@dataclass(frozen=True)
class Guide:
    """A plate on the grid."""

    gray: npt.NDArray[np.uint8]
    """(h, w) what the optical flow looks at."""
    x_srgb: npt.NDArray[np.float16]
    """(h, w, 3) area means, 1.0 is the clip level."""


class GuideMaker:
    """Collects a guide from bands of rows that begin at multiples of the step."""

    def __init__(self, height: int, width: int) -> None:
        self._step = grid_step(height, width)
        self._shape = -(-height // self._step), -(-width // self._step)
        self._x_srgb = np.zeros((*self._shape, 3), np.float32)
        self._alpha = np.zeros(self._shape, np.float32)

    def see(self, y0: int, rows: Rows) -> None:
        """Rows ``y0 ..``."""
        first = y0 // self._step
        x_srgb, alpha = self._means(rows.x_srgb), self._means(rows.alpha.min(axis=2)[..., None])
        self._x_srgb[first : first + len(x_srgb)] = x_srgb
        self._alpha[first : first + len(alpha)] = alpha[..., 0]

    def guide(self) -> Guide:
        """After the last band."""
        inside = cv2.distanceTransform((self._alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
        relief = 1 - np.exp(-inside / np.float32(self._shape[1] * RELIEF_SHARE))
        gray = (1 - RELIEF) * (self._x_srgb @ LUMA) + RELIEF * relief
        return Guide((gray.clip(0, 1) * 255 + 0.5).astype(np.uint8), self._x_srgb.astype(np.float16))

    def _means(self, values: FloatArray) -> FloatArray:
        step = self._step
        if step == 1:
            return values
        bottom, right = -values.shape[0] % step, -values.shape[1] % step
        if bottom or right:
            values = np.pad(values, ((0, bottom), (0, right), (0, 0)), mode="edge")
        rows = values.reshape(values.shape[0] // step, step, values.shape[1], -1).mean(axis=1)
        means: FloatArray = rows.reshape(rows.shape[0], rows.shape[1] // step, step, -1).mean(axis=2)
        return means


@dataclass(frozen=True)
class Link:
    """From each cell of a frame to where it is in a neighbour."""

    flow: FloatArray
    """(h, w, 2) cells to the right and down."""
    trust: FloatArray
    """(h, w) 0..1."""
    ev_stops: float
    """How much more light the frame's exposure gives than its neighbour's."""


def link(here: Guide, there: Guide) -> tuple[Link, Link]:
    """There, and back."""
    # Patches of 8 cells every 4, finest scale at half the grid, with variational refinement: OpenCV's medium preset.
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = [np.zeros((*here.gray.shape, 2), np.float32) for _ in range(2)]
    if min(here.gray.shape) >= LEAST_CELLS:
        pairs = ((here.gray, there.gray), (there.gray, here.gray))
        flows = [finder.calc(a, b, flow) for (a, b), flow in zip(pairs, flows, strict=True)]
    links = []
    for (a, b), (flow, back) in zip(((here, there), (there, here)), (flows, flows[::-1]), strict=True):
        at = _cells(*flow.shape[:2]) + flow
        miss = flow + _look_up(back, at)
        limit = LOOP_PX + LOOP_SHARE * np.hypot(flow[..., 0], flow[..., 1])
        trust = np.exp(-0.5 * (np.hypot(miss[..., 0], miss[..., 1]) / limit) ** 2)
        h, w = trust.shape
        inside = (at[..., 0] > -0.5) & (at[..., 0] < w - 0.5) & (at[..., 1] > -0.5) & (at[..., 1] < h - 0.5)
        x_here, x_there = a.x_srgb.astype(np.float32), _look_up(b.x_srgb.astype(np.float32), at)
        lin_here, lin_there = srgb_decode(x_here), srgb_decode(x_there)
        ev_stops = _exposure(x_here, x_there, lin_here, lin_there, inside)
        change = np.log2((lin_here + LIGHT_FLOOR) / (lin_there * np.float32(2.0**ev_stops) + LIGHT_FLOOR))
        recorded = np.minimum(x_here, x_there) < 0.97  # in both at the clip: nothing is known of it
        worst = np.where(recorded, np.abs(change), 0).max(axis=2)
        trust = trust * np.exp(-0.5 * (worst / CHANGE_STOPS) ** 2) * inside
        links.append(Link(flow, trust.astype(np.float32), ev_stops))
    return links[0], links[1]


def _exposure(
    x_here: FloatArray, x_there: FloatArray, lin_here: FloatArray, lin_there: FloatArray, inside: npt.NDArray[np.bool_]
) -> float:
    low, high = WELL_EXPOSED
    good = (x_here > low) & (x_here < high) & (x_there > low) & (x_there < high) & inside[..., None]
    if int(good.sum()) < LEAST_EVIDENCE:
        return 0.0
    return float(np.median(np.log2(lin_here[good] / lin_there[good])))


@dataclass(frozen=True)
class Chain:
    """The way from a frame to one further off, link by link."""

    way: FloatArray
    """(h, w, 3): cells to the right, cells down, trust."""
    ev_stops: float


def start(step: Link) -> Chain:
    """To the next frame."""
    return Chain(np.dstack([step.flow, step.trust]), step.ev_stops)


def prolong(chain: Chain, step: Link) -> Chain:
    """One frame further."""
    h, w = chain.way.shape[:2]
    at = _cells(h, w) + chain.way[..., :2]
    way = _look_up(np.dstack([step.flow, step.trust]), at)
    inside = (at[..., 0] > -0.5) & (at[..., 0] < w - 0.5) & (at[..., 1] > -0.5) & (at[..., 1] < h - 0.5)
    way[..., :2] += chain.way[..., :2]
    way[..., 2] *= chain.way[..., 2] * inside
    return Chain(way, chain.ev_stops + step.ev_stops)


def _cells(height: int, width: int) -> FloatArray:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([columns, rows])


def _look_up(values: FloatArray, at: FloatArray) -> FloatArray:
    """Bilinear; what lies beyond repeats the edge."""
    found: FloatArray = cv2.remap(values, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found
