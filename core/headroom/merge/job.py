"""The flow: plan the stacks, and for each: read, response, align, merge, go on, colour space, write.

A stack's frames, its aligned motions and its result are held in memory; everything between goes through window by
window. A file is complete or absent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from headroom import io
from headroom.bracket.mergers import Merger, merger
from headroom.bracket.response import Response
from headroom.bracket.stack import Bracket
from headroom.colour.ocio import load_config
from headroom.colour.plan import ColourPlan
from headroom.errors import Cancelled, HeadroomError, UsageError, WriteError
from headroom.io.raw import CAMERA_MATRIX
from headroom.merge.group import Common, Prepared, of_group, prepare, response_of
from headroom.merge.inputs import Plan, Task, plan_stacks
from headroom.merge.picture import Picture, Tick, merge_bracket
from headroom.merge.record import attributes_of, report_of
from headroom.merge.request import Request
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

__all__ = ["MergeJob", "Watcher"]

BAND_PIXELS = 1 << 21


class Watcher(Protocol):
    """Is told what happens."""

    def started(self, name: str, number: int, count: int) -> None:
        """A stack is begun; ``number`` from 1."""

    def progress(self, share: float) -> None:
        """Of this stack, 0..1."""

    def finished(self, report: dict[str, Any]) -> None:
        """A stack is done, or has failed (``report["status"]``)."""


@dataclass
class MergeJob:
    """One run: everything that a request asks for."""

    request: Request
    merger: Merger = field(init=False)
    plan: Plan = field(init=False)
    _reconstructor: Reconstructor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Find the method and the stacks; whatever can be refused is refused before a pixel is read."""
        request = self.request
        self.merger = merger(request.merging.method, device=request.merging.device, precision=request.merging.precision)
        stated = request.exposing.ev_stops
        self.plan = plan_stacks(
            request.inputs, request.output, per_stack=request.per_stack, frames=None if stated is None else len(stated),
            by_exposure=stated is None and not request.exposing.estimate,
        )  # fmt: skip
        for task in self.plan.tasks:
            if task.target.exists() and not request.overwrite:
                raise WriteError(f"{task.target} exists; give --overwrite to replace it, or another name")

    def run(self, watcher: Watcher, cancelled: Callable[[], bool] = lambda: False) -> list[dict[str, Any]]:
        """A report a stack. A lone stack's error is raised; among several, it is reported and the others go on."""
        request, tasks = self.request, self.plan.tasks
        config = load_config(request.ocio_config)

        common = Common()
        if request.group:
            looking = Tick(cancelled, str(request.output))
            common = of_group(tasks, request, config, lambda share: looking("read", share))
        reports = []
        for number, task in enumerate(tasks, 1):
            watcher.started(task.target.name, number, len(tasks))
            try:
                report = self._stack(task, common, config, Tick(cancelled, task.target.name, watcher.progress))
            except (Cancelled, UsageError):
                raise
            except HeadroomError as error:
                if len(tasks) == 1:
                    raise
                report = {"status": "failed", "output": str(task.target), "error": str(error)}
            reports.append(report)
            watcher.finished(report)
        return reports

    def _stack(self, task: Task, common: Common, config: Any, tick: Tick) -> dict[str, Any]:
        start = time.perf_counter()
        request = self.request
        prepared = prepare(task, request, config, common, lambda share: tick("read", 0.6 * share))
        prepared = _with_reference(prepared, request.merging.reference)
        response, notes = common.response, list(common.notes)
        if response is None:
            response, notes = response_of([prepared], request.merging.response, request.merging.device)
        tick("read", 1.0)
        if request.response_plot is not None:
            _plot(response, self._plot_path(task))
        goes_on = request.merging.goes_on
        picture = merge_bracket(
            prepared.bracket, response, request.merging, self.merger, tick, self._go_on if goes_on else None
        )  # fmt: skip
        scale = 1.0
        if common.zero_stops is not None and prepared.exposed.zero_stops is not None:
            scale = 2.0 ** (common.zero_stops - prepared.exposed.zero_stops)
        written, warnings = self._write(task.target, prepared, response, picture, scale, tick)
        return report_of(
            request, task, prepared, response, picture, self.merger, scale=scale, written=written,
            warnings=[*prepared.bracket.notes, *notes, *picture.warnings, *warnings],
            seconds=time.perf_counter() - start,
        )  # fmt: skip

    def _go_on(self, picture: Picture, darkest: float, tick: Tick) -> dict[str, Any]:
        from headroom.bracket.continuation import go_on

        merging = self.request.merging
        if self._reconstructor is None:
            self._reconstructor = Reconstructor(
                merging.model, device=merging.device, precision=merging.precision, memory_bytes=merging.memory_bytes
            )
        return go_on(
            picture.radiance, picture.unrecorded, darkest, self._reconstructor,
            progress=lambda share: tick("go on", share),
        )  # fmt: skip

    def _plot_path(self, task: Task) -> Path:
        path = self.request.response_plot
        assert path is not None
        if self.request.group or len(self.plan.tasks) == 1:
            return path
        return path.with_name(f"{path.stem}_{task.target.stem}{path.suffix}")

    def _write(
        self, target: Path, prepared: Prepared, response: Response, picture: Picture, scale: float, tick: Tick
    ) -> tuple[io.WriteReport, list[str]]:
        """In the output space, bands of rows; as float32 where half floats cannot hold it."""
        request, bracket, colour = self.request, prepared.bracket, prepared.colour
        out = _Out(colour, response, bracket, scale)
        plate = bracket.plates[bracket.reference]
        attributes = attributes_of(request, prepared, response, picture, self.merger, scale)
        rows = max(1, BAND_PIXELS // bracket.width)

        def once(depth: Any) -> io.WriteReport:
            with io.open_writer(
                target, bracket.width, bracket.height, depth=depth, compression=request.compression,
                mask=request.mask, chromaticities=colour.chromaticities, attributes=attributes,
                metadata=plate.metadata, data_window=plate.data_window, display_window=plate.display_window,
            ) as writer:  # fmt: skip
                for y0 in range(0, bracket.height, rows):
                    y1 = min(y0 + rows, bracket.height)
                    mask = picture.unrecorded[y0:y1].clip(0, 1) if request.mask else None
                    writer.write_rows(y0, out.rows(picture.radiance[y0:y1]), mask=mask)
                    tick("write", y1 / bracket.height)
                tick("write", 1.0)
                return writer.close()

        try:
            written = once(request.depth)
        except io.HalfOverflow:
            written = once("float")
            written.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
        warnings = list(written.warnings)
        if out.repaired:
            warnings.append(f"{target.name}: {out.repaired} values that were not finite were set to 0")
        return written, warnings


@dataclass
class _Out:
    """From merged light to the output space."""

    colour: ColourPlan
    response: Response
    bracket: Bracket
    scale: float
    repaired: int = 0

    def rows(self, radiance: FloatArray) -> FloatArray:
        """(h, W, 3) in the output space, finite."""
        # A log or HDR plate's code 1.0 stands for more than 1.0: its own scale is kept, as everywhere.
        white = self.colour.white if self.response.exact is not None else 1.0
        light = radiance * np.float32(white * self.scale)
        matrix = self.bracket.plates[self.bracket.reference].metadata.get(CAMERA_MATRIX)
        if matrix is not None:
            light = light @ np.asarray(matrix, np.float32).reshape(3, 3).T
        pixels = self.colour.from_lin709(light)
        bad = ~np.isfinite(pixels)
        if bad.any():
            self.repaired += int(bad.sum())
            pixels = np.where(bad, np.float32(0), pixels)
        return pixels


def _with_reference(prepared: Prepared, wanted: str) -> Prepared:
    """The reference that the user asks for."""
    bracket, exposed = prepared.bracket, prepared.exposed
    if wanted == "middle":
        return prepared
    index = _reference_index(bracket, wanted)
    moved = bracket.ev_stops[index]
    measured = exposed.measured
    return Prepared(
        colour=prepared.colour,
        exposed=replace(
            exposed,
            bracket=bracket.seen_from(index),
            zero_stops=None if exposed.zero_stops is None else exposed.zero_stops + moved,
            measured=None if measured is None else tuple(stops - measured[index] for stops in measured),
        ),
    )


def _reference_index(bracket: Bracket, wanted: str) -> int:
    if wanted == "auto":
        from headroom.bracket.reference import best_reference

        return best_reference(bracket)
    if wanted.isdecimal():
        if not 1 <= int(wanted) <= len(bracket.plates):
            raise UsageError(f"--reference {wanted}: this bracket has frames 1 (the darkest) to {len(bracket.plates)}")
        return int(wanted) - 1
    names = [plate.path.name if plate.path else "" for plate in bracket.plates]
    for k, name in enumerate(names):
        if wanted in (name, Path(name).stem) or Path(wanted).name == name:
            return k
    raise UsageError(
        f"--reference {wanted}: give middle, auto, a number from 1 (the darkest) or one of {', '.join(names)}"
    )


def _plot(response: Response, path: Path) -> None:
    from headroom.bracket.response_find import plot_response

    plot_response(response, path)
