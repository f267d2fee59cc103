"""One response curve for all frames between two cuts: the evidence of several, averaged before the curve is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from headroom.clipping import clip_level
from headroom.colour.plan import ColourPlan
from headroom.curve import EstimatedCurve, curve_of_table, estimated_curve, light_of, looked_at
from headroom.encode import Encoder, overview
from headroom.engine.run import Runner
from headroom.errors import PlateError
from headroom.io.origin import STATED_ODDS
from headroom.networks.curve_net import Curve, Lines
from headroom.networks.headroom1 import HeadroomOne
from headroom.options import Options
from headroom.plate import Plate
from headroom.reconstruct import SCENE_ROWS, Reconstructor
from headroom.temporal.analysis import PooledCurve, Segment

__all__ = ["curve_of", "pool_curves"]

FRAMES = 7
"""Frames that are asked, spread over the segment; as many where only a warning hangs on it would be waste."""
TABLE_DIGITS = 7
"""Of a curve's values in the analysis: float32 holds no more."""
FRAMES_DECLARED = 3
"""Where the stated curve is used and the estimate only warns."""


def pool_curves(
    segment: Segment,
    readable: Sequence[int],
    display: AbstractSet[int],
    read: Callable[[int], Plate],
    reconstructor: Reconstructor,
    colour_of: Callable[[Plate], ColourPlan],
    options: Options,
) -> Segment:
    """The segment with its curve; as it is where none of its plates is display-referred, or no look is needed."""
    runner = reconstructor.runner
    kind = runner.contract.curve
    if kind == "fixed" or (kind == "frame" and options.curve != "estimate"):
        return segment
    inside = [frame for frame in readable if segment.first <= frame <= segment.last and frame in display]
    wanted = FRAMES if options.curve == "estimate" else FRAMES_DECLARED
    asked: list[int] = []
    odds: list[float] = []
    all_lines: list[Lines] = []
    tables: list[Tensor] = []
    for frame in _spread(inside, wanted):
        try:
            plate = read(frame)
        except PlateError:
            continue
        clip = replace(clip_level(plate, user=options.clip_level), code=segment.clip_level)
        encoder = Encoder(plate, colour_of(plate), clip, options.tau, options.boost, options.scaling)
        gatherer = runner.module.gatherer(plate.height, plate.width)
        seen = overview(encoder, gatherer, rows_at_once=SCENE_ROWS)
        if kind == "lines":
            all_lines.append(seen.lines)
            odds.append(STATED_ODDS.get(plate.origin or "", 1.0))
        else:
            tables.append(runner.inverse_curve(seen))
        asked.append(frame)
    if not asked:
        return segment
    if kind == "frame":
        table = tuple(round(float(value), TABLE_DIGITS) for value in _mean(tables))
        return replace(segment, curve=PooledCurve(table=table, frames=tuple(asked)))
    return replace(segment, curve=_from_lines(all_lines, runner, tuple(asked), min(odds)))


def curve_of(pooled: PooledCurve) -> EstimatedCurve:
    """The curve that the answer means."""
    if not pooled.coefficients:
        return curve_of_table(pooled.table)
    curve = Curve(
        torch.tensor([pooled.coefficients]), torch.tensor([pooled.log2_error]), torch.tensor([pooled.stated_logit])
    )
    # Analyses made before there were several looks hold the first one alone.
    return estimated_curve(curve, pooled.table or light_of(curve), lines=pooled.lines)


def _from_lines(frames: Sequence[Lines], runner: Runner, asked: tuple[int, ...], odds: float) -> PooledCurve:
    net = cast(HeadroomOne, runner.module).curve_net

    def look(seen: Sequence[Lines]) -> Curve:
        with torch.inference_mode():
            averages = [net.averages(Lines(*(part.to(runner.device) for part in lines))) for lines in seen]
            sums, counts = (_mean(parts) for parts in zip(*averages, strict=True))
            return Curve(*(part.cpu() for part in net.curve(sums, counts)))

    curve, light = looked_at(look, frames)
    return PooledCurve(
        coefficients=tuple(float(c) for c in curve.coefficients[0]),
        log2_error=float(curve.log2_error[0]),
        stated_logit=float(curve.stated_logit[0]) + math.log(odds),
        lines=round(sum(lines.stride.shape[1] for lines in frames) / len(frames)),
        frames=asked,
        table=tuple(light.tolist()),
    )


def _mean(parts: Sequence[Tensor]) -> Tensor:
    """Through the differences from the first: frames that are alike give exactly what one of them gives."""
    total = torch.zeros_like(parts[0])
    for part in parts[1:]:
        total = total + (part - parts[0])
    return parts[0] + total / len(parts)


def _spread(frames: Sequence[int], count: int) -> list[int]:
    """At most so many, evenly over the list, ends left out."""
    if len(frames) <= count:
        return list(frames)
    return [frames[int((n + 0.5) * len(frames) / count)] for n in range(count)]
