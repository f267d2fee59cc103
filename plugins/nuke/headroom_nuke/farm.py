"""A node's bake as a job of the Open Job Description: frames by the command line, on machines without Nuke."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import nuke

from . import progress
from .baking import Bake
from .errors import BakeError
from .host import frames as host_frames

__all__ = ["farm_job", "options_of"]

TEMPLATE = Path(__file__).resolve().parent.parent / "farm" / "template.yaml"
FLAGS = ("mask", "gain", "dequantize")
NOT_FOR_FARM = ("overwrite", "resume", "memory", "device")
"""The template says the first two itself; the others are of the machine that runs."""
RENAMED = {"from_space": "from", "to_space": "to"}


def farm_job(node: nuke.Node, folder: str, first: int | None = None, last: int | None = None) -> str:
    """Write ``template.yaml`` and the node's parameters into ``folder``; returns the pattern of the frames to come.

    ``openjd run template.yaml -p file://parameters.json`` runs it here, ``deadline bundle submit`` sends it. When the
    frames are there, ``headroom_nuke.use_frames(node, pattern, first, last)`` points the node at them. Plain Reads
    only: a graded chain needs Nuke, and so ``batch_bake.py``.
    """
    frames = None if first is None or last is None else list(range(first, last + 1))
    outline = Bake(node, progress.Progress(node.name()), frames=frames).outline()
    source = outline.plan.source
    if source.read is None:
        raise BakeError(
            f"{node.fullName()} cannot be baked without Nuke: {source.why}.",
            "Run batch_bake.py on the farm, or render the chain to files and read those.",
        )
    views = {item.view for item in source.items}
    if len(views) > 1:
        raise BakeError(f"{node.fullName()} bakes {len(views)} views.", "Give one job a view: set the views apart.")
    parameters = {
        "JobName": node.name(),
        "Plate": source.items[0].source,
        "Output": outline.place.path(source.items[0].frame, source.items[0].view),
        "Frames": "1",
        "FrameShift": 0,
        "Options": shlex.join(options_of(outline.settings)),
    }
    if not source.still:
        pattern, shift = _pattern_of([(int(item.frame or 0), str(item.source)) for item in source.items], node)
        numbers = [int(item.frame or 0) for item in source.items]
        parameters.update(
            Plate=pattern, Output=outline.place.pattern.replace("%V", source.items[0].view), FrameShift=shift,
            Frames=host_frames.format_range(numbers).replace("x", ":"),
        )  # fmt: skip
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(TEMPLATE), str(target / "template.yaml"))
    _write(target / "parameters.json", parameters)
    listed = [{"name": name, "value": wish} for name, wish in parameters.items()]
    _write(target / "parameter_values.json", {"parameterValues": listed})
    return outline.place.pattern


def options_of(settings: dict[str, Any]) -> list[str]:
    """Settings of the engine as options of ``headroom convert``."""
    options: list[str] = []
    for name, wish in settings.items():
        if name in NOT_FOR_FARM or (name in FLAGS and not wish):
            continue
        options.append("--" + RENAMED.get(name, name).replace("_", "-"))
        if name not in FLAGS:
            options.append(f"{wish:g}" if isinstance(wish, float) else str(wish))
    return options


def _pattern_of(pairs: list[tuple[int, str]], node: nuke.Node) -> tuple[str, int]:
    """One pattern and one shift for all frames, or an error."""
    found = {host_frames.pattern_of(path) is not None for _, path in pairs}
    if found == {True}:
        split = [(frame, host_frames.pattern_of(path)) for frame, path in pairs]
        patterns = {one[0] for _, one in split if one}
        shifts = {frame - one[1] for frame, one in split if one}
        if len(patterns) == 1 and len(shifts) == 1:
            return patterns.pop(), shifts.pop()
    raise BakeError(
        f"{node.fullName()}: the plate's files do not follow the script's frames one by one.",
        "Bake a range without loops, holds and missing frames.",
    )


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
