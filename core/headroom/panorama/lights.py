"""Lights in a panorama: what clipped, as connected regions of the sphere with direction, size, colour and power.

Units. Pixels are linear Rec.709, 1.0 = the plate's white. Radiance is luminance (Rec.709 weights) in the same unit.
Power is luminance integrated over solid angle: the illuminance that the light alone gives a surface that faces it, in
white x steradian; with an absolute scale (cd/m2 for 1.0) it becomes lux.

A pixel of a light is ``floor + extra``. The floor is what stays when the light is taken out: the value that the
plate recorded (for a sun inside a clipped sky: the sky's level). Controls scale the extra alone, so no pixel falls
below what was recorded, and at the region's soft edge, where the extra vanishes, there is nothing to see.

Kinds: a **sun** is the brightest small thing above the horizon outdoors, **sky** any large region up there, a
**window** a large region of an interior that is no warmer than the room's light, all else a **lamp**
(``panorama.find`` holds the rules).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import UsageError
from headroom.metrics.linear import LUMINANCE
from headroom.panorama.sphere import angles_of
from headroom.plate import FloatArray

__all__ = [
    "KINDS",
    "SUN_DEGREES",
    "FoundLights",
    "Light",
    "LightRows",
    "Region",
    "lights_from_json",
    "lights_to_json",
    "sky_below",
]

KINDS = ("sun", "sky", "lamp", "window")

SUN_DEGREES = 0.53
"""Angular diameter of the sun's disc, mean over the year (0.524 to 0.542)."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where a light's pixels lie: a box that may run past the right edge (round to the left), and how many."""

    x: int
    y: int
    width: int
    height: int
    pixels: int


@dataclass(frozen=True, kw_only=True)
class Light:
    """One light; see the module for units."""

    id: str
    """Kind and rank by power, such as ``lamp-2``; kept through edits."""
    kind: str
    """``sun``, ``sky``, ``lamp`` or ``window``."""
    direction: tuple[float, float, float]
    """Unit vector towards it: the mean direction weighted by power."""
    solid_angle_sr: float
    """Of all its pixels, soft edge included."""
    colour: tuple[float, float, float]
    """Of its extra, linear Rec.709 of luminance 1."""
    radiance: float
    """Mean luminance over the solid angle: power / solid_angle_sr."""
    peak: float
    """Largest luminance of a pixel."""
    power: float
    """Luminance x solid angle, floor included."""
    floor_power: float
    """The part of it that stays when the light is taken out: what the plate recorded."""
    region: Region
    within: str | None = None
    """Id of the region that this light (a sun) lies in; its floor is then ``floor_radiance``."""
    floor_radiance: float | None = None
    """Luminance that the region keeps at most (``sky_below``); what is over it belongs to this light."""
    disc_degrees: float | None = None
    """The extra is painted as a disc of this diameter; None: as the network shaped it."""
    enabled: bool = True
    """False: taken out of the map, down to its floor."""
    added: bool = False
    """Not found but put there by a table: a disc on top of what the map has; its region is empty."""

    @property
    def extra_power(self) -> float:
        """What a renderer's light must give where the map has this one taken out."""
        return self.power - self.floor_power

    @property
    def azimuth_degrees(self) -> float:
        """-180..180, 0 in the picture's middle, growing to its right."""
        return angles_of(self.direction)[0]

    @property
    def elevation_degrees(self) -> float:
        """90 at the zenith."""
        return angles_of(self.direction)[1]


@dataclass(frozen=True)
class LightRows:
    """Some rows of a panorama in linear Rec.709."""

    pixels: FloatArray
    """(h, W, 3) reconstructed."""
    recorded: FloatArray
    """(h, W, 3) as the plate has them."""
    mask: FloatArray
    """(h, W) above 0 where reconstructed."""


@dataclass(frozen=True)
class FoundLights:
    """The lights of a panorama, strongest first, and whose each pixel is."""

    lights: tuple[Light, ...]
    labels: npt.NDArray[np.uint16]
    """(H, W): 0 no light, n: region of ``regions[n - 1]``."""
    regions: tuple[str, ...]
    """Ids in the order of the labels; a sun inside a region has no label of its own."""
    outdoors: bool
    other_power: float
    """Clipped light in regions too small to be listed."""
    soft_sr: Mapping[str, float]
    """Solid angle of each region, weighted by the mask."""

    def of(self, name: str) -> Light:
        """The light of this id."""
        return next(light for light in self.lights if light.id == name)


