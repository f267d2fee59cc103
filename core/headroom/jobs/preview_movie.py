"""A movie to look at from finished EXRs: one exposure and one fixed tone curve for the whole shot, correct tags."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom import io
from headroom.colour.curves import rec709_encode
from headroom.colour.plan import plan as plan_colour
from headroom.errors import Cancelled, PlateError, UsageError, WriteError
from headroom.io.metadata import TIME_CODE, timecode_text
from headroom.io.writing import partial_path
from headroom.plate import FloatArray

__all__ = ["PREVIEW_SUFFIXES", "make_preview", "tone_curve"]

KNEE = 0.5
"""Linear value below which the preview shows the light as it is: a plate's middle tones look as in the plate."""
WHITE = 64.0
"""Linear value shown as white: six stops above the plate's."""
# Recommendation ITU-R BT.709-6, item 3 (luma, quantisation).
_KR, _KB = 0.2126, 0.0722
_H273_REC709, _H273_LIMITED = 1, 1
ROWS = 64


@dataclass(frozen=True)
class _Kind:
    muxer: str
    codecs: tuple[str, ...]
    """The first that this build has is taken."""
    pixels: str
    bits: int
    halved_rows: bool
    options: dict[str, str]


_H264 = _Kind("mp4", ("libx264", "libopenh264"), "yuv420p", 8, True, {"crf": "16", "preset": "medium"})
_PRORES = _Kind("mov", ("prores_ks", "prores"), "yuv422p10le", 10, False, {"profile": "hq", "vendor": "apl0"})
PREVIEW_SUFFIXES = {".mp4": _H264, ".m4v": _H264, ".mov": _PRORES}
"""Suffix -> what is written: H.264 4:2:0 8 bit, or ProRes 422 HQ."""


