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
    Failure(
        "blue_grotto",
        0.15,
        None,
        "A sky that clipped as a whole comes back grey",
        "Nothing of its blue was recorded. What comes back is a bright, cloudy white, too dark by half a stop or more, "
        "farthest off where the sky is brightest; the truth is a clear pale blue.",
        "More skies like it in training: 95 scenes hold few clear skies over a shaded place, and the mean of white "
        "clouds and blue sky is grey. The exposures of a bracket; or a grade by hand under `--mask`.",
    ),
    Failure(
        "noon_grass",
        0.02,
        None,
        "A bare sun is too dark and too wide",
        "The sun is 14.5 stops above white. Its light is spread over the glow around it: too bright there, and in the "
        "core darker by many stops, gone at -7 where the true sun still shines.",
        "For panoramas `headroom ibl`, which paints a disc of the predicted power. In training, suns of known power: "
        "many published panoramas' own are cut or blurred.",
        (-3.0, -7.0),
    ),
    Failure(
        "photo_studio_01",
        0.15,
        None,
        "Lamps are left dark, the walls beside them are lit",
        "The tubes on the ceiling are up to nine stops above white and get next to nothing; the white walls, which are "
        "hardly above white, are raised instead. In the plate all of them are the same white. This scene is the worst "
        "at every share.",
        "Rooms with lamps of known power (`training/render_views.py`): few training scenes have bare "
        "tubes before white walls.",
    ),
    Failure(
        "spree_bank",
        0.05,
        "captioned",
        "White letters and logos are still taken for lamps",
        "The logo's plate comes back at about three stops above white, the letters at one. Training with letters over "
        "a part of the pictures has made it less, not mended it.",
        "A longer leg with letters: it had minutes. Until then convert the picture without its graphics, or take the "
        "plate's linearisation under `headroom.mask` there.",
    ),
    Failure(
        "forest_slope",
        0.05,
        "one-channel",
        "Strong lamp light that clips only red is raised too much",
        "The sky between the trees was recorded in green and blue; red clipped far below its light elsewhere. What is "
        "added to red is right in the trees and about a stop too much in the sky's largest patch.",
        "Balance the white before the plate is converted. More lamp light in training: few of its pictures had it.",
    ),
)

SEEN_OF = "0.3.0"
"""The version whose pictures these words were written of."""
SEEN = {
    "quarry_01-2": "The low sun comes back as a warm glow where it stands, taller than it is and without its core.",
    "spree_bank-2": "Little lies above white here; the gilded wall keeps its colour at every exposure.",
    "photo_studio_01-2": "The tubes on the ceiling stay dark, and a spot is put on the backdrop that they light.",
    "shanghai_riverside-5": "A glow with a brighter middle, set too high, and warm light along the horizon that is not "
    "there; the sun's core is missing.",
    "noon_grass-5": "The sky about the sun is right, the sun itself is missing from -4 stops on.",
    "photo_studio_01-5": "As at 2 %, and a lamp is put before a white wall.",
    "shanghai_riverside-15": "Where the plate is one white half circle, the light falls off as it should, but no sun "
    "is in it. ExpandNet leaves it as flat as it was recorded.",
    "small_hangar_01-15": "Windows and ceiling come back near the truth; the gate is an even pink white, two stops too "
    "dark, its field and sky are lost, and so are the patches of sun on the floor.",
    "photo_studio_01-15": "See the failures: walls are raised, tubes are not.",
    "hangar": "The gate's light comes back, unevenly and with a green cast; its field and sky are lost. ExpandNet is "
    "better here, in the figures and to the eye: this sky is as even as it takes every sky to be.",
    "room_static": "The lamp is found and given six stops, a few less than it has; its holes were not recorded. The "
    "screen's blue border clipped and comes back paler.",
    "frobisher_static": "The window is raised too much, by half a stop in the mean, with spots of colour; its clouds "
    "are lost. The estimated curve brings it nearer.",
    "rocket": "Each lamp gets a core, brighter by two or three stops, in its colour; the tower, which did not clip, is "
    "left alone.",
    "coffee": "Only the cup's rim and the spoon's glints are touched, by less than a stop.",
}
"""By a ladder's name: what an eye sees there."""
