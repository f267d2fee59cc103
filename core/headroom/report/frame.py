"""One frame of the pair, in bands: the plate's light, the result's light, mask and gain, all in linear Rec.709."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom import io
from headroom.clipping import ClipLevel, clip_level, soft_mask
from headroom.errors import PlateError, UsageError
from headroom.io.planes import read_planes
from headroom.plate import FloatArray, Plate
from headroom.report.header import Header
from headroom.report.spaces import Spaces

__all__ = ["About", "Band", "Frame", "brightest_of", "open_frame"]

BAND_PX = 1 << 20
FAINT = 2.0**-20
LEAST_ALPHA = 0.01
"""Below it, colours that were multiplied by alpha and rounded to half floats do not come back."""


@dataclass(kw_only=True)
class Band:
    """Rows of a frame. Light is linear Rec.709, 1 is the plate's white."""

    y0: int
    hdr: FloatArray
    """(h, W, 3)"""
    ldr: FloatArray | None
    """(h, W, 3)"""
    codes: npt.NDArray[Any] | None
    """(h, W, 3) uint8 or uint16 as stored; None for float plates."""
    mask: FloatArray
    """(h, W) 0..1"""
    gain: FloatArray | None
    """(h, W) stops"""
    seen: npt.NDArray[np.bool_] | None = None
    """(h, W) whether there is enough alpha for the colour to mean anything; None: there is no alpha."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known of a frame without its pixels."""

    number: int | None
    """The frame number in a shot."""
    width: int
    height: int
    header: Header
    """Of the result."""
    clip: ClipLevel | None
    """Of the plate; None: there is none."""
    planes: frozenset[str]
    """Which of ``headroom.mask`` and ``headroom.gain`` the result has."""
    code_bits: int
    """Bits of the plate's codes; 0: float codes, or no plate."""
    code_bytes: int
    """Bytes they are stored in."""

    @property
    def mask_from(self) -> str:
        """Where the mask comes from, in words."""
        if "headroom.mask" in self.planes:
            return "channel headroom.mask of the result"
        if "headroom.gain" in self.planes:
            return "where channel headroom.gain of the result is above 0 (it has no headroom.mask)"
        if self.clip is not None:
            return f"the plate's clip at code value {self.clip.code:.4g} (the result has no headroom.mask)"
        return "where the result is above white (it has no headroom.mask, and there is no plate)"

    @property
    def gain_from(self) -> str | None:
        """Where the gain comes from, in words; None: there is none."""
        if "headroom.gain" in self.planes:
            return "channel headroom.gain of the result"
        if self.clip is not None:
            return "brightest channel of the result over the plate's, inside the mask (the result has no headroom.gain)"
        return None


@dataclass(kw_only=True)
class Frame:
    """A result and, where there is one, its plate, both read whole; the planes as they are stored."""

    result: Plate
    plate: Plate | None
    about: About
    spaces: Spaces
    planes: dict[str, npt.NDArray[Any]]

    def peak_bound(self) -> float:
        """No light of either picture, of either sign, is above it."""
        return max(
            float(np.abs(light).max()) for band in self.bands() for light in (band.hdr, band.ldr) if light is not None
        )

    def bands(self, multiple: int = 1) -> Iterator[Band]:
        """From top to bottom; a band's height is a multiple of ``multiple``, but for the last one."""
        about = self.about
        rows = max(1, BAND_PX // about.width // multiple) * multiple
        for y0 in range(0, about.height, rows):
            yield self._band(y0, min(y0 + rows, about.height))

    def _band(self, y0: int, y1: int) -> Band:
        hdr = self.spaces.light_of_result(self.result, y0, y1)
        code = None if self.plate is None else self.plate.rows(y0, y1)
        ldr = None if self.plate is None or code is None else self.spaces.light_of_plate(self.plate, code)
        mask = self._mask(y0, y1, hdr, code)
        alpha = self.result.alpha_rows(y0, y1)
        return Band(
            y0=y0,
            hdr=hdr,
            ldr=ldr,
            codes=self.plate.codes[y0:y1] if self.plate is not None and self.about.code_bytes else None,
            mask=mask,
            gain=self._gain(y0, y1, hdr, ldr, mask),
            seen=None if alpha is None else alpha > LEAST_ALPHA,
        )

    def _mask(self, y0: int, y1: int, hdr: FloatArray, code: FloatArray | None) -> FloatArray:
        if "headroom.mask" in self.planes:
            return np.asarray(np.clip(self.planes["headroom.mask"][y0:y1], 0, 1), np.float32)
        if "headroom.gain" in self.planes:
            return np.asarray(self.planes["headroom.gain"][y0:y1] > 0, np.float32)
        if code is not None and self.about.clip is not None:
            return np.asarray(soft_mask(brightest_of(code), self.about.clip.code, self.about.header.tau), np.float32)
        return np.asarray(brightest_of(hdr) > 1, np.float32)

    def _gain(self, y0: int, y1: int, hdr: FloatArray, ldr: FloatArray | None, mask: FloatArray) -> FloatArray | None:
        if "headroom.gain" in self.planes:
            return np.asarray(self.planes["headroom.gain"][y0:y1], np.float32)
        if ldr is None:
            return None
        ratio = np.maximum(brightest_of(hdr), FAINT) / np.maximum(brightest_of(ldr), FAINT)
        return np.asarray(np.where(mask > 0, np.log2(ratio), 0), np.float32)


def brightest_of(light: FloatArray) -> FloatArray:
    """(..., 3) to (...): the largest channel. Five times as fast as numpy's reduction over so short an axis."""
    return np.asarray(np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2]), np.float32)


def open_frame(result: Plate, plate: Plate | None, spaces: Spaces) -> Frame:
    """Checks that the two belong together and reads the mask and the gain."""
    where = "" if result.frame is None else f"frame {result.frame}: "
    path = result.path or Path(result.name)
    if not result.is_float:
        raise PlateError(
            f"{where}{path} is no result: it holds {result.bits}-bit integers; "
            "name the EXR (or .hdr) that headroom convert wrote"
        )
    if plate is not None and (plate.width, plate.height) != (result.width, result.height):
        raise PlateError(
            f"{where}{plate.name} is {plate.width}x{plate.height}, {path} is {result.width}x{result.height}: "
            "they must be of one size; name the plate that the result was made from"
        )
    header = Header.of(io.header(path))
    planes = read_planes(path, ("headroom.mask", "headroom.gain")) if header.is_exr else {}
    planes = {name: plane for name, plane in planes.items() if plane.shape == (result.height, result.width)}
    spaces.prepare(result, plate, header)
    whole = plate is not None and plate.codes.dtype.kind == "u"
    about = About(
        number=result.frame,
        width=result.width,
        height=result.height,
        header=header,
        clip=None if plate is None else _clip_of(plate, header),
        planes=frozenset(planes),
        code_bits=plate.bits if plate is not None and whole else 0,
        code_bytes=plate.codes.dtype.itemsize if plate is not None and whole else 0,
    )
    return Frame(result=result, plate=plate, about=about, spaces=spaces, planes=planes)


def _clip_of(plate: Plate, header: Header) -> ClipLevel:
    """As the conversion took it, where the header's level makes sense for this plate."""
    try:
        return clip_level(plate, user=header.asked_clip_level)
    except UsageError:
        return clip_level(plate)
