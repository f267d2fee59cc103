"""A decoded frame's planes become R'G'B' codes, by the definitions of ITU-T H.273 and nothing else.

YCbCr gives float32 that is neither rounded nor clamped: limited range records highlights above white (8-bit code 255
is 1.0913) and they stay above 1.0. R'G'B' and grey of full range stay the integers that they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import PlateError
from headroom.io.movie_tags import Levels, Matrix, MovieTags
from headroom.plate import FloatArray

__all__ = ["alpha_of", "bits_of", "codes_of", "planar", "video_top"]

Codes = npt.NDArray[Any]

BAND_ROWS = 32
"""Rows converted together: what they need stays in a core's cache."""

# Kr, Kb: H.273 table 4 (Rec. 601-7, 709-6, 2020-2, SMPTE 240M, FCC 73.682).
LUMA: dict[Matrix, tuple[float, float]] = {
    "601": (0.299, 0.114),
    "709": (0.2126, 0.0722),
    "2020": (0.2627, 0.0593),
    "240M": (0.212, 0.087),
    "FCC": (0.30, 0.11),
}


def video_top(levels: Levels, bits: int) -> float:
    """The largest R'G'B' code that the range can record; 1.0 is white."""
    if levels == "full":
        return 1.0
    return ((1 << bits) - 1 - (16 << (bits - 8))) / (219 << (bits - 8))


def bits_of(frame: Any) -> int:
    """Bits a channel."""
    return max(int(component.bits) for component in frame.format.components)


def planar(frame: Any, name: str) -> Any:
    """The frame in a format of one plane a channel; packed ones are laid out anew by the library, value by value."""
    kind = frame.format
    components = kind.components
    stored = {component.plane for component in components}
    bits = bits_of(frame)
    if kind.is_bayer or kind.name.startswith("xyz") or bits > 16 or "f16" in kind.name:
        raise PlateError(f"cannot read {name}: its pixel format {kind.name} is not supported; export it as ProRes 4444")
    if len(stored) == len(components) and not kind.has_palette and not kind.is_big_endian and bits >= 8:
        return frame
    has_alpha = any(component.is_alpha for component in components) or kind.has_palette
    depth = f"{bits}le" if bits > 8 else ""
    if len(components) == 1 and not kind.has_palette:
        target = f"gray{depth}"
    elif kind.is_rgb or kind.has_palette:
        target = f"gbr{'a' if has_alpha else ''}p{depth}"
    else:
        chroma = next(component for component in components if component.is_chroma)
        across, down = _samples_served(frame.width, chroma.width), _samples_served(frame.height, chroma.height)
        sampling = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (4, 4): "410", (1, 2): "440"}
        target = f"yuv{'a' if has_alpha else ''}{sampling[across, down]}p{depth}"
    try:
        return frame.reformat(format=target)
    except ValueError as error:
        raise PlateError(
            f"cannot read {name}: its pixel format {kind.name} is not supported ({error}); export it as ProRes 4444"
        ) from None


def codes_of(frame: Any, tags: MovieTags, *, centred: bool = False) -> Codes:
    """(H, W, 3) R'G'B' codes of a planar frame.

    ``centred``: chroma of 4:2:0 lies between the columns (JPEG, MPEG-1) rather than on the even ones (everything
    else). Chroma between samples is interpolated linearly, which cannot overshoot beside a highlight.
    """
    bits = bits_of(frame)
    planes = [_plane(frame, component) for component in frame.format.components if not component.is_alpha]
    if len(planes) == 1 or tags.matrix == "RGB":
        order = planes * 3 if len(planes) == 1 else _rgb_order(frame, planes)
        if tags.levels == "full":
            return np.stack([_whole_scale(plane, bits) for plane in order], axis=-1)
        return np.stack([_luma(plane, "limited", bits) for plane in order], axis=-1)
    return _from_ycbcr(planes, tags.levels, tags.matrix, bits, centred)


def alpha_of(frame: Any) -> Codes | None:
    """(H, W) alpha of a planar frame as unsigned integers of full scale; alpha has full range always."""
    for component in frame.format.components:
        if component.is_alpha:
            return _whole_scale(_plane(frame, component), int(component.bits))
    return None


def _plane(frame: Any, component: Any) -> Codes:
    plane = frame.planes[component.plane]
    kind = np.dtype("<u2") if component.bits > 8 else np.dtype("u1")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width]


def _rgb_order(frame: Any, planes: list[Codes]) -> list[Codes]:
    # Planar R'G'B' is stored G, B, R; the library lists its components as R, G, B. Where a YCbCr format is
    # tagged with the identity matrix (H.273: 0), Y holds G, Cb holds B, Cr holds R.
    return planes if frame.format.is_rgb else [planes[2], planes[0], planes[1]]


