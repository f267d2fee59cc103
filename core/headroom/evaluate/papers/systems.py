"""Whole systems on the photographs of the claims: told which curve the camera had, and not told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from headroom.evaluate.exposures import response_named
from headroom.evaluate.methods import BASE, Method, inverse_response
from headroom.evaluate.papers.measure import Record, light_values
from headroom.evaluate.papers.shots import Shot

__all__ = ["ESTIMATES", "TITLES", "TOLD", "UNTOLD", "systems"]

TOLD, UNTOLD = "systems-told", "systems-untold"
TITLES = {
    TOLD: "The camera's curve is stated:",
    UNTOLD: "The camera's curve is not known; sRGB is assumed, or (`--curve estimate`) the network's curve taken:",
}
ESTIMATES = "--curve estimate"


def systems(
    methods: Sequence[Method],
    photographs: Sequence[Shot],
    *,
    progress: Callable[[float, str], None] | None = None,
) -> Iterator[Record]:
    """A record for every system on every photograph, beside the inverse of the stated curve alone."""
    everything = [Method(BASE, inverse_response), *methods]
    for index, shot in enumerate(photographs):
        if progress:
            progress(index / len(photographs), f"systems: {shot.scene}")
        for claim, declared in ((TOLD, response_named(shot.response)), (UNTOLD, None)):
            for method in everything:
                if claim == TOLD and method.name.endswith(ESTIMATES):
                    continue
                values = light_values(method.run(shot.x_srgb, declared, False), shot)
                yield Record(claim, method.name, shot.scene, shot.share, shot.response, values)
