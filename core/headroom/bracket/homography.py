"""How a frame lies against another as a whole: features, a robust homography, sub-pixel tracking, and its doubts.

SIFT (Lowe 2004) on guides of matched exposure, MAGSAC++ (Barath et al. 2020) over the matches; then points tracked
by pyramidal Lucas-Kanade on the frame as warped so far, and the homography fitted again to them (``fit``). Where that
leads nowhere, Ward's median threshold bitmap (2003) finds a shift; where that does not fit better than no motion at
all, the frame is taken as it is.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from headroom.bracket.fit import POINT_PX, fit
from headroom.bracket.guide import Gray, Guide
from headroom.bracket.motion import Motion, apply, still

__all__ = ["global_motion", "is_tame", "to_plate", "warp_gray"]

Matrix = npt.NDArray[np.float64]
Points = npt.NDArray[np.float64]

FEATURE_PX = 1200
"""Longest side on which features are sought."""
FEATURES = 2000
CONTRAST = 0.015
"""SIFT's least contrast: shadows hold features too."""
RATIO = 0.8
"""Best over second best match (Lowe 2004, section 7.1)."""
MATCH_PX = 2.0
"""Inliers of the first fit lie within so many guide pixels."""
TRACKED = 1200
TRACK_WINDOW = 21
TRACK_PX = 0.7
"""Inliers of the second fit."""
LOOP_PX = 0.3
"""How far a point tracked there and back may miss its start."""
ROUNDS = 2
CORNER = 0.002
"""Least quality of a corner to be tracked, as a share of the best."""
LEAST_INLIERS = 12
LEAST_SHARE = 0.2
"""Of the tracked points: fewer inliers than this are no motion of the whole."""
LEAST_CELLS = 3
"""Of a 4 x 4 partition of the frame: a motion seen in fewer is that of one thing."""
FARTHEST = 0.25
"""Of the diagonal: a corner that moves farther is no hand-held bracket."""
AREA = (0.7, 1.4)
"""Change of area at each corner."""
STILL_PX = 0.15
"""A mean motion under so many pixels of the plate is none: resampling would cost more than it corrects."""
LEAST_PX = 32
"""Sides of a guide below which nothing is sought."""
MTB_BITS = 6
MTB_LEVEL_PX = 8
"""OpenCV's pyramid of bitmaps wants so many pixels at its top."""
MTB_GAIN = 0.05
"""The shift's correlation must beat that of no motion by as much."""
MTB_LEAST = 0.25
"""And be as good as that."""


def global_motion(here: Guide, there: Guide, *, step: int) -> Motion:
    """Of the whole picture from ``here`` (the reference) to ``there``, both of matched exposure."""
    found: dict[str, Any] = {}
    if min(here.gray.shape) < LEAST_PX:
        return still("identity")
    start = _by_features(here, there, found)
    # Without one: a tripod in the dark shows too few features to match, and enough to see that nothing moved.
    matrix = _tracked(here, there, np.eye(3) if start is None else start, found, step)
    if matrix is None:
        matrix = start
    if matrix is not None:
        moved = mean_motion(matrix, here.gray.shape) * step
        found["mean_px"] = round(moved, 3)
        if moved < STILL_PX:
            return still("features", **found)
        if start is not None:
            placed = found.get("placed_px", POINT_PX * step)
            return Motion(homography=to_plate(matrix, step), placed_px=placed, method="features", found=found)
    return _by_bitmap(here, there, step, found)


def is_tame(matrix: Matrix, shape: tuple[int, ...]) -> bool:
    """Whether a homography of a picture of this (h, w) is one that a hand-held camera makes."""
    if not np.isfinite(matrix).all():
        return False
    h, w = shape[:2]
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    scale = corners @ matrix[2, :2] + matrix[2, 2]
    if (scale <= 0).any():
        return False
    # The Jacobian's determinant of a homography is det(H) / (h3 . p)^3.
    areas = np.linalg.det(matrix) / scale**3
    moved = np.hypot(*(apply(matrix, corners) - corners).T)
    return bool(AREA[0] < areas.min() and areas.max() < AREA[1] and moved.max() <= FARTHEST * np.hypot(h, w))


def mean_motion(matrix: Matrix, shape: tuple[int, ...]) -> float:
    """Mean distance that points all over the picture move."""
    h, w = shape[:2]
    columns, rows = np.meshgrid(np.linspace(0, w - 1, 9), np.linspace(0, h - 1, 9))
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return float(np.hypot(*(apply(matrix, points) - points).T).mean())


def to_plate(matrix: Matrix, step: float) -> Matrix:
    """From pixels of a guide to those of the plate, ``step`` to one (back: 1 / step); centres are at integers."""
    out = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
    scaled: Matrix = out @ matrix @ np.linalg.inv(out)
    scaled /= scaled[2, 2]
    return scaled


def warp_gray(gray: Gray, matrix: Matrix, *, smooth: bool = True) -> Gray:
    """The frame's guide where the reference sees it; 0 beyond."""
    way = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    h, w = gray.shape
    warped: Gray = cv2.warpPerspective(gray, matrix, (w, h), flags=way | cv2.WARP_INVERSE_MAP)
    return warped


