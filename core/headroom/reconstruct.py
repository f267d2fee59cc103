"""THE PAGE: how a plate becomes linear light with its highlights in it.

    plate codes --clip level--> soft mask alpha          which samples the camera lost
         |
         +--encode--> x_srgb --overview--> scene, curve  the whole frame, once: its light, its camera
         |               |
         |               +--tiles + halo--> gain_log2    stops above the plate, where alpha > 0
         |
         +--base--> output space                         recorded pixels: their exact linearisation
         +--to_lin709 * 2^(alpha * gain) --from_lin709-> the others

Bands of rows go through from top to bottom, so that a frame of any size fits the memory budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headroom import weights
from headroom.clipping import TAU, clip_level
from headroom.colour.plan import ColourPlan, describe, plan
from headroom.curve import EstimatedCurve, estimated_curve
from headroom.encode import Encoder, Rows, largest_channel, overview
from headroom.engine.run import BandInput, BandOutput, Runner
from headroom.errors import Cancelled, PlateError, UsageError
from headroom.plate import FloatArray, Plate, Reconstruction

__all__ = ["Band", "Options", "Reconstructor"]

SCENE_ROWS = 256
"""Rows looked at together in the first pass: fixed, so that its sums never depend on the tiles."""
HDR_ALREADY = 1.05
"""A linear plate that passes this (times white) holds its highlights already."""
PEAK_KNEE = 0.5
"""Share of --peak-stops below which gains are left alone."""
DISAGREES_STOPS = 0.3


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user can say about one plate."""

    curve: str = "declared"
    """``declared``: the colour space is the truth; ``estimate``: the network's inverse response replaces it."""
    clip_level: float | None = None
    tau: float = TAU
    boost: float = 1.0
    peak_stops: float | None = None
    """Soft upper limit of the gain."""
    strength: float = 1.0
    """Scales the gain in stops; 0 gives the plain linearisation."""
    dequantize: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.curve not in {"declared", "estimate"}:
            raise UsageError(f"--curve {self.curve}: use declared or estimate (a LUT file goes through --from)")
        if not 0 < self.tau < 1:
            raise UsageError(f"--tau {self.tau:g}: give a share of the clip level between 0 and 1")
        if self.boost <= 0 or self.strength < 0 or (self.peak_stops is not None and self.peak_stops <= 0):
            raise UsageError("--boost and --peak-stops must be above 0, --strength at least 0")


@dataclass(frozen=True)
class Band:
    """Finished rows ``y0 ..`` of the result."""

    y0: int
    pixels: FloatArray
    """(h, W, 3) linear, output space, un-premultiplied."""
    mask: FloatArray
    """(h, W) 0..1 how much of the pixel is reconstructed."""
    gain_stops: FloatArray
    """(h, W) stops added to the pixel's most raised channel."""
    confidence: FloatArray
    """(h, W) probability that the gain is right within a stop; 1 where nothing was reconstructed."""


