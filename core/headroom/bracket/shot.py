"""One file of a bracket before its pixels are read: when it was taken, how it was exposed, how large it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from headroom.bracket.exposure import Stated, stated
from headroom.io.metadata import carried
from headroom.io.opened import SubsampledError, open_image
from headroom.io.raw import is_raw_suffix, raw_facts
from headroom.plate import Plate

__all__ = ["Shot", "by_name", "read_shot", "shot_of"]

_TAKEN = ("Exif:DateTimeOriginal", "Exif:DateTimeDigitized")
_SUBSEC = ("Exif:SubsecTimeOriginal", "Exif:SubsecTimeDigitized")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What a header tells."""

    path: Path
    size: tuple[int, int]
    """Width and height, upright."""
    taken: float | None = None
    """Seconds of the camera's clock, with its fraction of a second where it states one."""
    stated: Stated = Stated()
    camera: str = ""
    """Make, model and serial number."""
    white_balance: tuple[float, ...] | None = None
    """Of a RAW."""


def read_shot(path: Path) -> Shot:
    """The header of a picture; no pixels are read. ``PlateError`` where it is none."""
    if is_raw_suffix(path):
        raw = raw_facts(path)
        return _shot(path, (raw.width, raw.height), raw.metadata, raw.white_balance)
    try:
        with open_image(path) as image:
            spec = image.spec()
            width, height = int(spec.width), int(spec.height)
            if int(spec.getattribute("Orientation") or 1) >= 5 and str(image.format_name()) != "openexr":
                width, height = height, width
            return _shot(path, (width, height), carried(spec), None)
    except SubsampledError:
        from headroom.io.reading import read

        plate = read(path)
        return _shot(path, (plate.width, plate.height), plate.metadata, None)


def shot_of(plate: Plate) -> Shot:
    """Of a picture that is in memory."""
    return _shot(plate.path or Path(plate.name), (plate.width, plate.height), plate.metadata, None)


def by_name(path: Path) -> tuple[object, ...]:
    """Sorts IMG_9 before IMG_10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return (*(int(part) if part.isdecimal() else part for part in parts), str(path))


def _shot(
    path: Path, size: tuple[int, int], metadata: Mapping[str, Any], white_balance: tuple[float, ...] | None
) -> Shot:
    camera = " ".join(str(metadata[name]) for name in ("Make", "Model", "aux:SerialNumber") if name in metadata)
    return Shot(
        path=path, size=size, taken=_taken(metadata, path), stated=stated(metadata), camera=camera,
        white_balance=white_balance,
    )  # fmt: skip


def _taken(metadata: Mapping[str, Any], path: Path) -> float | None:
    """EXIF's time of exposure; an EXR's capDate, which the reader calls DateTime (a JPEG's is that of its editing)."""
    names = (*_TAKEN, "DateTime") if path.suffix.lower() == ".exr" else _TAKEN
    for name in names:
        found = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", str(metadata.get(name, "")))
        if not found:
            continue
        try:
            moment = datetime(*(int(v) for v in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
        except ValueError:
            continue
        fraction = next((str(metadata[key]).strip() for key in _SUBSEC if key in metadata), "")
        part = float(f"0.{fraction}") if fraction.isdecimal() else 0.0
        # The camera's clock, as if it were in one zone: only differences count.
        return (moment - datetime(1970, 1, 1)).total_seconds() + part
    return None
