"""What a user can say about one plate."""

from __future__ import annotations

from dataclasses import dataclass

from headroom.clipping import TAU
from headroom.errors import UsageError

__all__ = ["Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user can say about one plate."""

    curve: str = "declared"
    """``declared``: the colour space is the truth; ``estimate``: the network's inverse response replaces it."""
    clip_level: float | None = None
    tau: float = TAU
    boost: float = 1.0
    peak_stops: float | None = None
    """Soft upper limit of the gain."""
    strength: float = 1.0
    """Scales the gain in stops; 0 gives the plain linearisation."""
    dequantize: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.curve not in {"declared", "estimate"}:
            raise UsageError(f"--curve {self.curve}: use declared or estimate (a LUT file goes through --from)")
        if not 0 < self.tau < 1:
            raise UsageError(f"--tau {self.tau:g}: give a share of the clip level between 0 and 1")
        if self.boost <= 0 or self.strength < 0 or (self.peak_stops is not None and self.peak_stops <= 0):
            raise UsageError("--boost and --peak-stops must be above 0, --strength at least 0")
