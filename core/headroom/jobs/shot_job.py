"""A shot, from its plates to its files, so that whatever ends it in between can be answered by the same command.

    plan -> [what is done already is passed over] -> claim a block -> decode | network | encode -> manifest
                ^                                                                                   |
                +------ again: a share that was away, plates still being written, others' blocks ---+

Read `run` first.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from headroom.engine.memory import KeptMemory
from headroom.errors import Cancelled, WriteError
from headroom.io.frames import range_text
from headroom.jobs.agenda import Agenda
from headroom.jobs.claims import Claims, this_process
from headroom.jobs.conversion import Conversion, check_names
from headroom.jobs.ledger import Ledger
from headroom.jobs.leftovers import owner_tag, sweep
from headroom.jobs.loading import Loader
from headroom.jobs.makers import Maker, PerFrame
from headroom.jobs.manifest import Manifest
from headroom.jobs.naming import Task
from headroom.jobs.pipeline import Loaded, Outcome, Pipeline, Shape
from headroom.jobs.places import AwayError, FullError, Patience, UnsettledError, is_full, pause, wait_for
from headroom.jobs.report import FileReport, Watcher, explained
from headroom.jobs.settings import Settings
from headroom.jobs.shot_analysis import SharedAnalysis
from headroom.jobs.shot_result import ShotResult
from headroom.jobs.shots import Shot
from headroom.reconstruct import Reconstructor

__all__ = ["ShotJob", "ShotResult"]


class ShotJob:
    """Settings and a loaded model; `run` converts shots with them."""

    def __init__(
        self,
        settings: Settings,
        loaded: Reconstructor | None = None,
        *,
        temporal: bool = True,
        analysis: Path | None = None,
        patience: Patience | None = None,
        shape: Shape | None = None,
    ) -> None:
        """Checks what concerns every frame (config, spaces, model, device) and raises if it is wrong.

        ``temporal``: frames steady each other. ``analysis``: the file of what a shot's frames have in common, made
        where it is not there; None: one beside the results.
        """
        self.conversion = Conversion(settings, loaded)
        self.temporal, self.analysis = temporal, analysis
        self.patience = patience or Patience()
        device = self.conversion.reconstructor.runner.device.type
        self.shape = shape or Shape.of(settings.memory_bytes, device=device)

    def run(
        self,
        shot: Shot,
        watcher: Watcher | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        analyse_only: bool = False,
    ) -> ShotResult:
        """Makes what is not there yet. ``cancelled``: the frames in hand are finished, the others are left.

        ``analyse_only``: the analysis is made, and no frame.
        """
        with KeptMemory(wanted=self.conversion.settings.memory_bytes is None):
            return _Run(self, shot, watcher or Watcher(), cancelled).result(analyse_only)


class _Run:
    """One shot on its way."""

    def __init__(self, job: ShotJob, shot: Shot, watcher: Watcher, cancelled: Callable[[], bool]) -> None:
        self.job, self.shot, self.watcher, self.cancelled = job, shot, watcher, cancelled
        self.conversion, self.patience = job.conversion, job.patience
        self.folder, self.stem = shot.output.folder, shot.stem
        self.reports: dict[int, FileReport] = {}
        self.places = {task.frame: number for number, task in enumerate(shot.tasks)}
        self.away: AwayError | None = None
        self.again: list[int] = []
        self.told: set[str] = set()
        self.lock = threading.Lock()
        self.entered = False
        self.file_bytes = 1
        """Of the largest result so far, as uncompressed half floats."""
        check_names(self.folder, *(task.target for task in shot.tasks[:1]))
        self.manifest = Manifest(self.folder / f"{self.stem}.headroom.jsonl")
        shaping = self.conversion.shaping()
        self.ledger = Ledger(shot.source, self.manifest, {**shaping, "temporal": True} if job.temporal else shaping)
        self.loader = Loader(shot.source, self.conversion, self.ledger)

    # ---- the flow --------------------------------------------------------------------------------------------

    def result(self, analyse_only: bool) -> ShotResult:
        for note in self.shot.notes:
            self.note(note)
        if not analyse_only:
            self.refuse_foreign()
        with Claims(self.folder / f".{self.stem}.headroom-claims") as claims:
            self.sweep(claims)
            agenda = Agenda(self.shot.tasks, claims)
            with self.pipeline() as pipeline:
                begun = time.perf_counter()
                maker = self.maker(pipeline, claims, analyse_only)
                looked = time.perf_counter() - begun
                if maker is not None:
                    with closing(maker):
                        if not analyse_only:
                            self.rounds(agenda, pipeline, maker)
                times = pipeline.times()
        again = [frame for frame in self.again if frame in self.reports and self.reports[frame].status == "done"]
        if again:
            self.note(f"made again: {range_text(again)}; their plates, or plates beside them, have changed")
        reports = [self.reports[frame] for frame in sorted(self.reports)]
        left = 0 if analyse_only and maker is not None else len(self.shot.tasks) - len(reports)
        return ShotResult(
            shot=self.shot, reports=reports, left=left, cancelled=self.cancelled() and left > 0,
            manifest=self.manifest.path, times=times, analysis_seconds=looked if self.job.temporal else 0.0,
        )  # fmt: skip

    def maker(self, pipeline: Pipeline, claims: Claims, analyse_only: bool) -> Maker | None:
        """What makes the frames; None where the user stopped the look at the shot."""
        if not self.job.temporal:
            return PerFrame(self.conversion, pipeline.read)
        from headroom.temporal import Stabiliser

        path = self.job.analysis
        shared = SharedAnalysis(
            path=path or self.folder / f"{self.stem}.headroom.json",
            trusted=path is not None and not analyse_only,
            source=self.shot.source,
            conversion=self.conversion,
            ledger=self.ledger,
            manifest=self.manifest,
            patience=self.patience,
            cancelled=self.cancelled,
        )
        analysis = None
        while analysis is None:
            try:
                analysis = shared.get(self.shot.tasks, pipeline, self.loader, claims, self.watcher)
            except Cancelled:
                return None
            except AwayError as error:
                self.away = error
                if not self.back_again():
                    raise
            if self.cancelled():
                return None
        self.ledger.frame_shaping = analysis.shaping
        return Stabiliser(
            self.conversion.reconstructor,
            analysis,
            self.settings.options,
            self.conversion.colour_of,
            pipeline.read,
            memory_bytes=self.settings.memory_bytes,
        )

    def rounds(self, agenda: Agenda, pipeline: Pipeline, maker: Maker) -> None:
        """Until nothing is left, or what is left is hopeless."""
        self.ledger.window, self.loader.maker = maker.window, maker
        unsettled_until: float | None = None
        while True:
            for outcome in pipeline.run(
                self.due(agenda), maker, self.watcher, place=self.place, cancelled=self.cancelled,
                halted=lambda: agenda.halted,
            ):  # fmt: skip
                self.settle(outcome, agenda)
            if self.cancelled() or not agenda.left:
                return
            if self.away is not None:
                if not self.back_again():
                    if not self.cancelled():
                        self.give_up(agenda)
                    return
                agenda.halted = False
            elif agenda.halted:  # the disk is full
                return
            elif self.loader.unsettled:
                now = time.monotonic()
                unsettled_until = unsettled_until or now + self.patience.settling_s
                self.wait_until_still(unsettled_until - now)
            elif agenda.others:
                self.wait_for_others(agenda)

    def due(self, agenda: Agenda) -> Iterator[Task]:
        """What is not done yet, as the pipeline asks for it."""
        for task in agenda.tasks():
            assert task.frame is not None
            state = self.ledger.state(task) if not self.redo else "absent"
            report = FileReport(source=task.source, target=task.target, frame=task.frame)
            if state == "done":
                report.status = "skipped"
                marks = self.ledger.marks(task)
                if not self.ledger.is_entered(task, marks):
                    self.manifest.reload()  # another worker may have made and entered it
                if not self.ledger.is_entered(task, marks):
                    self.enter(task, None, marks)
                self.say(report, agenda, task)
            elif state == "foreign" and not self.settings.overwrite:
                error = WriteError(f"{task.target} exists and was made otherwise; --overwrite replaces it")
                self.say(explained(error, report), agenda, task)
            else:
                if state == "stale":
                    self.again.append(task.frame)
                yield task

    def settle(self, outcome: Outcome, agenda: Agenda) -> None:
        """What to make of an outcome: done, failed, or to be tried again."""
        task, error = outcome.task, outcome.error
        if isinstance(error, WriteError):
            error = self.diagnosed(error, outcome)
        not_begun = outcome.report.status == "cancelled" and error is None
        in_the_making = isinstance(error, UnsettledError) and not self.loader.impatient
        if isinstance(error, AwayError):
            self.away, agenda.halted = error, True
            agenda.put_back(task)
        elif not_begun or in_the_making:
            agenda.put_back(task)
        else:
            if isinstance(error, FullError):
                agenda.halted = True
            report = outcome.report if error is None else explained(error, outcome.report)
            if report.status == "failed":
                self.enter_failure(task, report)
            self.say(report, agenda, task)

    # ---- what may go wrong -----------------------------------------------------------------------------------

    def diagnosed(self, error: WriteError, outcome: Outcome) -> WriteError:
        """Why a file could not be written, where it is not the file's own fault."""
        if isinstance(error, AwayError):
            return error
        if not self.folder_is_there():
            return AwayError(f"{self.folder} cannot be reached")
        if is_full(self.folder, self.file_bytes):
            return FullError(f"frame {outcome.task.frame}: {error}; the same command goes on once there is room")
        return error

    def folder_is_there(self) -> bool:
        """Told by our manifest: the empty folder that an unmounted share leaves behind is not the one we wrote to."""
        return self.manifest.path.is_file()

    def back_again(self) -> bool:
        """Waits for a share that has gone; whether it came back."""
        assert self.away is not None
        self.note(f"{self.away}; waiting for it, for up to {self.patience.away_s:.0f} s")

        def there() -> bool:
            return self.folder_is_there() and self.loader.source_is_there()

        back = wait_for(there, self.patience.away_s, self.cancelled, self.patience.still_s / 4)
        if back:
            self.note("it is back: going on")
            self.away = None
        return back

    def give_up(self, agenda: Agenda) -> None:
        """The share stays away: the next frame is failed, so that the reason is told, and the rest left."""
        task = agenda.left[0]
        assert task.frame is not None
        why = WriteError(f"frame {task.frame}: {self.away}; the same command goes on once it is back")
        report = explained(why, FileReport(source=task.source, target=task.target, frame=task.frame))
        self.reports[task.frame] = report
        self.watcher.finished(report)

    def wait_until_still(self, left_s: float) -> None:
        """Waits until at least one plate that is being written has stopped changing, or patience ends."""
        frames = range_text(self.loader.unsettled)
        self.note(
            f"frames {frames} cannot be read yet and seem to be in the making: trying again at the end", once=True
        )
        before = self.loader.unsettled_states()
        pause(min(self.patience.still_s, max(left_s, 0)), self.cancelled)
        self.loader.give_time(before)
        if left_s <= 0:
            self.loader.impatient = True

    def wait_for_others(self, agenda: Agenda) -> None:
        """A moment, until others' blocks may be done or void."""
        for holder in sorted({str(holder) for holder in agenda.others.values()}):
            self.note(f"waiting for frames that {holder} has in work", once=True)
        pause(self.patience.poll_s, self.cancelled)
        self.manifest.reload()

    def refuse_foreign(self) -> None:
        """Before anything is done: results that are there and not ours are not written over unasked."""
        if self.settings.overwrite:
            return
        is_foreign = self.ledger.is_foreign if self.settings.resume else lambda task: bool(task.target.exists())
        foreign = [task for task in self.shot.tasks if is_foreign(task)]
        if foreign:
            if self.manifest.path.stat().st_size == 0:
                self.manifest.path.unlink()  # begun just now
            frames = range_text(task.frame or 0 for task in foreign)
            raise WriteError(
                f"{foreign[0].target} exists and was made from elsewhere or with other settings (frames {frames}); "
                "give --overwrite to replace such files, or another -o"
            )

    def sweep(self, claims: Claims) -> None:
        """Clears away what killed runs have left."""
        pattern = self.shot.output

        def is_ours(name: str) -> bool:
            return pattern.frame_of(name) is not None

        try:
            gone = sweep(self.folder, is_ours, claims.share_time())
        except OSError:
            return
        if gone:
            self.note(f"{len(gone)} unfinished files of a run that was killed were removed")

    # ---- parts -----------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return self.conversion.settings

    @property
    def redo(self) -> bool:
        """Whether even what matches is made again."""
        return not self.settings.resume

    def pipeline(self) -> Pipeline:
        return Pipeline(
            self.conversion, self.loader.load, self.marks_of, shape=self.job.shape, owner=owner_tag(),
            before_write=self.before_write, written=self.written,
        )  # fmt: skip

    def marks_of(self, task: Task, loaded: Mapping[int, Loaded]) -> dict[str, str]:
        for plate in loaded.values():
            if isinstance(plate.error, (AwayError, UnsettledError)):
                raise plate.error
            if plate.plate is not None:
                self.file_bytes = max(self.file_bytes, 6 * plate.plate.width * plate.plate.height)
        return self.ledger.marks(task, {frame: plate.identity for frame, plate in loaded.items()})

    def before_write(self, task: Task) -> None:
        if not self.folder_is_there():
            raise AwayError(f"{self.folder} cannot be reached")

    def written(self, task: Task, report: FileReport, loaded: Loaded, marks: Mapping[str, str]) -> None:
        """A share may go between our look and the file: what then lies in its empty mount point is not done."""
        if not (self.folder_is_there() and task.target.is_file() and self.folder_is_there()):
            with contextlib.suppress(OSError):
                task.target.unlink(missing_ok=True)
            raise AwayError(f"{self.folder} cannot be reached")
        self.enter(task, report, marks, loaded.identity)

    def enter(
        self, task: Task, report: FileReport | None, marks: Mapping[str, str], identity: str | None = None
    ) -> None:
        """A line in the manifest; that it cannot be written does not undo the frame: the next run enters it."""
        assert task.reads is not None
        identity = identity or self.ledger.identity(task.reads)
        try:
            with self.lock:
                first, self.entered = not self.entered, True
            if first:
                self.manifest.add("run", self.told_of_run())
            self.ledger.enter(task, report, marks, identity, self.ledger.window(task.reads))
        except OSError as error:
            self.note(f"{self.manifest.path.name} could not be added to ({error.strerror or error})", once=True)

    def told_of_run(self) -> dict[str, Any]:
        """Who works on what, how."""
        us = this_process()
        return {
            "source": self.shot.source.name,
            "output": self.shot.output.text,
            "frames": range_text(task.frame or 0 for task in self.shot.tasks),
            "temporal": self.job.temporal,
            "shaping": self.conversion.shaping(),
            "settings": self.ledger.settings_mark,
            "by": f"{us.host}:{us.pid}",
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def enter_failure(self, task: Task, report: FileReport) -> None:
        try:
            self.manifest.add("failed", {"frame": task.frame, "target": task.target.name, "error": report.error})
        except OSError:
            return

    def place(self, task: Task) -> tuple[int, int]:
        return self.places[task.frame], len(self.places)

    def say(self, report: FileReport, agenda: Agenda, task: Task) -> None:
        agenda.settle(task)
        assert task.frame is not None
        self.reports[task.frame] = report
        self.watcher.finished(report)

    def note(self, text: str, *, once: bool = False) -> None:
        with self.lock:
            if once and text in self.told:
                return
            self.told.add(text)
        self.watcher.note(text)
