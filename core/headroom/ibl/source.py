"""A panorama's files become one plate: a lat-long of the whole sphere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from headroom import io
from headroom.errors import PlateError
from headroom.ibl.gpano import checked_crop, crop_of, read_gpano
from headroom.panorama.layouts import FACES, empty_corners, guess_layout, latlong_of, latlong_width
from headroom.panorama.place import Crop, placed
from headroom.plate import FloatArray, Plate

__all__ = ["Panorama", "read_panorama"]

SMALLEST = 4
"""Rows of the least panorama that means anything."""
_FACE_NAMES = (
    ("px", "posx", "right", "r"),
    ("nx", "negx", "left", "l"),
    ("py", "posy", "top", "up", "u", "t"),
    ("ny", "negy", "bottom", "down", "d", "b"),
    ("pz", "posz", "front", "f"),
    ("nz", "negz", "back", "bk", "k"),
)
"""What six files call their faces, in the order of ``FACES``; b is bottom where there is an f and a k or bk."""


@dataclass(frozen=True)
class Panorama:
    """A plate that covers the whole sphere as a lat-long."""

    plate: Plate
    layout: str
    """What the file was, and how that is known."""
    filled_share: float
    """Of the sphere, by solid angle: not in the picture, filled in from its edges."""
    warnings: tuple[str, ...]


def read_panorama(
    inputs: Sequence[Path],
    *,
    layout: str | None = None,
    crop: tuple[int, int, int, int] | None = None,
    fov_degrees: float = 190.0,
) -> Panorama:
    """One picture in any layout, or six faces; ``PlateError`` says what is wrong and what to say."""
    if len(inputs) == 6:
        return _of_faces(inputs)
    path = inputs[0]
    plate = io.read(path)
    warnings = []
    if plate.alpha is not None:
        warnings.append(f"{path.name}: its alpha is left out: an environment map covers the whole sphere")
        plate = _without_alpha(plate)
    gpano = read_gpano(path) if crop is None and layout in (None, "latlong") else {}
    projection = gpano.get("ProjectionType", "equirectangular")
    if layout is None and projection != "equirectangular":
        raise PlateError(f"{path}: its GPano metadata say {projection!r}, which is not known; say --layout")
    where = _crop(plate, crop, gpano, path)
    if where is not None:
        _check_size(path, where.full_width, where.full_height)
        if where.is_whole:
            return Panorama(plate, "latlong (GPano metadata)", 0.0, tuple(warnings))
        codes, share = placed(plate.codes, where)
        how = "a part of a lat-long (" + ("--crop" if crop else "GPano metadata") + ")"
        return Panorama(replace(plate, codes=codes), how, share, tuple(warnings))
    said, layout = layout is not None, layout or _guessed(plate, path)
    if layout == "latlong":
        _check_size(path, plate.width, plate.height)
        if abs(plate.width - 2 * plate.height) > 0.01 * plate.width:
            warnings.append(
                f"{path.name}: {plate.width}x{plate.height} is not 2:1; taken as the whole sphere, as --layout says"
            )
        return Panorama(plate, f"latlong ({'--layout' if said else '2:1'})", 0.0, tuple(warnings))
    width = latlong_width(layout, plate.width, plate.height, fov_degrees)
    if width < 2 * SMALLEST:
        raise PlateError(f"{path}: {plate.width}x{plate.height} is no {layout} of six squares; say another --layout")
    try:
        codes_01 = latlong_of(_floats(plate), layout, fov_degrees=fov_degrees, width=width)
    except ValueError as error:
        raise PlateError(f"{path}: {error}; say another --layout") from None
    return Panorama(
        _resampled(plate, codes_01), f"{layout} ({'--layout' if said else 'its sides'})", 0.0, tuple(warnings)
    )


def _crop(plate: Plate, crop: tuple[int, int, int, int] | None, gpano: dict[str, str], path: Path) -> Crop | None:
    if crop is None:
        return crop_of(gpano, plate.width, plate.height, str(path))
    full_width, full_height, left, top = crop
    return checked_crop(
        Crop(
            full_width=full_width, full_height=full_height, left=left, top=top, width=plate.width, height=plate.height
        ),
        str(path),
    )


def _guessed(plate: Plate, path: Path) -> str:
    guess = guess_layout(plate.width, plate.height)
    if guess == "cross" and not empty_corners(plate.codes):
        guess = None
    if guess is None:
        raise PlateError(
            f"{path}: {plate.width}x{plate.height} is not 2:1, so it is no whole lat-long; a part of one needs GPano "
            "metadata or --crop, another kind of panorama --layout"
        )
    return guess


def _of_faces(inputs: Sequence[Path]) -> Panorama:
    """Six files, known by their names, else in the order right, left, up, down, front, back."""
    order = _by_name(inputs)
    named = order is not None
    plates = [io.read(path) for path in (order or inputs)]
    first = plates[0]
    for plate in plates:
        if (plate.width, plate.height) != (first.width, first.width):
            raise PlateError(f"{plate.name}: {plate.width}x{plate.height}; all six faces must be squares of one size")
        if (plate.codes.dtype, plate.space) != (first.codes.dtype, first.space):
            raise PlateError(f"{plate.name}: its depth or colour space differs from {first.name}'s")
    strip = np.concatenate([_floats(plate) for plate in plates], axis=1)
    width = latlong_width("strip", strip.shape[1], strip.shape[0], 0)
    if width < 2 * SMALLEST:
        raise PlateError(f"{first.name}: faces of {first.width} px are too small for a panorama")
    codes = latlong_of(strip, "strip", fov_degrees=0, width=width)
    warnings = [line for plate in plates for line in plate.warnings]
    if not named:
        warnings.append(
            f"the names of the six faces do not tell which is which: taken in the order {', '.join(FACES)} "
            "(right, left, up, down, front, back)"
        )
    return Panorama(replace(_resampled(first, codes), warnings=[]), "six faces of a cube", 0.0, tuple(warnings))


def _by_name(inputs: Sequence[Path]) -> list[Path] | None:
    found: dict[int, Path] = {}
    for path in inputs:
        last = re.split(r"[^a-z]+", path.stem.lower())[-1] or path.stem.lower()
        faces = [i for i, names in enumerate(_FACE_NAMES) if last in names]
        if len(faces) != 1 or faces[0] in found:
            return None
        found[faces[0]] = path
    return [found[i] for i in range(6)]


def _check_size(path: Path, width: int, height: int) -> None:
    if height < SMALLEST or width < 2 * SMALLEST:
        raise PlateError(f"{path}: {width}x{height} is too small for a panorama; it takes {2 * SMALLEST}x{SMALLEST}")


def _without_alpha(plate: Plate) -> Plate:
    if plate.premultiplied:
        return replace(plate, codes=_floats(plate), alpha=None, premultiplied=False, is_float=True, bits=32)
    return replace(plate, alpha=None)


def _floats(plate: Plate) -> FloatArray:
    return plate.rows(0, plate.height)


def _resampled(plate: Plate, codes: FloatArray) -> Plate:
    """Between the codes there are values now: integers are kept in 16 bit."""
    if plate.is_float:
        return replace(plate, codes=codes, data_window=None, display_window=None)
    stored = np.rint(codes.clip(0, 1) * np.float32(65535)).astype(np.uint16)
    return replace(plate, codes=stored, bits=16, data_window=None, display_window=None)
