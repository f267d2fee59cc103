"""What the gallery's script cannot know: where photographs come from, which failures to show, what an eye sees."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAILURES", "SEEN", "SEEN_OF", "SOURCES", "Failure", "Source"]


@dataclass(frozen=True)
class Source:
    """Of a photograph; those without one are not shown."""

    of: str
    licence: str


SOURCES = {
    "hangar": Source(
        "a view into small_hangar_01 of Poly Haven, photographed by `examples/make_example.py`: a made photograph, its "
        "truth the view's light", "CC0 1.0",
    ),
    "room_static": Source("banterle/piccante, seven exposures from a tripod", "MPL-2.0"),
    "frobisher_static": Source("colour-science/colour-hdri-tests-datasets, three exposures from a tripod",
                               "BSD-3-Clause"),
    "rocket": Source("SpaceX, as `rocket.jpg` in scikit-image 0.26", "public domain (CC0)"),
    "coffee": Source("Rachel Michetti, as `coffee.png` in scikit-image 0.26", "CC0 1.0"),
    "astronaut": Source("NASA, as `astronaut.png` in scikit-image 0.26", "public domain"),
}  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """A photograph that shows one, chosen by eye among the 16 scenes."""

    scene: str
    share: float
    handling: str | None
    title: str
    wrong: str
    mends: str
    stops: tuple[float, float] = (0.0, -3.0)
    """Exposures that it is shown at."""


FAILURES = (
    Failure("blue_grotto", 0.15, None, "A sky that clipped as a whole comes back grey", "-", "-"),
    Failure("noon_grass", 0.02, None, "The sun", "-", "-", (-3.0, -7.0)),
    Failure("photo_studio_01", 0.15, None, "Studio lamps", "-", "-"),
    Failure("spree_bank", 0.05, "captioned", "White letters are taken for lamps", "-", "-"),
    Failure("forest_slope", 0.05, "one-channel", "Lamp light that clips only red", "-", "-"),
)

SEEN_OF = "0.2.0"
"""The version whose pictures these words were written of."""
SEEN: dict[str, str] = {}
"""By a ladder's name: what an eye sees there."""
