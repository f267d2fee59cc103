"""A job: read, reconstruct, write, a file at a time; what fails is collected and the rest goes on."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import headroom
from headroom import io
from headroom.colour.lut import through_lut
from headroom.colour.ocio import load_config
from headroom.colour.plan import ColourPlan
from headroom.colour.plan import plan as plan_colour
from headroom.errors import Cancelled, HeadroomError, PlateError, WriteError
from headroom.io.targets import Depth
from headroom.jobs.naming import Task
from headroom.jobs.record import fingerprint, header_attributes, recorded_fingerprint
from headroom.plate import Plate
from headroom.reconstruct import Band, Options, Reconstructor
from headroom.settings import checked

__all__ = ["FileReport", "Job", "Settings", "Watcher", "exit_code_of"]

Status = Literal["done", "skipped", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that shapes a result, and how its file is written."""

    model: str = "headroom-1"
    from_space: str | None = None
    to_space: str | None = None
    ocio_config: str | None = None
    part: str | int | None = None
    lut: Path | None = None
    """Linearises the plates in place of their space."""
    options: Options = field(default_factory=Options)
    mask: bool = False
    gain: bool = False
    depth: Depth = "auto"
    compression: str = "zip"
    device: str = "auto"
    precision: str = "auto"
    memory_bytes: int | None = None
    overwrite: bool = False
    resume: bool = False

    @classmethod
    def of(cls, **chosen: Any) -> Settings:
        """From the flat names of `headroom.settings`, as the command line and the worker's hosts use them."""
        flat = checked(chosen)
        lut = None
        if flat["curve"] not in ("declared", "estimate"):
            lut, flat["curve"] = Path(flat["curve"]), "declared"
        options = Options(**{option.name: flat.pop(option.name) for option in fields(Options)})
        return cls(options=options, lut=lut, memory_bytes=flat.pop("memory"), **flat)


@dataclass(kw_only=True)
class FileReport:
    """What became of one file."""

    source: Path
    target: Path
    status: Status = "done"
    seconds: float = 0.0
    error: str | None = None
    exit_code: int = 0
    """Of the error: 1, 2 where the request made no sense for this file, 130 cancelled."""
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What `Reconstructor.bands` reports, and how the file was written."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "error": self.error,
            "warnings": self.warnings,
            **{name: value for name, value in self.facts.items() if name != "seconds"},
        }


class Watcher:
    """Told how a job goes; this one does nothing."""

    def started(self, task: Task, index: int, count: int) -> None:
        """File ``index`` (from 0) of ``count`` begins."""

    def progress(self, fraction: float) -> None:
        """0..1 of the current file."""

    def finished(self, report: FileReport) -> None:
        """The current file is done, skipped, failed or cancelled."""


