"""Small movies made on the spot, and the definitions they are checked against (ITU-T H.273, in double precision)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

# H.273 numbers: (range, matrix, primaries, transfer).
REC709_LIMITED = (1, 1, 1, 1)
KR_KB = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593), "240M": (0.212, 0.087)}
MATRIX_TAG = {"601": 6, "709": 1, "2020": 9, "240M": 7}


def frame_of(planes: Sequence[Any], pixels: str, width: int, height: int) -> Any:
    """An ``av.VideoFrame`` of one-plane-a-channel format; a plane is an array or one number."""
    frame = av.VideoFrame(width, height, pixels)
    for plane, content in zip(frame.planes, planes, strict=True):
        kind = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype("u1")
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        rows[:] = 0
        rows[: plane.height, : plane.width] = content
    return frame


def write_movie(
    path: Path,
    picture: Callable[[int], Sequence[Any]],
    *,
    codec: str,
    pixels: str,
    frames: int = 1,
    size: tuple[int, int] = (64, 48),
    rate: Any = 24,
    tags: tuple[int, int, int, int] = REC709_LIMITED,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    times: Callable[[int], int] = lambda k: k,
    time_base: Fraction | None = None,
    prepare: Callable[[Any], None] = lambda stream: None,
) -> Path:
    """A movie of ``frames`` frames whose planes ``picture(k)`` gives."""
    if codec == "libx265" and path.suffix in (".mp4", ".mov"):
        return _through_matroska(path, picture, codec=codec, pixels=pixels, frames=frames, size=size, rate=rate,
                                 tags=tags, options=options)  # fmt: skip
    with av.open(str(path), "w", options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        if time_base is not None:
            context.time_base = time_base
        prepare(stream)
        for k in range(frames):
            frame = frame_of(picture(k), pixels, *size)
            frame.pts = times(k)
            frame.time_base = time_base or 1 / Fraction(rate)
            frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = tags
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _through_matroska(path: Path, picture: Callable[[int], Sequence[Any]], **other: Any) -> Path:
    """H.265 into QuickTime and MP4: writing it there at once fails now and then in this build of FFmpeg."""
    first = write_movie(path.with_suffix(".first.mkv"), picture, **other)
    with av.open(str(first)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    first.unlink()
    return path


def rgb_of(y: Any, cb: Any, cr: Any, matrix: str, levels: str, bits: int) -> Any:
    """R'G'B' of stored YCbCr numbers, in double precision, straight from the definition."""
    kr, kb = KR_KB[matrix]
    scale = 2 ** (bits - 8)
    y, cb, cr = (np.asarray(v, np.float64) for v in (y, cb, cr))
    if levels == "limited":
        luma, blue, red = (y / scale - 16) / 219, (cb / scale - 128) / 224, (cr / scale - 128) / 224
    else:
        top = 2**bits - 1
        luma, blue, red = y / top, (cb - 2 ** (bits - 1)) / top, (cr - 2 ** (bits - 1)) / top
    r = luma + 2 * (1 - kr) * red
    b = luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.stack([r, g, b], axis=-1)


def numbered(width: int, height: int, bits: int = 8) -> Callable[[int], list[Any]]:
    """Planes for 4:2:0 whose frame number can be read back from any decoded frame (`number_of`)."""

    def picture(k: int) -> list[Any]:
        luma = np.full((height, width), 40, np.uint16)
        for bit in range(8):
            luma[:, bit * width // 8 : (bit + 1) * width // 8] = 200 if k >> bit & 1 else 40
        neutral = 128 << (bits - 8)
        return [luma << (bits - 8), neutral, neutral]

    return picture


def number_of(codes: Any) -> int:
    """The frame number that `numbered` put into the picture."""
    width = codes.shape[1]
    middles = [bit * width // 8 + width // 16 for bit in range(8)]
    row = codes[codes.shape[0] // 2, middles, 1]
    return sum(int(value > 0.5) << bit for bit, value in enumerate(row))
