"""headroom's ways to merge as methods under test, run as ``headroom merge`` runs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headroom.bracket.align import Way
from headroom.bracket.classical import merge_debevec, merge_inverse_variance
from headroom.errors import UsageError
from headroom.evaluate.brackets.frames import Frames
from headroom.evaluate.brackets.methods import BracketFunction, BracketMethod
from headroom.evaluate.brackets.names import SINGLE
from headroom.evaluate.model import declared_plan, plate_of
from headroom.plate import FloatArray

__all__ = ["bracket_methods"]

MERGES = {"debevec": merge_debevec, "inverse-variance": merge_inverse_variance}
OTHERWISE_ALIGNED: tuple[Way, ...] = ("global", "none")
"""What else the inverse-variance merge is measured with, to tell what aligning is worth."""


def bracket_methods(
    names: Sequence[str] = (), *, device: str = "auto", precision: str = "auto"
) -> tuple[BracketMethod, ...]:
    """The named merge methods, or all whose weights are here, with the single-image network on the reference frame."""
    for name in names:
        if name not in MERGES:
            raise UsageError(f"no merge method {name!r}; there are: {', '.join(MERGES)}")
    found = [BracketMethod(name, _merge(name, "flow"), "flow") for name in names or MERGES]
    if not names:
        found += [
            BracketMethod(f"inverse-variance --align {how}", _merge("inverse-variance", how), how)
            for how in OTHERWISE_ALIGNED
        ]
        found.append(BracketMethod(SINGLE, _single(device, precision)))
    return tuple(found)


def _merge(name: str, how: Way) -> BracketFunction:
    merge = MERGES[name]

    def run(frames: Frames) -> FloatArray:
        aligned = frames.aligned(how)
        return merge(aligned.window(0, aligned.height), frames.exposures, frames.reference).radiance

    return run


def _single(device: str, precision: str) -> BracketFunction:
    """The reference frame through headroom-1: what one frame alone gives."""
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(device=device, precision=precision)

    def run(frames: Frames) -> FloatArray:
        plate = plate_of(frames.codes[frames.reference] / np.float32(255), False)
        return np.concatenate([band.pixels for band in reconstructor.bands(plate, declared_plan(frames.response))])

    return run
