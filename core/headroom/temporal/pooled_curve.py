"""One response curve for all frames between two cuts: the evidence of several, averaged before the curve is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import torch
from torch import Tensor

from headroom.clipping import clip_level
from headroom.colour.plan import ColourPlan
from headroom.curve import EstimatedCurve, estimated_curve
from headroom.encode import Encoder, overview
from headroom.errors import PlateError
from headroom.networks.curve_net import CURVE_COEFFICIENTS, Curve, Lines
from headroom.options import Options
from headroom.plate import Plate
from headroom.reconstruct import SCENE_ROWS, Reconstructor
from headroom.temporal.analysis import PooledCurve, Segment

__all__ = ["curve_of", "pool_curves", "stated_curve"]

FRAMES = 7
"""Frames that are asked, spread over the segment; as many where only a warning hangs on it would be waste."""
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
    """The segment with its curve; as it is where none of its plates is display-referred."""
    inside = [frame for frame in readable if segment.first <= frame <= segment.last and frame in display]
    wanted = FRAMES if options.curve == "estimate" else FRAMES_DECLARED
    asked: list[int] = []
    sums, counts, lines = [], [], []
    for frame in _spread(inside, wanted):
        try:
            plate = read(frame)
        except PlateError:
            continue
        clip = replace(clip_level(plate, user=options.clip_level), code=segment.clip_level)
        encoder = Encoder(plate, colour_of(plate), clip, options.tau, options.boost)
        seen = overview(encoder, reconstructor.runner.contract, rows_at_once=SCENE_ROWS).lines
        total, count = _averages(seen, reconstructor)
        asked.append(frame)
        sums.append(total)
        counts.append(count)
        lines.append(seen.stride.shape[1])
    if not asked:
        return segment
    net = reconstructor.runner.module.curve_net
    with torch.inference_mode():
        curve = Curve(*(part.cpu() for part in net.curve(_mean(sums), _mean(counts))))
    pooled = PooledCurve(
        coefficients=tuple(float(c) for c in curve.coefficients[0]),
        log2_error=float(curve.log2_error[0]),
        stated_logit=float(curve.stated_logit[0]),
        lines=round(sum(lines) / len(lines)),
        frames=tuple(asked),
    )
    return replace(segment, curve=pooled)


def curve_of(pooled: PooledCurve) -> EstimatedCurve:
    """The curve that the answer means."""
    curve = Curve(
        torch.tensor([pooled.coefficients]), torch.tensor([pooled.log2_error]), torch.tensor([pooled.stated_logit])
    )
    return estimated_curve(curve, lines=pooled.lines)


def stated_curve() -> EstimatedCurve:
    """Where nothing asks for a curve: no departure from the stated one."""
    return estimated_curve(Curve(torch.zeros(1, CURVE_COEFFICIENTS), torch.zeros(1), torch.zeros(1)), lines=0)


def _averages(lines: Lines, reconstructor: Reconstructor) -> tuple[Tensor, Tensor]:
    runner = reconstructor.runner
    with torch.inference_mode():
        return runner.module.curve_net.averages(Lines(*(part.to(runner.device) for part in lines)))


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
