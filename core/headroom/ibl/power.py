"""Predicted powers put between the reconstruction and the lights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headroom.errors import UnknownModelError
from headroom.panorama.lights import LightRows
from headroom.panorama.reconstruct import Sphere

__all__ = ["predicted"]

BAND_PIXELS = 1 << 20
Reader = Callable[[int, int], LightRows]


def predicted(sphere: Sphere, tick: Callable[[float], None]) -> tuple[Reader | None, dict[str, Any] | None]:
    """A reader of the sphere's rows with predicted powers, and what was predicted; Nones where there is nothing to do.

    The prediction looks at the sphere as the network did, turned to its light, so that it turns with the picture.
    """
    from headroom.panorama.power import DEFAULT_MODEL, PowerView, predict_power

    if sphere.passed_through:
        return None, None
    height, width, start = sphere.height, sphere.width, sphere.start
    level = float(sphere.encoder.colour.to_lin709(np.full((1, 1, 3), sphere.encoder.clip.code, np.float32)).max())
    view = PowerView(height, width, level=level)
    band = max(1, BAND_PIXELS // width)
    for y0 in range(0, height, band):
        y1 = min(y0 + band, height)
        rows = sphere.read(y0, y1)
        view.add(np.roll(rows.pixels, -start, axis=1), np.roll(rows.mask, -start, axis=1), y0)
        tick(y1 / height)
    try:
        powers = predict_power(view.done(), height=height, width=width, level=level)
    except UnknownModelError:
        return None, None

    def read(y0: int, y1: int) -> LightRows:
        rows = sphere.read(y0, y1)
        if not (rows.mask > 0).any():
            return rows
        turned = powers.apply(np.roll(rows.pixels, -start, axis=1), np.roll(rows.mask, -start, axis=1), y0)
        # Never below what was recorded: a prediction may scale the reconstruction, not the plate.
        return LightRows(np.maximum(np.roll(turned, start, axis=1), rows.recorded), rows.recorded, rows.mask)

    return read, {"model": DEFAULT_MODEL, "regions": len(powers.regions)}
