"""What a real lens does to bright light: bloom around it and a veil over the whole picture.

A share of the light that should meet in one pixel is scattered by glass, coatings, dust and the sensor's cover. It
falls off as Moffat's function (A theoretical investigation of focal stellar images in the photographic emulsion and
application to photographic photometry, Astronomy and Astrophysics 3, 455, 1969), whose power-law wings are what is
measured around stars and lamps; what is scattered more than once lies over the frame evenly, the veil that ISO 9358
measures (1 to 5 % in camera lenses). Light is only moved: beyond its edges the picture is taken to go on as its mirror
image, so that what scatters out comes in again, and the sum stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lens", "with_glare"]


@dataclass(frozen=True)
class Lens:
    """Shares of the light, and the shape of what surrounds it."""

    bloom: float
    """Share that is scattered around its pixel."""
    core: float
    """Radius at which the scattered light begins to fall, as a share of the picture's width."""
    exponent: float
    """Of Moffat's function, above 1: the wings fall as the distance to the power of -2 exponent."""
    veil: float
    """Share that is spread over the whole frame."""


def with_glare(light: npt.NDArray[np.float32], lens: Lens) -> npt.NDArray[np.float32]:
    """(H, W, 3) linear light as the lens passes it on; the sum stays, nothing becomes negative."""
    height, width = light.shape[:2]
    # One period of the mirrored picture; distances wrap with it.
    rows, columns = (np.minimum(np.arange(2 * size), 2 * size - np.arange(2 * size)) for size in (height, width))
    distance2 = rows[:, None].astype(np.float64) ** 2 + columns[None, :].astype(np.float64) ** 2
    spread = (1 + distance2 / (lens.core * width) ** 2) ** -lens.exponent
    kernel = lens.bloom * spread / spread.sum() + lens.veil / spread.size
    kernel[0, 0] += 1 - lens.bloom - lens.veil
    passed = np.fft.rfft2(kernel)
    seen = np.empty_like(light)
    for channel in range(light.shape[2]):
        plane = light[..., channel].astype(np.float64)
        mirrored = np.pad(plane, ((0, height), (0, width)), mode="symmetric")
        blurred = np.fft.irfft2(np.fft.rfft2(mirrored) * passed, mirrored.shape)[:height, :width]
        # The transform's rounding must not darken what no lens could.
        seen[..., channel] = np.maximum(blurred, (1 - lens.bloom - lens.veil) * plane)
    return seen
