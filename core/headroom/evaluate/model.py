"""A headroom model as a method under test, run through the same code as ``headroom convert``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headroom.camera import Response
from headroom.colour.plan import ColourPlan, plan
from headroom.evaluate.methods import CURVE_ESTIMATE, Method
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import Options, Reconstructor

__all__ = ["declared_plan", "model_methods", "plate_of"]

OUTPUT = "Linear Rec.709 (sRGB)"


def model_methods(
    model: str | Path = "headroom-1",
    *,
    device: str = "auto",
    precision: str = "auto",
    estimate: bool = True,
    lights: Sequence[str] = ("median",),
) -> tuple[Method, ...]:
    """The model with the declared curve and, with ``estimate``, with its own estimate of the curve.

    ``lights``: with each of these (``settings.LIGHTS``) in place of the median.
    """
    reconstructor = Reconstructor(model, device=device, precision=precision)
    name = reconstructor.card.name
    methods = []
    for light in lights:
        options = Options(light=light)
        reconstructor.check(options)
        is_median = light == "median"
        titled = name if is_median else f"{name} --light {light}"
        methods.append(Method(titled, _runner(reconstructor, options), follows_curve=is_median))
    if estimate:
        methods.append(Method(f"{name}{CURVE_ESTIMATE}", _runner(reconstructor, Options(curve="estimate"))))
    return tuple(methods)


def _runner(reconstructor: Reconstructor, options: Options) -> Any:
    def run(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        bands = reconstructor.bands(plate_of(code, is_jpeg), declared_plan(declared), options)
        return np.concatenate([band.pixels for band in bands])

    return run


def plate_of(code: FloatArray, is_jpeg: bool) -> Plate:
    """Code values 0..1 as the 8-bit plate that a method is given."""
    return Plate(codes=np.rint(code * 255.0).astype(np.uint8), is_jpeg=is_jpeg)


def declared_plan(response: Response | None) -> ColourPlan:
    """To linear Rec.709, from the stated response as a user would give it by a LUT; sRGB where none is stated."""
    srgb = plan(None, to=OUTPUT)
    if response is None or response.name == "sRGB":
        return srgb

    def decode(code: FloatArray) -> FloatArray:
        return np.asarray(response.inverse(code), np.float32)

    curve: Any = decode
    return replace(srgb, from_space=response.name, _base=curve, _to_lin709=curve, _seen_as_is=False)
