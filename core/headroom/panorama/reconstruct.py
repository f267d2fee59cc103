"""A panorama reconstructed on the sphere: every pixel recorded or raised, read by rows.

What the network raised is kept, for the clipped pixels alone; all else follows from the plate's own codes each time
it is read, so that 16384 x 8192 pixels fit in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.account import Tally, report_of
from headroom.blend import Band, blend
from headroom.clipping import clip_level
from headroom.colour.plan import ColourPlan
from headroom.curve import EstimatedCurve, frame_curve
from headroom.encode import Encoder, Rows, largest_channel
from headroom.engine.run import BandOutput
from headroom.errors import Cancelled, PlateError, UsageError
from headroom.options import Options
from headroom.panorama.lights import LightRows
from headroom.panorama.turn import light_column
from headroom.panorama.wrap import SphereRows, gain_bands, scene_features, sphere_overview
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import HDR_ALREADY, SCENE_ROWS, Reconstructor

__all__ = ["Sphere", "reconstruct_sphere", "round_the_poles"]

SPHERE_NETWORK = "headroom1"
"""Its look at the whole frame can be wrapped round the sphere, and the powers of lights were learnt from its glow."""


POLE_ROWS = 16
POLE_PIXELS = 4.0
"""Gains of so many rows at each pole are averaged in azimuth, over as much as four pixels are at the equator."""
WEIGHT_FLOOR = 1e-6


@dataclass
class Sphere:
    """A lat-long plate and its raised pixels."""

    encoder: Encoder
    """Its plan leads to linear Rec.709."""
    estimate: EstimatedCurve
    options: Options
    passed_through: bool
    """A linear plate that holds its highlights already: they count as raised above white, and nothing was invented."""
    start: int
    """The column that the network saw first."""
    report: dict[str, Any]
    _raised: list[tuple[int, npt.NDArray[np.int64], FloatArray]] = field(default_factory=list, repr=False)
    """First row, offset of each row and the end, (n, 3) linear Rec.709 of the pixels under the mask; ascending."""

    @property
    def height(self) -> int:
        """Rows."""
        return self.encoder.plate.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.encoder.plate.width

    def read(self, y0: int, y1: int) -> LightRows:
        """Rows y0..y1 in linear Rec.709."""
        rows = self.encoder.rows(y0, y1)
        mask = largest_channel(rows.alpha)
        recorded = self.recorded(y0, rows, self.encoder)
        if self.passed_through:
            top = np.float32(self.encoder.clip.code)
            within = (top / np.maximum(recorded.max(2, keepdims=True), top)).astype(np.float32)
            return LightRows(recorded, recorded * within, mask)
        pixels = recorded.copy()
        touched = mask > 0
        for first, offsets, raised in self._raised:
            top, end = max(y0, first), min(y1, first + len(offsets) - 1)
            if top < end:
                mine = slice(top - y0, end - y0)
                pixels[mine][touched[mine]] = raised[offsets[top - first] : offsets[end - first]]
        return LightRows(pixels, recorded, mask)

    def mask(self, y0: int, y1: int) -> FloatArray:
        """(h, W) 0..1: how much of a pixel of rows y0..y1 is reconstructed."""
        return largest_channel(self.encoder.rows(y0, y1).alpha)

    def recorded(self, y0: int, rows: Rows, encoder: Encoder) -> FloatArray:
        """What the plate recorded, without any gain, in the space that ``encoder``'s plan leads to."""
        shape = rows.code.shape
        none = BandOutput(np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32), None)
        plain = Rows(rows.code, rows.x_srgb, np.zeros_like(rows.alpha))
        return _finite(blend(y0, plain, none, encoder, self.estimate, self.options).pixels)

    def keep(self, band: Band) -> None:
        """The raised pixels of the next rows."""
        touched = band.mask > 0
        offsets = np.concatenate([[0], np.cumsum(touched.sum(axis=1))])
        self._raised.append((band.y0, offsets, _finite(band.pixels[touched])))


