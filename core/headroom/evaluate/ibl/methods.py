"""What ``headroom ibl`` makes of a panorama, as a method under test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headroom.camera import Response
from headroom.evaluate.methods import Method
from headroom.evaluate.model import declared_plan, plate_of
from headroom.plate import FloatArray

__all__ = ["ibl_methods"]


def ibl_methods(
    model: str | Path = "headroom-1", *, device: str = "auto", precision: str = "auto"
) -> tuple[Method, ...]:
    """The model with the powers of its lights predicted from the whole panorama, and the model as it stands."""
    from headroom.panorama.power import predict_power
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(model, device=device, precision=precision)
    last: dict[bytes, tuple[FloatArray, FloatArray, FloatArray]] = {}

    def answer(code: FloatArray, declared: Response | None, is_jpeg: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Both methods ask for the same plate, one after the other."""
        key = code.tobytes()
        if key not in last:
            last.clear()
            found = list(reconstructor.bands(plate_of(code, is_jpeg), declared_plan(declared)))
            pixels, mask, gain = ([getattr(band, part) for band in found] for part in ("pixels", "mask", "gain_stops"))
            last[key] = np.concatenate(pixels), np.concatenate(mask), np.concatenate(gain)
        return last[key]

    def powered(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        pixels, mask, gain = answer(code, declared, is_jpeg)
        return predict_power(pixels, mask, gain).apply(pixels, mask, gain)

    def plain(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        return answer(code, declared, is_jpeg)[0]

    name = reconstructor.card.name
    return Method(f"{name} with light powers", powered), Method(name, plain)
