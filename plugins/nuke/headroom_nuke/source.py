"""What comes into the node: a plain Read, whose file the engine can read itself, or a chain that must be rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nuke

from . import colour
from .errors import BakeError
from .host import frames as host_frames
from .hosting import value
from .knobs import Wishes
from .timeline import Clip

__all__ = ["Item", "Source", "look", "upstream_reads"]

PLAIN = ("Dot", "NoOp", "PostageStamp")
"""Nodes that change neither pixels nor time."""
_STILLS = (
    ".bmp .cin .dpx .exr .gif .hdr .heic .heif .avif .jp2 .j2k .jfif .jpe .jpeg .jpg .jxl .pbm .pfm .pgm .pic .png "
    ".pnm .ppm .psd .rgbe .sgi .sxr .tga .tif .tiff .tx .webp"
)
_NO_ALPHA = ".bmp .cin .dpx .exr .hdr .jfif .jpe .jpeg .jpg .pbm .pfm .pgm .pnm .ppm .rgbe .sxr"
READABLE = frozenset(_STILLS.split())
"""Stills that the engine reads; movies and camera raw files go through Nuke."""
NO_ALPHA = frozenset(_NO_ALPHA.split())
"""Formats without alpha, or whose alpha means the same to Nuke and to the engine (EXR: associated)."""
VIEW_TOKEN = re.compile(r"%[vV]")


@dataclass(frozen=True)
class Item:
    """One picture to be made. ``source`` is None where the input must be rendered first."""

    frame: int | None
    view: str
    source: str | None


@dataclass(frozen=True)
class Source:
    """What is upstream, decided."""

    upstream: nuke.Node
    read: nuke.Node | None
    """The plain Read; None: render."""
    why: str
    """Why a chain is rendered; empty for a plain Read."""
    plate: str
    """A name for the results."""
    origin: str
    """The files of a plain Read, as it names them; of a chain the script and the node at its end."""
    space: str | None
    """Colour space of a plain Read's file."""
    items: tuple[Item, ...]
    still: bool
    notes: tuple[str, ...]


def look(node: nuke.Node, wishes: Wishes, wanted: list[int], views: list[str]) -> Source:
    """What to bake. Main thread. ``views``: several only where the result has a place for them."""
    upstream = node.input(0)
    if upstream is None:
        raise BakeError(f"{wishes.name} has no plate.", "Connect its first input.")
    top = _through_plain(upstream)
    why = "the node is set to render its input" if wishes.always_render else _why_not_plain(top)
    if why:
        return Source(
            upstream=upstream, read=None, why=why, plate=_stem_of_chain(upstream),
            origin=f"{nuke.root().name()}:{upstream.fullName()}", space=None,
            items=tuple(Item(frame, view, None) for frame in wanted for view in views), still=False, notes=(),
        )  # fmt: skip
    space = wishes.from_space or colour.read_space(top)
    if space is None:
        raise BakeError(
            f"{top.fullName()} reads its file raw, so that nothing says which colourspace the plate has.",
            f"Choose the input colourspace on {wishes.name}.",
        )
    items, still, notes = _files(top, wanted, views)
    return Source(
        upstream=upstream, read=top, why="", plate=_stem(_pattern(top)), origin=_pattern(top), space=space,
        items=tuple(items), still=still, notes=tuple(notes),
    )  # fmt: skip


def upstream_reads(node: nuke.Node) -> list[nuke.Node]:
    """All Reads that a node depends on, those inside groups too, each once."""
    found: list[nuke.Node] = []
    seen: set[str] = set()
    left = [node]
    while left:
        current = left.pop()
        name = current.fullName()
        if name in seen:
            continue
        seen.add(name)
        if current.Class() == "Read":
            found.append(current)
        above = (current.input(index) for index in range(current.inputs()))
        left += [one for one in above if one is not None]
        if isinstance(current, nuke.Group):
            left += current.nodes()
    return found


def _through_plain(node: nuke.Node) -> nuke.Node:
    while node.Class() in PLAIN or (node.Class() != "Read" and value(node, "disable", False)):
        above = node.input(0)
        if above is None:
            return node
        node = above
    return node


