"""Time of methods side by side: rounds in turn on the same frames, so that their ratios mean something."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Speed", "Timed", "measure_speeds"]

ROUNDS = 3
SLOW_SECONDS = 4.0
"""What takes longer than this in the first round is not run again."""


@dataclass(frozen=True)
class Speed:
    """Of one method; seconds compare within one run only."""

    method: str
    seconds_per_mp: float
    """Merging alone, the frames aligned; the least of the rounds."""
    ratio: float
    """To the first method timed."""
    gflop_per_mp: float = math.nan
    """Of the network for one pixel of the picture, halos not counted; NaN without a network."""
    parameters: int = 0
    trained: bool = True
    """Whether there are weights; the time of a network does not depend on them."""


@dataclass(frozen=True)
class Timed:
    """What is timed: ``run`` merges frames of ``megapixels``."""

    method: str
    run: Callable[[], object]
    megapixels: float
    gflop_per_mp: float = math.nan
    parameters: int = 0
    trained: bool = True


def measure_speeds(
    entries: Sequence[Timed], *, rounds: int = ROUNDS, tell: Callable[[str], None] | None = None
) -> list[Speed]:
    """Run all in turn, ``rounds`` times; the first run of each warms up and is not counted where it is quick."""
    seconds: dict[str, list[float]] = {entry.method: [] for entry in entries}
    for number in range(rounds + 1):
        for entry in entries:
            if number and seconds[entry.method] and seconds[entry.method][0] > SLOW_SECONDS:
                continue
            if tell:
                tell(entry.method)
            start = time.perf_counter()
            entry.run()
            seconds[entry.method].append(time.perf_counter() - start)
    least = {entry.method: min(seconds[entry.method]) / entry.megapixels for entry in entries}
    first = least[entries[0].method] if entries else math.nan
    return [
        Speed(
            entry.method,
            least[entry.method],
            least[entry.method] / first,
            entry.gflop_per_mp,
            entry.parameters,
            entry.trained,
        )
        for entry in entries
    ]