def round_the_poles(gain_log2: FloatArray, clipped: FloatArray, y0: int, height: int) -> FloatArray:
    """Gains of rows y0.. averaged in azimuth near the poles, so that a star there is spread out.

    (h, W, ...) gains and (h, W) how much each pixel clipped: its weight. Without it a pole in clipped light is a star.
    """
    width, result = gain_log2.shape[1], gain_log2
    for y in range(len(gain_log2)):
        row = min(y0 + y, height - 1 - y0 - y)
        if row >= POLE_ROWS or not clipped[y].any():
            continue
        half = min((width - 1) // 2, round(POLE_PIXELS / math.sin((row + 0.5) / height * math.pi) * width / height / 4))
        weight = clipped[y].reshape(width, *(1,) * (gain_log2.ndim - 2)).astype(np.float64)
        light, share = _box(gain_log2[y] * weight, half), _box(weight, half)
        mean = np.where(share > WEIGHT_FLOOR, light / np.maximum(share, WEIGHT_FLOOR), gain_log2[y])
        result = result.copy() if result is gain_log2 else result
        result[y] = mean
    return result


def _box(values: npt.NDArray[np.float64], half: int) -> npt.NDArray[np.float64]:
    """Periodic sums over 2 half + 1 along the first axis."""
    long = np.concatenate([values[len(values) - half :], values, values[:half]])
    below = np.concatenate([np.zeros_like(long[:1]), np.cumsum(long, axis=0)])
    return np.asarray(below[2 * half + 1 :] - below[: -2 * half - 1])


def reconstruct_sphere(
    reconstructor: Reconstructor,
    plate: Plate,
    colour: ColourPlan,
    options: Options | None = None,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Sphere:
    """A lat-long plate of the whole sphere, with a plan that leads to linear Rec.709."""
    options = options or Options()
    if plate.width < 2 or plate.height < 1:
        raise PlateError(f"{plate.name}: {plate.width}x{plate.height} is too small for a panorama")
    if options.curve == "estimate" and colour.kind != "display":
        raise UsageError(f"--curve estimate is for display-referred plates, not for {colour.from_space}")
    if options.scaling != 1.0 and colour.kind != "display":
        raise UsageError(f"--scaling is for display-referred plates; say --clip-level for {colour.from_space}")
    runner = reconstructor.runner
    if reconstructor.card.network != SPHERE_NETWORK:
        raise UsageError(
            f"model {reconstructor.card.name} ({reconstructor.card.network}) knows no sphere: its edges would show at "
            "the wrap; use headroom-1 for panoramas, or headroom convert for a plain frame"
        )
    clip = clip_level(plate, user=options.clip_level)
    encoder = Encoder(plate, colour, clip, options.tau, options.boost, options.scaling)
    passed_through = colour.kind == "linear" and options.clip_level is None and clip.peak > HDR_ALREADY
    start = (light_column(plate.codes) + plate.width // 2) % plate.width
    seen = SphereRows(encoder, start)

    def on_tile(done: float) -> None:
        if cancelled and cancelled():
            raise Cancelled(f"{plate.name}: cancelled")
        if progress:
            progress(done)

    on_tile(0.0)
    whole = sphere_overview(seen, runner.contract, rows_at_once=SCENE_ROWS)
    features = scene_features(runner, whole.view)
    estimate = frame_curve(runner, whole, plate.origin)
    sphere = Sphere(encoder, estimate, options, passed_through, start, {})
    tally = Tally()
    if not passed_through:
        for y0, canonical in gain_bands(
            runner, seen, features, plate_bytes=plate.codes.nbytes, on_tile=on_tile, light=options.light
        ):
            rows = encoder.rows(y0, y0 + len(canonical.gain_log2))
            clipped = np.roll(largest_channel(rows.alpha), -start, axis=1)
            even = round_the_poles(canonical.gain_log2, clipped, y0, plate.height)
            gain, spread = (np.roll(part, start, axis=1) for part in (even, canonical.spread_log2))
            band = blend(y0, rows, BandOutput(gain, spread, None), encoder, estimate, options)
            tally.add(band)
            sphere.keep(band)
    sphere.report.update(
        report_of(reconstructor.card, runner, plate, colour, encoder, estimate, options, tally, passed_through)
    )
    return sphere


def _finite(pixels: FloatArray) -> FloatArray:
    bad = ~np.isfinite(pixels)
    if bad.any():
        pixels[bad] = 0
    return pixels
