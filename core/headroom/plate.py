"""What travels through headroom: a plate in its own code values, and a reconstruction in linear light."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "Plate", "Reconstruction", "Window"]

FloatArray = npt.NDArray[np.float32]

# Below this alpha a premultiplied colour carries no usable colour; it is left as it is.
ALPHA_FLOOR = 1e-4


@dataclass(frozen=True, kw_only=True)
class Window:
    """A pixel rectangle: origin (may be negative) and size."""

    x: int = 0
    y: int = 0
    width: int
    height: int


@dataclass(kw_only=True)
class Plate:
    """A picture as recorded.

    ``codes`` stays in the type it was stored in (uint8, uint16, float16 or float32), so that a 16K panorama costs
    what its file says; ``rows`` hands out float32 bands. Orientation is already applied.
    """

    codes: npt.NDArray[Any]
    """(H, W, 3) R, G, B code values in the plate's own encoding; grey is repeated."""
    alpha: npt.NDArray[Any] | None = None
    """(H, W) in the stored type, untouched."""
    premultiplied: bool = False
    """Whether ``codes`` were multiplied by alpha (EXR, TIFF with associated alpha)."""
    bits: int = 8
    """Bits a channel in the file: 8, 10, 12, 16; 32 (or 16 with ``is_float``) for float; a movie's own always."""
    is_float: bool = False
    """Float codes: may exceed 1, 1.0 is still the plate's white."""
    video_top: float | None = None
    """A movie's frame: the largest code that its range can record, 1.0 or (limited range) 1.09; else None."""
    is_grey: bool = False
    is_jpeg: bool = False
    """Lossy DCT source: its clip level often lies below the top code."""
    coding_variance: tuple[float, float, float] | None = None
    """By what a JPEG's coding is off in R, G, B: variance in squares of one 8-bit code (``io.jpeg_coding``); None:
    lossless, or not known."""
    space: str | None = None
    """Colour space that the file states (ICC, header, name) or None; a name for the OCIO resolver."""
    origin: str | None = None
    """``camera`` or ``render`` where the file tells (``io.origin``): what its stated curve is worth."""
    data_window: Window | None = None
    """Where ``codes`` lies in the file's pixel space (EXR); None: origin 0."""
    display_window: Window | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    """Source metadata that is carried over: timecode, framesPerSecond, EXIF exposure, ..."""
    warnings: list[str] = field(default_factory=list)
    """What the reader noticed and the user should know, one line each."""
    path: Path | None = None
    frame: int | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.codes.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.codes.shape[1])

    @property
    def name(self) -> str:
        """What to call the plate in a message."""
        return str(self.path) if self.path else f"plate {self.width}x{self.height}"

    def rows(self, y0: int, y1: int) -> FloatArray:
        """Rows y0..y1 as (y1-y0, W, 3) float32, un-premultiplied; integer codes are scaled to 0..1."""
        band = _unit(self.codes[y0:y1])
        if self.alpha is not None and self.premultiplied:
            alpha = self.alpha_rows(y0, y1)
            assert alpha is not None
            divisor = np.where(alpha > ALPHA_FLOOR, alpha, np.float32(1.0))
            return (band / divisor[..., None]).astype(np.float32, copy=False)
        return band

    def alpha_rows(self, y0: int, y1: int) -> FloatArray | None:
        """Alpha of rows y0..y1 as (y1-y0, W) float32 0..1, or None."""
        return None if self.alpha is None else _unit(self.alpha[y0:y1])


@dataclass(kw_only=True)
class Reconstruction:
    """Linear light, and which of it was invented."""

    pixels: FloatArray
    """(H, W, 3) linear, in ``space``; un-premultiplied, not clamped, finite."""
    mask: FloatArray
    """(H, W) 0..1: how much of the pixel is reconstructed."""
    gain_stops: FloatArray
    """(H, W) stops added to the pixel's brightest reconstructed channel."""
    plate: Plate
    """The source: alpha, windows and metadata are carried over from it."""
    space: str
    """Name of the output colour space in its config."""
    chromaticities: tuple[float, ...] | None = None
    """Rx Ry Gx Gy Bx By Wx Wy of the output space."""
    report: dict[str, Any] = field(default_factory=dict)
    """What was found and done: model, weights hash, clipped share, curve, peak stops, spaces, options."""


def _unit(codes: npt.NDArray[Any]) -> FloatArray:
    if codes.dtype.kind == "u":
        # Division, not multiplication by a rounded reciprocal: code/255 must be the exact float32 quotient.
        unit: FloatArray = codes.astype(np.float32)
        unit /= np.float32(np.iinfo(codes.dtype).max)
        return unit
    return codes.astype(np.float32)
