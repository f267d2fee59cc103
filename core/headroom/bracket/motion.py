"""How one frame of a bracket lies against the reference: a homography, and a flow on top of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

__all__ = ["Motion", "still"]


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


def source_points(motion: Motion, y0: int, y1: int, x0: int, x1: int) -> npt.NDArray[np.float64]:
    """(y1-y0, x1-x0, 2) x, y in the frame of each pixel of a window of the reference."""
    import cv2

    columns, rows = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
    points = np.stack([columns, rows], axis=-1)
    if motion.flow is not None:
        at = ((points + 0.5) / motion.step - 0.5).astype(np.float32)
        top, left = max(0, int(at[0, 0, 1]) - 1), max(0, int(at[0, 0, 0]) - 1)
        part = motion.flow[top : int(at[-1, -1, 1]) + 3, left : int(at[-1, -1, 0]) + 3].astype(np.float32)
        at -= np.array([left, top], np.float32)
        flow: FloatArray = cv2.remap(part, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        points += flow
    return points if motion.homography is None else apply(motion.homography, points)
