"""A job of single pictures: read, reconstruct, write, one after the other; what fails is collected."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from headroom import io
from headroom.colour.plan import ColourPlan
from headroom.errors import Cancelled, WriteError
from headroom.io.targets import Depth
from headroom.jobs.conversion import Conversion, check_names, write_band
from headroom.jobs.naming import Task
from headroom.jobs.record import FINGERPRINT, digest_of_file, fingerprint, recorded_marks
from headroom.jobs.report import FileReport, Watcher, explained
from headroom.jobs.settings import Settings
from headroom.plate import Plate
from headroom.reconstruct import Band, Reconstructor

__all__ = ["Job"]


class Job:
    """Settings and a loaded model; `run` converts tasks with them.

    Making one checks what concerns every file (config, spaces, model, device) and raises if it is wrong.
    """

    def __init__(self, settings: Settings, loaded: Reconstructor | None = None) -> None:
        """``loaded``: made before from the same model, device, precision and memory."""
        self.settings = settings
        self.conversion = Conversion(settings, loaded)
        self.reconstructor = self.conversion.reconstructor

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
        except Exception as error:  # noqa: BLE001  one bad frame must not end a night's work
            explained(error, report)
        report.seconds = time.perf_counter() - start
        return report

    def _convert(self, task: Task, report: FileReport, watcher: Watcher, cancelled: Callable[[], bool]) -> None:
        check_names(task.source, task.target)
        mark = None
        if task.target.exists():
            mark = self._fingerprint(task)
            if self.settings.resume and (recorded_marks(task.target) or {}).get(FINGERPRINT) == mark:
                report.status = "skipped"
                return
            if not self.settings.overwrite:
                made = ", and was made from another source or with other settings" if self.settings.resume else ""
                raise WriteError(f"{task.target} exists{made}; give --overwrite to replace it, or another -o")
        plate = io.read(task.source, part=self.settings.part)
        colour = self.conversion.colour_of(plate)
        mark = mark or self._fingerprint(task)

        def bands() -> Iterator[Band]:
            report.facts = {}
            return self.reconstructor.bands(
                plate,
                colour,
                self.settings.options,
                progress=watcher.progress,
                cancelled=cancelled,
                report=report.facts,
            )

        try:
            self._write(task, plate, colour, bands(), report, mark, self.settings.depth)
        except io.HalfOverflow:
            self._write(task, plate, colour, bands(), report, mark, "float")
            report.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
        report.warnings[:0] = report.facts.pop("warnings", [])

    def _write(
        self,
        task: Task,
        plate: Plate,
        colour: ColourPlan,
        bands: Iterator[Band],
        report: FileReport,
        mark: str,
        depth: Depth,
    ) -> None:
        # The first band comes before the file is opened: a plate that cannot be worked on leaves no trace.
        band: Band | None = next(bands)
        with self.conversion.open_writer(task.target, plate, colour, depth, {FINGERPRINT: mark}) as writer:
            while band is not None:
                write_band(writer, band, plate, self.settings)
                band = next(bands, None)
            written = writer.close()
        report.warnings += written.warnings
        report.facts |= {"bits": plate.bits, "depth": written.depth, "bytes": written.bytes}

    def _fingerprint(self, task: Task) -> str:
        return fingerprint(self.conversion.shaping(), digest_of_file(task.source))
