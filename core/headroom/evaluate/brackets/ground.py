"""What a merged bracket is measured against: the truth, and which part of it tests what."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics import pu21_encode, to_nits, well_exposed
from headroom.metrics.align import WELL_EXPOSED
from headroom.plate import FloatArray
from headroom.staging import StagedBracket

__all__ = ["Ground", "survey"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ground:
    """Truth (H, W, 3) in the reference frame's exposure, 1.0 = its white, and masks."""

    truth: FloatArray
    moving: Mask
    """(H, W): something moves there on its own in some frame."""
    recorded: Mask
    """(H, W): the reference frame recorded all channels well (codes 25..230): what is wrong there, others brought."""
    clipped: Mask
    """(H, W, 3): above the reference frame's white."""
    burnt: Mask
    """(H, W, 3): above the darkest frame's white too: nobody recorded it."""
    dark: Mask
    """(H, W): the reference frame's codes are below 25 in all channels, nothing moves: what brighter frames are for."""

    @functools.cached_property
    def truth_pu21(self) -> FloatArray:
        """(H, W, 3) the truth in PU21 units."""
        return np.asarray(pu21_encode(to_nits(self.truth)), np.float32)


def survey(staged: StagedBracket) -> Ground:
    """The ground of a staged bracket."""
    truth = np.asarray(staged.truth, np.float32)
    code = staged.frames[staged.reference]
    moving = np.asarray(staged.moving, np.bool_)
    low = WELL_EXPOSED[0] / 255
    return Ground(
        truth=truth,
        moving=moving,
        recorded=well_exposed(code),
        clipped=truth >= 1.0,
        burnt=truth * np.float32(np.min(staged.exposures)) >= 1.0,
        dark=(code < low).all(-1) & ~moving,
    )
