"""Which response curve a bracket is decoded with: ``--response``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from headroom.bracket.response import Response, declared
from headroom.bracket.response_adapt import adapted
from headroom.bracket.response_fits import FITS, KNOTS, Array
from headroom.bracket.response_network import network_response
from headroom.bracket.samples import Samples, residual_stops, take_samples
from headroom.bracket.stack import Bracket
from headroom.colour.plan import ColourPlan
from headroom.errors import UsageError
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

__all__ = ["RESPONSES", "find_response", "measured"]

RESPONSES = ("declared", *FITS, "network")
"""Beside these, any LUT file that OCIO reads."""


def find_response(
    name: str,
    brackets: Sequence[Bracket],
    colour: ColourPlan,
    *,
    reconstructor: Reconstructor | None = None,
) -> Response:
    """The curve by name or file: one for all the brackets, which are of one camera and one development.

    ``colour``: the plates' stated space. ``reconstructor``: whose network looks, for ``network``. Channels share a
    fitted curve where three explain no more, and a lone bracket's exposures, if stated, may turn out to be others
    (``Response.offsets_stops``). ``UsageError`` for a name that is neither a way nor a file, and for plates that are
    log or linear: their curve is known.
    """
    if name == "declared":
        return declared(colour)
    if name not in RESPONSES:
        if not Path(name).is_file():
            raise UsageError(f"--response {name}: give one of {', '.join(RESPONSES)}, or a LUT file")
        from headroom.colour.lut import through_lut

        return replace(declared(through_lut(colour, Path(name))), name=Path(name).name, facts={"file": name})
    if colour.kind != "display":
        raise UsageError(
            f"--response {name} is for display-referred frames; {colour.from_space} is {colour.kind}: say declared"
        )
    if name == "network":
        return measured(network_response(brackets, colour, reconstructor), brackets, colour)
    samples = take_samples(brackets, colour)
    base = _stated_curve(colour)
    stated = brackets[0] if len(brackets) == 1 and brackets[0].source != "estimated" else None
    own = adapted(samples, FITS[name](samples, base), None if stated is None else stated.ev_stops)
    if own.offsets_stops.any():  # the shared curve had bent towards the wrong exposure
        samples = replace(samples, ev_stops=samples.ev_stops + own.offsets_stops)
        own = replace(adapted(samples, FITS[name](samples, base), None), offsets_stops=own.offsets_stops,
                      sigma_stops=own.sigma_stops)  # fmt: skip
    found = Response(
        name=name,
        table=own.tables.astype(np.float32),
        matrix=_matrix(colour),
        mixes_channels=colour.mixes_channels,
        offsets_stops=tuple(own.offsets_stops.tolist()) if own.offsets_stops.any() else (),
        offsets_sigma=tuple(own.sigma_stops.tolist()) if own.offsets_stops.any() else (),
        facts={"places": len(samples.code), "per_channel": len(own.tables) > 1},
    )
    return _with_residual(found, samples)


def measured(response: Response, brackets: Sequence[Bracket], colour: ColourPlan) -> Response:
    """The same curve, with how much the frames disagree through it."""
    return _with_residual(response, take_samples(brackets, colour))


def _with_residual(response: Response, samples: Samples) -> Response:
    tables = response.table
    if tables is None:
        tables = response.decode(_greys()).mean(axis=1)[None]
    light = np.empty_like(samples.code)
    for channel in range(3):
        mine = samples.channel == channel
        table = tables[channel % len(tables)]
        light[mine] = np.interp(samples.code[mine], np.linspace(0, 1, len(table)), table)
    residual, _ = residual_stops(np.log2(np.maximum(light, 1e-9)), samples)
    return replace(response, residual_stops=residual, samples=samples)


def _stated_curve(colour: ColourPlan) -> Array:
    """(KNOTS,) light of greys by the stated space, white at 1."""
    light = colour.to_lin709(_greys()).mean(axis=1).astype(np.float64)
    stated: Array = np.maximum.accumulate(light.clip(0)) / light[-1]
    return stated


def _greys() -> FloatArray:
    return np.repeat(np.linspace(0, 1, KNOTS, dtype=np.float32)[:, None], 3, axis=1)


def _matrix(colour: ColourPlan) -> FloatArray | None:
    if not colour.mixes_channels:
        return None
    light = colour.to_lin709(np.concatenate([np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)]))
    matrix: FloatArray = light[1:] - light[0]
    return matrix
