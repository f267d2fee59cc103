"""One bracket to one picture in memory: align, merge window by window, go on where all frames clipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headroom.bracket.align import align, frame_clip
from headroom.bracket.mergers import Merger
from headroom.bracket.noise import measured_noise
from headroom.bracket.response import Response
from headroom.bracket.stack import Bracket
from headroom.engine import tiles
from headroom.engine.device import pick_device, planning_memory
from headroom.errors import Cancelled
from headroom.merge.request import Merging
from headroom.plate import FloatArray

__all__ = ["Made", "Picture", "Tick", "merge_bracket"]

TILES_PX = (1024, 768, 512, 384, 256, 192, 128, 64)
"""Sides of a window's core, in the order in which they are tried."""
FRAME_BYTES_PER_PX = 120
"""Of a window, for each frame: linear, clipped, valid, and what decoding and resampling hold beside them."""
SHARES = {"read": 0.08, "align": 0.3, "merge": 0.42, "go on": 0.12, "write": 0.08}
"""Of the time, roughly: what the bar shows."""


@dataclass
class Tick:
    """One bar over all stages of one stack."""

    cancelled: Callable[[], bool]
    name: str
    progress: Callable[[float], None] | None = None

    def __call__(self, stage: str, share: float) -> None:
        """So much of a stage is done, 0..1; raises where the user has had enough."""
        if self.cancelled():
            raise Cancelled(f"{self.name}: cancelled")
        if self.progress:
            stages = list(SHARES)
            before = sum(SHARES[name] for name in stages[: stages.index(stage)])
            self.progress(min(1.0, before + SHARES[stage] * share))


@dataclass
class Picture:
    """What the frames and the networks know."""

    radiance: FloatArray
    """(H, W, 3) linear in the plates' Rec.709 or camera primaries, 1.0 is the reference frame's white."""
    unrecorded: FloatArray
    """(H, W) 0..1: how little of the pixel any frame recorded; with a continuation: how much of it is invented."""
    report: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Made:
    """A stack merged, not yet written."""

    picture: Picture
    bracket: Bracket
    """As it was merged: its exposures may be others than those that were stated."""
    response: Response
    scale: float
    """Of a group: what the picture's light is multiplied by."""
    warnings: list[str]


def merge_bracket(
    bracket: Bracket, response: Response, merging: Merging, merger: Merger, tick: Tick,
    go_on: Callable[..., Any] | None,
) -> Picture:  # fmt: skip
    """``go_on``: (picture, darkest exposure, its light at the clip, tick) -> report; None: what is lost stays so."""
    user = merging.clip_level
    clips = None if user is None else [frame_clip(plate, user=user) for plate in bracket.plates]
    aligned = align(
        bracket, response.decode, how=merging.align, clips=clips, mixes_channels=response.mixes_channels,  # type: ignore[arg-type]
        progress=lambda share: tick("align", share), cancelled=tick.cancelled,
    )  # fmt: skip
    height, width = bracket.height, bracket.width
    picture = Picture(np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32))
    tile_px, fits = _tile_px(bracket, merger, merging)
    if not fits and merging.memory_bytes:
        picture.warnings.append(
            f"{bracket.name}: {merging.memory_bytes / 1e6:.0f} MB of memory do not hold the frames, the result and a "
            f"window of {tile_px} px; more was used"
        )
    plan = tiles.plan(
        width, height, tile_px=tile_px, halo_px=tiles.padded(merger.halo_px, merger.multiple_of),
        multiple=merger.multiple_of,
    )  # fmt: skip
    cut = [tile for row in plan for tile in row]
    exposures, noise = bracket.exposures, measured_noise(aligned)
    for done, tile in enumerate(cut):
        tick("merge", done / len(cut))
        core, y0, x0 = tile.core, tile.window.y0, tile.window.x0
        y1, x1 = min(tile.window.y1, height), min(tile.window.x1, width)
        frames = [aligned.rows(k, y0, y1, x0, x1) for k in range(len(exposures))]
        merged = merger(frames, exposures, bracket.reference, noise)
        inside = merged.crop(core.y0 - y0, core.y1 - y0, core.x0 - x0, core.x1 - x0)
        picture.radiance[core.y0 : core.y1, core.x0 : core.x1] = inside.radiance
        picture.unrecorded[core.y0 : core.y1, core.x0 : core.x1] = inside.doubt
    tick("merge", 1.0)
    doubtful = float((picture.unrecorded > 0).mean())
    picture.report = {
        "alignment": aligned.report(),
        "clip_levels": [clip.code for clip in aligned.clips],
        "clipped_shares": [clip.clipped_share for clip in aligned.clips],
        "noise": noise.facts(),
        "tile_px": tile_px,
        "unrecorded_share": doubtful,
        "went_on": None,
    }
    del aligned
    if go_on is not None and doubtful > 0:
        level = np.full((1, 1, 3), picture.report["clip_levels"][0], np.float32)
        picture.report["went_on"] = go_on(picture, float(exposures[0]), float(response.decode(level).max()), tick)
    return picture


def _tile_px(bracket: Bracket, merger: Merger, merging: Merging) -> tuple[int, bool]:
    """The largest tile whose window fits beside what is held anyway, and whether it does."""
    count, pixels = len(bracket.plates), bracket.height * bracket.width
    held = sum(plate.codes.nbytes for plate in bracket.plates) + pixels * (16 + 2 * (count - 1))
    given = merging.memory_bytes
    room = planning_memory(pick_device("cpu")) if given is None else given - held
    per_px = count * FRAME_BYTES_PER_PX + merger.bytes_per_px * max(1.0, count / 3)
    multiple = merger.multiple_of
    halo = tiles.padded(merger.halo_px, multiple)
    sides = [max(multiple, side // multiple * multiple) for side in TILES_PX]
    for side in sides:
        if (side + 2 * halo) ** 2 * per_px <= room:
            return side, True
    return sides[-1], False
