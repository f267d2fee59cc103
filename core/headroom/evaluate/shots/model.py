"""A headroom model on shots: frame by frame, and as ``headroom convert`` runs shots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from headroom.colour.plan import ColourPlan, plan
from headroom.evaluate.model import OUTPUT
from headroom.evaluate.shots.methods import ShotMethod
from headroom.io.frames import FrameSource
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import Options, Reconstructor

__all__ = ["PER_FRAME", "TEMPORAL", "model_shot_methods"]

PER_FRAME, TEMPORAL = "{} per frame", "{} temporal"
"""Names of the two methods of a model."""


def model_shot_methods(
    model: str | Path = "headroom-1", *, device: str = "auto", precision: str = "auto"
) -> tuple[ShotMethod, ...]:
    """The model with ``--temporal on`` and with ``--temporal off``."""
    reconstructor = Reconstructor(model, device=device, precision=precision)
    colour, options = plan(None, to=OUTPUT), Options()

    def colour_of(plate: Plate) -> ColourPlan:
        del plate
        return colour

    def per_frame(source: FrameSource) -> Iterator[FloatArray]:
        for frame in source.frames:
            plate = source.read(frame)
            yield np.concatenate([band.pixels for band in reconstructor.bands(plate, colour, options)])

    def temporal(source: FrameSource) -> Iterator[FloatArray]:
        from headroom.temporal import Stabiliser, analyse

        analysis = analyse(source, source.frames, reconstructor, colour_of, options)
        stabiliser = Stabiliser(reconstructor, analysis, options, colour_of, source.read)
        try:
            for frame in source.frames:
                yield np.concatenate([band.pixels for band in stabiliser.bands(frame)])
        finally:
            stabiliser.close()

    name = reconstructor.card.name
    return ShotMethod(TEMPORAL.format(name), temporal), ShotMethod(PER_FRAME.format(name), per_frame)
