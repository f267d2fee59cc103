"""Objects on a table, as a product photographer or a cook would set them."""

from __future__ import annotations

from views.draw import Draw
from views.parts import Place

__all__ = ["table"]


def table(draw: Draw, *, dark: bool) -> tuple[Place, dict[str, list[float]]]:
    """A table top about the origin; ``dark``: lamps of its own light it."""
    place = Place(draw)
    place.put("cylinder", [0, 0, -0.05], [3, 3, 0.1], place.paint(0.03, 0.75))
    if draw.chance(0.4):  # a backdrop
        place.put("box", [0, 1.3, 0.7], [4, 0.05, 2.5], place.paint(0.05, 0.85, colourful=0.6))
    for _ in range(draw.count(3, 9)):
        width = draw.log_uniform(0.06, 0.4)
        place.stand((draw.uniform(-0.6, 0.6), draw.uniform(-0.3, 0.7), 0), width, width * draw.uniform(0.4, 2.5))
    kelvin = place.kelvin()
    for _ in range(draw.count(1 if dark else 0, 3)):
        kind = draw.uniform(0, 1)
        x, y, z = draw.uniform(-0.8, 0.8), draw.uniform(-0.1, 1), draw.uniform(0.25, 0.9)
        if kind < 0.35:
            place.bulb([x, y, z], kelvin)
        elif kind < 0.5:
            place.shade([x, y, z], kelvin)
        elif kind < 0.7:
            size = [draw.uniform(0.2, 0.8), draw.uniform(0.2, 0.8)]
            place.panel([x, y, z + 0.5], size, kelvin, turn=draw.uniform(0, 360), tilt=draw.uniform(-60, 60))
        elif kind < 0.85:
            place.strip([x, y, z], draw.uniform(0.2, 0.8), kelvin, turn=draw.uniform(0, 180))
        else:
            place.screen([x, y + 0.2, 0.3], draw.uniform(0.3, 0.8), turn=draw.uniform(-30, 30))
    near, round_about = draw.uniform(1.0, 2.2), draw.uniform(-0.6, 0.6)
    at = [round_about * near, -near, draw.uniform(0.15, 1.0)]
    return place, {"at": at, "to": [draw.uniform(-0.15, 0.15), draw.uniform(-0.1, 0.3), draw.uniform(0.05, 0.25)]}
