"""Where even the darkest frame clipped, the single-image network goes on from what the bracket holds.

The merged picture, exposed as the darkest frame was, is a photograph whose clipped places are just those that no
frame recorded: suns, lamps. The network says how far each channel lay above white there, so that a sun whose
channels clipped at one level, which a white balance or an average would leave pink, gets its own colour and power.

    merged light --x darkest exposure, sRGB--> codes --single-image network--> gain_log2
         |                                       +--soft mask, at most the doubt--> alpha
         +------------------------------------------------- x 2^(alpha * gain)--> light
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headroom.clipping import ClipLevel
from headroom.colour import names
from headroom.colour.curves import srgb_encode
from headroom.colour.ocio import extended_config
from headroom.colour.plan import plan
from headroom.options import Options
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import Reconstructor

__all__ = ["go_on"]

TOP_CODE = 65535
BAND_PIXELS = 1 << 21
FLOOR = np.float32(1e-6)
"""Keeps a quotient of light finite; nothing that clipped is so dark."""


def go_on(
    radiance: FloatArray,
    doubt: FloatArray,
    darkest: float,
    reconstructor: Reconstructor,
    *,
    white: float = 1.0,
    options: Options | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Raise (H, W, 3) linear light, IN PLACE, where (H, W) ``doubt`` says that no frame recorded it; a report.

    ``darkest``: the darkest frame's exposure relative to the reference. ``white``: the linear light, in that frame's
    own exposure, at which it clipped. What any frame recorded keeps its bits; so does all of it where nothing is in
    doubt. ``options``: strength, boost and peak of the network's answer.
    """
    options = options or Options()
    top = white / darkest
    report: dict[str, Any] = {
        "model": reconstructor.card.name,
        "weights_sha256": reconstructor.card.sha256,
        "share": 0.0,
        "peak_stops": 0.0,
    }
    if not (doubt > 0).any():
        return report
    plate = Plate(codes=_exposed(radiance, top), bits=16, space=names.SRGB)
    colour = plan(names.SRGB, to=names.LINEAR_REC709, config=extended_config(), bits=16)
    clip = ClipLevel(1.0, "user", float((doubt > 0).mean()), 1.0)
    raised, peak = 0, 0.0
    prepared = reconstructor.prepare(plate, colour, options, clip=clip)
    for raw in reconstructor.raw_bands(prepared, progress=progress, cancelled=cancelled):
        band = raw.finish()
        rows = slice(raw.y0, raw.y0 + len(raw.rows.alpha))
        alpha = raw.rows.alpha
        share = np.divide(np.minimum(alpha, doubt[rows, :, None]), alpha, out=np.zeros_like(alpha), where=alpha > 0)
        touched = share.max(axis=2) > 0
        if not touched.any():
            continue
        # The page's own blend says what a pixel's light becomes: its options hold here as they do for a plate.
        before = colour.to_lin709(raw.rows.code[touched])
        gain = np.log2(np.maximum(band.pixels[touched], FLOOR) / np.maximum(before, FLOOR)) * share[touched]
        radiance[rows][touched] *= np.exp2(gain)
        raised += int((gain.max(axis=1) > 0).sum())
        peak = max(peak, float(gain.max()))
    report["share"], report["peak_stops"] = raised / doubt.size, peak
    return report


def _exposed(radiance: FloatArray, top: float) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """16-bit sRGB codes of the light as the darkest frame would have it, ``top`` its white; by bands."""
    codes = np.empty(radiance.shape, np.uint16)
    rows = max(1, BAND_PIXELS // radiance.shape[1])
    for y0 in range(0, len(radiance), rows):
        seen = (radiance[y0 : y0 + rows] / np.float32(top)).clip(0, 1)
        codes[y0 : y0 + rows] = np.rint(srgb_encode(seen) * np.float32(TOP_CODE))
    return codes