FORMAT, VERSION = "headroom lights", 1


def sky_below(level: npt.NDArray[Any], floor_radiance: float) -> npt.NDArray[Any]:
    """The part of luminances that stays a sky's when a sun is taken out of it: smooth, monotone, at most the floor.

    Up to half the floor it is all of them; from there it bends, and what it leaves over is the sun's.
    """
    half = floor_radiance / 2
    over = np.maximum(level - half, 0.0)
    below: npt.NDArray[Any] = np.minimum(level, half) + over / (1 + over / half)
    return below


def lights_to_json(lights: Sequence[Light], *, scale: float = 1.0, **about: Any) -> dict[str, Any]:
    """The table as plain values; ``scale``: cd/m2 for 1.0. ``about``: what else the file says (its source)."""
    return {
        "format": FORMAT,
        "version": VERSION,
        **about,
        "scale": scale,
        "units": "cd/m2 and lux" if scale != 1.0 else "relative: radiance 1.0 is the plate's white",
        "directions": "y up, z towards the picture's middle, x to the left of it (OpenEXR lat-long)",
        "lights": [_row(light, scale) for light in lights],
    }


def lights_from_json(table: Mapping[str, Any], found: Sequence[Light], name: str) -> tuple[Light, ...]:
    """The found lights with what the table says of them; ``UsageError`` in the name of the file ``name``.

    Editable: ``kind``, ``power`` or ``radiance`` (``power`` counts where both were changed), ``colour``,
    ``disc_degrees``, ``direction`` of a light with a disc, ``enabled``. Lights that the table leaves out stay as found.
    A row with ``"added": true`` and an id of its own puts another light there.
    """
    if not isinstance(table, Mapping) or table.get("format") != FORMAT:
        raise UsageError(f'{name}: not a table of lights ("format": "{FORMAT}"); use one that headroom ibl wrote')
    if table.get("version") != VERSION:
        raise UsageError(f"{name}: version {table.get('version')!r} of the table is not {VERSION}; write it anew")
    scale = _number(table, "scale", name, "the table", above=0.0)
    rows = table.get("lights")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UsageError(f'{name}: "lights" is not a list of lights')
    by_id = {light.id: light for light in found}
    edited: dict[str, Light] = {}
    for row in rows:
        mark = row.get("id")
        if row.get("added") is True and mark not in by_id:
            if not isinstance(mark, str) or not mark or mark in edited:
                raise UsageError(f"{name}: an added light needs an id of its own, not {mark!r}")
            edited[mark] = _added(mark, row, scale, name)
            continue
        if mark not in by_id:
            known = ", ".join(by_id) or "none"
            raise UsageError(
                f"{name}: the panorama has no light {mark!r} (it has {known}); is it another picture's table?"
            )
        if mark in edited:
            raise UsageError(f"{name}: light {mark!r} stands in the table twice")
        edited[mark] = _edited(by_id[mark], row, scale, name)
    added = [light for light in edited.values() if light.added]
    return (*(edited.get(light.id, light) for light in found), *added)


def _row(light: Light, scale: float) -> dict[str, Any]:
    region = light.region
    return {
        "id": light.id,
        "kind": light.kind,
        "enabled": light.enabled,
        **({"added": True} if light.added else {}),
        "direction": list(light.direction),
        "azimuth_degrees": light.azimuth_degrees,
        "elevation_degrees": light.elevation_degrees,
        "solid_angle_sr": light.solid_angle_sr,
        "colour": list(light.colour),
        "radiance": light.radiance * scale,
        "peak": light.peak * scale,
        "power": light.power * scale,
        "floor_power": light.floor_power * scale,
        "disc_degrees": light.disc_degrees,
        "within": light.within,
        "region": {
            "x": region.x, "y": region.y, "width": region.width, "height": region.height, "pixels": region.pixels,
        },
    }  # fmt: skip


