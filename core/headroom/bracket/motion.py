"""How one frame of a bracket lies against the reference: a homography, and a flow on top of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

__all__ = ["Motion", "apply", "positions", "seen_rows", "source_points", "still"]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """From a pixel of the reference to where the frame shows the same thing.

    ``p`` of the reference is at ``homography(p + flow(p))`` of the frame; pixel centres are at integers.
    """

    homography: npt.NDArray[np.float64] | None = None
    """(3, 3), reference to frame, in pixels; None: the frame has not moved."""
    flow: npt.NDArray[np.float16] | None = None
    """(h, w, 2) pixels to the right and down, on a grid of ``step`` pixels; None: nothing beside the homography."""
    seen: npt.NDArray[np.uint8] | None = None
    """(h, w) 0..255 on the same grid: 0 where the frame hides what the reference shows."""
    step: int = 1
    placed_px: float = 0.0
    """Standard deviation, to each side, of where the homography lays a sample: what the tracked points miss it by."""
    method: str = "none"
    """``none``, ``features``, ``mtb`` or ``identity`` (nothing else was trustworthy)."""
    found: dict[str, Any] | None = None
    """Evidence for the report: matches, inliers, residual in pixels."""

    @property
    def is_still(self) -> bool:
        """Whether the frame is used pixel by pixel, without resampling."""
        return self.homography is None and self.flow is None

    def corners_px(self, height: int, width: int) -> float:
        """How far the outermost pixels move at most, by the homography."""
        if self.homography is None:
            return 0.0
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)
        return float(np.hypot(*(apply(self.homography, corners) - corners).T).max())

    def without_flow(self) -> Motion:
        """The global part alone."""
        return replace(self, flow=None, seen=None)


def still(method: str = "none", **found: Any) -> Motion:
    """A frame that has not moved."""
    return Motion(method=method, found=found or None)


def apply(homography: npt.NDArray[np.float64], points: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(..., 2) x, y through a homography."""
    h = homography
    x, y = points[..., 0], points[..., 1]
    scale = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    moved = (h[0, 0] * x + h[0, 1] * y + h[0, 2], h[1, 0] * x + h[1, 1] * y + h[1, 2])
    return np.stack([part / scale for part in moved], axis=-1)


def positions(y0: int, y1: int, x0: int, x1: int) -> npt.NDArray[np.float64]:
    """(y1-y0, x1-x0, 2) x, y of every pixel of a window."""
    columns, rows = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
    return np.stack([columns, rows], axis=-1)


def source_points(motion: Motion, y0: int, y1: int, x0: int, x1: int) -> npt.NDArray[np.float64]:
    """(y1-y0, x1-x0, 2) x, y in the frame of each pixel of a window of the reference."""
    points = positions(y0, y1, x0, x1)
    if motion.flow is not None:
        points += _on_grid(motion.flow, motion.step, points)
    return points if motion.homography is None else apply(motion.homography, points)


def seen_rows(motion: Motion, y0: int, y1: int, x0: int, x1: int) -> FloatArray:
    """(y1-y0, x1-x0) 0..1 of a window of the reference: 0 where the frame hides what it shows."""
    if motion.seen is None:
        return np.ones((y1 - y0, x1 - x0), np.float32)
    seen = _on_grid(motion.seen, motion.step, positions(y0, y1, x0, x1))
    seen /= np.float32(255)
    return seen


def _on_grid(values: npt.NDArray[Any], step: int, points: npt.NDArray[np.float64]) -> FloatArray:
    """A window of what lies on a grid of ``step`` pixels, bilinear."""
    import cv2

    if step == 1:
        (left, top), (right, bottom) = points[0, 0].astype(int), points[-1, -1].astype(int) + 1
        return values[top:bottom, left:right].astype(np.float32)
    at = (points + 0.5) / step - 0.5
    left, top = np.maximum(np.floor(at[0, 0]).astype(int), 0)
    right, bottom = np.floor(at[-1, -1]).astype(int) + 2
    part = values[top:bottom, left:right].astype(np.float32)
    at = (at - [left, top]).astype(np.float32)
    found: FloatArray = cv2.remap(part, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found
