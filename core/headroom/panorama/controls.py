"""Lights made stronger, weaker, smaller or taken out, without a seam; recorded pixels stay.

A pixel is ``floor + extra`` (`panorama.lights`); each light's extra is scaled so that its power comes out as its table
says, or painted as a disc with the same energy. A light whose numbers are as found changes nothing, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from headroom.metrics.linear import luminance
from headroom.panorama.disc import Disc, disc_of
from headroom.panorama.lights import FoundLights, Light, LightRows, sky_below
from headroom.plate import FloatArray

__all__ = ["LEAST_EXTRA", "Adjusted", "adjust", "with_discs", "with_stops", "without"]

LEAST_EXTRA = 1e-6
"""A light whose extra is a smaller share of it has no shape to scale: the mask is its shape then."""


def with_stops(lights: Iterable[Light], stops: Mapping[str, float]) -> tuple[Light, ...]:
    """Extra power changed by so many stops for each kind named."""
    return tuple(
        light if not stops.get(light.kind) else _with_extra(light, light.extra_power * 2.0 ** stops[light.kind])
        for light in lights
    )


def with_discs(lights: Iterable[Light], degrees: float) -> tuple[Light, ...]:
    """Suns painted as discs of this diameter."""
    return tuple(replace(light, disc_degrees=degrees) if light.kind == "sun" else light for light in lights)


def without(lights: Iterable[Light], kinds: Iterable[str]) -> tuple[Light, ...]:
    """Lights of these kinds taken out of the map, down to their floor."""
    out = set(kinds)
    return tuple(replace(light, enabled=False) if light.kind in out else light for light in lights)


def _with_extra(light: Light, extra: float) -> Light:
    power = light.floor_power + extra
    return replace(light, power=power, radiance=power / light.solid_angle_sr)


@dataclass(frozen=True)
class _Change:
    """What happens to one light's extra."""

    factor: tuple[float, float, float]
    """On the extra's channels."""
    added: tuple[float, float, float]
    """On the mask, where there is no extra to scale."""


@dataclass(frozen=True)
class Adjusted:
    """How the rows of a panorama change from what was found to what is wanted."""

    found: FoundLights
    lights: tuple[Light, ...]
    """As they come out, in the order found: powers held by the floor and the limit."""
    warnings: tuple[str, ...]
    _changes: Mapping[int, _Change]
    """By label."""
    _suns: Mapping[int, tuple[float, _Change]]
    """By label of the region they lie in: the floor's luminance and what happens above it."""
    _discs: tuple[Disc, ...]

    def rows(self, y0: int, rows: LightRows) -> FloatArray:
        """(h, W, 3) linear Rec.709 of rows y0.."""
        labels = self.found.labels[y0 : y0 + len(rows.pixels)]
        pixels = rows.pixels
        todo = {*self._changes, *self._suns}
        if todo:
            present = np.flatnonzero(np.bincount(labels.ravel())).tolist()
            for label in (n for n in present if n in todo):
                y, x = np.nonzero(labels == label)
                pixels = pixels.copy() if pixels is rows.pixels else pixels
                pixels[y, x] = self._changed(label, rows.pixels[y, x], rows.recorded[y, x], rows.mask[y, x])
        for disc in self._discs:
            pixels = disc.painted(y0, pixels)
        return pixels

    def _changed(self, label: int, pixel: FloatArray, recorded: FloatArray, mask: FloatArray) -> FloatArray:
        above = np.zeros_like(pixel)
        sun = self._suns.get(label)
        if sun is not None:
            level, change = sun
            light = np.maximum(luminance(pixel), 1e-12)
            below = (pixel * (sky_below(light, level) / light)[:, None]).astype(np.float32)
            above = (pixel - below) * np.array(change.factor, np.float32)
            pixel = below
        own = self._changes.get(label)
        if own is not None:
            pixel = (
                recorded
                + (pixel - recorded) * np.array(own.factor, np.float32)
                + mask[:, None] * np.array(own.added, np.float32)
            )
        return pixel + above


def adjust(found: FoundLights, wanted: Iterable[Light], *, peak: float | None = None) -> Adjusted:
    """From the found lights to the wanted ones, by id. ``peak``: luminance that no light of theirs passes."""
    height, width = found.labels.shape
    changes: dict[int, _Change] = {}
    suns: dict[int, tuple[float, _Change]] = {}
    discs: list[Disc] = []
    warnings: list[str] = []
    by_id = {light.id: light for light in wanted}
    result = []
    added = [replace(light, power=0.0) for light in by_id.values() if light.added]
    for old in (*found.lights, *added):
        new = by_id.get(old.id, old)
        if new.power < new.floor_power:
            warnings.append(
                f"{new.id}: power {new.power:.4g} is less than the {new.floor_power:.4g} that the plate recorded; "
                "held there, since recorded pixels stay as they are"
            )
            new = _with_extra(new, 0.0)
        disc = None
        if new.disc_degrees is not None and new.enabled:
            disc = disc_of(new.direction, new.disc_degrees, height, width)
        if peak is not None:
            new = _limited(old, new, peak, disc.solid_angle_sr if disc else None)
        result.append(new)
        if disc is not None:
            discs.append(disc.lit(_rgb(new.colour, new.extra_power / disc.solid_angle_sr)))
        same = new.power == old.power and new.colour == old.colour and new.enabled and disc is None
        if same or old.added:
            continue
        change = _change(found, old, new, stays=disc is None and new.enabled)
        if old.within is not None:
            suns[found.regions.index(old.within) + 1] = (float(old.floor_radiance or 0.0), change)
        else:
            changes[found.regions.index(old.id) + 1] = change
    return Adjusted(found, tuple(result), tuple(warnings), changes, suns, tuple(discs))


def _change(found: FoundLights, old: Light, new: Light, *, stays: bool) -> _Change:
    nothing = (0.0, 0.0, 0.0)
    if not stays:
        return _Change(nothing, nothing)
    if old.extra_power < LEAST_EXTRA * old.power or old.extra_power <= 0:
        soft = found.soft_sr.get(old.id, 0.0)
        extra = new.extra_power - max(old.extra_power, 0.0)
        return _Change((1.0, 1.0, 1.0), _rgb(new.colour, extra / soft) if soft > 0 else nothing)
    scale = new.extra_power / old.extra_power
    r, g, b = (scale * (c / o if o > 0 else 1.0) for c, o in zip(new.colour, old.colour, strict=True))
    return _Change((r, g, b), nothing)


def _limited(old: Light, new: Light, peak: float, disc_sr: float | None) -> Light:
    """No more power than what keeps the brightest pixel of its extra at ``peak``."""
    if disc_sr is not None:
        most = max(peak, 0.0) * disc_sr
    else:
        floor = old.floor_radiance if old.floor_radiance is not None else old.floor_power / old.solid_angle_sr
        above = old.peak - floor
        most = math.inf if above <= 0 else old.extra_power * max(peak - floor, 0.0) / above
    return _with_extra(new, most) if new.extra_power > most * (1 + 1e-9) else new


def _rgb(colour: tuple[float, float, float], level: float) -> tuple[float, float, float]:
    r, g, b = (c * level for c in colour)
    return r, g, b
