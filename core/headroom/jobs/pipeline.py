"""Decode, network and encode at the same time: threads that read ahead, the network here, threads that write.

    decode threads --plates, bounded by bytes--> network (this thread) --bands, bounded by bytes--> encode threads

Memory does not grow with the length of the shot: what the network cannot keep up with is not read, what the disk
cannot keep up with is not computed.
"""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from headroom import io
from headroom.account import Tally
from headroom.colour.plan import ColourPlan
from headroom.errors import Cancelled, HeadroomError
from headroom.io.targets import Depth
from headroom.jobs.conversion import Conversion, write_band
from headroom.jobs.encoders import Encoders, Sheet, SheetClosed
from headroom.jobs.makers import Maker
from headroom.jobs.naming import Task
from headroom.jobs.prefetch import Prefetch
from headroom.jobs.report import FileReport, Watcher, explained
from headroom.jobs.stages import Clock, PipelineTimes
from headroom.plate import Plate
from headroom.reconstruct import Prepared, RawBand

__all__ = ["Loaded", "Outcome", "Pipeline", "Shape"]

_ABORT_S = 2.0
"""So long threads may take to notice that all is over; then they are left behind."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A plate as the decode threads hand it over; or why there is none."""

    frame: int
    identity: str
    plate: Plate | None = None
    colour: ColourPlan | None = None
    prepared: Prepared | None = None
    error: HeadroomError | None = None

    @property
    def nbytes(self) -> int:
        """Memory held."""
        if self.prepared is not None:
            return self.prepared.nbytes
        if self.plate is None:
            return 0
        return self.plate.codes.nbytes + (0 if self.plate.alpha is None else self.plate.alpha.nbytes)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Threads and room. Bytes are those of plates held ahead, and of bands on their way to files."""

    decode_threads: int
    encode_threads: int
    plate_bytes: int
    band_bytes: int

    @classmethod
    def of(cls, memory_bytes: int | None, *, device: str = "cpu") -> Shape:
        """For this machine; an eighth of a stated memory budget for either queue."""
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        room = (512 << 20) if memory_bytes is None else memory_bytes // 8
        if device == "cpu":  # the network has most of the cores already
            return cls(decode_threads=min(2, cores), encode_threads=min(2, cores), plate_bytes=room, band_bytes=room)
        return cls(
            decode_threads=max(2, min(8, cores // 2)),
            encode_threads=max(2, min(12, cores - 2)),
            plate_bytes=room if memory_bytes else 4 * room,
            band_bytes=room if memory_bytes else 4 * room,
        )


@dataclass(kw_only=True)
class Outcome:
    """What became of a task in the pipeline."""

    task: Task
    report: FileReport
    error: Exception | None = None


@dataclass(kw_only=True)
class _Making:
    task: Task
    report: FileReport
    loaded: Loaded
    marks: Mapping[str, str]
    depth: Depth
    maker: Maker
    begun: float


class Pipeline:
    """One run over many frames. Threads live from the first to the last; use it in a ``with``."""

    def __init__(
        self,
        conversion: Conversion,
        load: Callable[[int], Loaded],
        marks_of: Callable[[Task, Mapping[int, Loaded]], Mapping[str, str]],
        *,
        shape: Shape,
        owner: str | None = None,
        before_write: Callable[[Task], None] = lambda task: None,
        written: Callable[[Task, FileReport, Loaded, Mapping[str, str]], None] = lambda *_: None,
    ) -> None:
        """``load`` a plate of a number and ``written`` (told of each file) run in threads.

        ``marks_of`` a task gives its header's fingerprints. ``before_write`` may raise.
        """
        self._conversion, self._marks_of = conversion, marks_of
        self._before_write, self._written, self._owner = before_write, written, owner
        self._shape = shape
        self._decode, self._network, self._encode = Clock("decode"), Clock("network"), Clock("encode")
        self._plates = Prefetch(load, threads=shape.decode_threads, clock=self._decode)
        self._files = Encoders(threads=shape.encode_threads, most_bytes=shape.band_bytes, clock=self._encode)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._most_frames = self._most_bytes = 0
        self._begun = time.perf_counter()
        self._over = False

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        """Waits for files in work; where something was raised they are given up instead."""
        self._over = True
        broken = None if kind is None else Cancelled("stopped")
        self._files.close(broken, wait_s=None if broken is None else _ABORT_S)
        self._plates.close(wait_s=None if broken is None else _ABORT_S)

    def read(self, frame: int) -> Prepared:
        """For the maker: the prepared plate of a number; its error where there is none."""
        with self._network.waiting(within_busy=True):
            loaded = self._plates.get(frame)
        if loaded.prepared is None:
            assert loaded.error is not None
            raise loaded.error
        return loaded.prepared

    def read_plate(self, frame: int) -> Plate:
        """The plate itself, for a pass that needs no more."""
        loaded = self._plates.get(frame)
        if loaded.plate is None:
            assert loaded.error is not None
            raise loaded.error
        return loaded.plate

    @property
    def has_room(self) -> bool:
        """Whether more plates may be decoded ahead."""
        return self._plates.held_bytes < self._shape.plate_bytes

    def want(self, frames: Sequence[int]) -> None:
        """Decodes ahead for a pass that does not make files; see `Prefetch.want`."""
        self._plates.want(frames)

    def release(self, frames: Sequence[int]) -> None:
        """See `Prefetch.release`."""
        self._plates.release(frames)

    def run(
        self,
        tasks: Iterator[Task],
        maker: Maker,
        watcher: Watcher,
        *,
        place: Callable[[Task], tuple[int, int]],
        cancelled: Callable[[], bool],
        halted: Callable[[], bool],
    ) -> Iterator[Outcome]:
        """Makes the tasks' files; an outcome each, in the order they are over.

        ``tasks`` is asked for the next one a few frames ahead. Once ``cancelled`` or ``halted`` the frames in hand
        are finished, and those that wait come back as outcomes with status ``cancelled``. ``place`` tells index and
        count of a task for the watcher.
        """
        ahead: deque[tuple[Task, tuple[int, ...], Depth]] = deque()
        more, most_ahead = True, 2 * self._shape.decode_threads + 1
        while True:
            # One is always decoded while another is in the network, whatever a window of plates weighs.
            while more and not cancelled() and (len(ahead) < 2 or (self.has_room and len(ahead) < most_ahead)):
                if (task := next(tasks, None)) is None:
                    more = False
                else:
                    ahead.append(self._wanted(task, maker, self._conversion.settings.depth))
            yield from self._told(ahead, maker)
            if cancelled() or halted():
                for task, window, _ in ahead:
                    self._plates.release(window)
                    report = FileReport(source=task.source, target=task.target, frame=task.frame, status="cancelled")
                    yield Outcome(task=task, report=report)
                ahead.clear()
                more = False
            if ahead:
                task, window, depth = ahead.popleft()
                watcher.started(task, *place(task))
                with self._network.waiting():
                    self._files.wait(fewer_than=self._shape.encode_threads + 1)
                with self._network.busy():
                    self._make(task, window, depth, maker, watcher)
                self._plates.release(window)
                self._count(len(ahead))
            elif not self._files.wait(timeout=0.2):
                continue
            elif self._outcomes.empty() and not more:
                return

    def times(self) -> PipelineTimes:
        """Where the time went so far."""
        import torch

        return PipelineTimes(
            wall_seconds=time.perf_counter() - self._begun,
            torch_threads=torch.get_num_threads(),
            most_frames=self._most_frames,
            most_bytes=self._most_bytes,
            stages=tuple(clock.times() for clock in (self._decode, self._network, self._encode)),
        )

    def _wanted(self, task: Task, maker: Maker, depth: Depth) -> tuple[Task, tuple[int, ...], Depth]:
        assert task.reads is not None
        window = maker.window(task.reads)
        self._plates.want(window)
        return task, window, depth

    def _told(self, ahead: deque[tuple[Task, tuple[int, ...], Depth]], maker: Maker) -> Iterator[Outcome]:
        """What the encoders have said; a file that does not fit half floats is made again as float at once."""
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            if isinstance(outcome.error, io.HalfOverflow):
                ahead.appendleft(self._wanted(outcome.task, maker, "float"))
            else:
                yield outcome

    def _count(self, ahead: int) -> None:
        self._most_frames = max(self._most_frames, ahead + self._files.sheets)
        self._most_bytes = max(self._most_bytes, self._plates.held_bytes + self._files.held_bytes)

    # ---- the network, in the caller's thread -----------------------------------------------------------------

    def _make(self, task: Task, window: tuple[int, ...], depth: Depth, maker: Maker, watcher: Watcher) -> None:
        report = FileReport(source=task.source, target=task.target, frame=task.frame)
        assert task.reads is not None
        begun = time.perf_counter()
        sheet: Sheet | None = None
        try:
            with self._network.waiting(within_busy=True):
                loaded = {frame: self._plates.get(frame) for frame in window}
            own = loaded[task.reads]
            marks = self._marks_of(task, loaded)
            if own.error is not None:
                raise own.error
            raws = maker.raw_bands(task.reads, progress=watcher.progress, cancelled=lambda: self._over)
            # The first band comes before the file is begun: a plate that cannot be worked on leaves no trace.
            raw: RawBand | None = next(raws)
            making = _Making(task=task, report=report, loaded=own, marks=marks, depth=depth, maker=maker, begun=begun)
            sheet = self._files.begin(Sheet(write=partial(self._write, making)))
            while raw is not None:
                size = _size(raw)
                self._network.moved(0, size)
                with self._network.waiting(within_busy=True):
                    self._files.put(sheet, raw, size)
                raw = next(raws, None)
            self._network.moved(1, 0)
            self._files.end(sheet)
        except SheetClosed:
            pass  # the encoder has said why
        except Exception as error:  # noqa: BLE001  one bad frame must not end a night's work
            if sheet is not None:
                self._files.end(sheet, broken=error)
            else:
                report.seconds = time.perf_counter() - begun
                self._outcomes.put(Outcome(task=task, report=explained(error, report), error=error))
        except BaseException as error:
            if sheet is not None:
                self._files.end(sheet, broken=error)
            raise

    # ---- in an encoder's thread ------------------------------------------------------------------------------

    def _write(self, making: _Making, raws: Iterator[RawBand]) -> None:
        task, report, loaded = making.task, making.report, making.loaded
        outcome = Outcome(task=task, report=report)
        assert loaded.plate is not None and loaded.colour is not None and task.reads is not None
        settings = self._conversion.settings
        try:
            self._before_write(task)
            writer = self._conversion.open_writer(
                task.target, loaded.plate, loaded.colour, making.depth, dict(making.marks), owner=self._owner
            )
            tally = Tally()
            with writer:
                for raw in raws:
                    band = raw.finish()
                    tally.add(band)
                    write_band(writer, band, loaded.plate, settings)
                report.facts |= making.maker.account(task.reads, raw, tally)
                written = writer.close()
            report.warnings += [*report.facts.pop("warnings", []), *written.warnings]
            if making.depth != settings.depth:
                report.warnings.append("light above 65504 does not fit half float: written as 32-bit float")
            report.facts |= {"bits": loaded.plate.bits, "depth": written.depth, "bytes": written.bytes}
            report.seconds = time.perf_counter() - making.begun
            self._encode.moved(0, written.bytes)
            self._written(task, report, loaded, making.marks)
        except BaseException as error:  # noqa: BLE001  it is told where outcomes are heard; the thread goes on
            outcome.error = error if isinstance(error, Exception) else Cancelled("stopped")
            explained(outcome.error, report)
            report.seconds = time.perf_counter() - making.begun
        self._outcomes.put(outcome)


def _size(raw: RawBand) -> int:
    """Bytes that a band keeps in memory on its way."""
    stated = getattr(raw, "nbytes", None)
    if stated is not None:
        return int(stated)
    parts = [getattr(raw, name, None) for name in ("rows", "result")]
    arrays = [array for part in parts if part is not None for array in vars(part).values() if array is not None]
    return sum(int(array.nbytes) for array in arrays) or raw.prepared.nbytes
