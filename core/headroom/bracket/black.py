"""How dark a sample may be before it says nothing: the codes at which a camera's black level shows, not the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray, Plate

__all__ = ["black_code", "black_light"]

LEAST_CODE = 8 / 255
"""Below lie black pedestals and flare."""
BLACKEST = (0.005, 2.0)
"""Codes under this many times this quantile of a frame's channel may be its black level."""
MOST_FLOOR = 0.15
"""A frame without anything black in it has no say about its black level."""


def black_code(plate: Plate) -> npt.NDArray[np.float32]:
    """(3,) codes, 0..1, that the frame may show for no light at all."""
    quantile, times = BLACKEST
    rows = np.unique(np.linspace(0, plate.height - 1, 64).astype(int))
    codes = np.concatenate([plate.rows(int(y), int(y) + 1)[0] for y in rows])
    floor: npt.NDArray[np.float32] = np.quantile(codes, quantile, axis=0).astype(np.float32) * np.float32(times)
    return np.clip(floor, LEAST_CODE, MOST_FLOOR)


def black_light(plates: Sequence[Plate], decode: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """(3,) light of a frame, 1.0 its white, below which its code only says that there was no more.

    One for all frames: the camera and its development are one, and the frame that shows black best tells. None (0)
    for plates of more than 8 bits, or of floats: they are RAW, linear or log, and their black is where they say.
    """
    if any(plate.is_float or plate.bits > 8 for plate in plates):
        return np.zeros(3, np.float32)
    codes = np.min([black_code(plate) for plate in plates], axis=0)
    light: FloatArray = decode(codes[None].astype(np.float32))[0].clip(0, None).astype(np.float32)
    return light
