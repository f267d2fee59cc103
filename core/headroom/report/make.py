"""The whole way of a report: open both sides, measure every frame, encode the chosen ones, write the page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headroom.errors import Cancelled, PlateError, UsageError
from headroom.report.contents import contents_of
from headroom.report.gather import Gathered
from headroom.report.page import check_output, write_failure, write_page
from headroom.report.shot import chosen_frames
from headroom.report.sources import open_pair
from headroom.report.spaces import Spaces

__all__ = ["Made", "make"]

STILL_PX = 2048
SHOT_PX = 1024
SHOT_PICTURES = "8"
LARGE_PAGE_BYTES = 150_000_000
"""Browsers open larger pages, but slowly."""


@dataclass(kw_only=True)
class Made:
    """What came out."""

    path: Path
    bytes: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Frames of a shot that could not be read; the page holds the others."""


def make(
    plate: Path | None,
    result: Path,
    output: Path,
    *,
    frames: str | None = None,
    first_frame: int | None = None,
    from_space: str | None = None,
    to_space: str | None = None,
    config: str | None = None,
    most_px: int | None = None,
    full: bool = False,
    embed: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:
    """Writes the page; ``plate`` None: the result alone.

    ``first_frame``: number of a movie's first frame, where the conversion was given one.
    ``most_px``: longer side of the pictures in the page, 2048 for stills and 1024 for shots; ``full``: as they are.
    ``embed``: which frames of a shot are in it as pictures, a count or a range; all frames are measured.
    ``progress`` gets frames done and frames to do.
    """
    check_output(output, overwrite)
    pair = open_pair(plate, result, frames, from_space=from_space, first_frame=first_frame)
    try:
        if embed is not None and not pair.is_shot:
            raise UsageError(f"--embed {embed}: {result} is a single picture; name a pattern such as hdr.####.exr")
        pictured = chosen_frames(embed or SHOT_PICTURES, pair.frames)
        limit = None if full else most_px or (SHOT_PX if pair.is_shot else STILL_PX)
        spaces = Spaces(plate_space=from_space, result_space=to_space, config=config)
        with tempfile.TemporaryFile(dir=output.parent) as spool:
            gathered = Gathered(pair, spaces, set(pictured), limit, spool)
            for done, frame in enumerate(pair.frames):
                if cancelled is not None and cancelled():
                    raise Cancelled(f"{output}: cancelled; nothing was written")
                gathered.add(frame)
                if progress is not None:
                    progress(done + 1, len(pair.frames))
            return _written(gathered, output)
    except OSError as error:  # of the spool or the page: the readers have words of their own
        raise write_failure(output, error) from None
    finally:
        pair.close()


def _written(gathered: Gathered, output: Path) -> Made:
    if not gathered.pictures:
        raise PlateError(gathered.failed[0] if gathered.failed else f"{gathered.pair.result.name}: no frame to show")
    contents = contents_of(gathered)
    made = Made(path=output, warnings=contents.warnings, failed=gathered.failed, facts=contents.told)
    made.bytes = write_page(output, contents.shown, contents.data, gathered.pictures, gathered.spool)
    if made.bytes > LARGE_PAGE_BYTES:
        made.warnings.append(f"{output.name} is {made.bytes / 1e6:.0f} MB: browsers open it slowly; embed less")
    return made
