"""The whole description of a view: place, light, camera and lens, by a seed and a number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from views.draw import Draw, rounded
from views.light import SKY_KLX, sky_klx, sun_colour, sun_klx
from views.rooms import room
from views.streets import street
from views.tables import table

__all__ = ["HELD_OUT_EVERY", "held_out", "plan"]

HELD_OUT_EVERY = 8
"""One view of so many is kept apart: never to be trained on."""
DUSK_KLX, NIGHT_KLX = (0.01, 1.5), (0.00005, 0.003)
"""What the sky gives on level ground: from sunset to a quarter of an hour later; moon and city haze."""
INDOOR_KLX = (0.05, 5.0)
"""What a panorama that is taken as it is gives: rooms, studios, windows."""


def held_out(number: int) -> bool:
    """Whether a view is one of those kept apart."""
    return number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def plan(
    seed: int, number: int, skies: Sequence[str], outdoors: Sequence[str], size: tuple[int, int]
) -> dict[str, Any]:
    """Plain data. ``skies``: names of all panoramas, ``outdoors``: of those with a sky; ``size``: width, height."""
    draw = Draw(seed, number)
    kind = draw.one(("room", "room", "street", "street", "table"))
    hour = draw.one(("day", "day", "dusk", "night")) if outdoors else "panorama"
    if kind == "table" and draw.chance(0.6):
        hour = "panorama"
    dark = hour in ("dusk", "night")
    if kind == "room":
        place, camera = room(draw)
    elif kind == "street":
        place, camera = street(draw, dark=dark)
    else:
        place, camera = table(draw, dark=dark)
    focused = draw.chance(0.7 if kind == "table" else 0.35)
    return {
        "seed": seed,
        "number": number,
        "kind": kind,
        "hour": hour,
        "size": list(size),
        "sky": _sky(draw, hour, skies, outdoors),
        "camera": {
            **{end: [rounded(v) for v in point] for end, point in camera.items()},
            "roll": draw.uniform(-3, 3),
            "field_degrees": draw.uniform(35, 60) if kind == "table" else draw.uniform(50, 95),
            "f_number": draw.one((1.4, 2.0, 2.8, 4.0)) if focused else None,
            "focus": draw.uniform(0.25, 1.0),  # of the way to what it looks at
            "balance": draw.uniform(0.3, 1.0),  # share of the light's colour that the camera's white takes away
        },
        "lens": {
            "bloom": draw.log_uniform(0.004, 0.06),
            "core": draw.log_uniform(0.0005, 0.004),
            "exponent": draw.uniform(1.15, 1.7),
            "veil": draw.log_uniform(0.002, 0.03),
        },
        "things": place.things,
        "materials": place.materials,
        "lamps": place.lamps,
    }


def _sky(draw: Draw, hour: str, skies: Sequence[str], outdoors: Sequence[str]) -> dict[str, Any]:
    turn = draw.uniform(0, 360)
    if hour == "panorama":
        return {
            "file": draw.one(skies),
            "turn": turn,
            "klx": draw.log_uniform(*INDOOR_KLX),
            "own_sun": True,
            "sun": None,
        }
    file = draw.one(outdoors)
    if hour != "day":
        span = DUSK_KLX if hour == "dusk" else NIGHT_KLX
        return {"file": file, "turn": turn, "klx": draw.log_uniform(*span), "own_sun": False, "sun": None}
    weather, ahead = draw.one(("clear", "clear", *SKY_KLX)), draw.chance(0.45)
    height = draw.uniform(2, 30) if ahead else draw.uniform(2, 65)
    azimuth = draw.uniform(-40, 40) if ahead else draw.uniform(-180, 180)  # from +y, where cameras look
    # Within a factor of two of the mean of such skies, as the recommended practice warns.
    klx, sun = sky_klx(height, weather) * draw.log_uniform(0.6, 1.6), sun_klx(height, weather)
    shining = {
        "height": height, "azimuth": azimuth, "klx": rounded(sun), "colour": [rounded(c) for c in sun_colour(height)],
    }  # fmt: skip
    return {
        "file": file, "turn": turn, "klx": rounded(klx), "weather": weather, "own_sun": False,
        "sun": shining if sun > 0 else None,
    }  # fmt: skip
