"""Which channels of which part are the picture: R, G, B of the first part that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from headroom.errors import PlateError, UsageError

__all__ = ["Choice", "choose", "part_name"]

_LEAVES = {"RED": "R", "GREEN": "G", "BLUE": "B", "ALPHA": "A", "L": "Y"}
_MAIN_LAYERS = ("", "rgba", "rgb", "beauty", "combined", "c")
"""Names that renderers give the picture itself, best first (Blender: ViewLayer.Combined)."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The channels to read from one part."""

    part: int
    kind: Literal["rgb", "grey", "luminance-chroma"]
    colour: tuple[int, ...]
    """Channel numbers: R, G, B; or Y; or Y, RY, BY."""
    alpha: int | None
    layer: str
    warnings: tuple[str, ...] = ()


def choose(path: Path, names: Sequence[Sequence[str]], titles: Sequence[str], part: str | int | None) -> Choice:
    """The channels to read, given each part's channel names and each part's title."""
    found = [c for number, channels in enumerate(names) for c in _candidates(number, channels)]
    if part is not None:
        found = _asked_for(path, found, titles, part)
    if not found:
        seen = ", ".join(dict.fromkeys(repr(name) for channels in names for name in channels))[:120]
        raise PlateError(f"cannot read {path}: it has no R, G, B or Y channels, only {seen or 'none'}")
    best = min(found, key=_rank)
    others = [_title(c, titles) for c in found if c is not best and c.kind == "rgb"]
    if part is not None or not others or best.kind != "rgb":
        return best
    listed = ", ".join(others[:6]) + (", ..." if len(others) > 6 else "")
    note = f"read {_title(best, titles)}; the file also holds {listed} (choose with the part option)"
    return replace(best, warnings=(note,))


def part_name(spec: Any) -> str:
    """What a part is called, or an empty string."""
    return str(spec.getattribute("oiio:subimagename") or spec.getattribute("name") or "")


def _candidates(number: int, channels: Sequence[str]) -> list[Choice]:
    layers: dict[str, dict[str, int]] = {}
    for index, name in enumerate(channels):
        layer, _, leaf = name.rpartition(".")
        leaf = leaf.upper()
        layers.setdefault(layer, {}).setdefault(_LEAVES.get(leaf, leaf), index)
    found = []
    for layer, leaves in layers.items():
        alpha = leaves.get("A")
        kind: Literal["rgb", "grey", "luminance-chroma"]
        if {"R", "G", "B"} <= leaves.keys():
            kind, colour = "rgb", ("R", "G", "B")
        elif {"Y", "RY", "BY"} <= leaves.keys():
            kind, colour = "luminance-chroma", ("Y", "RY", "BY")
        elif "Y" in leaves and not {"X", "Z"} & leaves.keys():  # X, Y, Z is a position or a normal
            kind, colour = "grey", ("Y",)  # type: ignore[assignment]
        else:
            continue
        indices = tuple(leaves[leaf] for leaf in colour)
        found.append(Choice(part=number, kind=kind, colour=indices, alpha=alpha, layer=layer))
    return found


def _rank(choice: Choice) -> tuple[int, int, int]:
    kinds = ("rgb", "luminance-chroma", "grey")
    leaf = choice.layer.rpartition(".")[2].lower()
    main = _MAIN_LAYERS.index(leaf) if leaf in _MAIN_LAYERS else len(_MAIN_LAYERS)
    return kinds.index(choice.kind), main, choice.part


def _title(choice: Choice, titles: Sequence[str]) -> str:
    return choice.layer or titles[choice.part] or f"part {choice.part}"


def _asked_for(path: Path, found: list[Choice], titles: Sequence[str], part: str | int) -> list[Choice]:
    if isinstance(part, int):
        wanted = [c for c in found if c.part == part]
    else:
        key = part.lower()
        wanted = [c for c in found if key in (c.layer.lower(), titles[c.part].lower())]
        wanted = wanted or [c for c in found if key == c.layer.rpartition(".")[2].lower()]
    if not wanted:
        there = ", ".join(dict.fromkeys(_title(c, titles) for c in found)) or "none with colour"
        raise UsageError(f"{path} has no part or layer {part!r}; it has {there}")
    return wanted
