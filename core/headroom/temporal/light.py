"""What a frame's neighbours need of it: the light that the network gives it, stored small; and its own answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from headroom.colour.curves import srgb_decode
from headroom.curve import EstimatedCurve
from headroom.encode import Rows
from headroom.engine.run import BandOutput
from headroom.plate import FloatArray
from headroom.temporal.flow import Guide

__all__ = ["Answer", "Light", "light_log2", "look_up", "stored"]

LIGHT_FLOOR = 1e-4
"""Of the clip level: what is darker is of no interest here."""
STEPS = 1024
"""Of a stop, in which log light is stored as 16-bit integers: half the memory of floats, and looked up as it is."""
NOTHING = -32768
"""Where there is no light: what mixes with it is recognised and left out."""
MARGIN_PX = 2
LOOK_UP_COLUMNS = 1024
"""Points are looked up in rows of so many: the library takes no longer ones than 32767."""


def stored(light_log2: FloatArray) -> npt.NDArray[np.int16]:
    """Log2 light in steps."""
    steps: npt.NDArray[np.int16] = np.rint(light_log2.clip(-31, 31) * np.float32(STEPS)).astype(np.int16)
    return steps


def light_log2(rows: Rows, gain_log2: FloatArray, boost: float) -> FloatArray:
    """(h, W, 3) log2 of the light relative to the clip level, recorded and reconstructed."""
    x_srgb = rows.x_srgb if boost == 1.0 else rows.x_srgb ** np.float32(boost)
    light: FloatArray = np.log2(srgb_decode(x_srgb).clip(LIGHT_FLOOR)) + gain_log2 * np.float32(boost) * rows.alpha
    return light


@dataclass(frozen=True)
class Light:
    """Log2 light over the rectangle of a frame that holds all that clipped, in steps; -31 to 31 stops."""

    y0: int
    x0: int
    values: npt.NDArray[np.int16]
    """(h, w, 3)"""

    @classmethod
    def around(cls, touched: npt.NDArray[np.bool_], values: npt.NDArray[np.int16]) -> Light:
        """The part of (H, W, 3) that neighbours may look at: where (H, W) is touched, and a margin."""
        rows, columns = (np.flatnonzero(touched.any(axis=axis)) for axis in (1, 0))
        y0, x0 = max(0, int(rows[0]) - MARGIN_PX), max(0, int(columns[0]) - MARGIN_PX)
        y1, x1 = int(rows[-1]) + 1 + MARGIN_PX, int(columns[-1]) + 1 + MARGIN_PX
        return cls(y0, x0, values[y0:y1, x0:x1].copy())

    def at(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """(n, 3) at frame coordinates (n,), bilinear; far below 0 where there is nothing."""
        x, y = x - np.float32(self.x0), y - np.float32(self.y0)
        light: FloatArray = look_up(self.values, x, y, beyond=NOTHING) * np.float32(1 / STEPS)
        return light


def look_up(values: npt.NDArray[Any], x: FloatArray, y: FloatArray, *, beyond: float | None = None) -> npt.NDArray[Any]:
    """(n, channels) of (h, w, channels) at points (n,), bilinear; ``beyond`` the edge, or the edge repeated."""
    count = len(x)
    rows = -(-count // LOOK_UP_COLUMNS)
    points = np.zeros((2, rows * LOOK_UP_COLUMNS), np.float32)
    points[0, :count], points[1, :count] = x, y
    grid = points.reshape(2, rows, LOOK_UP_COLUMNS)
    border = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    blocks = []
    for start in range(0, rows, 16384):
        some = grid[:, start : start + 16384]
        fill = (beyond or 0.0,) * 4
        blocks.append(cv2.remap(values, some[0], some[1], cv2.INTER_LINEAR, borderMode=border, borderValue=fill))
    found: npt.NDArray[Any] = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    return found.reshape(rows * LOOK_UP_COLUMNS, -1)[:count]


@dataclass(frozen=True)
class Answer:
    """All that is kept of a frame while it is in a window."""

    frame: int
    estimate: EstimatedCurve
    bands: tuple[tuple[int, int], ...]
    """First row and end of each band."""
    touched: tuple[npt.NDArray[np.uint8], ...]
    """Of each band, packed bits: which pixels clipped at all."""
    gain_log2: tuple[FloatArray, ...]
    """(n, 3) of each band's touched pixels, as the network gave them."""
    spread_log2: tuple[FloatArray, ...]
    """(n,)"""
    dequantize: tuple[FloatArray | None, ...]
    light: Light | None
    """None where nothing clipped."""
    guide: Guide | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        corrections = [part for part in self.dequantize if part is not None]
        parts: list[npt.NDArray[Any]] = [*self.touched, *self.gain_log2, *self.spread_log2, *corrections]
        if self.light is not None:
            parts.append(self.light.values)
        if self.guide is not None:
            parts += [self.guide.gray, self.guide.x_srgb]
        return sum(part.nbytes for part in parts)

    def output(self, number: int, width: int) -> tuple[npt.NDArray[np.bool_], BandOutput]:
        """(h, W) touched pixels of a band, and the network's answer in its place; 0 where nothing clipped."""
        y0, y1 = self.bands[number]
        touched = np.unpackbits(self.touched[number], count=(y1 - y0) * width).astype(bool).reshape(y1 - y0, width)
        gain, spread = np.zeros((y1 - y0, width, 3), np.float32), np.zeros((y1 - y0, width), np.float32)
        gain[touched], spread[touched] = self.gain_log2[number], self.spread_log2[number]
        return touched, BandOutput(gain, spread, self.dequantize[number])