class Job:
    """Settings and a loaded model; `run` converts tasks with them.

    Making one checks what concerns every file (config, spaces, model, device) and raises if it is wrong.
    """

    def __init__(self, settings: Settings, loaded: Reconstructor | None = None) -> None:
        """``loaded``: made before from the same model, device, precision and memory."""
        self.settings = settings
        self._config = load_config(settings.ocio_config)
        plan = plan_colour(None, frm=settings.from_space, to=settings.to_space, config=self._config)
        if settings.lut is not None:
            through_lut(plan, settings.lut)
        self.reconstructor = loaded or Reconstructor(
            settings.model,
            device=settings.device,
            precision=settings.precision,
            memory_bytes=settings.memory_bytes,
        )

    def run(
        self,
        tasks: Sequence[Task],
        watcher: Watcher | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[FileReport]:
        """Converts the tasks in order; a report each, up to and with the one that was cancelled."""
        watcher = watcher or Watcher()
        reports = []
        for index, task in enumerate(tasks):
            watcher.started(task, index, len(tasks))
            report = self._guarded(task, watcher, cancelled)
            reports.append(report)
            watcher.finished(report)
            if report.status == "cancelled":
                break
        return reports

    def _guarded(self, task: Task, watcher: Watcher, cancelled: Callable[[], bool]) -> FileReport:
        report = FileReport(source=task.source, target=task.target)
        start = time.perf_counter()
        try:
            if cancelled():
                raise Cancelled("cancelled")
            self._convert(task, report, watcher, cancelled)
        except Cancelled as error:
            report.status, report.error, report.exit_code = "cancelled", str(error), error.exit_code
        except HeadroomError as error:
            report.status, report.error, report.exit_code = "failed", str(error), error.exit_code
        except MemoryError:
            why = f"{task.source}: not enough memory; give a smaller --memory or free some"
            report.status, report.error, report.exit_code = "failed", why, 1
        except Exception as error:  # noqa: BLE001  one bad frame must not end a night's work
            why = f"{task.source}: unexpected {type(error).__name__}: {_one_line(error)}"
            report.status, report.error, report.exit_code = "failed", why, 1
            if os.environ.get("HEADROOM_DEBUG"):
                traceback.print_exc()
        report.seconds = time.perf_counter() - start
        return report

    def _convert(self, task: Task, report: FileReport, watcher: Watcher, cancelled: Callable[[], bool]) -> None:
        for path in (task.source, task.target):
            shown = str(path).encode("utf-8", "backslashreplace").decode()
            if shown != str(path):
                raise PlateError(f"{shown}: the name is not UTF-8, which the image libraries need; rename it")
        mark = None
        if task.target.exists():
            mark = self._fingerprint(task)
            if self.settings.resume and recorded_fingerprint(task.target) == mark:
                report.status = "skipped"
                return
            if not self.settings.overwrite:
                made = ", and was made from another source or with other settings" if self.settings.resume else ""
                raise WriteError(f"{task.target} exists{made}; give --overwrite to replace it, or another -o")
        plate = io.read(task.source, part=self.settings.part)
        plan = plan_colour(
            plate.space,
            frm=self.settings.from_space,
            to=self.settings.to_space,
            config=self._config,
            is_float=plate.is_float,
            bits=plate.bits,
        )
        if self.settings.lut is not None:
            plan = through_lut(plan, self.settings.lut)
        mark = mark or self._fingerprint(task)

        def bands() -> Iterator[Band]:
            report.facts = {}
            return self.reconstructor.bands(
                plate,
                plan,
                self.settings.options,
                progress=watcher.progress,
                cancelled=cancelled,
                report=report.facts,
            )

        try:
            self._write(task, plate, plan, bands(), report, mark, self.settings.depth)
        except io.HalfOverflow:
            self._write(task, plate, plan, bands(), report, mark, "float")
            report.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
        report.warnings[:0] = report.facts.pop("warnings", [])

    def _write(
        self,
        task: Task,
        plate: Plate,
        plan: ColourPlan,
        bands: Iterator[Band],
        report: FileReport,
        mark: str,
        depth: Depth,
    ) -> None:
        # The first band comes before the file is opened: a plate that cannot be worked on leaves no trace.
        band: Band | None = next(bands)
        with io.open_writer(
            task.target,
            plate.width,
            plate.height,
            depth=depth,
            compression=self.settings.compression,
            alpha=plate.alpha is not None,
            mask=self.settings.mask,
            gain=self.settings.gain,
            chromaticities=plan.chromaticities,
            attributes=header_attributes(self.reconstructor.card, plan, self.settings.options, task.source, mark),
            metadata=plate.metadata,
            data_window=plate.data_window,
            display_window=plate.display_window,
            keep_glow=plate.premultiplied,
        ) as writer:
            while band is not None:
                rows = len(band.pixels)
                writer.write_rows(
                    band.y0,
                    band.pixels,
                    alpha=plate.alpha_rows(band.y0, band.y0 + rows),
                    mask=band.mask if self.settings.mask else None,
                    gain=band.gain_stops if self.settings.gain else None,
                )
                band = next(bands, None)
            written = writer.close()
        report.warnings += written.warnings
        report.facts |= {"bits": plate.bits, "depth": written.depth, "bytes": written.bytes}

    def _shaping(self) -> dict[str, Any]:
        """What decides a result's pixels, beside the source."""
        chosen = self.settings
        return {
            "version": headroom.__version__,
            "model": chosen.model,
            "weights": self.reconstructor.card.sha256,
            "precision": self.reconstructor.runner.precision,
            "from": chosen.from_space,
            "to": chosen.to_space,
            "config": self._config.cache_id,
            "lut": fingerprint(chosen.lut, {}) if chosen.lut else None,
            "part": chosen.part,
            "options": asdict(chosen.options),
            "channels": [chosen.mask, chosen.gain],
            "depth": chosen.depth,
            "compression": chosen.compression,
        }

    def _fingerprint(self, task: Task) -> str:
        return fingerprint(task.source, self._shaping())


def exit_code_of(reports: Sequence[FileReport]) -> int:
    """0 all well, 130 cancelled, 2 where the request made no sense for any file, else 1."""
    codes = {report.exit_code for report in reports}
    if 130 in codes:
        return 130
    return 2 if codes == {2} else int(codes != {0} and bool(codes))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
