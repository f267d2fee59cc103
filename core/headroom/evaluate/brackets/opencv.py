"""OpenCV's bracket merges as baselines: what a user has without headroom.

``photo`` module: AlignMTB (Ward 2003), CalibrateDebevec and MergeDebevec (Debevec and Malik 1997), CalibrateRobertson
and MergeRobertson (Robertson et al. 2003), MergeMertens (Mertens et al. 2007). 8 bits in, as OpenCV wants it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.evaluate.brackets.frames import Frames
from headroom.plate import FloatArray

__all__ = ["debevec", "debevec_told", "mertens", "robertson"]

Codes8 = npt.NDArray[np.uint8]


def debevec(frames: Frames) -> FloatArray:
    """Response curve and merge by Debevec, aligned by median threshold bitmaps."""
    cv2 = _cv2()
    codes, seconds = _aligned(frames)
    curve = cv2.createCalibrateDebevec().process(codes, seconds)
    return _light(cv2.createMergeDebevec().process(codes, seconds, curve), frames, seconds)


def debevec_told(frames: Frames) -> FloatArray:
    """The same with the camera's true response instead of an estimated one, as headroom is told it."""
    cv2 = _cv2()
    codes, seconds = _aligned(frames)
    steps = np.asarray(frames.response.inverse(np.linspace(0, 1, 256)), np.float32)
    # Code 0 means "less than half a step": the merge takes logarithms.
    steps[0] = steps[1] / 2
    curve = np.repeat(steps[:, None, None], 3, 2)
    return _light(cv2.createMergeDebevec().process(codes, seconds, curve), frames, seconds)


def robertson(frames: Frames) -> FloatArray:
    """Response curve and merge by Robertson, aligned by median threshold bitmaps."""
    cv2 = _cv2()
    codes, seconds = _aligned(frames)
    curve = cv2.createCalibrateRobertson().process(codes, seconds)
    return _light(cv2.createMergeRobertson().process(codes, seconds, curve), frames, seconds)


def mertens(frames: Frames) -> FloatArray:
    """Exposure fusion: a picture to be looked at, not light; taken back through the camera's curve to be compared."""
    cv2 = _cv2()
    codes, _ = _aligned(frames)
    fused = np.asarray(cv2.createMergeMertens().process(codes), np.float32)
    return np.asarray(frames.response.inverse(fused.clip(0, 1)), np.float32)


def _aligned(frames: Frames) -> tuple[list[Codes8], npt.NDArray[np.float32]]:
    """Frames shifted onto the reference (zeros come in at the borders, as AlignMTB leaves them), exposure times."""
    cv2 = _cv2()
    mtb = cv2.createAlignMTB()
    codes = list(frames.codes)
    grey = [cv2.cvtColor(code, cv2.COLOR_RGB2GRAY) for code in codes]
    for index, code in enumerate(codes):
        if index != frames.reference:
            # AlignMTB.process itself aligns to the middle of the list, whichever the reference is.
            codes[index] = mtb.shiftMat(code, mtb.calculateShift(grey[frames.reference], grey[index]))
    return codes, frames.exposures.astype(np.float32)


def _light(merged: Any, frames: Frames, seconds: npt.NDArray[np.float32]) -> FloatArray:
    """Radiance of exposure time 1, which the reference has; its scale is the curve's and is aligned afterwards."""
    light: FloatArray = np.asarray(merged, np.float32) * seconds[frames.reference]
    return light


def _cv2() -> Any:
    import cv2

    return cv2
