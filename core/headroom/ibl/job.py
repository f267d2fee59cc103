"""The flow: read, place, reconstruct round the sphere, find the lights and their powers, set them, write.

All bands of rows; a panorama's full-size light is never held at once unless a cubemap is asked for.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headroom import io
from headroom.colour import names
from headroom.colour.ocio import load_config
from headroom.colour.plan import ColourPlan, plan
from headroom.encode import Encoder
from headroom.errors import Cancelled, PlateError, UsageError, WriteError
from headroom.ibl.outputs import header, write_light_maps
from headroom.ibl.power import predicted
from headroom.ibl.request import Request
from headroom.ibl.source import Panorama, read_panorama
from headroom.ibl.text import write_text
from headroom.ibl.usd import write_usd
from headroom.ibl.view import ViewSums
from headroom.metrics.linear import luminance
from headroom.panorama import scale
from headroom.panorama.controls import Adjusted, adjust, with_discs, with_stops, without
from headroom.panorama.find import find_lights_in
from headroom.panorama.lighting import Energy, EnergySums
from headroom.panorama.lights import FoundLights, Light, LightRows, lights_from_json, lights_to_json
from headroom.panorama.power import LEARNT_ON
from headroom.panorama.reconstruct import Sphere, reconstruct_sphere
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

__all__ = ["run"]

BAND_PIXELS = 1 << 21
ENERGY_ROWS, COARSE = 128, 2
"""Rows of cells that a map's light is gathered in for mips; so many cells across make one for what is smoother."""
Progress = Callable[[str, float], None]
_SHARES = {"reconstruct": 0.6, "powers": 0.08, "lights": 0.1, "light": 0.08, "write": 0.14}


