"""The search for every frame's motion: from the reference outwards, the whole picture first, then its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from headroom.bracket.flow import Field, local_motion, look_up, pixels
from headroom.bracket.guide import Gray, Guide, guide, guide_step, match_tones
from headroom.bracket.homography import global_motion, to_plate, warp_gray
from headroom.bracket.motion import Motion, still
from headroom.bracket.stack import Bracket
from headroom.errors import Cancelled
from headroom.plate import FloatArray

__all__ = ["find_motions"]

DIRECT_STOPS = 5.0
"""Frames further apart share too little: they are sought by way of the frame between."""
TRUSTED = ("features",)
STILL_PX = 0.2
"""A flow under so many pixels of the plate is none: of a frame that moved as a whole, ..."""
STILL_FLOW_PX = 0.6
"""... and of one that did not: no parallax there, and things that move do so by more."""
LEAST_SHARE = 2e-4
"""Of the picture: what moves in less of it is a mistake."""


class Frames(Protocol):
    """What the search needs of an alignment."""

    @property
    def bracket(self) -> Bracket:
        """The frames."""

    @property
    def black(self) -> FloatArray:
        """(3,) light of a frame that its black level hides."""

    def recorded(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> tuple[FloatArray, FloatArray]:
        """A window in the frame's own pixels."""


@dataclass(frozen=True)
class Pair:
    """Two frames, exposed alike."""

    here: Guide
    there: Guide


def find_motions(
    frames: Frames,
    *,
    flow: bool,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Motion, ...]:
    """Every frame's motion, darkest first; the reference's is none."""
    bracket = frames.bracket
    step = guide_step(bracket.height, bracket.width)
    reference, count = bracket.reference, len(bracket.plates)
    motions = {reference: still("reference")}
    fields: dict[int, Field] = {}
    for done, k in enumerate(sorted(range(count), key=lambda k: abs(k - reference))[1:]):
        if cancelled and cancelled():
            raise Cancelled(f"{bracket.name}: cancelled")
        before = k + 1 if k < reference else k - 1
        pair = _pair(frames, reference, k, step)
        chained = None if before == reference else _pair(frames, before, k, step)
        motions[k] = _whole(bracket, k, before, pair, chained, motions[before], step)
        if progress:
            progress((done + (0.4 if flow else 1.0)) / (count - 1))
        if flow:
            fields[k] = _parts(pair, chained, motions[k], motions[before], fields.get(before), step)
            motions[k] = _with_flow(motions[k], fields[k], step)
            if progress:
                progress((done + 1) / (count - 1))
    return tuple(motions[k] for k in range(count))


def _pair(frames: Frames, here: int, there: int, step: int) -> Pair:
    """Two frames at the brighter one's exposure, the darker one's tones matched to the brighter one's."""
    bracket = frames.bracket
    ratio = 2.0 ** (bracket.ev_stops[there] - bracket.ev_stops[here])
    guides = []
    for frame, gain in ((here, max(1.0, ratio)), (there, max(1.0, 1 / ratio))):

        def recorded(y0: int, y1: int, frame: int = frame) -> tuple[FloatArray, FloatArray]:
            return frames.recorded(frame, y0, y1, 0, bracket.width)

        guides.append(guide(recorded, bracket.height, bracket.width, gain=gain, step=step, black=frames.black))
    both = (guides[0].useful > 0) & (guides[1].useful > 0)
    darker = 0 if ratio > 1 else 1
    matched = match_tones(guides[darker].gray, guides[1 - darker].gray, both)
    guides[darker] = replace(guides[darker], gray=matched)
    return Pair(*guides)


def _whole(
    bracket: Bracket, k: int, before: int, pair: Pair, chained: Pair | None, motion_before: Motion, step: int
) -> Motion:
    """The frame's homography: straight from the reference, or by way of the frame between."""
    far = chained is not None and abs(bracket.ev_stops[k]) > DIRECT_STOPS
    straight = None
    if not far:
        straight = global_motion(pair.here, pair.there, step=step)
        if straight.method in TRUSTED or chained is None:
            return straight
    assert chained is not None
    last = global_motion(chained.here, chained.there, step=step)
    if last.method in TRUSTED:
        found: dict[str, Any] = {**(last.found or {}), "via": before}
        ways = [m for m in (last, motion_before) if m.homography is not None]
        if not ways:
            return still("features", **found)
        matrices = [m.homography for m in ways if m.homography is not None]
        return Motion(
            homography=matrices[0] if len(matrices) == 1 else matrices[0] @ matrices[1],
            placed_px=float(np.hypot(last.placed_px, motion_before.placed_px)), method="features", found=found,
        )  # fmt: skip
    return straight or global_motion(pair.here, pair.there, step=step)


def _parts(
    pair: Pair, chained: Pair | None, motion: Motion, motion_before: Motion, before: Field | None, step: int
) -> Field:
    """The frame's flow; where the reference clipped, by way of the frame between."""
    there, lit = _laid(pair.there, motion, step)
    field = local_motion(pair.here.gray, there, pair.here.lit, lit)
    if chained is None or before is None:
        return field
    lost = 1 - cv2.GaussianBlur((pair.here.useful > 0).astype(np.float32), (0, 0), 2.0)
    if lost.max() < 0.5:
        return field
    middle, middle_lit = _laid(chained.here, motion_before, step)
    there, lit = _laid(chained.there, motion, step)
    last = local_motion(middle, there, middle_lit, lit)
    at = pixels(*lost.shape) + before.flow
    share = (lost * look_up(last.evidence, at) * (1 - field.evidence))[..., None]
    flow = field.flow + share * (before.flow + look_up(last.flow, at) - field.flow)
    seen = np.minimum(field.seen, 1 - share[..., 0] * (1 - look_up(last.seen, at)))
    return Field(flow, np.maximum(field.evidence, share[..., 0]), seen)


def _laid(there: Guide, motion: Motion, step: int) -> tuple[Gray, Gray]:
    """A guide and what is lit of it, where the reference sees it."""
    if motion.homography is None:
        return there.gray, there.lit
    matrix = to_plate(motion.homography, 1 / step)
    return warp_gray(there.gray, matrix), warp_gray(there.lit, matrix, smooth=False)


def _with_flow(motion: Motion, field: Field, step: int) -> Motion:
    flow = field.flow * np.float32(step)
    length = np.hypot(flow[..., 0], flow[..., 1])
    # What moves by less than resampling costs does not move; between there and twice that, gradually more.
    least = STILL_FLOW_PX if motion.homography is None else STILL_PX
    share = ((length - least) / least).clip(0, 1)
    flow *= share[..., None]
    moves = (share > 0).mean() >= LEAST_SHARE
    seen: npt.NDArray[np.uint8] = (field.seen * 255 + 0.5).astype(np.uint8)
    found = {
        **(motion.found or {}),
        "flow_share": round(float((share > 0).mean()), 4),
        "flow_px": round(float(np.quantile(length, 0.99)), 2),
        "hidden_share": round(float((seen < 128).mean()), 4),
    }
    return replace(
        motion,
        flow=flow.astype(np.float16) if moves else None,
        seen=seen if seen.min() < 128 else None,
        step=step,
        found=found,
    )
