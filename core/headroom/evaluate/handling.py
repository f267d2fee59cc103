"""What happens to photographs between the camera and the user: saved hard, resized, sharpened, cropped, written on.

Each way takes a photograph's light (linear, 1.0 clips), makes the code values that reach the user, and the light that
they stand for. Where something was put over the picture the light is what is seen there: black bars are 0, white
letters are 1.0 and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.camera import Response, expose_for_clipped_share, jpeg, quantise, shoot
from headroom.plate import FloatArray

__all__ = ["HANDLINGS", "Handled", "Handling", "handled"]

Handled = tuple[FloatArray, FloatArray]
"""(H, W, 3) code values 0..1, and the light (H, W, 3) that they stand for."""

BITS = 8
WEB_SHARE = 2
"""A picture on a web page has its sides divided by this."""
WEB_QUALITY = 75
SHARPEN_PX, SHARPEN_AMOUNT = 1.2, 0.8
"""Unsharp mask as cameras and picture editors set it: Gaussian sigma, and the share of the detail that is added."""
VIDEO_WHITE = 235.0 / 255.0
"""Top of limited-range video that was stored as it came."""
ONE_CHANNEL = (2.2, 1.0, 0.45)
"""Lamp light under daylight balance: red clips long before blue."""
BORDER_SHARE = 0.12
"""Height of either bar of a letterbox, as a share of the picture's."""


def handled(light: FloatArray, way: str) -> Handled:
    """``light``, exposed, through sRGB and 8 bits and one of ``HANDLINGS``."""
    return HANDLINGS[way].make(light)


def _code(light: FloatArray) -> FloatArray:
    return np.asarray(shoot(light, Response.srgb(), bits=BITS), np.float32)


def _jpeg(quality: int) -> Callable[[FloatArray], Handled]:
    return lambda light: (jpeg(_code(light), quality), light)


def _twice(light: FloatArray) -> Handled:
    """Saved, moved by a few pixels against the blocks, saved again."""
    first = jpeg(_code(light), 85)
    return np.roll(jpeg(np.roll(first, (3, 5), (0, 1)), 70), (-3, -5), (0, 1)), light


def _noisy(light: FloatArray) -> Handled:
    """About ISO 3200: 1,500 electrons at the clip."""
    rng = np.random.default_rng(1)
    return np.asarray(
        shoot(light, Response.srgb(), bits=BITS, shot_noise=0.026, read_noise=0.006, rng=rng), np.float32
    ), light


def _sharpened(light: FloatArray) -> Handled:
    import cv2

    code = _code(light)
    detail = code - cv2.GaussianBlur(code, (0, 0), SHARPEN_PX)
    return np.asarray(quantise(code + np.float32(SHARPEN_AMOUNT) * detail, BITS), np.float32), light


def _web(light: FloatArray) -> Handled:
    """Resized in code values, as every site does it; the light is that of the larger pixels."""
    import cv2

    size = (light.shape[1] // WEB_SHARE, light.shape[0] // WEB_SHARE)
    small = cv2.resize(_code(light), size, interpolation=cv2.INTER_AREA)
    return jpeg(np.asarray(small, np.float32), WEB_QUALITY), np.asarray(
        cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32
    )


def _dim_white(light: FloatArray) -> Handled:
    """Everything above code 235 is cut off there."""
    white = float(Response.srgb().inverse(np.float64(VIDEO_WHITE)))
    return np.asarray(
        np.minimum(_code(light * np.float32(white)), quantise(np.float32(VIDEO_WHITE), BITS)), np.float32
    ), light


def _one_channel(light: FloatArray) -> Handled:
    """The same share clips, nearly all of it in one channel."""
    share = float((light.max(axis=2) >= 1.0).mean())
    cast = light * np.asarray(ONE_CHANNEL, np.float32)
    cast *= np.float32(expose_for_clipped_share(cast, share))
    return _code(cast), cast


def _letterboxed(light: FloatArray) -> Handled:
    bar = round(light.shape[0] * BORDER_SHARE)
    seen = light.copy()
    seen[:bar] = seen[-bar:] = 0.0
    return _code(seen), seen


def _captioned(light: FloatArray) -> Handled:
    """White letters with black edges, and a white logo plate: as bright as white, and no brighter."""
    over, white = _letters(light.shape[0], light.shape[1])
    seen = np.asarray(np.where(over[..., None], white[..., None], light), np.float32)
    return _code(seen), seen


def _letters(height: int, width: int) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """(H, W) what is covered, and what is seen there: 1.0 or 0."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(12, height // 14)
    page = Image.new("L", (width, height), 128)  # 128: the picture itself
    draw = ImageDraw.Draw(page)
    draw.fontmode = "1"  # nothing between black and white
    font = ImageFont.load_default(size)
    draw.text(
        (width / 2, height * 0.88), "WHITE LETTERS, 203 NITS", 255, font, "mm", stroke_width=max(1, size // 12),
        stroke_fill=0,
    )  # fmt: skip
    draw.rounded_rectangle((width * 0.03, height * 0.05, width * 0.15, height * 0.17), size // 3, fill=255)
    draw.text((width * 0.09, height * 0.11), "LOGO", 0, ImageFont.load_default(size * 0.7), "mm")
    drawn = np.asarray(page)
    return drawn != 128, np.asarray(drawn == 255, np.float32)


@dataclass(frozen=True)
class Handling:
    """One way to treat a photograph."""

    meaning: str
    make: Callable[[FloatArray], Handled]
    is_jpeg: bool = False
    """Whether it reaches the user as a JPEG file."""


HANDLINGS = {
    "jpeg-100": Handling("JPEG 100", _jpeg(100), is_jpeg=True),
    "jpeg-75": Handling("JPEG 75", _jpeg(75), is_jpeg=True),
    "jpeg-50": Handling("JPEG 50", _jpeg(50), is_jpeg=True),
    "re-encoded": Handling("JPEG 85, shifted against its blocks, JPEG 70", _twice, is_jpeg=True),
    "noisy": Handling("noise of about ISO 3200", _noisy),
    "sharpened": Handling("unsharp mask, 1.2 px, 80 %", _sharpened),
    "web": Handling("half its size in code values, JPEG 75", _web, is_jpeg=True),
    "white-235": Handling("cut off at code 235", _dim_white),
    "one-channel": Handling("lamp light under daylight balance: red clips long before blue", _one_channel),
    "letterboxed": Handling("black bars above and below", _letterboxed),
    "captioned": Handling("white letters and a logo over it", _captioned),
}
