"""A bracket's response curve: from codes to linear light, the same for all its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headroom.bracket.samples import Samples
from headroom.colour.plan import ColourPlan
from headroom.plate import FloatArray

__all__ = ["Response", "declared"]


@dataclass(frozen=True, kw_only=True)
class Response:
    """Codes to linear Rec.709, white (code 1.0) at 1.0."""

    name: str
    """``declared``, ``debevec``, ``robertson``, ``emor``, ``network`` or the LUT's file name."""
    table: FloatArray | None = None
    """(C, K) linear light at code ``i / (K - 1)``, rising; C is 1 (shared) or 3. None: ``exact`` does it."""
    residual_stops: float | None = None
    """RMS disagreement of the frames with each other through this curve, in stops; None: not measured."""
    matrix: FloatArray | None = None
    """(3, 3) from the plates' primaries to Rec.709, light in rows; None: they are Rec.709, or ``exact`` does it."""
    white: float = 1.0
    """Light of code 1.0 on the plates' own scale: above 1 for log spaces."""
    mixes_channels: bool = False
    """The plates' primaries are not Rec.709: a clip in one channel touches all three."""
    offsets_stops: tuple[float, ...] = ()
    """Stops of each frame over its stated exposure, in the bracket that it was fitted to; empty where none is."""
    offsets_sigma: tuple[float, ...] = ()
    """One standard deviation of each."""
    facts: dict[str, Any] = field(default_factory=dict)
    """How it was found, for the report."""
    samples: Samples | None = field(default=None, repr=False, compare=False)
    """What it was fitted to, for the plot."""
    exact: Callable[[FloatArray], FloatArray] | None = field(default=None, repr=False, compare=False)

    def decode(self, codes: FloatArray) -> FloatArray:
        """(..., 3) codes to linear light; beyond 0..1 a table goes on straight."""
        if self.exact is not None:
            return self.exact(codes)
        assert self.table is not None
        linear = np.empty(codes.shape, np.float32)
        steps = self.table.shape[1] - 1
        for channel in range(codes.shape[-1]):
            row = self.table[channel % len(self.table)]
            at = codes[..., channel] * np.float32(steps)
            low = at.astype(np.int32).clip(0, steps - 1)
            first = row[low]
            linear[..., channel] = first + (at - low) * (row[low + 1] - first)
        return linear if self.matrix is None else linear @ self.matrix


def declared(colour: ColourPlan) -> Response:
    """What the plates' stated colour space says (the default): exact, for log and linear plates too."""
    white = np.float32(colour.white)
    return Response(
        name="declared",
        white=colour.white,
        mixes_channels=colour.mixes_channels,
        facts={"space": colour.from_space},
        exact=lambda codes: colour.to_lin709(codes) / white,
    )
