"""The flow: plan the stacks, and for each: read, response, align, merge, go on, colour space, write.

A stack's frames, its motions and its result are held in memory; everything between goes through window by window.
A file is complete or absent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from headroom import io
from headroom.bracket.response_plot import plot_response
from headroom.colour.ocio import Config, load_config
from headroom.errors import Cancelled, HeadroomError, UsageError, WriteError
from headroom.merge.group import Common, Prepared, of_group, prepare
from headroom.merge.inputs import Plan, Task, plan_stacks
from headroom.merge.maker import PictureMaker, finished
from headroom.merge.picture import Made, Tick
from headroom.merge.record import attributes_of, report_of
from headroom.merge.request import Request

__all__ = ["MergeJob", "Watcher"]


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
    maker: PictureMaker = field(init=False)
    config: Config = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        """Find the method and the stacks; whatever can be refused is refused before a pixel is read."""
        request = self.request
        self.maker = PictureMaker(request.merging)
        self.config = load_config(request.ocio_config)
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
        common = Common()
        if request.group:
            looking = Tick(cancelled, str(request.output))
            common = of_group(
                tasks, request, self.config, self.maker.reconstructor, lambda share: looking("read", share)
            )  # fmt: skip
        reports = []
        for number, task in enumerate(tasks, 1):
            watcher.started(task.target.name, number, len(tasks))
            try:
                report = self._stack(task, common, Tick(cancelled, task.target.name, watcher.progress))
            except (Cancelled, UsageError):
                raise
            except HeadroomError as error:
                if len(tasks) == 1:
                    raise
                report = {"status": "failed", "output": str(task.target), "error": str(error)}
            reports.append(report)
            watcher.finished(report)
        return reports

    def _stack(self, task: Task, common: Common, tick: Tick) -> dict[str, Any]:
        start = time.perf_counter()
        request = self.request
        prepared = prepare(task, request, self.config, common, lambda share: tick("read", 0.6 * share))
        made = self.maker(prepared, common, tick)
        if request.response_plot is not None:
            plot_response(made.response, self._plot_path(task))
        written = self._write(task.target, prepared, made, tick)
        return report_of(
            request, task, prepared, made, self.maker.merger, written=written, seconds=time.perf_counter() - start
        )  # fmt: skip

    def _plot_path(self, task: Task) -> Path:
        path = self.request.response_plot
        assert path is not None
        if self.request.group or len(self.plan.tasks) == 1:
            return path
        return path.with_name(f"{path.stem}_{task.target.stem}{path.suffix}")

    def _write(self, target: Path, prepared: Prepared, made: Made, tick: Tick) -> io.WriteReport:
        """Bands of rows; as float32 where half floats cannot hold it."""
        request, bracket, colour = self.request, prepared.bracket, prepared.colour
        plate = bracket.plates[bracket.reference]
        attributes = attributes_of(request, prepared, made, self.maker.merger)

        def once(depth: Any) -> io.WriteReport:
            with io.open_writer(
                target, bracket.width, bracket.height, depth=depth, compression=request.compression,
                mask=request.mask, chromaticities=colour.chromaticities, attributes=attributes,
                metadata=plate.metadata, data_window=plate.data_window, display_window=plate.display_window,
            ) as writer:  # fmt: skip
                for y0, pixels, mask in finished(prepared, made):
                    writer.write_rows(y0, pixels, mask=mask if request.mask else None)
                    tick("write", (y0 + len(pixels)) / bracket.height)
                return writer.close()

        try:
            return once(request.depth)
        except io.HalfOverflow:
            written = once("float")
            written.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
            return written
