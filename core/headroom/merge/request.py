"""What a user may ask of a merge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from headroom.bracket.reading import Exposing
from headroom.errors import UsageError
from headroom.io.targets import Depth

__all__ = ["ALIGNMENTS", "RESPONSES", "Merging", "Request", "parse_ev"]

ALIGNMENTS = ("flow", "global", "none")
RESPONSES = ("auto", "declared", "emor", "debevec", "robertson", "network")
"""Beside them the name of a LUT file."""
MOST_STOPS = 40.0
"""2^40 lies beyond any pair of exposures, within float32."""


@dataclass(frozen=True, kw_only=True)
class Merging:
    """How one stack becomes one picture."""

    method: str = "headroom-merge-1"
    align: str = "flow"
    reference: str = "middle"
    """``middle`` by exposure, ``auto`` (the best recorded), a number from 1 (the darkest), or a file's name."""
    response: str = "auto"
    clip_level: float | None = None
    goes_on: bool = True
    """Where even the darkest frame clipped, the single-image network reconstructs."""
    model: str | Path = "headroom-1"
    """The network that does."""
    device: str = "auto"
    precision: str = "auto"
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.align not in ALIGNMENTS:
            raise UsageError(f"--align {self.align}: give one of {', '.join(ALIGNMENTS)}")
        if self.response not in RESPONSES and not Path(self.response).is_file():
            raise UsageError(f"--response {self.response}: neither one of {', '.join(RESPONSES)} nor a LUT file")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One run of the command."""

    inputs: tuple[Path, ...]
    """Files, or folders of them."""
    output: Path
    """A file for one stack, else a folder."""
    exposing: Exposing = field(default_factory=Exposing)
    merging: Merging = field(default_factory=Merging)
    per_stack: int | None = None
    group: bool = False
    """One reference exposure and one response curve for all stacks: the shots of one panorama."""
    response_plot: Path | None = None
    from_space: str | None = None
    to_space: str | None = None
    ocio_config: str | None = None
    mask: bool = False
    depth: Depth = "auto"
    compression: str = "zip"
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense together, before anything is read."""
        if self.exposing.ev_stops is not None and self.exposing.estimate:
            raise UsageError("--ev and --estimate-ev: give one of them")
        if self.per_stack is not None and self.per_stack < 2:
            raise UsageError(f"--per-stack {self.per_stack}: a stack has two frames or more")
        if self.group and self.exposing.estimate:
            raise UsageError(
                "--group needs to know every stack's exposure: pictures of different views cannot tell it; "
                "leave --estimate-ev out, or state the exposures with --ev"
            )
        if self.response_plot is not None and self.response_plot.suffix.lower() not in (".png", ".pdf", ".svg"):
            raise UsageError(f"--response-plot {self.response_plot}: name a .png, .pdf or .svg")


def parse_ev(text: str) -> tuple[float, ...]:
    """``-2,0,2``: stops, one a frame, in the order of the files."""
    try:
        stops = tuple(float(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        stops = ()
    if not stops or not all(math.isfinite(stop) and abs(stop) <= MOST_STOPS for stop in stops):
        raise UsageError(f"--ev {text!r}: give stops, one a frame in the order of the files, such as -2,0,2")
    if len(stops) > 1 and len(set(stops)) == 1:
        raise UsageError(f"--ev {text!r}: all the same; a bracket has two exposures or more")
    return stops
