"""What a bake will do, decided before anything is rendered or written: frames, views, settings, place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nuke

from . import cache, colour, knobs, source
from .errors import BakeError
from .host import frames as host_frames
from .host.client import Worker
from .timeline import clip_to

__all__ = ["Outline", "Plan", "prepare", "settings_of", "shaping_of"]

NOT_IN_KEY = ("device", "memory", "ocio_config")
"""Other machines and other paths to the same config make the same pixels."""


@dataclass(frozen=True)
class Plan:
    """What the main thread found out, before the engine was asked."""

    wishes: knobs.Wishes
    source: source.Source
    script: colour.ScriptColour
    script_path: str
    views: list[str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outline:
    """What will be done, with which settings, and where it will lie."""

    plan: Plan
    worker: Worker
    described: dict[str, Any]
    settings: dict[str, Any]
    place: cache.Place


def prepare(node: nuke.Node, frames: list[int] | None, views: list[str] | None) -> Plan:
    """Knobs, upstream and colour; what cannot work raises here. Main thread."""
    wishes = knobs.read(node)
    script = colour.of_script(wishes.ocio_config)
    views, all_views = _wanted_views(wishes, views)
    outside: list[int] = []
    notes: list[str] = []
    if frames is None:
        frames, outside = _wanted_frames(wishes, node)
    if outside:
        notes.append(f"outside the project's range, left out: {host_frames.format_range(outside)}")
    if not frames:
        raise BakeError(f"{wishes.name} has no frame to bake.", "Look at its frame range and at the project's.")
    found = source.look(node, wishes, frames, views)
    if not found.items:
        raise BakeError(
            f"{wishes.name}: the plate has no file at the wanted frames. {' '.join(found.notes)}".strip(),
            "Look at the Read and at the frame range.",
        )
    if found.why:
        notes.append(f"rendered to 32-bit float first: {found.why}")
        if wishes.from_space:
            notes.append("the input colourspace is not used: a rendered plate is in the working space")
    if len(all_views) > len(views):
        notes.append(f"view {views[0]} of {', '.join(all_views)} was baked: put %V into the cache path for all")
    name = nuke.root().name()
    return Plan(wishes, found, script, "" if name == "Root" else name, views, tuple(notes))


def settings_of(plan: Plan, described: dict[str, Any]) -> dict[str, Any]:
    """The engine's settings, with names that its config has."""
    spaces = [str(space) for space in described.get("spaces", ())]
    working = colour.pick(plan.script.working, spaces)
    if working is not None and working.casefold() not in {space.casefold() for space in spaces}:
        working = None  # the config's scene_linear role
    scene_linear = (described.get("config") or {}).get("scene_linear")
    to_space = plan.wishes.to_space or working
    if plan.source.read is not None:
        from_space = colour.pick(colour.candidates(plan.source.space or ""), spaces)
    else:
        from_space = working or scene_linear
        if from_space is None:
            raise BakeError(
                "Nothing says which colourspace the script works in.",
                "Choose an OCIO config with a scene_linear role.",
            )
    settings = dict(plan.wishes.engine)
    settings.update(
        from_space=from_space, to_space=to_space, ocio_config=plan.script.config, overwrite=True, resume=True
    )
    return {name: wish for name, wish in settings.items() if wish is not None}


def _wanted_frames(wishes: knobs.Wishes, node: nuke.Node) -> tuple[list[int], list[int]]:
    """The frames that the node's knobs ask for within the project's range, and those outside it. Main thread."""
    root = nuke.root()
    first, last = root.firstFrame(), root.lastFrame()
    if wishes.range_mode == "single":
        return [int(nuke.frame())], []
    if wishes.range_mode == "custom":
        try:
            return clip_to(host_frames.parse_range(wishes.frames), first, last)
        except host_frames.FrameError as error:
            raise BakeError(f"{wishes.name}: {error}", "Put it right beside 'frames'.") from error
    if wishes.range_mode == "input":
        plate = node.input(0)
        if plate is not None:
            first, last = max(first, plate.firstFrame()), min(last, plate.lastFrame())
    return list(range(first, last + 1)), []


def shaping_of(settings: dict[str, Any], described: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """What the {key} of the cache path stands for.

    The plate is in it: two plates of one name in two folders, or the chains of two versions of a script, must never
    write each other's frames.
    """
    shaping = {name: wish for name, wish in settings.items() if name not in NOT_IN_KEY}
    shaping["config"] = (described.get("config") or {}).get("cache_id")
    shaping["plate"] = plan.source.origin
    return shaping


def _wanted_views(wishes: knobs.Wishes, chosen: list[str] | None) -> tuple[list[str], list[str]]:
    there = list(nuke.views()) or ["main"]
    if chosen is not None:
        unknown = [view for view in chosen if view not in there]
        if unknown or not chosen:
            raise BakeError(
                f"There is no view {', '.join(unknown) or '(none given)'}.", f"The script has {', '.join(there)}."
            )
        return chosen, chosen
    if len(there) > 1 and source.VIEW_TOKEN.search(wishes.cache_path):
        return there, there
    now = str(nuke.thisView() or there[0])
    return [now if now in there else there[0]], there