def run(
    request: Request,
    reconstructor: Reconstructor,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Make the map; what was found and written, as plain values. Any file is complete or absent."""
    start = time.perf_counter()
    for path in request.outputs.written().values():
        if path.exists() and not request.overwrite:
            raise WriteError(f"{path} exists; give --overwrite to replace it, or another name")
    table = _table(request.controls.lights_in)
    config = load_config(request.ocio_config)
    panorama = read_panorama(request.inputs, layout=request.layout, crop=request.crop, fov_degrees=request.fov_degrees)
    plate = panorama.plate
    card = request.scale.card
    if card is not None and (card.x + card.width > plate.width or card.y + card.height > plate.height):
        raise UsageError(
            f"--grey-card: {card.width}x{card.height} at {card.x},{card.y} leaves the {plate.width}x{plate.height} map"
        )
    spaces: dict[str, Any] = {
        "frm": request.from_space,
        "config": config,
        "is_float": plate.is_float,
        "bits": plate.bits,
    }
    out = plan(plate.space, to=request.to_space, **spaces)
    if out.chromaticities is None:
        raise UsageError(f'--to "{out.to_space}" is not linear; light maps hold linear light')
    tick = _Ticker(plate.name, progress, cancelled)
    sphere = reconstruct_sphere(
        reconstructor, plate, plan(plate.space, to=names.LINEAR_REC709, **spaces), request.options,
        progress=lambda share: tick("reconstruct", share), cancelled=cancelled,
    )  # fmt: skip
    read, power = predicted(sphere, lambda share: tick("powers", share)) if request.controls.predict else (None, None)
    read = read or sphere.read
    found = find_lights_in(_ticking(read, sphere.height, tick, "lights", 2), sphere.mask, sphere.height, sphere.width)
    lights, warnings = _wanted(request, found, table)
    if power is not None and reconstructor.card.name != LEARNT_ON:
        warnings.append(
            f"{power['model']} learnt the powers of lights on what {LEARNT_ON} makes of them; with "
            f"{reconstructor.card.name} they may be off: use {LEARNT_ON}, or leave them out (--no-power)"
        )
    peak = request.options.peak_stops
    level = float(sphere.encoder.colour.to_lin709(np.full((1, 1, 3), sphere.encoder.clip.code, np.float32)).max())
    adjusted = adjust(found, lights, peak=None if peak is None else level * 2.0**peak)
    in_map = adjusted
    if request.controls.split:
        in_map = adjust(found, without(adjusted.lights, request.controls.split))
    work = _Work(request, panorama, sphere, read, out, in_map, tick)
    seen = work.look()
    split = [light for light in adjusted.lights if light.kind in request.controls.split]
    up = seen.up + sum(light.extra_power * max(0.0, light.direction[1]) for light in split if light.enabled)
    nits = _nits(request, work, up)
    facts = work.write(seen, adjusted.lights, nits)
    report = sphere.report
    report["warnings"] = [
        *panorama.warnings, *report["warnings"], *warnings, *adjusted.warnings, *facts.pop("warnings"),
    ]  # fmt: skip
    report |= facts
    report |= {
        "layout": panorama.layout,
        "filled_share": panorama.filled_share,
        "outdoors": found.outdoors,
        "power_model": power,
        "clipped_share_of_sphere": seen.masked_share,
        "illuminance_up": up,
        "illuminance_up_clipped": seen.up_clipped,
        "cd_m2_for_one": nits,
        "lights": lights_to_json(adjusted.lights, scale=nits or 1.0)["lights"],
        "split": [light.id for light in split],
        "outputs": {what: str(path) for what, path in request.outputs.written().items()},
        "seconds": round(time.perf_counter() - start, 3),
    }
    return report


@dataclass
class _Ticker:
    """One bar over all stages; raises where the user has had enough."""

    name: str
    progress: Callable[[float], None] | None
    cancelled: Callable[[], bool]

    def __call__(self, stage: str, share: float) -> None:
        if self.cancelled():
            raise Cancelled(f"{self.name}: cancelled")
        if self.progress:
            stages = list(_SHARES)
            before = sum(_SHARES[name] for name in stages[: stages.index(stage)])
            self.progress(min(1.0, before + _SHARES[stage] * share))


@dataclass(frozen=True)
class _Seen:
    """What one pass over the finished map gathers."""

    energy: Energy
    """Of the map, in cells of 2.8 degrees."""
    fine: Energy
    """In cells of 1.4 degrees."""
    view: FloatArray
    """The finished map, small."""
    view_clipped: FloatArray
    """The plate, small."""
    masked_share: float
    up: float
    """Illuminance on a level surface, relative."""
    up_clipped: float


@dataclass
class _Work:
    """The finished panorama, row by row."""

    request: Request
    panorama: Panorama
    sphere: Sphere
    read: Callable[[int, int], LightRows]
    out: ColourPlan
    adjusted: Adjusted
    tick: _Ticker

    def bands(self) -> Iterator[tuple[int, int]]:
        """Rows to look at together."""
        rows = max(1, BAND_PIXELS // self.sphere.width)
        for y0 in range(0, self.sphere.height, rows):
            yield y0, min(y0 + rows, self.sphere.height)

    def light(self, y0: int, y1: int) -> tuple[FloatArray, LightRows]:
        """Finished rows in linear Rec.709, and what they come from."""
        rows = self.read(y0, y1)
        return self.adjusted.rows(y0, rows), rows

    def look(self) -> _Seen:
        """Everything small that the outputs need, in one pass."""
        height, width = self.sphere.height, self.sphere.width
        energy, clipped = EnergySums(min(ENERGY_ROWS, height)), EnergySums(min(32, height))
        views = ViewSums(height, width), ViewSums(height, width)
        masked = 0.0
        for y0, y1 in self.bands():
            light, rows = self.light(y0, y1)
            energy.add(light, y0, height)
            clipped.add(rows.recorded, y0, height)
            views[0].add(light, y0)
            views[1].add(rows.recorded, y0)
            masked += views[0].solid_angle(rows.mask > 0, y0)
            self.tick("light", y1 / height)
        return _Seen(
            energy.energy(COARSE), energy.energy(), views[0].mean(), views[1].mean(), masked / (4 * math.pi),
            _level(energy.energy(COARSE)), _level(clipped.energy()),
        )  # fmt: skip

    def write(self, seen: _Seen, lights: tuple[Light, ...], nits: float | None) -> dict[str, Any]:
        """All files; what was written."""
        request = self.request
        attributes = header(request, self.sphere.report, self.panorama, nits)
        try:
            written, kept = self._map(request.depth, attributes)
        except io.HalfOverflow:
            written, kept = self._map("float", attributes)
            written.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
        warnings = list(written.warnings)
        outputs = request.outputs
        if outputs.lights is not None:
            table = lights_to_json(
                lights, scale=nits or 1.0, source=[path.name for path in request.inputs],
                size=[self.sphere.width, self.sphere.height], map=outputs.env.name,
                split_off=[light.id for light in lights if light.kind in request.controls.split],
            )  # fmt: skip
            write_text(outputs.lights, json.dumps(table, indent=2) + "\n")
        if outputs.usd is not None:
            suns = [light for light in lights if light.enabled and light.kind in request.controls.split]
            write_usd(outputs.usd, outputs.env, suns, nits, self.out.from_lin709)
        warnings += write_light_maps(
            request,
            self.out,
            seen.energy,
            seen.fine,
            seen.view,
            kept,
            attributes,
            nits,
            lambda: self.tick("write", 1.0),
        )
        if outputs.preview is not None:
            from headroom.ibl.preview import write_preview

            write_preview(outputs, seen.view, seen.view_clipped, lights, nits)
        return {"depth": written.depth, "bytes": written.bytes, "peak": written.peak, "warnings": warnings}

    def _map(self, depth: Any, attributes: dict[str, Any]) -> tuple[io.WriteReport, FloatArray | None]:
        request, sphere = self.request, self.sphere
        outer = Encoder(sphere.encoder.plate, self.out, sphere.encoder.clip, sphere.encoder.tau, sphere.encoder.boost)
        kept = None
        if request.outputs.cubemap is not None or request.outputs.faces is not None:
            kept = np.empty((sphere.height, sphere.width, 3), np.float32)
        with io.open_writer(
            request.outputs.env, sphere.width, sphere.height, depth=depth, compression=request.compression,
            mask=request.mask, gain=request.gain, chromaticities=self.out.chromaticities, attributes=attributes,
            metadata=sphere.encoder.plate.metadata,
        ) as writer:  # fmt: skip
            for y0, y1 in self.bands():
                light, rows = self.light(y0, y1)
                plain = rows.pixels if sphere.passed_through else rows.recorded
                pixels = sphere.recorded(y0, sphere.encoder.rows(y0, y1), outer)
                changed = (light != plain).any(axis=2)
                if changed.any():
                    pixels[changed] = self.out.from_lin709(light[changed][None])[0]
                writer.write_rows(
                    y0, pixels,
                    mask=np.maximum(rows.mask, changed) if request.mask else None,
                    gain=_stops(light, plain) if request.gain else None,
                )  # fmt: skip
                if kept is not None:
                    kept[y0:y1] = pixels
                self.tick("write", y1 / sphere.height)
            return writer.close(), kept


def _wanted(request: Request, found: FoundLights, table: Any) -> tuple[tuple[Light, ...], list[str]]:
    """What the lights shall be: as found, then as the table says, then as the options say."""
    controls = request.controls
    lights = found.lights
    warnings = []
    if controls.sun_disc is not None:
        lights = with_discs(lights, controls.sun_disc)
    if table is not None:
        lights = lights_from_json(table, lights, str(controls.lights_in))
    lights = with_stops(lights, controls.stops)
    for kind, stops in controls.stops.items():
        if stops and not any(light.kind == kind for light in lights):
            warnings.append(f"--{kind}-stops {stops:g}: no {kind} was found in this panorama; nothing changed")
    return lights, warnings


def _nits(request: Request, work: _Work, up: float) -> float | None:
    chosen = request.scale
    if chosen.ev is not None:
        return scale.of_ev(chosen.ev)
    if chosen.lux is not None:
        if up <= 0:
            raise PlateError(f"{work.sphere.encoder.plate.name}: no light comes from above, so --lux fixes no scale")
        return chosen.lux / up
    if chosen.card is not None:
        card = chosen.card
        patch, rows = work.light(card.y, card.y + card.height)
        across = slice(card.x, card.x + card.width)
        if (rows.mask[:, across] > 0).mean() > 0.05:
            raise UsageError("--grey-card: the patch is clipped in the picture, so it says nothing of the light")
        nits = scale.of_card(patch[:, across], card.value, card.unit)
        if nits <= 0:
            raise UsageError("--grey-card: the patch is black")
        return nits
    return None


def _level(energy: Energy) -> float:
    """Illuminance on a level surface that faces up."""
    return float(luminance((energy.rgb * energy.toward[:, 1:2].clip(min=0)).sum(axis=0)))


def _stops(light: FloatArray, plain: FloatArray) -> FloatArray:
    gain = np.log2(np.maximum(luminance(light), 1e-12) / np.maximum(luminance(plain), 1e-12))
    stops: FloatArray = gain.astype(np.float32, copy=False)
    return stops


def _ticking(
    read: Callable[[int, int], LightRows], height: int, tick: _Ticker, stage: str, passes: int
) -> Callable[[int, int], LightRows]:
    seen = 0

    def counted(y0: int, y1: int) -> LightRows:
        nonlocal seen
        seen += y1 - y0
        tick(stage, min(1.0, seen / (passes * height)))
        return read(y0, y1)

    return counted


def _table(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read this table of lights ({error.strerror})") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