def _edited(light: Light, row: Mapping[str, Any], scale: float, name: str) -> Light:
    where = f"light {light.id!r}"
    region = row.get("region")
    if region is not None and region != _row(light, scale)["region"]:
        raise UsageError(f"{name}: {where} has another region than in this panorama; is it another picture's table?")
    kind, enabled = row.get("kind", light.kind), row.get("enabled", light.enabled)
    if kind not in KINDS:
        raise UsageError(f"{name}: {where}: kind {kind!r} is not one of {', '.join(KINDS)}")
    if not isinstance(enabled, bool):
        raise UsageError(f"{name}: {where}: enabled {enabled!r} is neither true nor false")
    power = _kept(light.power, row, "power", scale, name, where)
    radiance = _kept(light.radiance, row, "radiance", scale, name, where)
    if power == light.power and radiance != light.radiance:
        power = radiance * light.solid_angle_sr
    colour = _vector(row, "colour", light.colour, name, where)
    if min(colour) < 0 or max(colour) <= 0:
        raise UsageError(f"{name}: {where}: colour {list(colour)} must not be negative or black")
    if colour != light.colour:
        level = float(np.dot(LUMINANCE, colour))
        colour = (colour[0] / level, colour[1] / level, colour[2] / level)
    direction = _vector(row, "direction", light.direction, name, where)
    if direction != light.direction:
        length = float(np.linalg.norm(direction))
        if length == 0:
            raise UsageError(f"{name}: {where}: direction [0, 0, 0] points nowhere")
        direction = (direction[0] / length, direction[1] / length, direction[2] / length)
    disc = row.get("disc_degrees", light.disc_degrees)
    if disc is not None:
        disc = _number(row, "disc_degrees", name, where, above=0.0)
        if disc > 90:
            raise UsageError(f"{name}: {where}: disc_degrees {disc:g} is wider than 90")
    if direction != light.direction and disc is None:
        raise UsageError(f"{name}: {where}: only a light with disc_degrees can be moved; give it one")
    return replace(
        light, kind=kind, enabled=enabled, power=power, radiance=power / light.solid_angle_sr, colour=colour,
        direction=direction, disc_degrees=disc,
    )  # fmt: skip


def _added(mark: str, row: Mapping[str, Any], scale: float, name: str) -> Light:
    where = f"added light {mark!r}"
    disc = _number(row, "disc_degrees", name, where, above=0.0)
    if disc > 90:
        raise UsageError(f"{name}: {where}: disc_degrees {disc:g} is wider than 90")
    if "direction" not in row:
        raise UsageError(f"{name}: {where}: it needs a direction")
    size = 2 * math.pi * (1 - math.cos(math.radians(disc / 2)))
    plain = Light(
        id=mark, kind="lamp", direction=(0.0, 0.0, 0.0), solid_angle_sr=size, colour=(1.0, 1.0, 1.0), radiance=0.0,
        peak=0.0, power=0.0, floor_power=0.0, region=Region(x=0, y=0, width=0, height=0, pixels=0),
        disc_degrees=disc, added=True,
    )  # fmt: skip
    return _edited(plain, row, scale, name)


def _kept(own: float, row: Mapping[str, Any], key: str, scale: float, name: str, where: str) -> float:
    """The row's value without the scale; exactly ``own`` where the row says what was written for it."""
    if key not in row:
        return own
    value = _number(row, key, name, where)
    return own if value == own * scale else value / scale


def _number(row: Mapping[str, Any], key: str, name: str, where: str, *, above: float | None = None) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{name}: {where}: {key} {value!r} is not a number")
    if value < 0 or (above is not None and value <= above):
        raise UsageError(f"{name}: {where}: {key} {value!r} must {'be above 0' if above == 0 else 'not be negative'}")
    return float(value)


def _vector(
    row: Mapping[str, Any], key: str, own: tuple[float, float, float], name: str, where: str
) -> tuple[float, float, float]:
    value = row.get(key, list(own))
    numbers = isinstance(value, list) and len(value) == 3 and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in value
    )  # fmt: skip
    if not numbers:
        raise UsageError(f"{name}: {where}: {key} {value!r} is not three numbers")
    return float(value[0]), float(value[1]), float(value[2])
