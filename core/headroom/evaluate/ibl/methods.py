"""What ``headroom ibl`` makes of a panorama, as a method under test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headroom.camera import Response
from headroom.evaluate.methods import Method
from headroom.evaluate.model import declared_plan, plate_of
from headroom.plate import FloatArray

__all__ = ["POWERED", "ibl_methods"]

POWERED = "headroom ibl"


def ibl_methods(
    model: str | Path = "headroom-1", *, device: str = "auto", precision: str = "auto"
) -> tuple[Method, ...]:
    """The model on the sphere with its lights' powers predicted, and the model as ``headroom convert`` runs it."""
    from headroom.panorama.power import predict_power
    from headroom.panorama.reconstruct import reconstruct_sphere
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(model, device=device, precision=precision)

    def powered(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        sphere = reconstruct_sphere(reconstructor, plate_of(code, is_jpeg), declared_plan(declared))
        rows = sphere.read(0, sphere.height)
        return predict_power(rows.pixels, rows.mask).apply(rows.pixels, rows.mask)

    def plain(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        bands = reconstructor.bands(plate_of(code, is_jpeg), declared_plan(declared))
        return np.concatenate([band.pixels for band in bands])

    name = reconstructor.card.name
    title = POWERED if name == "headroom-1" else f"{POWERED} ({name})"
    return Method(title, powered), Method(name, plain)
