"""What places are put together from: shapes, materials, lamps. Plain data; metres, degrees, z up.

A thing is a dict: ``shape`` (box, cylinder, sphere, cone), ``at`` (its middle), ``size`` (its extents), ``turn``
(degrees about z), ``tilt`` (about its own x), ``material`` (a number in the plan's list).
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field
from typing import Any

from views.draw import Draw, rounded
from views.light import beam_luminance, blackbody, disc_luminance, sphere_luminance

__all__ = ["Place", "Thing"]

Thing = dict[str, Any]
PATTERNS = ("plain", "noise", "noise", "brick", "checker", "waves", "cells")
METALS = ((0.91, 0.92, 0.92), (0.95, 0.79, 0.44), (0.93, 0.72, 0.5), (0.56, 0.57, 0.58), (0.55, 0.55, 0.5))
"""Silver, gold, copper, iron, titanium: what they reflect straight on, linear Rec.709."""


@dataclass
class Place:
    """A place as it grows."""

    draw: Draw
    things: list[Thing] = field(default_factory=list)
    materials: list[dict[str, Any]] = field(default_factory=list)
    lamps: list[dict[str, Any]] = field(default_factory=list)
    """What each lamp is and gives, for the manifest."""

    # Materials; each returns its number.

    def _add_material(self, **material: Any) -> int:
        self.materials.append(material)
        return len(self.materials) - 1

    def paint(self, low: float = 0.04, high: float = 0.8, *, colourful: float = 0.5, pattern: str = "") -> int:
        """Anything opaque that is no metal: two colours in a pattern, of a random gloss."""
        draw = self.draw
        first = self._albedo(low, high, colourful)
        blend = draw.uniform(0.3, 1.0)
        second = [rounded(a + blend * (b - a)) for a, b in zip(first, self._albedo(low, high, colourful), strict=True)]
        return self._add_material(
            kind="surface", pattern=pattern or draw.one(PATTERNS), colours=[first, second],
            scale=draw.log_uniform(0.5, 20), roughness=draw.uniform(0.15, 0.95), metallic=0.0,
            bump=draw.uniform(0, 0.4),
        )  # fmt: skip

    def metal(self) -> int:
        """Bare metal, polished to brushed."""
        colour = list(self.draw.one(METALS))
        return self._add_material(
            kind="surface", pattern="noise", colours=[colour, [rounded(0.85 * c) for c in colour]],
            scale=self.draw.log_uniform(2, 40), roughness=self.draw.uniform(0.05, 0.5), metallic=1.0, bump=0.02,
        )  # fmt: skip

    def glass(self) -> int:
        """Solid glass."""
        tint = self.draw.uniform(0.8, 1.0)
        return self._add_material(kind="glass", colour=[tint, 1.0, self.draw.uniform(tint, 1.0)], ior=1.5)

    def dark_glass(self) -> int:
        """What windows look like from outside by day."""
        return self._add_material(
            kind="surface", pattern="plain", colours=[[0.02, 0.02, 0.03]] * 2, scale=1.0, roughness=0.05, metallic=0.0,
            bump=0.0,
        )  # fmt: skip

    def pane(self) -> int:
        """A window's pane: light passes it straight."""
        return self._add_material(kind="pane")

    def anything(self) -> int:
        """What an object may be made of."""
        kind = self.draw.uniform(0, 1)
        return self.metal() if kind < 0.15 else self.glass() if kind < 0.25 else self.paint(0.03, 0.85, colourful=0.8)

    def glow(
        self, kcd: float, colour: tuple[float, float, float], *, sharpness: float = 0.0, screen: bool = False
    ) -> int:
        """Sends out light: luminance along the normal, which falls as cos^sharpness of the angle to it."""
        return self._add_material(
            kind="glow", light=[rounded(kcd * c) for c in colour], sharpness=rounded(sharpness), screen=screen
        )

    def _albedo(self, low: float, high: float, colourful: float) -> list[float]:
        value = self.draw.log_uniform(low, high)
        hue, saturation = self.draw.uniform(0, 1), self.draw.uniform(0, 1) ** 2 * colourful
        return [rounded(max(low / 2, c)) for c in colorsys.hsv_to_rgb(hue, saturation, value)]

    # Things.

    def put(
        self, shape: str, at: list[float], size: list[float], material: int, *, turn: float = 0, tilt: float = 0
    ) -> None:
        """A thing by its middle and its extents."""
        place, extents = [rounded(v) for v in at], [rounded(max(v, 1e-3)) for v in size]
        thing = {"shape": shape, "at": place, "size": extents, "material": material}
        self.things.append({**thing, "turn": rounded(turn), "tilt": rounded(tilt)})

    def stand(self, at: tuple[float, float, float], width: float, height: float, *, glass: bool = True) -> None:
        """Some object that stands at a point."""
        draw, (x, y, z) = self.draw, at
        shape = draw.one(("box", "box", "cylinder", "sphere", "cone"))
        tall = width if shape == "sphere" else height
        material = self.anything() if glass else self.paint(0.03, 0.8)
        deep = width if shape != "box" else width * draw.uniform(0.4, 1.4)
        self.put(shape, [x, y, z + tall / 2], [width, deep, tall], material, turn=draw.uniform(0, 360))

    # Lamps, by what is sold: lumens, kelvins, sizes.

    def _lamp(self, name: str, kcd: float, kelvin: float, sharpness: float = 0.0) -> int:
        self.lamps.append({"lamp": name, "kcd_m2": rounded(kcd), "kelvin": kelvin})
        return self.glow(kcd, blackbody(kelvin), sharpness=sharpness)

    def kelvin(self) -> float:
        """From a dimmed bulb to cold daylight tubes; most are warm."""
        return rounded(self.draw.one((2000.0, 2400.0, 2700.0, 2700.0, 3000.0, 3000.0, 3500.0, 4000.0, 5000.0, 6500.0)))

    def bulb(self, at: list[float], kelvin: float) -> None:
        """A frosted bulb, 250 to 1500 lm."""
        lumens, radius = self.draw.log_uniform(250, 1500), self.draw.uniform(0.02, 0.05)
        material = self._lamp("bulb", sphere_luminance(lumens, radius), kelvin)
        self.put("sphere", at, [2 * radius] * 3, material)

    def shade(self, at: list[float], kelvin: float) -> None:
        """A bulb in a paper or opal shade."""
        lumens, radius = self.draw.log_uniform(300, 1200), self.draw.uniform(0.1, 0.25)
        material = self._lamp("shade", 0.6 * sphere_luminance(lumens, radius), kelvin)
        self.put(self.draw.one(("sphere", "cylinder")), at, [2 * radius] * 3, material)

    def panel(self, at: list[float], size: list[float], kelvin: float, *, turn: float = 0, tilt: float = 0) -> None:
        """A flat light, 40 to 120 lm for each 100 cm2 of it: ceiling panels, soft boxes."""
        area = size[0] * size[1]
        lumens = area * self.draw.log_uniform(4000, 12000)
        material = self._lamp("panel", disc_luminance(lumens, area), kelvin, 0.01)
        self.put("box", at, [size[0], size[1], 0.03], material, turn=turn, tilt=tilt)

    def strip(self, at: list[float], length: float, kelvin: float, *, turn: float = 0) -> None:
        """A tube or a row of diodes behind opal, 800 to 2500 lm a metre."""
        width = self.draw.uniform(0.012, 0.03)
        lumens = self.draw.log_uniform(800, 2500) * length
        material = self._lamp("strip", lumens / (3.1416**2 * width * length) / 1000, kelvin)
        self.put("box", at, [length, width, width], material, turn=turn)

    def spot(self, at: list[float], lumens: float, radius: float, sharpness: float, kelvin: float, *, tilt: float = 180,
             turn: float = 0) -> None:  # fmt: skip
        """A reflector's mouth, whose beam narrows with ``sharpness``; ``tilt`` 180 shines down, 90 along -y."""
        material = self._lamp("spot", beam_luminance(lumens, 3.1416 * radius**2, sharpness), kelvin, sharpness)
        self.put("disc", at, [2 * radius, 2 * radius, 1], material, tilt=tilt, turn=turn)

    def screen(self, at: list[float], width: float, *, turn: float = 0) -> None:
        """A display, 80 to 600 cd/m2, with something on it; it stands upright and faces -y before its turn."""
        kcd = self.draw.log_uniform(0.08, 0.6)
        self.lamps.append({"lamp": "screen", "kcd_m2": kcd, "kelvin": 6500.0})
        material = self.glow(kcd, (1.0, 1.0, 1.0), screen=True)
        self.put("box", at, [width, 0.03, width * 0.5625], material, turn=turn)

    def sign(self, at: list[float], size: list[float], *, turn: float = 0) -> None:
        """A coloured sign, 100 to 1500 cd/m2."""
        hue = colorsys.hsv_to_rgb(self.draw.uniform(0, 1), self.draw.uniform(0.4, 0.98), 1.0)
        luminance = 0.2126 * hue[0] + 0.7152 * hue[1] + 0.0722 * hue[2]
        kcd = self.draw.log_uniform(0.1, 1.5)
        self.lamps.append({"lamp": "sign", "kcd_m2": kcd, "kelvin": None})
        material = self.glow(kcd, (hue[0] / luminance, hue[1] / luminance, hue[2] / luminance))
        self.put("box", at, size, material, turn=turn)
