"""Light as 16-bit logarithms, rows of integers, deflate: how pixels travel into the page.

A row holds its layers one after the other, and a layer its channels; 16-bit numbers as all low bytes, then all high
bytes. What is stored is the difference to a prediction, so that what the plate already says costs almost nothing:

    code   the plate's codes               predicted from their neighbours
    ldr    the plate's light               predicted from the code
    hdr    the result's light              predicted from the plate's light
    mask   share reconstructed, 255ths     predicted from its neighbours
    gain   stops added, 256ths             predicted from its neighbours

``page/decode.js`` reads it. All predictions are integers: what comes out there is bit for bit what went in here.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

__all__ = ["GAIN_STEPS", "MASK_STEPS", "Layer", "LogCode", "RowEncoder"]

Integers = npt.NDArray[np.int32]

LOW_STOPS = -20
"""Light below 2^-20 of white (a millionth; a 16-bit code is sixteen times as much) becomes 0."""
LEAST_TOP_STOPS = 24
TOP_CODE = 32767
MASK_STEPS = 255
GAIN_STEPS = 256
GAIN_LIMIT_STOPS = 120.0
QUIET = 4
"""A predicted change of the light of at most so many steps is the rounding of the half floats, and is taken as none."""
LEVEL = 6


@dataclass(frozen=True)
class LogCode:
    """Linear light to signed integers: 0, or sign * (1 + steps * (log2 |light| + 20))."""

    steps: int
    """A stop is cut into so many steps."""

    @classmethod
    def up_to(cls, peak: float) -> LogCode:
        """The finest code that holds ``peak``; the same one for everything up to 2^24."""
        top = max(LEAST_TOP_STOPS, math.ceil(math.log2(peak))) if peak > 0 else LEAST_TOP_STOPS
        return cls((TOP_CODE - 1) // (top - LOW_STOPS))

    @property
    def relative_error(self) -> float:
        """Most by which a value is off, as a share of it: half a step."""
        return float(2 ** (0.5 / self.steps) - 1)

    def encode(self, light: FloatArray) -> Integers:
        """Any shape; -32767..32767."""
        size = np.abs(light)
        with np.errstate(divide="ignore"):
            steps = np.rint((np.log2(size, dtype=np.float32) - LOW_STOPS) * np.float32(self.steps)) + 1
        codes: Integers = np.clip(steps, 0, TOP_CODE).astype(np.int32)
        return np.where(light < 0, -codes, codes)

    def decode(self, codes: Integers) -> npt.NDArray[np.float64]:
        """What the page shows for these integers."""
        size = np.exp2((np.abs(codes) - 1) / self.steps + LOW_STOPS)
        return np.where(codes == 0, 0.0, np.sign(codes) * size)


@dataclass(frozen=True)
class Layer:
    """One kind of number of each pixel."""

    name: str
    channels: int
    bytes: int
    """1 or 2."""
    base: str | None = None
    """The layer that predicts it; None: its neighbours."""

    def as_dict(self) -> dict[str, Any]:
        """For the page."""
        return {"name": self.name, "channels": self.channels, "bytes": self.bytes, "base": self.base}


class RowEncoder:
    """Rows of integers in, deflated bytes out to ``out``."""

    def __init__(self, layers: tuple[Layer, ...], width: int, out: BinaryIO, *, table: Integers | None = None) -> None:
        """``table``: (N,) light codes by plate code, for a layer whose base is ``code``; ``code >> shift`` counts."""
        self.layers, self._width, self._out, self._table = layers, width, out, table
        self._deflate = zlib.compressobj(LEVEL)
        self._above = {layer.name: np.zeros((layer.channels, width), np.int32) for layer in layers}
        self.rows = 0

    def add(self, values: Mapping[str, Integers]) -> None:
        """The next rows: (h, W, C) or (h, W) integers of each layer."""
        planes = {}
        for layer in self.layers:
            given = values[layer.name]
            planes[layer.name] = np.moveaxis(given.reshape(*given.shape[:2], layer.channels), -1, 0)
        height = next(iter(planes.values())).shape[1]
        packed = [self._packed(layer, planes) for layer in self.layers]  # each (h, bytes a row)
        self._out.write(self._deflate.compress(np.concatenate(packed, axis=1).tobytes()))
        self.rows += height

    def close(self) -> None:
        """Writes what is left."""
        self._out.write(self._deflate.flush())

    def _packed(self, layer: Layer, planes: Mapping[str, Integers]) -> npt.NDArray[np.uint8]:
        plane = planes[layer.name]
        if layer.base == "code":
            assert self._table is not None
            codes = planes["code"]
            shift = 0 if len(self._table) == 256 else 4
            rest = plane - self._table[codes >> shift]
        elif layer.base is not None:
            change = plane - planes[layer.base]
            guess = _neighbours(change, self._above[layer.name])
            rest = change - np.where(np.abs(guess) <= QUIET, 0, guess)
            self._above[layer.name] = change[:, -1]
        else:
            rest = plane - _neighbours(plane, self._above[layer.name])
            self._above[layer.name] = plane[:, -1]
        parts = []
        for channel in rest:
            folded = _folded(channel, 8 * layer.bytes)
            parts += [(folded >> shift).astype(np.uint8) for shift in range(0, 8 * layer.bytes, 8)]
        return np.concatenate(parts, axis=1)


def _neighbours(planes: Integers, above: Integers) -> Integers:
    """Each pixel from its left, upper and upper left neighbours: the median edge predictor of LOCO-I.

    Weinberger, Seroussi and Sapiro, The LOCO-I lossless image compression algorithm (2000). Left of the first column
    stands what is above it.
    """
    up = np.concatenate([above[:, None], planes[:, :-1]], axis=1)
    left = np.concatenate([up[..., :1], planes[..., :-1]], axis=-1)
    corner = np.concatenate([up[..., :1], up[..., :-1]], axis=-1)
    low, high = np.minimum(left, up), np.maximum(left, up)
    found: Integers = np.where(corner >= high, low, np.where(corner <= low, high, left + up - corner))
    return found


def _folded(rest: Integers, bits: int) -> npt.NDArray[np.uint32]:
    """Signed differences, wrapped to ``bits``, as 0, -1, 1, -2, ...: small ones have empty high bytes."""
    half, full = 1 << (bits - 1), (1 << bits) - 1
    wrapped = ((rest + half) & full) - half
    return (((wrapped << 1) ^ (wrapped >> 31)) & full).astype(np.uint32)
