"""THE PAGE: how a plate becomes linear light with its highlights in it.

    plate codes --clip level--> soft mask alpha          which samples the camera lost
         |
         +--encode--> x_srgb --overview--> look, curve   the whole frame, once: its light, its camera
         |               |
         |               +--tiles + halo--> gain_log2    stops above the plate, where alpha > 0
         |
         +--base--> output space                         recorded pixels: their exact linearisation
         +--to_lin709 * 2^(alpha * gain) --from_lin709-> the others

Bands of rows go through from top to bottom, so that a frame of any size fits the memory budget. Three steps, which
those who convert many plates may overlap: ``prepare`` (NumPy), ``raw_bands`` (the network, one thread), ``finish``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headroom import weights
from headroom.account import Tally, report_of
from headroom.blend import Band, blend
from headroom.clipping import ClipLevel, clip_level
from headroom.colour.plan import ColourPlan, plan
from headroom.curve import EstimatedCurve, frame_curve, stated_curve
from headroom.encode import Encoder, Rows, overview
from headroom.engine.run import BandInput, BandOutput, Runner, TilePlan
from headroom.errors import Cancelled, PlateError, UsageError
from headroom.networks.single_image import Gathered
from headroom.options import Options
from headroom.plate import Plate, Reconstruction

__all__ = ["Band", "Options", "Prepared", "RawBand", "Reconstructor", "StillBand"]

SCENE_ROWS = 256
"""Rows looked at together in the first pass: fixed, so that its sums never depend on the tiles."""
HDR_ALREADY = 1.05
"""A linear plate that passes this (times white) holds its highlights already."""


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
        loaded = weights.load(self.model, network=weights.PLATES)
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
        start = time.monotonic()
        report = {} if report is None else report
        prepared = self.prepare(plate, colour, options)
        tally = Tally()
        for raw in self.raw_bands(prepared, progress=progress, cancelled=cancelled):
            band = raw.finish()
            tally.add(band)
            yield band
        report.update(self.account(prepared, raw.estimate, tally))
        report["seconds"] = round(time.monotonic() - start, 3)

    def prepare(
        self, plate: Plate, colour: ColourPlan, options: Options | None = None, *, clip: ClipLevel | None = None
    ) -> Prepared:
        """Look at the plate: its clip level (unless ``clip`` states it) and the whole frame, small. Any thread may."""
        options = options or Options()
        if plate.width < 1 or plate.height < 1:
            raise PlateError(f"{plate.name}: {plate.width}x{plate.height} has no pixels")
        if options.curve == "estimate" and colour.kind != "display":
            raise UsageError(f"--curve estimate is for display-referred plates, not for {colour.from_space}")
        if options.scaling != 1.0 and colour.kind != "display":
            raise UsageError(f"--scaling is for display-referred plates; say --clip-level for {colour.from_space}")
        self.check(options)
        clip = clip or clip_level(plate, user=options.clip_level)
        encoder = Encoder(plate, colour, clip, options.tau, options.boost, options.scaling)
        passed_through = colour.kind == "linear" and options.clip_level is None and clip.peak > HDR_ALREADY
        gatherer = self.runner.module.gatherer(plate.height, plate.width)
        whole = overview(encoder, gatherer, rows_at_once=SCENE_ROWS)
        return Prepared(encoder, options, whole, passed_through)

    def estimate(self, prepared: Prepared) -> EstimatedCurve:
        """The response curve that the network sees in a plate, whether it is used or not."""
        return frame_curve(self.runner, prepared.whole, prepared.plate.origin)

    def raw_bands(
        self,
        prepared: Prepared,
        *,
        estimate: EstimatedCurve | None = None,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[StillBand]:
        """The network's part, one row of tiles at a time; ``estimate``: the response curve, where it is known."""
        plate, options, whole = prepared.plate, prepared.options, prepared.whole
        if whole is None:
            raise ValueError(f"{plate.name}: prepared without a look at the whole of it")
        tiles = self.tiles(plate)
        if estimate is None:
            worth_it = options.curve == "estimate" or self.runner.contract.curve == "lines"
            estimate = self.estimate(prepared) if worth_it else stated_curve()
        features = self.runner.look(whole, (estimate if options.curve == "estimate" else stated_curve()).table)
        done, total = 0, sum(len(row) for row in tiles.rows)

        def on_tile() -> None:
            nonlocal done
            done += 1
            if cancelled and cancelled():
                raise Cancelled(f"{plate.name}: cancelled")
            if progress:
                progress(done / total)

        for row in tiles.rows:
            core, first, last = row[0].core, row[0].window.y0, min(row[0].window.y1, plate.height)
            rows = prepared.rows(first, last)
            # Where nothing is to be added, the network has nothing to look for.
            wanted = rows.alpha if options.strength else np.zeros_like(rows.alpha)
            result = self.runner.band(
                row, BandInput(first, rows.x_srgb, wanted), (plate.width, plate.height), features,
                dequantize=options.dequantize, refine=options.refine, batch=tiles.batch, on_tile=on_tile,
                light=options.light,
            )  # fmt: skip
            inside = slice(core.y0 - first, core.y1 - first)
            rows = Rows(rows.code[inside], rows.x_srgb[inside], rows.alpha[inside])
            yield StillBand(core.y0, prepared, estimate, rows, result)

    def account(self, prepared: Prepared, estimate: EstimatedCurve, tally: Tally) -> dict[str, Any]:
        """The report of a finished plate: what was found and done."""
        encoder = prepared.encoder
        report = report_of(
            self.card, self.runner, encoder.plate, encoder.colour, encoder, estimate, prepared.options, tally,
            prepared.passed_through,
        )  # fmt: skip
        if self.card.name == f"{self.model}{weights.SMALL}":
            report["warnings"].append(
                f"model {self.model} is not installed, its small variant {self.card.name} was used; "
                "headroom models import or headroom train brings the full one"
            )
        tiles = self.tiles(prepared.plate)
        if tiles.over_budget and self.memory_bytes:
            report["warnings"].append(
                f"{prepared.plate.name}: {self.memory_bytes / 1e6:.0f} MB of memory do not hold one tile of "
                f"{tiles.tile_px} px beside the plate; more was used"
            )
        return report

    def check(self, options: Options) -> None:
        """``UsageError`` where the model lacks a stage that is asked for, or the doubt that a light is picked by."""
        if options.light != "median" and not self.runner.contract.states_doubt:
            raise UsageError(f"model {self.card.name} does not say how far it may be off; leave --light out")
        for stage in ("dequantize", "refine"):
            if getattr(options, stage) and stage not in self.runner.contract.stages:
                has = ", ".join(self.runner.contract.stages)
                raise UsageError(f"model {self.card.name} has no stage {stage} (it has {has}); leave --{stage} out")

    def tiles(self, plate: Plate) -> TilePlan:
        """How the plate is cut up."""
        held = plate.codes.nbytes + (0 if plate.alpha is None else plate.alpha.nbytes)
        return self.runner.plan(plate.width, plate.height, plate_bytes=held)


