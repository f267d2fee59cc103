"""What a user can say about one plate."""

from __future__ import annotations

from dataclasses import dataclass

from headroom.clipping import TAU
from headroom.errors import UsageError
from headroom.settings import ENDS, LIGHTS

__all__ = ["Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user can say about one plate."""

    curve: str = "declared"
    """``declared``: the colour space is the truth; ``estimate``: the network's inverse response replaces it."""
    clip_level: float | None = None
    tau: float = TAU
    boost: float = 1.0
    """The network sees ``x^(1/boost)`` and its stops count ``boost`` times (Eilertsen et al. 2017)."""
    scaling: float = 1.0
    """The network sees ``min(1, scaling * x)`` and what reaches 1 so counts as clipped: compressed sources."""
    peak_stops: float | None = None
    """Soft upper limit of the gain."""
    strength: float = 1.0
    """Scales the gain in stops; 0 gives the plain linearisation."""
    light: str = "median"
    """Of those that are possible: ``median``, the likeliest; ``mean``, right on average, for lighting; ``bold``.

    Also ``low`` and ``high``, between which eight in ten lie: how far the network may be off.
    """
    dequantize: bool = False
    refine: bool = False
    """SingleHDR's last stage, inside the clip mask."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.curve not in {"declared", "estimate"}:
            raise UsageError(f"--curve {self.curve}: use declared or estimate (a LUT file goes through --from)")
        if not 0 < self.tau < 1:
            raise UsageError(f"--tau {self.tau:g}: give a share of the clip level between 0 and 1")
        if self.boost <= 0 or self.strength < 0 or (self.peak_stops is not None and self.peak_stops <= 0):
            raise UsageError("--boost and --peak-stops must be above 0, --strength at least 0")
        if self.light not in LIGHTS + ENDS:
            raise UsageError(f"--light {self.light}: use {', '.join(LIGHTS[:-1])} or {LIGHTS[-1]}")
        if self.scaling < 1:
            raise UsageError(f"--scaling {self.scaling:g}: give at least 1; 1.1 brings codes from 91 % up to the clip")
