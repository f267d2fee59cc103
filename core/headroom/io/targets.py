"""What the output's suffix can hold of what is asked for, decided before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from headroom.errors import UsageError
from headroom.io.formats import WRITABLE_SUFFIXES
from headroom.io.icc import PRIMARIES

__all__ = ["COMPRESSIONS", "Depth", "Target", "WriteReport", "target_of"]

Depth = Literal["auto", "half", "float"]

COMPRESSIONS = ("zip", "zips", "piz", "dwaa", "dwab", "none")


@dataclass(kw_only=True)
class WriteReport:
    """What was written."""

    path: Path
    depth: str
    """``half``, ``float`` or ``uint16``."""
    compression: str
    channels: tuple[str, ...]
    bytes: int = 0
    peak: float = 0.0
    """Largest colour value, before premultiplication."""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Target:
    """The format as it will be written."""

    format: str
    depth: str
    compression: str
    channels: tuple[str, ...]
    warnings: tuple[str, ...]


def target_of(
    path: Path,
    alpha: bool,
    mask: bool,
    gain: bool,
    depth: Depth,
    compression: str,
    chromaticities: tuple[float, ...] | None,
) -> Target:
    """What the suffix can hold of what is asked for."""
    format_name = WRITABLE_SUFFIXES.get(path.suffix.lower())
    if format_name is None:
        raise UsageError(f"cannot write {path}: the suffix must be one of {', '.join(sorted(WRITABLE_SUFFIXES))}")
    if depth not in ("auto", "half", "float"):
        raise UsageError(f"depth {depth!r} is not one of auto, half, float")
    name, _, level = compression.partition(":")
    if name not in COMPRESSIONS or (level and not (name.startswith("dwa") and level.isdecimal())):
        raise UsageError(f"compression {compression!r} is not one of {', '.join(COMPRESSIONS)} (or dwaa:LEVEL)")
    notes = []
    channels = ["R", "G", "B"]
    if alpha and format_name != "hdr":
        channels.append("A")
    if format_name == "openexr":
        channels += ["headroom.mask"] * mask + ["headroom.gain"] * gain
        stored = "float" if depth == "float" else "half"
        if stored == "float" and name.startswith("dwa"):
            notes.append(f"{path.name}: {name} keeps half floats only; stored as float32 with zip")
            compression = "zip"
    else:
        lost = ["alpha"] * (alpha and format_name == "hdr") + ["mask"] * mask + ["gain"] * gain
        if lost:
            notes.append(f"{path.name}: {format_name} has no place for {', '.join(lost)}; write EXR to keep it")
        if format_name == "hdr" and chromaticities is not None and not _is_rec709(chromaticities):
            notes.append(f"{path.name}: readers take Radiance HDR as Rec.709; its primaries differ")
        stored = "uint16" if format_name == "tiff" and depth == "half" else "float"
        compression = "zip" if format_name == "tiff" else "rle"
    return Target(
        format=format_name,
        depth=stored,
        compression=compression,
        channels=tuple(channels),
        warnings=tuple(notes),
    )


def _is_rec709(chromaticities: tuple[float, ...]) -> bool:
    return all(abs(a - b) < 0.002 for a, b in zip(chromaticities, PRIMARIES["Rec.709"], strict=True))