@dataclass(frozen=True)
class Prepared:
    """A plate before the network has seen it."""

    encoder: Encoder
    options: Options
    whole: Gathered | None
    """None: known to hold nothing that clipped, so that nobody looked; the network does not run on it."""
    passed_through: bool
    """A linear plate that holds its highlights already: nothing counts as clipped."""

    @property
    def plate(self) -> Plate:
        """The plate itself."""
        return self.encoder.plate

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps in memory."""
        plate, whole = self.plate, self.whole
        held = plate.codes.nbytes + (0 if plate.alpha is None else plate.alpha.nbytes)
        return held + (0 if whole is None else whole.nbytes)

    def rows(self, y0: int, y1: int) -> Rows:
        """Rows y0..y1 as the network sees them."""
        rows = self.encoder.rows(y0, y1)
        if self.passed_through:
            rows.alpha[:] = 0
        return rows


@dataclass(frozen=True)
class RawBand(ABC):
    """Rows ``y0 ..`` as the network answered."""

    y0: int
    prepared: Prepared
    estimate: EstimatedCurve

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes that it holds beside the plate."""

    @abstractmethod
    def finish(self) -> Band:
        """Recorded and reconstructed light put together; any thread may."""


@dataclass(frozen=True)
class StillBand(RawBand):
    """Of a plate by itself."""

    rows: Rows
    result: BandOutput

    @property
    def nbytes(self) -> int:
        """Bytes that it holds beside the plate."""
        parts = [*vars(self.rows).values(), *vars(self.result).values()]
        return sum(part.nbytes for part in parts if part is not None)

    def finish(self) -> Band:
        """Recorded and reconstructed light put together; any thread may."""
        return blend(self.y0, self.rows, self.result, self.prepared.encoder, self.estimate, self.prepared.options)