def make_preview(
    targets: Sequence[tuple[int, Path]],
    movie: Path,
    *,
    rate: Fraction | None = None,
    exposure_stops: float = 0.0,
    progress: Callable[[float], None] = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Frames and their finished pictures, in the order given, to one movie; it is complete or absent.

    ``rate``: frames a second, 24 where None. Odd sizes are filled up by one repeated row or column.
    """
    import av

    kind = PREVIEW_SUFFIXES.get(movie.suffix.lower())
    if kind is None:
        raise UsageError(f"{movie}: a preview is .mp4 (H.264) or .mov (ProRes); choose one of these suffixes")
    if not targets:
        raise UsageError(f"{movie}: there is no frame to make a preview from")
    if not math.isfinite(exposure_stops):
        raise UsageError(f"{movie}: an exposure of {exposure_stops} stops makes no sense")
    partial = partial_path(movie)
    pictures = _pictures(targets, exposure_stops)
    try:
        first, timecode = next(pictures)
        height, width = first.shape[:2]
        movie.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(partial), "w", format=kind.muxer, options={"movflags": "faststart"}) as container:
            if timecode is not None:
                container.metadata["timecode"] = timecode
            stream = container.add_stream(_codec(av, kind), rate=rate or Fraction(24), options=dict(kind.options))
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = kind.pixels
            _tag(stream.codec_context)
            for number, (codes, _) in enumerate(_with_first(first, pictures)):
                if cancelled():
                    raise Cancelled(f"{movie}: cancelled")
                if codes.shape != first.shape:
                    frame, path = targets[number]
                    raise PlateError(
                        f"frame {frame}: {path} is {codes.shape[1]}x{codes.shape[0]}, the shot's first frame "
                        f"{width}x{height}; a preview needs one size"
                    )
                container.mux(stream.encode(_video_frame(av, codes, kind, number)))
                progress((number + 1) / len(targets))
            container.mux(stream.encode())
        partial.replace(movie)
    except (av.error.FFmpegError, OSError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise WriteError(f"cannot write {movie}: {text}; is there room and permission?") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def tone_curve(light: FloatArray) -> FloatArray:
    """Linear light to display light 0..1: straight up to `KNEE`, then logarithmic up to `WHITE`, without a corner."""
    bend = _bend()
    above = np.maximum(light - np.float32(KNEE), np.float32(0))
    rolled = KNEE + (1 - KNEE) * np.log1p(np.float32(bend) * above) / math.log1p(bend * (WHITE - KNEE))
    shown: FloatArray = np.where(light > KNEE, rolled, light).clip(0, 1).astype(np.float32, copy=False)
    return shown


def _bend() -> float:
    """The shoulder's bend that makes its slope 1 at the knee (found by halving)."""
    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = math.sqrt(low * high)
        slope = (1 - KNEE) * middle / math.log1p(middle * (WHITE - KNEE))
        low, high = (middle, high) if slope < 1 else (low, middle)
    return low


def _pictures(targets: Sequence[tuple[int, Path]], exposure_stops: float) -> Iterator[tuple[FloatArray, str | None]]:
    """R'G'B' of each frame with the Rec.709 curve, and its time code."""
    gain = np.float32(2.0**exposure_stops)
    for frame, path in targets:
        try:
            plate = io.read(path)
        except PlateError as error:
            raise PlateError(f"frame {frame}: {error}") from None
        way = plan_colour(plate.space, is_float=plate.is_float, bits=plate.bits)
        codes = np.empty((plate.height, plate.width, 3), np.float32)
        for y0 in range(0, plate.height, ROWS):
            y1 = min(y0 + ROWS, plate.height)
            codes[y0:y1] = rec709_encode(tone_curve(way.to_lin709(plate.rows(y0, y1)) * gain))
        stated = plate.metadata.get(TIME_CODE)
        yield codes, timecode_text(stated) if isinstance(stated, tuple) else None


def _with_first(
    first: FloatArray, others: Iterator[tuple[FloatArray, str | None]]
) -> Iterator[tuple[FloatArray, str | None]]:
    yield first, None
    yield from others


def _codec(av: Any, kind: _Kind) -> str:
    for name in kind.codecs:
        with contextlib.suppress(av.codec.codec.UnknownCodecError):
            av.codec.Codec(name, "w")
            return name
    raise UsageError(
        f"this build of PyAV has none of {', '.join(kind.codecs)}; "
        "install the av wheel from PyPI, or write the other kind (.mp4, .mov)"
    )


def _tag(context: Any) -> None:
    context.color_range = _H273_LIMITED
    context.colorspace = context.color_primaries = context.color_trc = _H273_REC709


def _video_frame(av: Any, codes: FloatArray, kind: _Kind, number: int) -> Any:
    """Limited-range Y'CbCr, rounded; chroma averaged onto its place (even columns; between the rows of 4:2:0)."""
    height, width = codes.shape[:2]
    codes = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    luma = np.float32(_KR) * codes[..., 0] + np.float32(1 - _KR - _KB) * codes[..., 1] + np.float32(_KB) * codes[..., 2]
    blue = (codes[..., 2] - luma) / np.float32(2 * (1 - _KB))
    red = (codes[..., 0] - luma) / np.float32(2 * (1 - _KR))
    scale, kept = 1 << (kind.bits - 8), np.uint16 if kind.bits > 8 else np.uint8
    planes = [luma * (219 * scale) + 16 * scale]
    planes += [_thinned(c, kind.halved_rows) * (224 * scale) + 128 * scale for c in (blue, red)]
    frame = av.VideoFrame(codes.shape[1], codes.shape[0], kind.pixels)
    for plane, content in zip(frame.planes, planes, strict=True):
        rows: npt.NDArray[Any] = np.frombuffer(plane, kept).reshape(-1, plane.line_size // np.dtype(kept).itemsize)
        rows[: plane.height, : plane.width] = np.rint(content).astype(kept)
    frame.pts = number
    _tag(frame)
    return frame


def _thinned(chroma: FloatArray, halved_rows: bool) -> FloatArray:
    """Every second column, each the mean of itself and half of its neighbours; rows by twos."""
    left = np.concatenate([chroma[:, :1], chroma[:, 1:-1:2]], axis=1)
    thin: FloatArray = 0.5 * chroma[:, ::2] + 0.25 * (left + chroma[:, 1::2])
    return 0.5 * (thin[::2] + thin[1::2]) if halved_rows else thin
