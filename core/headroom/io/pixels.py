"""From a reader to arrays: bands of rows in the stored type, orientation applied, nothing non-finite left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO

from headroom.errors import PlateError
from headroom.io.opened import last_error

__all__ = ["exact_scale", "make_finite", "orient", "read_channels"]

Codes = npt.NDArray[Any]

BAND_ROWS = 256
"""Rows read at a time: a whole number of every EXR codec's blocks (DWAB's are the tallest, 256)."""

_STORED_AS = {
    "uint8": "uint8",
    "int8": "uint8",
    "uint16": "uint16",
    "int16": "uint16",
    "uint": "uint16",
    "uint32": "uint16",
    "int": "uint16",
    "int32": "uint16",
    "half": "half",
    "float": "float",
    "double": "float",
}
_NUMPY = {"uint8": np.uint8, "uint16": np.uint16, "half": np.float16, "float": np.float32}


def read_channels(
    image: Any, spec: Any, path: Path, colour: tuple[int, ...], alpha: int | None
) -> tuple[Codes, Codes | None]:
    """(H, W, 3) colour codes and (H, W) alpha of the part the reader stands at; grey is repeated."""
    stored = _stored_type(spec, colour)
    try:
        codes = np.empty((spec.height, spec.width, 3), _NUMPY[stored])
        matte = None if alpha is None else np.empty((spec.height, spec.width), _NUMPY[stored])
    except (MemoryError, ValueError):
        raise PlateError(
            f"cannot read {path}: {spec.width}x{spec.height} pixels do not fit in memory; "
            "use a machine with more, or a smaller picture"
        ) from None
    wanted = list(colour) + ([] if alpha is None else [alpha])
    first, last = min(wanted), max(wanted) + 1
    spans = [(first, last)] if last - first <= 2 * len(wanted) else [(c, c + 1) for c in wanted]
    step = BAND_ROWS
    if spec.tile_width:
        step = -(-BAND_ROWS // spec.tile_height) * spec.tile_height
    for y0 in range(0, spec.height, step):
        y1 = min(y0 + step, spec.height)
        planes: dict[int, Codes] = {}
        for begin, end in spans:
            band = _band(image, spec, path, y0, y1, begin, end, stored)
            planes.update({begin + k: band[..., k] for k in range(end - begin)})
        for k in range(3):
            codes[y0:y1, :, k] = planes[colour[k if len(colour) == 3 else 0]]
        if matte is not None and alpha is not None:
            matte[y0:y1] = planes[alpha]
    return codes, matte


def orient(array: Codes, orientation: int) -> Codes:
    """The array (H, W, ...) as seen upright; ``orientation`` is EXIF's 1..8."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def exact_scale(codes: Codes, bits: int) -> None:
    """In place: n-bit codes that the reader widened by repeating bits become round(65535 code / (2^n - 1)).

    The step of a 10-bit code is 64; the rounding is within half of one, so nothing merges.
    """
    top = (1 << bits) - 1
    lookup = (np.arange(top + 1, dtype=np.uint64) * 65535 * 2 + top) // (2 * top)
    table = lookup.astype(np.uint16)
    for y0 in range(0, codes.shape[0], BAND_ROWS):
        band = codes[y0 : y0 + BAND_ROWS]
        band[...] = table[band >> (16 - bits)]


def make_finite(codes: Codes) -> dict[str, int]:
    """In place: NaN -> 0, +Inf -> the channel's largest finite value, -Inf -> its smallest; counts of each.

    A channel without any finite value takes 1 for +Inf and 0 for -Inf.
    """
    count = {"NaN": 0, "+Inf": 0, "-Inf": 0}
    if codes.dtype.kind != "f":
        return count
    planes = codes.reshape(codes.shape[0], codes.shape[1], -1)
    bands = range(0, planes.shape[0], BAND_ROWS)
    if all(bool(np.isfinite(planes[y : y + BAND_ROWS]).all()) for y in bands):
        return count
    for k in range(planes.shape[2]):
        high, low = -np.inf, np.inf
        for y in bands:
            band = planes[y : y + BAND_ROWS, :, k]
            finite = band[np.isfinite(band)]
            if finite.size:
                high, low = max(high, float(finite.max())), min(low, float(finite.min()))
        high, low = (high, low) if high >= low else (1.0, 0.0)
        for y in bands:
            band = planes[y : y + BAND_ROWS, :, k]
            for name, where, value in (
                ("NaN", np.isnan(band), 0.0),
                ("+Inf", np.isposinf(band), high),
                ("-Inf", np.isneginf(band), low),
            ):
                found = int(np.count_nonzero(where))
                if found:
                    count[name] += found
                    band[where] = value
    return count


def _stored_type(spec: Any, colour: tuple[int, ...]) -> str:
    formats = spec.channelformats
    kinds = [str(formats[c]) for c in colour] if formats else [str(spec.format)]
    stored = [_STORED_AS.get(kind, "float") for kind in kinds]
    return max(stored, key=list(_NUMPY).index)


def _band(image: Any, spec: Any, path: Path, y0: int, y1: int, begin: int, end: int, stored: str) -> Codes:
    rows = (spec.y + y0, spec.y + y1)
    kind = OpenImageIO.TypeDesc(stored)
    try:
        if spec.tile_width:
            columns = (spec.x, spec.x + spec.width)
            band = image.read_tiles(*columns, *rows, spec.z, spec.z + 1, begin, end, kind)
        else:
            band = image.read_scanlines(*rows, spec.z, begin, end, kind)
    except MemoryError:
        band = None
    if band is None:
        reason = last_error(image) or "no more pixels"
        raise PlateError(
            f"cannot read {path}: rows {y0} to {y1 - 1} are damaged or missing ({reason}); copy or export it again"
        )
    out: Codes = np.asarray(band).reshape(y1 - y0, spec.width, end - begin)
    return out
