"""Rooms: four walls with windows or none, what stands in them, what lights them."""

from __future__ import annotations

from views.draw import Draw
from views.parts import Place

__all__ = ["room"]

WALL = 0.2


def room(draw: Draw) -> tuple[Place, dict[str, list[float]]]:
    """A room about the origin, and from where the camera looks where to."""
    place = Place(draw)
    width, depth, height = draw.uniform(3, 9), draw.uniform(3.5, 10), draw.uniform(2.4, 3.8)
    walls, floor, ceiling = (
        place.paint(0.15, 0.85, colourful=0.4),
        place.paint(0.05, 0.6),
        place.paint(0.5, 0.85, pattern="plain"),
    )
    place.put("box", [0, 0, -WALL / 2], [width + 1, depth + 1, WALL], floor)
    place.put("box", [0, 0, height + WALL / 2], [width + 1, depth + 1, WALL], ceiling)
    frame, pane = place.paint(0.02, 0.85, pattern="plain"), place.pane()
    for side, length in enumerate((width, depth, width, depth)):
        # The camera stands before side 0, so that windows are seen in the three others.
        openings = draw.count(1, 3) if draw.chance(0.6 if side else 0.15) else 0
        _wall(place, side, length, (width, depth)[1 - side % 2] / 2, height, openings, walls, frame, pane)
    _furniture(place, width, depth, height)
    _lamps(place, width, depth, height)
    at = [draw.uniform(-0.35, 0.35) * width, -depth / 2 + draw.uniform(0.3, 0.25 * depth), draw.uniform(0.9, 1.8)]
    to = [draw.uniform(-0.45, 0.45) * width, draw.uniform(0.1, 0.5) * depth, draw.uniform(0.35, 0.65) * height]
    return place, {"at": at, "to": to}


def _wall(place: Place, side: int, length: float, away: float, height: float, openings: int, walls: int, frame: int,
          pane: int) -> None:  # fmt: skip
    """One wall with windows side by side; side 0 lies at -y, then +x, +y, -x."""
    draw = place.draw

    def piece(along: float, low: float, wide: float, tall: float, material: int, thick: float = WALL) -> None:
        x, y = ((along, -away), (away, along), (-along, away), (-away, -along))[side]
        if side in (0, 2):
            y += -WALL / 2 if side == 0 else WALL / 2
            size = [wide, thick, tall]
        else:
            x += WALL / 2 if side == 1 else -WALL / 2
            size = [thick, wide, tall]
        if wide > 0 and tall > 0:
            place.put("box", [x, y, low + tall / 2], size, material)

    if not openings:
        piece(0, 0, length + 2 * WALL, height, walls)
        return
    sill, top = draw.uniform(0.02, 1.1), height - draw.uniform(0.1, 0.6)
    share = draw.uniform(0.4, 0.85)
    glazed = draw.chance(0.7)
    bay = length / openings
    piece(0, 0, length + 2 * WALL, sill, walls)
    piece(0, top, length + 2 * WALL, height - top, walls)
    for number in range(openings):
        middle = -length / 2 + bay * (number + 0.5)
        post = bay * (1 - share) / 2
        piece(middle - bay / 2 + post / 2, sill, post, top - sill, walls)
        piece(middle + bay / 2 - post / 2, sill, post, top - sill, walls)
        bar = draw.uniform(0.03, 0.07)
        for along in (-1, 0, 1):
            piece(middle + along * (bay * share - bar) / 2, sill, bar, top - sill, frame, 0.06)
        piece(middle, sill, bay * share, bar, frame, 0.06)
        piece(middle, top - bar, bay * share, bar, frame, 0.06)
        if glazed:
            piece(middle, sill, bay * share, top - sill, pane, 0.008)
    for end in (-1, 1):  # corners
        piece(end * (length / 2 + WALL / 2), sill, WALL, top - sill, walls)