def _whole_scale(plane: Codes, bits: int) -> Codes:
    """8 bits as they are; more as round(65535 code / top), as stills are read."""
    if bits <= 8:
        return np.ascontiguousarray(plane)
    top = (1 << bits) - 1
    lookup = ((np.arange(1 << 16, dtype=np.uint64).clip(0, top) * 65535 * 2 + top) // (2 * top)).astype(np.uint16)
    scaled: Codes = lookup[plane]
    return scaled


def _luma(plane: Codes, levels: Levels, bits: int) -> FloatArray:
    y: FloatArray = plane.astype(np.float32)
    if levels == "full":
        y /= np.float32((1 << bits) - 1)
    else:
        y -= np.float32(16 << (bits - 8))
        y /= np.float32(219 << (bits - 8))
    return y


def _chroma(rows: Codes, levels: Levels, bits: int) -> FloatArray:
    """-0.5..0.5, and somewhat beyond where limited range is overrun."""
    c: FloatArray = rows.astype(np.float32)
    c -= np.float32(1 << (bits - 1))
    c /= np.float32((1 << bits) - 1 if levels == "full" else 224 << (bits - 8))
    return c


def _from_ycbcr(planes: list[Codes], levels: Levels, matrix: Matrix, bits: int, centred: bool) -> FloatArray:
    height, width = planes[0].shape
    across, down = _samples_served(width, planes[1].shape[1]), _samples_served(height, planes[1].shape[0])
    kr, kb = LUMA[matrix]
    kg = 1.0 - kr - kb
    red, blue = np.float32(2 * (1 - kr)), np.float32(2 * (1 - kb))
    green_of_blue, green_of_red = np.float32(2 * kb * (1 - kb) / kg), np.float32(2 * kr * (1 - kr) / kg)
    out = np.empty((height, width, 3), np.float32)
    side = (across - 1) / 2 if centred else 0.0
    for y0 in range(0, height, BAND_ROWS):
        y1 = min(y0 + BAND_ROWS, height)
        luma = _luma(planes[0][y0:y1], levels, bits)
        cb, cr = (
            _widened(_rows_between(plane, y0, y1, down, levels, bits), across, side, width) for plane in planes[1:3]
        )
        band = out[y0:y1]
        np.multiply(cr, red, out=band[..., 0])
        band[..., 0] += luma
        np.multiply(cb, blue, out=band[..., 2])
        band[..., 2] += luma
        cb *= green_of_blue
        cr *= green_of_red
        luma -= cb
        luma -= cr
        band[..., 1] = luma
    return out


def _samples_served(luma: int, chroma: int) -> int:
    """How many luma samples a chroma sample serves along an axis; the last one may serve fewer."""
    return next(serves for serves in (1, 2, 4) if -(-luma // serves) == chroma)


def _rows_between(plane: Codes, y0: int, y1: int, down: int, levels: Levels, bits: int) -> FloatArray:
    """Chroma at the luma rows y0..y1; chroma rows lie in the middle of the ``down`` luma rows that they serve."""
    if down == 1:
        return _chroma(plane[y0:y1], levels, bits)
    at = (np.arange(y0, y1, dtype=np.float32) - np.float32((down - 1) / 2)) / np.float32(down)
    above = np.floor(at).astype(np.intp)
    part = (at - above).astype(np.float32)[:, None]
    last = plane.shape[0] - 1
    first, end = int(above[0].clip(0, last)), int((above[-1] + 1).clip(0, last)) + 1
    rows = _chroma(plane[first:end], levels, bits)
    upper, lower = rows[above.clip(first, end - 1) - first], rows[(above + 1).clip(first, end - 1) - first]
    between: FloatArray = lower - upper
    between *= part
    between += upper
    return between


def _widened(rows: FloatArray, across: int, side: float, width: int) -> FloatArray:
    """(h, w) chroma at ``width`` columns; sample ``i`` lies at column ``across * i + side``."""
    if across == 1:
        return rows
    padded = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
    count = rows.shape[1]
    out = np.empty((rows.shape[0], count * across), np.float32)
    for phase in range(across):
        at = (phase - side) / across
        left = int(np.floor(at))
        part = np.float32(at - left)
        a = padded[:, 1 + left : 1 + left + count]
        if part == 0:
            out[:, phase::across] = a
        else:
            b = padded[:, 2 + left : 2 + left + count]
            out[:, phase::across] = a + (b - a) * part
    return out[:, :width]
