"""What stands where in the page: from what was gathered to what the template and the script are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headroom
from headroom.io.frames import range_text
from headroom.report import facts
from headroom.report.gather import Gathered
from headroom.report.shot import find_jumps, series_of

__all__ = ["Contents", "contents_of"]

MOST_NAMED = 6
"""Frames that one warning lists by their own."""


@dataclass(frozen=True)
class Contents:
    """The page, before it is one."""

    shown: dict[str, Any]
    """For the template."""
    data: dict[str, Any]
    """For the script."""
    told: dict[str, Any]
    """For JSON on the command line."""
    warnings: list[str]


def contents_of(gathered: Gathered) -> Contents:
    """Everything in the page but the pixels."""
    pair, spec, about = gathered.pair, gathered.pictures[0].spec, gathered.abouts[0]
    is_shot = pair.is_shot
    jumps = find_jumps(gathered.frames, gathered.measures) if is_shot else None
    warnings = _warnings(gathered, [] if jumps is None else [gathered.frames[i] for i in jumps.flags])
    result = Path(pair.result.name).name
    plate = None if pair.plate is None else Path(pair.plate.name).name
    data = {
        "shot": is_shot,
        "compare": plate is not None,
        "frames": gathered.frames if is_shot else [],
        "embedded": [_without_thumb(picture.spec) for picture in gathered.pictures],
        "series": series_of(gathered.measures) if is_shot else [],
        "flags": [] if jumps is None else list(jumps.flags),
        "first_exposure": facts.first_exposure(spec["measures"]),
    }
    figures = (
        facts.shot_figures(gathered.frames, gathered.measures)
        if is_shot
        else facts.key_figures(spec["measures"], about)
    )
    shown = {
        **data,
        "embedded": [picture.spec for picture in gathered.pictures],
        "version": headroom.__version__,
        "title": result if plate is None else f"{plate} → {result}",
        "result": result,
        "plate": plate,
        "space": gathered.spaces.result_said.split(",")[0],
        "model": about.header.model,
        "width": about.width,
        "height": about.height,
        "frame_range": range_text(gathered.frames),
        "warnings": warnings,
        "notes": _notes(gathered),
        "figures": figures,
        "numbers_of": f"frame {spec['frame']}" if is_shot else "",
        "header": [*about.header.rows(), *_sources(gathered)],
        "jumps": None if jumps is None else jumps.text,
        "has_gain": about.gain_from is not None,
        "code_bits": about.code_bits,
        "block": spec["block"],
        "alt": f"{result}, {about.width} by {about.height} pixels",
        "about": _encoding(gathered),
    }
    told = {
        "plate": None if pair.plate is None else pair.plate.name,
        "result": pair.result.name,
        "frames": gathered.frames if is_shot else None,
        "pictures": [picture.spec["frame"] for picture in gathered.pictures] if is_shot else None,
        "picture_size": [spec["width"], spec["height"]],
        "block": spec["block"],
        "relative_error": max(picture.spec["error"] for picture in gathered.pictures),
        "measures": gathered.measures,
    }
    return Contents(shown, data, told, warnings)


def _without_thumb(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if not name.startswith("thumb")}


def _warnings(gathered: Gathered, jumping: list[int]) -> list[str]:
    warnings = [*gathered.pair.warnings, *gathered.spaces.warnings]
    for note, frames in gathered.notes.items():
        where = f"frame{'s' if len(frames) > 1 else ''} {range_text(frames)}: "
        every = len(frames) == len(gathered.frames)
        warnings.append(note if not gathered.pair.is_shot else ("all frames: " if every else where) + note)
    warnings += [f"left out: {error}" for error in gathered.failed[:MOST_NAMED]]
    if len(gathered.failed) > MOST_NAMED:
        warnings.append(f"left out: {len(gathered.failed) - MOST_NAMED} more frames that could not be read")
    if jumping:
        warnings.append(
            f"the light jumps at frame{'s' if len(jumping) > 1 else ''} {range_text(jumping)}: see the plots over time"
        )
    return list(dict.fromkeys(warnings))


def _notes(gathered: Gathered) -> list[str]:
    spec = gathered.pictures[0].spec
    if spec["block"] == 1:
        return []
    size = f"{spec['width']} × {spec['height']}"
    return [
        f"The picture below is {size}: each of its pixels is the mean of {spec['block']} × {spec['block']} of the "
        "file's. Numbers, histogram and plots are of the whole size. --full keeps every pixel."
    ]


def _sources(gathered: Gathered) -> list[tuple[str, str]]:
    spaces, about = gathered.spaces, gathered.abouts[0]
    rows = [("Result read as", spaces.result_said)]
    if gathered.pair.plate is not None:
        rows.append(("Plate read as", spaces.plate_said))
    if about.clip is not None:
        rows.append(("Clip level", f"{about.clip.code:.4g} ({about.clip.source})"))
    rows.append(("Mask from", about.mask_from))
    if about.gain_from is not None:
        rows.append(("Gain from", about.gain_from))
    rate = gathered.pair.result.rate
    if rate is not None:
        rows.append(("Frame rate", f"{float(rate):.6g} a second"))
    return rows


def _encoding(gathered: Gathered) -> str:
    packed = sum(picture.length for picture in gathered.pictures)
    error = max(picture.spec["error"] for picture in gathered.pictures)
    steps = min(picture.spec["steps"] for picture in gathered.pictures)
    count = len(gathered.pictures)
    return (
        f"{'The picture is' if count == 1 else f'The {count} pictures are'} in this page as linear light in Rec.709 "
        f"primaries, as logarithms in steps of 1/{steps} stop: what the probe shows is within {100 * error:.3f} % of "
        f"the file's value, from 2^-20 of white up to the peak; less light than that is 0. "
        f"{'It takes' if count == 1 else 'They take'} {packed / 1e6:.2f} MB."
    )
