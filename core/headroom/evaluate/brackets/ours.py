"""headroom's ways to merge as methods under test, run as ``headroom merge`` runs them on a picture of one window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from headroom.bracket.align import Way
from headroom.bracket.mergers import Merger, available, merger
from headroom.evaluate.brackets.frames import Frames
from headroom.evaluate.brackets.methods import BracketFunction, BracketMethod
from headroom.evaluate.brackets.names import DEFAULT, GOES_ON, SINGLE
from headroom.evaluate.model import declared_plan, plate_of
from headroom.plate import FloatArray

__all__ = ["FULL_WIDTH", "bracket_methods", "untrained"]

ALIGN: Way = "flow"
OTHERWISE_ALIGNED: tuple[Way, ...] = ("global", "none")
"""What else the inverse-variance merge is measured with, to tell what aligning is worth."""
FITTED = "emor"
"""What ``headroom merge`` fits where the frames contradict the stated curve."""
FULL_WIDTH: dict[str, tuple[str, dict[str, Any]]] = {
    "ahdrnet": ("ahdrnet", {}),
    "kalantari-we": ("kalantari", {"form": "we"}),
    "wu-resnet": ("wu", {"merger": "resnet"}),
}
"""The papers' networks at the papers' widths: by name, the network and its config."""


def bracket_methods(
    names: Sequence[str] = (), *, device: str = "auto", precision: str = "auto"
) -> tuple[BracketMethod, ...]:
    """The named merge methods, or all whose weights are here, with the single-image network on the reference frame.

    ``UsageError`` for a name that is none, and for a network whose weights are missing.
    """
    mergers = {name: merger(name, device=device, precision=precision) for name in names or available()}
    found = [_method(name, made, ALIGN) for name, made in mergers.items()]
    if DEFAULT in mergers:
        found.append(_going_on(mergers[DEFAULT], device, precision))
    if not names:
        found.append(_untold(mergers.get(DEFAULT, mergers["inverse-variance"])))
        found += [
            _method(f"inverse-variance --align {how}", mergers["inverse-variance"], how) for how in OTHERWISE_ALIGNED
        ]
        found.append(BracketMethod(SINGLE, _single(device, precision)))
    return tuple(found)


def untrained(name: str, *, device: str = "auto", precision: str = "auto") -> BracketMethod:
    """A network of ``FULL_WIDTH`` as it starts: its time is that of the trained one."""
    from headroom.bracket.network_merge import NetworkMerger
    from headroom.networks.table import NETWORKS

    network, chosen = FULL_WIDTH[name]
    made_by, config = NETWORKS[network]
    module: Any = made_by(config(**chosen))
    return _method(name, NetworkMerger(module, name=name, device=device, precision=precision), ALIGN)


def _method(name: str, made: Merger, how: Way) -> BracketMethod:
    def run(frames: Frames) -> FloatArray:
        return made(frames.window(how), frames.exposures, frames.reference, frames.noise(how)).radiance

    module, contract = getattr(made, "module", None), getattr(made, "contract", None)
    return BracketMethod(
        name,
        run,
        how,
        gflop_per_mp=contract.gflop_per_mp if contract else math.nan,
        parameters=sum(weight.numel() for weight in module.parameters()) if module else 0,
        trained=module is None or made.card is not None,
    )


def _going_on(made: Merger, device: str, precision: str) -> BracketMethod:
    """As ``headroom merge`` runs a method where it is told nothing else."""
    from headroom.bracket.continuation import go_on
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(device=device, precision=precision)

    def run(frames: Frames) -> FloatArray:
        merged = made(frames.window(ALIGN), frames.exposures, frames.reference, frames.noise(ALIGN))
        go_on(merged.radiance, merged.doubt, float(frames.exposures[0]), reconstructor)
        return merged.radiance

    return BracketMethod(GOES_ON.format(made.name), run, ALIGN)


def _untold(made: Merger) -> BracketMethod:
    """Not told the response, as nobody is of a camera's JPEGs: sRGB stated, a curve fitted to the frames."""
    from headroom.bracket.noise import measured_noise
    from headroom.bracket.response_find import find_response

    colour = declared_plan(None)

    def run(frames: Frames) -> FloatArray:
        response = find_response(FITTED, [frames.bracket], colour)
        aligned = replace(frames.aligned(ALIGN), decode=response.decode)
        noise = measured_noise(aligned)
        return made(aligned.window(0, aligned.height), frames.exposures, frames.reference, noise).radiance

    return BracketMethod(f"{made.name} --response {FITTED}", run, ALIGN)


def _single(device: str, precision: str) -> BracketFunction:
    """The reference frame through headroom-1: what one frame alone gives."""
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(device=device, precision=precision)

    def run(frames: Frames) -> FloatArray:
        plate = plate_of(frames.codes[frames.reference] / np.float32(255), False)
        return np.concatenate([band.pixels for band in reconstructor.bands(plate, declared_plan(frames.response))])

    return run
