"""The classical merges: weighted means of what the frames recorded, without any judgement about ghosts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from headroom.bracket.frames import FrameRows, Merged
from headroom.bracket.noise import NoiseModel

__all__ = ["merge_debevec", "merge_inverse_variance"]


def merge_debevec(frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int) -> Merged:
    """Debevec and Malik 1997, equation 6: the hat-weighted mean of log light."""
    raise NotImplementedError


def merge_inverse_variance(
    frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int, noise: NoiseModel | None = None
) -> Merged:
    """Granados et al. 2010, Hasinoff et al. 2010: each sample counts by the inverse of its variance."""
    raise NotImplementedError
