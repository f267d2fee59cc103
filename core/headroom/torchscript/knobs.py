"""What can be set on the exported model: one literal table, written into the file for whoever builds its knobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headroom.clipping import TAU
from headroom.colour.names import LINEAR_REC709

__all__ = ["ENCODINGS", "KNOBS", "SPACES", "SPACE_LABELS", "Knob"]

SPACES = (LINEAR_REC709, "ACEScg", "ACES2065-1", "Linear P3-D65", "Linear Rec.2020")
"""Scene-linear working spaces by their OCIO names; the value of ``working_space`` counts them."""

SPACE_LABELS = ("linear_rec709", "ACEScg", "ACES2065-1", "linear_p3_d65", "linear_rec2020")
"""The same as shown in Nuke, which saves an enumeration by its label between colons and semicolons: no spaces."""

ENCODINGS = ("linear", "linear_rec709", "sRGB", "rec709_camera", "gamma_2.2", "gamma_2.4")
"""What the plate was when it clipped; the value of ``encoding`` counts them. The first is the working space itself."""


@dataclass(frozen=True, kw_only=True)
class Knob:
    """An attribute of the exported module, and how to show it."""

    name: str
    kind: Literal["float", "int", "bool", "enumeration"]
    default: float | int | bool
    label: str
    tooltip: str
    low: float = 0.0
    high: float = 1.0
    values: tuple[str, ...] = ()
    """Of an enumeration; the attribute is the index."""


KNOBS = (
    Knob(
        name="working_space",
        kind="enumeration",
        default=0,
        values=SPACE_LABELS,
        label="working space",
        tooltip="Scene-linear space of the script: what the pixels coming in and going out are in. "
        "nuke-default works in Rec.709 primaries, ACES configs in ACEScg.",
    ),
    Knob(
        name="encoding",
        kind="enumeration",
        default=0,
        values=ENCODINGS,
        label="plate was",
        tooltip="How the plate was encoded when it clipped: the clip level and the start of the mask are judged "
        "there. Photographs and graphics: sRGB. Video: rec709_camera or gamma_2.4. linear: an EXR in the "
        "working space.",
    ),
    Knob(
        name="clip_level",
        kind="float",
        default=0.0,
        low=0.0,
        high=1.0,
        label="clip level",
        tooltip="Value, encoded as 'plate was' says, from which samples are lost. 0: found in every frame; a frame "
        "that exceeds 1.05 then passes through, since its highlights are there already.",
    ),
    Knob(
        name="boost",
        kind="float",
        default=1.0,
        low=0.25,
        high=4.0,
        label="boost",
        tooltip="Above 1 asks for stronger highlights than the model believes in, below 1 for weaker ones.",
    ),
    Knob(
        name="strength",
        kind="float",
        default=1.0,
        low=0.0,
        high=2.0,
        label="strength",
        tooltip="Scales the stops that are added; 0 leaves the plate as it is.",
    ),
    Knob(
        name="peak_stops",
        kind="float",
        default=0.0,
        low=0.0,
        high=16.0,
        label="peak stops",
        tooltip="Soft upper limit of the stops that are added; 0: none.",
    ),
    Knob(
        name="tau",
        kind="float",
        default=TAU,
        low=0.5,
        high=0.99,
        label="mask start",
        tooltip="Share of the clip level at which reconstruction begins to be mixed in.",
    ),
    Knob(
        name="clamp_half",
        kind="bool",
        default=True,
        label="fit half float",
        tooltip="Keep reconstructed values within 65504, the most that a 16-bit EXR holds; recorded ones are left "
        "alone.",
    ),
    Knob(
        name="tile_px",
        kind="int",
        default=1024,
        low=0,
        high=4096,
        label="tile size",
        tooltip="Pixels of a tile's side: smaller needs less memory and more time, with the same result. "
        "0: the frame in one piece.",
    ),
)
