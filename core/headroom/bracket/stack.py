"""Several exposures of one scene, in one order whatever order they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from headroom.errors import PlateError, UsageError
from headroom.plate import Plate

__all__ = ["Bracket", "Source", "content_digest", "in_fixed_order", "sorted_bracket"]

Source = Literal["exif", "stated", "estimated"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bracket:
    """Frames of one size, darkest first.

    Radiance is in the reference frame's exposure: 1.0 is what just reaches the reference frame's white. A frame's
    linear value divided by its exposure is radiance.
    """

    plates: tuple[Plate, ...]
    """Sorted by exposure, then by content: the order given plays no part."""
    ev_stops: tuple[float, ...]
    """Stops of light gathered over the reference frame, ascending; the reference frame has 0.0."""
    reference: int
    """Index into ``plates``: the frame whose view and moment the result shows."""
    source: Source
    """Where the exposures come from: EXIF, the user, or the pictures themselves."""
    sigma_stops: tuple[float, ...] = ()
    """One standard deviation of each of ``ev_stops`` where they are estimated, else empty."""
    notes: tuple[str, ...] = ()
    """What was noticed and the user should know, one line each."""

    def __post_init__(self) -> None:
        """Refuse what is no bracket."""
        if len(self.plates) != len(self.ev_stops) or not 0 <= self.reference < len(self.plates):
            raise ValueError(f"{len(self.plates)} plates, {len(self.ev_stops)} exposures, reference {self.reference}")
        if list(self.ev_stops) != sorted(self.ev_stops) or self.ev_stops[self.reference] != 0.0:
            raise ValueError(f"exposures {self.ev_stops} do not ascend through 0 at {self.reference}")
        first = self.plates[0]
        for plate in self.plates:
            if (plate.height, plate.width) != (first.height, first.width):
                raise PlateError(
                    f"{plate.name} is {plate.width}x{plate.height}, {first.name} is {first.width}x{first.height}: "
                    "the frames of a bracket have one size; leave the odd one out"
                )

    @property
    def exposures(self) -> npt.NDArray[np.float64]:
        """(N,) light gathered relative to the reference frame, ascending; a brighter frame has more than 1."""
        stops: npt.NDArray[np.float64] = np.exp2(np.asarray(self.ev_stops, np.float64))
        return stops

    @property
    def height(self) -> int:
        """Rows of every frame."""
        return self.plates[0].height

    @property
    def width(self) -> int:
        """Columns of every frame."""
        return self.plates[0].width

    @property
    def name(self) -> str:
        """What to call it in a message: its reference frame."""
        return self.plates[self.reference].name

    def seen_from(self, reference: int) -> Bracket:
        """The same frames with another reference, and so on another scale."""
        if not 0 <= reference < len(self.plates):
            raise UsageError(f"reference {reference}: this bracket has frames 0 to {len(self.plates) - 1}")
        zero = self.ev_stops[reference]
        return replace(self, reference=reference, ev_stops=tuple(stops - zero for stops in self.ev_stops))


def content_digest(plate: Plate) -> str:
    """Of a plate's pixels alone: what orders frames of the same exposure."""
    codes = np.ascontiguousarray(plate.codes)
    digest = hashlib.sha256(repr((codes.dtype.str, codes.shape)).encode())
    digest.update(codes.data)
    return digest.hexdigest()


def in_fixed_order(plates: Sequence[Plate], values: Sequence[float]) -> list[int]:
    """Indices by ascending value, then by content: the same frames in any order come out alike."""
    values = list(values)
    # Only where values are equal must the pixels decide.
    digests = [content_digest(plate) if values.count(value) > 1 else ""
               for plate, value in zip(plates, values, strict=True)]  # fmt: skip
    return sorted(range(len(plates)), key=lambda k: (values[k], digests[k]))


def sorted_bracket(
    plates: Sequence[Plate],
    ev_stops: Sequence[float],
    *,
    source: Source,
    reference: int | None = None,
    sigma_stops: Sequence[float] = (),
    notes: Sequence[str] = (),
) -> Bracket:
    """A bracket of frames in any order; ``ev_stops`` over any zero, ``reference`` an index into ``plates`` as given.

    Without ``reference`` it is the middle one by exposure (of an even number the darker of the two).
    """
    if len(plates) < 2:
        raise PlateError(f"{len(plates)} frame: a bracket has two or more; one picture alone goes to headroom convert")
    order = in_fixed_order(plates, ev_stops)
    chosen = (len(plates) - 1) // 2 if reference is None else order.index(reference)
    zero = ev_stops[order[chosen]]
    return Bracket(
        plates=tuple(plates[k] for k in order),
        ev_stops=tuple(float(ev_stops[k] - zero) for k in order),
        reference=chosen,
        source=source,
        sigma_stops=tuple(float(sigma_stops[k]) for k in order) if sigma_stops else (),
        notes=tuple(notes),
    )