@dataclass
class Reconstructor:
    """A loaded model, ready for many plates."""

    model: str | Path = "headroom-1"
    device: str = "auto"
    precision: str = "auto"
    memory_bytes: int | None = None
    compile: bool = False
    runner: Runner = field(init=False, repr=False)
    card: weights.Card = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Load, verify, move to the device."""
        loaded = weights.load(self.model)
        self.card = loaded.card
        self.runner = Runner(
            loaded.module,
            device=self.device,
            precision=self.precision,
            memory_bytes=self.memory_bytes,
            compile_network=self.compile,
        )

    def __call__(
        self, plate: Plate, options: Options | None = None, *, colour: ColourPlan | None = None, **spaces: Any
    ) -> Reconstruction:
        """The whole result in memory. ``spaces``: ``frm``, ``to``, ``config`` as in ``colour.plan.plan``."""
        colour = colour or plan(plate.space, is_float=plate.is_float, bits=plate.bits, **spaces)
        report: dict[str, Any] = {}
        bands = list(self.bands(plate, colour, options, report=report))
        whole = [np.concatenate(part) for part in zip(*((b.pixels, b.mask, b.gain_stops) for b in bands), strict=True)]
        return Reconstruction(
            pixels=whole[0], mask=whole[1], gain_stops=whole[2], plate=plate, space=colour.to_space,
            chromaticities=colour.chromaticities, report=report,
        )  # fmt: skip

    def bands(
        self,
        plate: Plate,
        colour: ColourPlan,
        options: Options | None = None,
        *,
        report: dict[str, Any] | None = None,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Band]:
        """The result from top to bottom; ``report`` is filled along the way and complete after the last band."""
        options = options or Options()
        report = {} if report is None else report
        if plate.width < 1 or plate.height < 1:
            raise PlateError(f"{plate.name}: {plate.width}x{plate.height} has no pixels")
        if options.curve == "estimate" and colour.kind != "display":
            raise UsageError(f"--curve estimate is for display-referred plates, not for {colour.from_space}")
        start = time.monotonic()
        clip = clip_level(plate, user=options.clip_level)
        encoder = Encoder(plate, colour, clip, options.tau, options.boost)
        passed_through = colour.kind == "linear" and options.clip_level is None and clip.peak > HDR_ALREADY
        held = plate.codes.nbytes + (0 if plate.alpha is None else plate.alpha.nbytes)
        tiles = self.runner.plan(plate.width, plate.height, plate_bytes=held)
        whole = overview(encoder, self.runner.contract, rows_at_once=SCENE_ROWS)
        features = self.runner.scene(whole.view)
        estimate = estimated_curve(self.runner.curve(whole.curve_sums))
        done, total = 0, sum(len(row) for row in tiles.rows)

        def on_tile() -> None:
            nonlocal done
            done += 1
            if cancelled and cancelled():
                raise Cancelled(f"{plate.name}: cancelled")
            if progress:
                progress(done / total)

        tally = _Tally()
        for row in tiles.rows:
            core, first, last = row[0].core, row[0].window.y0, min(row[0].window.y1, plate.height)
            rows = encoder.rows(first, last)
            if passed_through:
                rows.alpha[:] = 0
            result = self.runner.band(
                row, BandInput(first, rows.x_srgb, rows.alpha), (plate.width, plate.height), features,
                dequantize=options.dequantize, batch=tiles.batch, on_tile=on_tile,
            )  # fmt: skip
            inside = slice(core.y0 - first, core.y1 - first)
            rows = Rows(rows.code[inside], rows.x_srgb[inside], rows.alpha[inside])
            band = _blend(core.y0, rows, result, encoder, estimate, options)
            tally.add(band)
            yield band
        report.update(self._report(plate, colour, encoder, estimate, options, tally, passed_through))
        if tiles.over_budget and self.memory_bytes:
            report["warnings"].append(
                f"{plate.name}: {self.memory_bytes / 1e6:.0f} MB of memory do not hold one tile of {tiles.tile_px} px "
                "beside the plate; more was used"
            )
        report["seconds"] = round(time.monotonic() - start, 3)

    def _report(
        self,
        plate: Plate,
        colour: ColourPlan,
        encoder: Encoder,
        estimate: EstimatedCurve,
        options: Options,
        tally: _Tally,
        passed_through: bool,
    ) -> dict[str, Any]:
        disagreement = estimate.disagreement_stops
        warnings = [*plate.warnings, *colour.warnings]
        if passed_through:
            warnings.append(
                f"{plate.name}: linear input reaches {encoder.clip.peak:.3g}, so its highlights are there already; "
                "passed through (--clip-level reconstructs above a level of your choice)"
            )
        surely_other = not estimate.keeps_stated and disagreement > DISAGREES_STOPS
        if options.curve == "declared" and colour.kind == "display" and surely_other:
            warnings.append(
                f"{plate.name}: the picture looks as if its curve differs from {colour.from_space} by "
                f"{disagreement:.2f} stops; --curve estimate would use what the network sees"
            )
        if tally.repaired:
            warnings.append(f"{plate.name}: {tally.repaired} values that were not finite were set to 0")
        return {
            "model": self.card.name,
            "model_version": self.card.version,
            "weights_sha256": self.card.sha256,
            "device": str(self.runner.device),
            "precision": self.runner.precision,
            "options": asdict(options),
            "colour": describe(colour),
            "width": plate.width,
            "height": plate.height,
            "clip_level": encoder.clip.code,
            "clip_level_source": encoder.clip.source,
            "clipped_share": encoder.clip.clipped_share,
            "masked_share": tally.masked / (plate.width * plate.height),
            "passed_through": passed_through,
            "gain_stops_peak": tally.gain_peak,
            "gain_stops_mean": tally.gain_sum / max(tally.masked, 1),
            "confidence_mean": tally.confidence_sum / max(tally.masked, 1) if tally.masked else 1.0,
            "peak": tally.peak,
            "curve": {
                "asked": options.curve,
                "used": "declared" if estimate.keeps_stated else options.curve,
                "stated_probability": estimate.stated_probability,
                "disagreement_stops": disagreement,
                "expected_error_stops": estimate.error_stops,
            },
            "warnings": warnings,
        }


@dataclass
class _Tally:
    masked: int = 0
    gain_peak: float = 0.0
    gain_sum: float = 0.0
    confidence_sum: float = 0.0
    peak: float = 0.0
    repaired: int = 0

    def add(self, band: Band) -> None:
        bad = ~np.isfinite(band.pixels)
        if bad.any():
            self.repaired += int(bad.sum())
            band.pixels[bad] = 0
        touched = band.mask > 0
        self.masked += int(touched.sum())
        self.peak = max(self.peak, float(band.pixels.max()))
        if touched.any():
            self.gain_peak = max(self.gain_peak, float(band.gain_stops.max()))
            self.gain_sum += float(band.gain_stops[touched].sum(dtype=np.float64))
            self.confidence_sum += float(band.confidence[touched].sum(dtype=np.float64))


def _blend(
    y0: int, rows: Rows, result: BandOutput, encoder: Encoder, estimate: EstimatedCurve, options: Options
) -> Band:
    """Recorded pixels through ``base`` alone; the others also through their gain, in linear Rec.709."""
    colour, code = encoder.colour, rows.code
    if result.dequantize is not None:
        half_code = np.float32(0.5 / (2**encoder.plate.bits - 1))
        code = code + result.dequantize * half_code * (rows.alpha == 0)
    gain = _limit(result.gain_log2 * np.float32(options.boost * options.strength) * rows.alpha, options.peak_stops)
    mask = largest_channel(rows.alpha)
    touched = mask > 0
    if options.curve == "estimate" and not estimate.keeps_stated:
        lin709 = _by_estimate(code, rows.x_srgb, encoder, estimate)
        pixels = colour.from_lin709(lin709 * np.exp2(gain))
    else:
        pixels = colour.base(code)
        if touched.any():
            lin709 = colour.to_lin709(code[touched][None])
            pixels[touched] = colour.from_lin709(lin709 * np.exp2(gain[touched][None]))[0]
    spread = np.exp2(result.spread_log2.clip(-8, 8))
    # P(|error| < 1 stop) of a normal error is erf(1 / (sqrt(2) spread)); this tanh is within 0.02 of it.
    confidence = np.where(touched, np.tanh(np.float32(0.85) / spread), np.float32(1)).astype(np.float32)
    return Band(y0, pixels, mask, largest_channel(gain), confidence)


def _by_estimate(code: FloatArray, x_srgb: FloatArray, encoder: Encoder, estimate: EstimatedCurve) -> FloatArray:
    """The estimated curve in place of the stated one; 1.0 at the clip level is kept where it was."""
    level = np.full((1, 1, 3), encoder.clip.code, np.float32)
    top = np.float32(encoder.colour.to_lin709(level).max())
    x = x_srgb if encoder.boost == 1.0 else x_srgb ** np.float32(encoder.boost)
    # What lies outside Rec.709's gamut or above the level has no place on the curve: it is carried over as it is.
    lin709 = encoder.colour.to_lin709(code)
    light: FloatArray = estimate.decode(x) * top + (lin709 - lin709.clip(0, top))
    return light


def _limit(gain_log2: FloatArray, peak_stops: float | None) -> FloatArray:
    """Leave gains below the knee alone and bend the rest towards ``peak_stops``."""
    if peak_stops is None:
        return gain_log2
    knee = np.float32(PEAK_KNEE * peak_stops)
    room = np.float32(peak_stops) - knee
    bent = knee + room * np.tanh((gain_log2 - knee) / room)
    limited: FloatArray = np.where(gain_log2 > knee, bent, gain_log2).astype(np.float32, copy=False)
    return limited