def _why_not_plain(node: nuke.Node) -> str:
    """Empty where the file says all that comes out of the node; else the reason, for the status."""
    if node.Class() != "Read":
        return f"{node.name()} ({node.Class()}) changes the plate"
    if value(node, "disable", False):
        return f"{node.name()} is disabled"
    suffix = Path(_pattern(node)).suffix.lower()
    if suffix not in READABLE:
        return f"'{suffix}' files are read by Nuke"
    if value(node, "frame_mode") == "expression" and str(value(node, "frame", "")).strip():
        return f"{node.name()} maps its frames by an expression"
    if value(node, "premultiplied", False):
        return f"{node.name()} un-premultiplies"
    if suffix not in NO_ALPHA and "rgba.alpha" in node.channels():
        return f"{node.name()} has an alpha channel"
    return ""


def _files(read: nuke.Node, wanted: list[int], views: list[str]) -> tuple[list[Item], bool, list[str]]:
    pattern = _pattern(read)
    sides = views if VIEW_TOKEN.search(pattern) else [views[0]]
    notes: list[str] = []
    if not host_frames.has_token(pattern):
        return [Item(None, view, _in_view(pattern, view)) for view in sides], True, notes
    clip = Clip.of(
        int(value(read, "first", 1)), int(value(read, "last", 1)), str(value(read, "frame_mode", "")),
        _whole_number(read), str(value(read, "before", "hold")), str(value(read, "after", "hold")),
    )  # fmt: skip
    held = [frame for frame in wanted if clip.is_held(frame)]
    wanted = [frame for frame in wanted if not clip.is_held(frame)]
    if held:
        notes.append(
            f"{read.name()} only holds its first or last frame at {host_frames.format_range(held)}: left out; "
            "the node holds them too"
        )
    items, black, lost, near = [], [], [], []
    on_error = str(value(read, "on_error", "error"))
    for frame in wanted:
        number = clip.file_frame(frame)
        if number is None:
            black.append(frame)
            continue
        for view in sides:
            one_view = _in_view(pattern, view)
            path = host_frames.frame_path(one_view, number)
            if on_error != "error" and not Path(path).is_file():
                others = host_frames.find_frames(one_view) if on_error == "nearest frame" else []
                if not others:
                    lost.append(frame)
                    continue
                path = host_frames.frame_path(one_view, min(others, key=lambda other: abs(other - number)))
                near.append(frame)
            items.append(Item(frame, view, path))
    if black:
        notes.append(f"{read.name()} is black at {host_frames.format_range(black)}: left out")
    if lost:
        notes.append(f"no plate file at {host_frames.format_range(lost)}: left out, as {read.name()} shows {on_error}")
    if near:
        notes.append(f"no plate file at {host_frames.format_range(near)}: {read.name()}'s nearest frame was taken")
    return items, False, notes


def _pattern(read: nuke.Node) -> str:
    knob = read["file"]
    text = str(knob.value() or "")
    if "[" in text and isinstance(knob, nuke.File_Knob):
        text = str(knob.getEvaluatedValue() or "")
    if not text:
        raise BakeError(f"{read.fullName()} names no file.", "Choose the plate in the Read.")
    if not Path(text).is_absolute():
        base = nuke.root()["project_directory"]
        folder = base.getEvaluatedValue() if isinstance(base, nuke.File_Knob) else base.value()
        text = str(Path(str(folder or ".")).absolute() / text)
    return text


def _in_view(pattern: str, view: str) -> str:
    """%V is the view's name, %v its first letter."""
    return pattern.replace("%V", view).replace("%v", view[:1])


def _whole_number(read: nuke.Node) -> int:
    text = str(value(read, "frame", "") or "0").strip()
    try:
        return int(float(text))
    except ValueError:
        raise BakeError(
            f"{read.fullName()}: the frame '{text}' is not a number.", "Set it to one, or set 'plate from' to render."
        ) from None


def _stem(pattern: str) -> str:
    """plate.####.jpg -> plate"""
    name = VIEW_TOKEN.sub("", Path(pattern.replace("\\", "/")).name)
    name = re.sub(r"(%0?\d*d|#+|@{2,}|\$F\d*)", "", Path(name).stem)
    return re.sub(r"[._-]{2,}", ".", name).strip("._- ") or "plate"


def _stem_of_chain(node: nuke.Node) -> str:
    while node.Class() != "Read":
        above = node.input(0)
        if above is None:
            return node.name()
        node = above
    return _stem(_pattern(node))