def _by_features(here: Guide, there: Guide, found: dict[str, Any]) -> Matrix | None:
    longest = max(here.gray.shape)
    scale = min(1.0, FEATURE_PX / longest)
    pictures = [cv2.resize(g.gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else g.gray
                for g in (here, there)]  # fmt: skip
    masks = [cv2.resize(g.useful, p.shape[::-1], interpolation=cv2.INTER_NEAREST)
             for g, p in zip((here, there), pictures, strict=True)]  # fmt: skip
    finder = cv2.SIFT.create(nfeatures=FEATURES, contrastThreshold=CONTRAST)
    (points_a, what_a), (points_b, what_b) = (
        finder.detectAndCompute(p, m) for p, m in zip(pictures, masks, strict=True)
    )
    found["features"] = [len(points_a), len(points_b)]
    if min(len(points_a), len(points_b)) < LEAST_INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(what_a, what_b, k=2)
    back = dict(enumerate(m[0].trainIdx for m in cv2.BFMatcher(cv2.NORM_L2).knnMatch(what_b, what_a, k=1)))
    clear = [m[0] for m in pairs if len(m) == 2 and m[0].distance < RATIO * m[1].distance]
    good = [m for m in clear if back[m.trainIdx] == m.queryIdx]
    found["matches"] = len(good)
    if len(good) < LEAST_INLIERS:
        return None
    ratio = here.gray.shape[1] / pictures[0].shape[1]
    a = (np.array([points_a[m.queryIdx].pt for m in good]) + 0.5) * ratio - 0.5
    b = (np.array([points_b[m.trainIdx].pt for m in good]) + 0.5) * ratio - 0.5
    fitted = fit(a, b, MATCH_PX * max(1.0, ratio), here.gray.shape)
    if fitted is None:
        return None
    matrix, inliers = fitted
    found["agreeing"] = int(inliers.sum())
    enough = inliers.sum() >= max(LEAST_INLIERS, LEAST_SHARE * len(good))
    return matrix if enough and is_tame(matrix, here.gray.shape) else None


def _tracked(here: Guide, there: Guide, start: Matrix, found: dict[str, Any], plate_px: int) -> Matrix | None:
    """The homography from points tracked on the frame as ``start`` lays it; None where it is not to be trusted."""
    h, w = here.gray.shape
    apart = max(4, round(max(h, w) / 80))
    matrix = start
    for _ in range(ROUNDS):
        picture, useful = warp_gray(there.gray, matrix), warp_gray(there.useful, matrix, smooth=False)
        both = cv2.min(here.useful, useful)
        corners = cv2.goodFeaturesToTrack(here.gray, TRACKED, CORNER, apart, mask=both)
        if corners is None or len(corners) < LEAST_INLIERS:
            return None
        a, b = _track(here.gray, picture, corners.reshape(-1, 1, 2).astype(np.float32))
        if len(a) < LEAST_INLIERS:
            return None
        b = apply(matrix, b)
        fitted = fit(a, b, TRACK_PX, (h, w))
        if fitted is None:
            return None
        matrix, inliers = fitted
        missed = 1.4826 * float(np.median(np.abs(apply(matrix, a) - b)[inliers]))
        found["placed_px"] = round(missed * plate_px, 4)
        if not is_tame(matrix, (h, w)):
            return None
    cells = len(np.unique((a[inliers] / [w, h] * 4).astype(int) @ [1, 4]))
    found |= {"tracked": len(a), "inliers": int(inliers.sum()), "cells": cells}
    enough = inliers.sum() >= max(LEAST_INLIERS, LEAST_SHARE * len(a))
    return matrix if enough and cells >= LEAST_CELLS else None


def _track(here: Gray, there: Gray, places: npt.NDArray[np.float32]) -> tuple[Points, Points]:
    """Points found there and back again, (K, 2) each."""
    window: dict[str, Any] = {"winSize": (TRACK_WINDOW, TRACK_WINDOW), "maxLevel": 2, "minEigThreshold": 1e-3,
              "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.01)}  # fmt: skip
    reached, found, _ = cv2.calcOpticalFlowPyrLK(here, there, places, None, **window)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(there, here, reached, None, **window)
    a, b, c = (points.reshape(-1, 2) for points in (places, reached, back))
    good = (found.ravel() > 0) & (returned.ravel() > 0) & (np.hypot(*(c - a).T) < LOOP_PX)
    return a[good].astype(np.float64), b[good].astype(np.float64)


def _by_bitmap(here: Guide, there: Guide, step: int, found: dict[str, Any]) -> Motion:
    """Ward's median threshold bitmap: whole guide pixels, up to 64 to each side."""
    bits = min(MTB_BITS, int(np.log2(min(here.gray.shape) / MTB_LEVEL_PX)))
    shift = cv2.createAlignMTB(bits, 4, False).calculateShift(here.gray, there.gray)
    matrix = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1]], np.float64)
    plain, moved = (_correlation(here, there, m) for m in (np.eye(3), matrix))
    found |= {"correlation": [round(plain, 4), round(moved, 4)]}
    if shift == (0, 0) or moved < max(plain + MTB_GAIN, MTB_LEAST) or not is_tame(matrix, here.gray.shape):
        return still("identity", **found)
    return Motion(homography=to_plate(matrix, step), method="mtb", found=found)


def _correlation(here: Guide, there: Guide, matrix: Matrix) -> float:
    """Of the details of two guides, the second as the matrix lays it: -1..1."""
    where = (here.useful > 0) & (warp_gray(there.useful, matrix, smooth=False) > 0)
    if where.sum() < 64:
        return 0.0
    details = []
    for gray in (here.gray, warp_gray(there.gray, matrix)):
        picture = gray.astype(np.float32)
        detail = (picture - cv2.GaussianBlur(picture, (0, 0), 4))[where]
        details.append(detail - detail.mean())
    a, b = details
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0
