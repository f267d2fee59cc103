"""The response curve as a single-image network sees it: one for all frames of a bracket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headroom.bracket.response import Response
from headroom.bracket.stack import Bracket
from headroom.clipping import ClipLevel
from headroom.colour.plan import ColourPlan
from headroom.errors import UsageError

if TYPE_CHECKING:
    from headroom.reconstruct import Reconstructor

__all__ = ["network_response"]

FRAMES = 9
"""Frames that are asked at most, spread over the brackets."""


def network_response(
    brackets: Sequence[Bracket], colour: ColourPlan, reconstructor: Reconstructor | None = None
) -> Response:
    """The mean of what the network says of every frame; ``reconstructor``: headroom-1's, or any with a curve."""
    from headroom.curve import SAMPLES, EstimatedCurve
    from headroom.reconstruct import Reconstructor

    looking = reconstructor or Reconstructor()
    if looking.runner.contract.curve == "fixed":
        raise UsageError(f"--response network: {looking.card.name} does not look for a curve; take headroom-1")
    plates = [plate for bracket in brackets for plate in bracket.plates]
    asked = [plates[int((n + 0.5) * len(plates) / FRAMES)] for n in range(FRAMES)] if len(plates) > FRAMES else plates
    # Each frame's 1.0 is code 1.0: curves that stop at different clip levels could not be averaged.
    whole = ClipLevel(1.0, "user", 0.0, 1.0)
    curves = [looking.estimate(looking.prepare(plate, colour, clip=whole)) for plate in asked]
    mean = EstimatedCurve(
        np.mean([curve.table for curve in curves], axis=0).astype(np.float32),
        float(np.mean([curve.stated_probability for curve in curves])),
        float(np.mean([curve.error_stops for curve in curves])),
    )
    assert mean.table.shape == (SAMPLES,)
    return Response(
        name="network",
        mixes_channels=colour.mixes_channels,
        facts={
            "model": looking.card.name,
            "frames": len(asked),
            "stated_probability": round(mean.stated_probability, 4),
            "error_stops": round(mean.error_stops, 3),
        },
        exact=lambda codes: mean.decode(colour.to_network(codes)),
    )
