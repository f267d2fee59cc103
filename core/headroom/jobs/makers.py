"""What makes a shot's frames, in the three steps that the pipeline overlaps; here each frame on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from headroom.account import Tally
from headroom.colour.plan import ColourPlan
from headroom.jobs.conversion import Conversion
from headroom.plate import Plate
from headroom.reconstruct import Prepared, RawBand

__all__ = ["Maker", "PerFrame"]


class Maker(Protocol):
    """From plates to bands. ``frame`` is the number of a plate."""

    def window(self, frame: int) -> tuple[int, ...]:
        """The plates that decide a frame."""

    def prepare(self, plate: Plate, colour: ColourPlan) -> Prepared:
        """All that needs no network; any thread may call it."""

    def raw_bands(
        self, frame: int, *, progress: Callable[[float], None], cancelled: Callable[[], bool]
    ) -> Iterator[RawBand]:
        """The network's part, from top to bottom."""

    def account(self, frame: int, raw: RawBand, tally: Tally) -> dict[str, Any]:
        """What was found and done, after the last band; any thread may call it."""

    def close(self) -> None:
        """Ends its threads."""


class PerFrame:
    """Every frame as a still."""

    def __init__(self, conversion: Conversion, read: Callable[[int], Prepared]) -> None:
        """``read`` gives the prepared plate of a number."""
        self._reconstructor, self._options = conversion.reconstructor, conversion.settings.options
        self._read = read

    def window(self, frame: int) -> tuple[int, ...]:
        """The plates that decide a frame: its own."""
        return (frame,)

    def prepare(self, plate: Plate, colour: ColourPlan) -> Prepared:
        """Clip level and overview."""
        return self._reconstructor.prepare(plate, colour, self._options)

    def raw_bands(
        self, frame: int, *, progress: Callable[[float], None], cancelled: Callable[[], bool]
    ) -> Iterator[RawBand]:
        """The network's part, from top to bottom."""
        return self._reconstructor.raw_bands(self._read(frame), progress=progress, cancelled=cancelled)

    def account(self, frame: int, raw: RawBand, tally: Tally) -> dict[str, Any]:
        """What was found and done, after the last band."""
        return self._reconstructor.account(raw.prepared, raw.estimate, tally)

    def close(self) -> None:
        """There is nothing to end."""
