"""Streets: ground, blocks of houses with windows, posts with lamps, cars, signs."""

from __future__ import annotations

from views.draw import Draw
from views.light import blackbody
from views.parts import Place

__all__ = ["street"]


def street(draw: Draw, *, dark: bool) -> tuple[Place, dict[str, list[float]]]:
    """A street along +y; ``dark``: windows, lamps and headlights are on."""
    place = Place(draw)
    road, side = draw.uniform(5, 11), draw.uniform(1.5, 4)
    place.put("box", [0, 60, -0.55], [400, 400, 1], place.paint(0.08, 0.4))
    place.put("box", [0, 60, -0.05], [road, 400, 0.1], place.paint(0.04, 0.15, colourful=0.2, pattern="noise"))
    line = place.paint(0.5, 0.75, colourful=0.2, pattern="plain")
    for number in range(14):
        place.put("box", [0, 5 * number - 2, 0.003], [0.15, 2, 0.006], line)
    for hand in (-1, 1):
        place.put("box", [hand * (road + side) / 2, 60, 0.05], [side, 400, 0.2], place.paint(0.15, 0.5, colourful=0.2))
        _houses(place, hand, road / 2 + side, dark)
        _posts(place, hand, road / 2 + 0.4, dark)
    for _ in range(draw.count(0, 6)):
        hand = draw.one((-1, 1))
        _car(place, hand * road * draw.uniform(0.2, 0.36), draw.uniform(6, 50), toward=hand < 0, dark=dark)
    for _ in range(draw.count(0, 5)):
        x, y = draw.uniform(-0.5, 0.5) * (road + side), draw.uniform(4, 30)
        place.stand((x, y, 0), draw.uniform(0.2, 0.8), draw.uniform(0.4, 1.8), glass=False)
    at = [draw.uniform(-0.45, 0.45) * (road + side), draw.uniform(-4, 1), draw.uniform(1.2, 2.4)]
    to = [draw.uniform(-0.5, 0.5) * road, draw.uniform(12, 40), draw.uniform(0.5, 7)]
    return place, {"at": at, "to": to}


def _houses(place: Place, hand: int, edge: float, dark: bool) -> None:
    draw, y = place.draw, -12.0
    glass = place.dark_glass()
    while y < 70:
        if draw.chance(0.2):  # a gap
            y += draw.uniform(3, 12)
            continue
        long, deep, floors = draw.uniform(6, 18), draw.uniform(6, 14), draw.count(1, 6)
        storey = draw.uniform(2.7, 3.6)
        walls, middle = place.paint(0.08, 0.75, colourful=0.6), y + long / 2
        place.put("box", [hand * (edge + deep / 2), middle, floors * storey / 2], [deep, long, floors * storey], walls)
        columns = max(1, int(long / draw.uniform(1.8, 3.5)))
        lit = [place.glow(draw.log_uniform(0.01, 0.15), blackbody(place.kelvin())) for _ in range(2)] if dark else []
        shares = draw.uniform(0.4, 0.7), draw.uniform(0.4, 0.65)
        for floor in range(floors):
            for column in range(columns):
                along = y + (column + 0.5) * long / columns
                size = [0.04, shares[0] * long / columns, shares[1] * storey]
                material = draw.one(lit) if lit and draw.chance(0.35) else glass
                place.put("box", [hand * (edge + 0.005), along, (floor + 0.5) * storey], size, material)
        if draw.chance(0.6 if dark else 0.15):
            at = [hand * (edge - 0.15), middle + draw.uniform(-0.3, 0.3) * long, draw.uniform(2.4, 3.2)]
            place.sign(at, [0.15, draw.uniform(0.6, 3), draw.uniform(0.3, 0.9)])
        y += long + (draw.uniform(1, 5) if draw.chance(0.3) else 0)


def _posts(place: Place, hand: int, x: float, dark: bool) -> None:
    draw = place.draw
    if draw.chance(0.25):
        return
    metal, tall, apart = place.metal(), draw.uniform(4, 9), draw.uniform(12, 25)
    lumens, kelvin, sodium = draw.log_uniform(4000, 14000), draw.one((2000.0, 2700.0, 3000.0, 4000.0)), draw.chance(0.3)
    y = draw.uniform(2, 8)
    while y < 70:
        place.put("cylinder", [hand * x, y, tall / 2], [0.12, 0.12, tall], metal)
        reach = hand * (x - 0.7)
        place.put("box", [hand * (x - 0.35), y, tall + 0.05], [0.8, 0.1, 0.08], metal)
        if dark and sodium:
            place.shade([reach, y, tall - 0.2], 2000.0)
        elif dark:
            place.spot([reach, y, tall - 0.01], lumens, 0.15, 1.0, kelvin)
        y += apart


def _car(place: Place, x: float, y: float, *, toward: bool, dark: bool) -> None:
    draw = place.draw
    body, tyre = place.paint(0.03, 0.7, colourful=1.0, pattern="plain"), place.paint(0.02, 0.04, pattern="plain")
    place.materials[body]["roughness"] = 0.15
    glass = place.dark_glass()
    long, wide = draw.uniform(3.8, 4.9), draw.uniform(1.65, 1.9)
    place.put("box", [x, y, 0.6], [wide, long, 0.55], body)
    place.put("box", [x, y + 0.1, 1.12], [wide * 0.88, long * 0.5, 0.5], glass)
    place.put("box", [x, y + 0.1, 1.39], [wide * 0.86, long * 0.46, 0.05], body)
    for side in (-1, 1):
        for end in (-1, 1):
            at = [x + side * wide * 0.46, y + end * long * 0.31, 0.32]
            place.put("cylinder", at, [0.64, 0.64, 0.2], tyre, tilt=90, turn=90)
    if not dark:
        return
    end = y - long / 2 - 0.01  # the end that the camera sees
    for side in (-1, 1):
        at = [x + side * wide * 0.36, end, 0.65]
        if toward:
            place.spot(at, draw.log_uniform(300, 1200), 0.06, 20.0, draw.one((3000.0, 4000.0, 6000.0)), tilt=92)
        else:
            place.put("box", at, [0.2, 0.02, 0.1], place.glow(draw.uniform(0.5, 4), (4.0, 0.2, 0.05)))
