"""All frames of a bracket as the reference sees them, handed out window by window.

Nothing of the size of a frame is kept but the plates' own codes and the compact motions: a window is decoded and
resampled when it is asked for, so that three frames of 24 megapixels fit beside a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np

from headroom.bracket.black import black_light
from headroom.bracket.frames import FrameRows
from headroom.bracket.motion import Motion, positions, seen_rows, source_points, still
from headroom.bracket.resample import MARGIN_PX, PARTS, inside, resample
from headroom.bracket.search import find_motions
from headroom.bracket.stack import Bracket
from headroom.clipping import ClipLevel, clip_level, soft_mask
from headroom.encode import largest_channel
from headroom.errors import UsageError
from headroom.plate import FloatArray, Plate

__all__ = ["WAYS", "Alignment", "Decode", "align", "frame_clip"]

Decode = Callable[[FloatArray], FloatArray]
"""Codes (..., 3) to linear light, white at 1.0."""
Way = Literal["none", "global", "flow"]
WAYS: tuple[Way, ...] = ("none", "global", "flow")
COLUMNS = 8192
"""Columns that are resampled at once."""
ROWS = ("linear", "clipped", "valid")
HDR_ALREADY = 1.05
"""A float frame with codes beyond this (times white) did not clip at white."""
CLIP_REACH_PX = 2
"""A JPEG's samples so near a clipped one hold some of it: cameras sharpen, and programs resize, after the clip. In both
real static stacks that we have, such samples lie up to ten codes off, those from the third pixel on by one or less."""
BESIDE = 0.5
"""How clipped they count as: they give way to a darker frame that recorded the place, not to one that is black."""
SPOILED = 0.5
"""Share of the light by which a clipped sample is off: those beside it, half as clipped, by a quarter."""
PILE_SHARE = 2e-4
"""Such a frame clipped all the same where so many samples share its largest value."""


@dataclass(frozen=True)
class Alignment:
    """A bracket, decoded, with every frame's motion against the reference."""

    bracket: Bracket
    decode: Decode
    clips: tuple[ClipLevel, ...]
    motions: tuple[Motion, ...]
    how: Way = "none"
    mixes_channels: bool = False
    """A clip in one channel touches all three (the plates' primaries are not Rec.709)."""

    @property
    def height(self) -> int:
        """Rows of the reference, and of the merge."""
        return self.bracket.plates[self.bracket.reference].height

    @property
    def width(self) -> int:
        """Columns of the reference, and of the merge."""
        return self.bracket.plates[self.bracket.reference].width

    @cached_property
    def black(self) -> FloatArray:
        """(3,) light of a frame below which its code only says that there was no more (``black_light``)."""
        return black_light(self.bracket.plates, self.decode)

    def rows(self, frame: int, y0: int, y1: int, x0: int = 0, x1: int | None = None) -> FrameRows:
        """A window of the reference, as this frame recorded it. The reference itself is never resampled."""
        x1 = self.width if x1 is None else x1
        motion = self.motions[frame]
        if motion.is_still:
            linear, clipped = self.recorded(frame, y0, y1, x0, x1)
            whole = np.ones(linear.shape[:2], np.float32)
            return FrameRows(linear, clipped, whole, spoiled=self._spoiled(frame))
        # OpenCV resamples at most 32767 columns at once.
        parts = [self._resampled(frame, y0, y1, x, min(x + COLUMNS, x1)) for x in range(x0, x1, COLUMNS)]
        if len(parts) == 1:
            return parts[0]
        linear, clipped, valid = (np.concatenate([getattr(p, name) for p in parts], axis=1) for name in ROWS)
        return FrameRows(linear, clipped, valid, motion.placed_px, self._spoiled(frame))

    def window(self, y0: int, y1: int, x0: int = 0, x1: int | None = None) -> list[FrameRows]:
        """The same window of every frame, darkest first."""
        return [self.rows(frame, y0, y1, x0, x1) for frame in range(len(self.bracket.plates))]

    def recorded(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> tuple[FloatArray, FloatArray]:
        """A window in the frame's own pixels: linear light and how clipped.

        Where a brighter frame of JPEGs clipped, so did in part what is next to it; after the darkest nothing would know
        better.
        """
        plate = self.bracket.plates[frame]
        reach = CLIP_REACH_PX if self._spoiled(frame) else 0
        top, left = min(y0, reach), min(x0, reach)
        wide = _window(plate, y0 - top, min(y1 + reach, plate.height), x0 - left, min(x1 + reach, plate.width))
        alpha = soft_mask(wide, self.clips[frame].code).astype(np.float32, copy=False)
        if reach and alpha.any():
            near = cv2.dilate(alpha, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
            alpha = np.maximum(alpha, np.float32(BESIDE) * near)
        core = slice(top, top + y1 - y0), slice(left, left + x1 - x0)
        codes, alpha = wide[core], alpha[core]
        if self.mixes_channels:
            alpha = np.repeat(largest_channel(alpha)[..., None], 3, axis=2)
        return self.decode(codes).astype(np.float32, copy=False), alpha

    def _spoiled(self, frame: int) -> float:
        """``FrameRows.spoiled``; after the darkest no frame would know better."""
        return SPOILED if self.bracket.plates[frame].is_jpeg and frame > 0 else 0.0

    def _resampled(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> FrameRows:
        motion = self.motions[frame]
        at = source_points(motion, y0, y1, x0, x1)
        seen = seen_rows(motion, y0, y1, x0, x1)
        away = np.abs(at - positions(y0, y1, x0, x1)).max(axis=2) > 0
        if not away.any():
            linear, clipped = self.recorded(frame, y0, y1, x0, x1)
            return FrameRows(linear, clipped, seen, motion.placed_px, self._spoiled(frame))
        valid = seen * np.where(away, inside(at, self.height, self.width), np.float32(1))
        # What lies outside repeats the frame's edge: it is not valid, but finite. Rounded before the window's corner
        # is taken away: windows and the whole are the same.
        at = np.round(at.clip([0, 0], [self.width - 1, self.height - 1]) * PARTS) / PARTS
        left, top = np.floor(at.min(axis=(0, 1))).astype(int) - MARGIN_PX
        right, bottom = np.floor(at.max(axis=(0, 1))).astype(int) + MARGIN_PX + 2
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height)
        linear, clipped = self.recorded(frame, top, bottom, left, right)
        light, worst = resample(linear, clipped, (at - [left, top]).astype(np.float32))
        return FrameRows(light, worst, valid, motion.placed_px, self._spoiled(frame))

    def report(self) -> dict[str, Any]:
        """What was found, ready for JSON."""
        return {
            "how": self.how,
            "reference": self.bracket.reference,
            "frames": [
                {
                    "method": motion.method,
                    "moved_px": round(motion.corners_px(self.height, self.width), 3),
                    "resampled": not motion.is_still,
                    **(motion.found or {}),
                }
                for motion in self.motions
            ],
        }


def align(
    bracket: Bracket,
    decode: Decode,
    *,
    how: Way = "flow",
    clips: Sequence[ClipLevel] | None = None,
    mixes_channels: bool = False,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Alignment:
    """Find every frame's motion against the reference.

    ``decode``: ``Response.decode``. ``clips``: each frame's clip level where the user states it, else detected.
    ``progress`` gets 0..1. ``UsageError`` for another ``how``; ``Cancelled`` where ``cancelled()`` says so.
    """
    if how not in WAYS:
        raise UsageError(f"--align {how}: give one of {', '.join(WAYS)}")
    levels = tuple(clips) if clips is not None else tuple(frame_clip(plate) for plate in bracket.plates)
    unmoved = Alignment(bracket, decode, levels, tuple(still() for _ in bracket.plates), how, mixes_channels)
    if how == "none":
        return unmoved
    return replace(unmoved, motions=find_motions(unmoved, flow=how == "flow", progress=progress, cancelled=cancelled))


def _window(plate: Plate, y0: int, y1: int, x0: int, x1: int) -> FloatArray:
    """Codes of a part of a plate, without making floats of whole rows."""
    alpha = None if plate.alpha is None else plate.alpha[y0:y1, x0:x1]
    return replace(plate, codes=plate.codes[y0:y1, x0:x1], alpha=alpha).rows(0, y1 - y0)


def frame_clip(plate: Plate, *, user: float | None = None) -> ClipLevel:
    """Where a frame of a bracket clipped; a float frame that holds light above white did not clip there."""
    clip = clip_level(plate, user=user)
    if user is not None or not plate.is_float or clip.peak <= HDR_ALREADY:
        return clip
    count = sum(
        int((plate.rows(y, min(y + 256, plate.height)) >= clip.peak).sum()) for y in range(0, plate.height, 256)
    )
    share = count / (3 * plate.width * plate.height)
    if count > 3 and share >= PILE_SHARE:
        return ClipLevel(clip.peak, "detected", min(1.0, 3 * share), clip.peak)
    return ClipLevel(float(np.finfo(np.float32).max), "none", 0.0, clip.peak)