def _furniture(place: Place, width: float, depth: float, height: float) -> None:
    draw = place.draw
    for _ in range(draw.count(2, 7)):
        x, y = draw.uniform(-0.45, 0.45) * width, draw.uniform(-0.15, 0.48) * depth
        kind = draw.uniform(0, 1)
        if kind < 0.4:
            _table(place, x, y)
        elif kind < 0.6:
            tall = draw.uniform(0.6, 2.0)
            place.put(
                "box", [x, y, tall / 2], [draw.uniform(0.4, 1.6), 0.45, tall], place.paint(), turn=draw.one((0, 90))
            )
        elif kind < 0.75:
            material, turn = place.paint(colourful=0.8), draw.uniform(0, 360)
            place.put("box", [x, y, 0.22], [1.8, 0.9, 0.44], material, turn=turn)
            place.put("box", [x, y, 0.6], [1.8, 0.25, 0.5], material, turn=turn)
        else:
            place.stand((x, y, 0), draw.uniform(0.15, 0.6), draw.uniform(0.3, 1.4))
    if draw.chance(0.5):  # pictures on the far wall
        for _ in range(draw.count(1, 3)):
            x, z = draw.uniform(-0.4, 0.4) * width, draw.uniform(1.2, 0.7 * height)
            place.put(
                "box",
                [x, depth / 2 - 0.02, z],
                [draw.uniform(0.3, 1), 0.03, draw.uniform(0.3, 0.8)],
                place.paint(colourful=1.0),
            )


def _table(place: Place, x: float, y: float) -> None:
    draw = place.draw
    wide, deep, tall = draw.uniform(0.6, 2), draw.uniform(0.5, 1), draw.uniform(0.4, 0.9)
    material = place.paint()
    place.put("box", [x, y, tall], [wide, deep, 0.04], material)
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            at = [x + side_x * (wide / 2 - 0.05), y + side_y * (deep / 2 - 0.05), tall / 2]
            place.put("box", at, [0.05, 0.05, tall], material)
    for _ in range(draw.count(0, 4)):
        at = (x + draw.uniform(-0.4, 0.4) * wide, y + draw.uniform(-0.4, 0.4) * deep, tall + 0.02)
        place.stand(at, draw.uniform(0.05, 0.2), draw.uniform(0.05, 0.4))


def _lamps(place: Place, width: float, depth: float, height: float) -> None:
    draw, kelvin = place.draw, place.kelvin()
    kinds = [kind for kind in ("bulb", "shade", "panel", "strip", "spot", "screen") if draw.chance(0.3)]
    for kind in kinds:
        own = kelvin if draw.chance(0.7) else place.kelvin()
        for _ in range(draw.count(1, 3)):
            x, y = draw.uniform(-0.42, 0.42) * width, draw.uniform(-0.2, 0.46) * depth
            if kind == "bulb":
                hang = draw.uniform(0.3, 1.2)
                place.bulb([x, y, height - hang], own)
                place.put(
                    "cylinder", [x, y, height - hang / 2 + 0.05], [0.01, 0.01, hang - 0.1], place.paint(0.02, 0.3)
                )
            elif kind == "shade":
                tall = draw.uniform(0.5, 1.7)
                place.shade([x, y, tall], own)
                place.put("cylinder", [x, y, tall / 2 - 0.1], [0.03, 0.03, tall - 0.2], place.metal())
            elif kind == "panel":
                place.panel([x, y, height - 0.02], [draw.uniform(0.3, 1.2), draw.uniform(0.3, 0.6)], own)
            elif kind == "strip":
                place.strip([x, y, height - 0.03], draw.uniform(0.6, min(2.4, width)), own, turn=draw.one((0, 90)))
            elif kind == "spot":
                place.spot(
                    [x, y, height - 0.01],
                    draw.log_uniform(200, 900),
                    draw.uniform(0.02, 0.05),
                    draw.uniform(4, 30),
                    own,
                )
            else:
                place.screen([x, depth / 2 - 0.05, draw.uniform(0.9, 1.6)], draw.uniform(0.4, 1.6))
                break
