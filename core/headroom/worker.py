"""The worker: a host's other process, which holds torch and the model. JSON lines on stdin and stdout (docs/worker.md).

    reader   main thread at start: keeps the wire's descriptors for itself, says hello before anything heavy is imported
    listen   thread: reads requests; answers ping, cancel and nonsense at once, queues the rest
    desk     thread: answers ``describe``, also while frames are in work
    alive    thread: a sign of life every 2 s; notices that nobody reads any more
    main     thread: submitted runs, one after the other, with the model kept between them

When stdin closes the frame in work is cancelled, its unfinished file removed, and the process ends.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import headroom
from headroom.errors import HeadroomError, UsageError
from headroom.host import protocol
from headroom.host.lines import Lines
from headroom.settings import checked

if TYPE_CHECKING:
    from headroom.jobs import FileReport, Settings, Task, Watcher
    from headroom.reconstruct import Reconstructor

__all__ = ["serve"]

ALIVE_S = 2.0
LEAVE_S = 1.5
"""So long after stdin has closed a frame in work may take to notice; then the process goes."""
PROGRESS_S = 0.05

_heavy = threading.Lock()  # two threads importing torch and its users at once may meet half-made modules


@dataclass(eq=False)
class _Run:
    """A submit, from its acceptance to its last word."""

    id: int
    settings: dict[str, Any]
    frames: list[dict[str, Any]]
    begun: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    counts: dict[str, int] = field(default_factory=lambda: {"done": 0, "skipped": 0, "failed": 0})


class _Wire:
    """Messages out. Whatever any library prints goes to standard error instead."""

    def __init__(self) -> None:
        self.input, self._output = _take(0, os.O_RDONLY), _take(1, os.O_WRONLY)
        try:
            os.fstat(2)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()
        self.broken = threading.Event()

    def send(self, event: str, number: Any = None, **content: Any) -> None:
        """One message; where nobody reads any more, nothing but the mark ``broken``."""
        head = {} if number is None else {"id": number}
        line = memoryview(protocol.encode({**head, "event": event, **protocol.jsonable(content)}))
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._output, line) :]
            except OSError:
                self.broken.set()


class _Worker:
    def __init__(self, wire: _Wire) -> None:
        self.wire = wire
        self.leaving = threading.Event()
        self.runs: dict[int, _Run] = {}
        self.lock = threading.Lock()
        self.queue: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        self.desk: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.in_work: Path | None = None
        self.loaded: tuple[Any, Reconstructor] | None = None

    # ---- requests, from the listening thread -----------------------------------------------------------------

    def listen(self) -> None:
        lines = Lines(self.wire.input)
        with contextlib.suppress(OSError):
            while (line := lines.next()) is not None and not self.leaving.is_set():
                if line.strip():
                    self.answer(line)
        self.leave()

    def answer(self, line: bytes) -> None:
        number = None
        try:
            message = protocol.decode(line)
            number = message.get("id")
            if isinstance(number, bool) or not isinstance(number, int):
                number = None
                raise UsageError("a request needs a whole number as its id")
            verb = message.get("verb")
            if verb == protocol.PING:
                self.wire.send(protocol.PONG, number)
            elif verb == protocol.CANCEL:
                self.cancel(message)
            elif verb == protocol.DESCRIBE:
                self.desk.put(message)
            elif verb == protocol.SUBMIT:
                self.submit(number, message)
            else:
                raise UsageError(f"no verb is called {verb!r}; there are {', '.join(protocol.VERBS)}")
        except (HeadroomError, protocol.ProtocolError) as error:
            self.wire.send(protocol.FAILED, number, error=str(error), fix=None)

    def submit(self, number: int, message: Mapping[str, Any]) -> None:
        settings, frames = message.get("settings", {}), message.get("frames")
        if not isinstance(settings, dict):
            raise UsageError("settings must be an object")
        checked(settings)
        run = _Run(number, settings, _checked_frames(frames))
        with self.lock:
            if number in self.runs:
                raise UsageError(f"id {number} is in use by a run that is not over")
            self.runs[number] = run
        self.wire.send(protocol.ACCEPTED, number)
        self.queue.put(run)

    def cancel(self, message: Mapping[str, Any]) -> None:
        job = message.get("job")
        with self.lock:
            run = self.runs.get(job) if isinstance(job, int) else None
            if run is None:
                raise UsageError(f"there is no run {job!r} to cancel")
            run.cancelled.set()
            if not run.begun:
                del self.runs[run.id]
        if not run.begun:
            self.wire.send(protocol.CANCELLED, run.id, counts=run.counts, exit_code=130)

    def leave(self) -> None:
        """The host has gone or wants us to go."""
        if self.leaving.is_set():
            return
        self.leaving.set()
        self.queue.put(None)
        self.desk.put(None)
        timer = threading.Timer(LEAVE_S, self.leave_now)
        timer.daemon = True
        timer.start()

    def leave_now(self) -> None:
        if self.in_work is not None:
            # The name that headroom.io.writing gives a file that is not whole yet.
            with contextlib.suppress(OSError):
                self.in_work.with_name(f"{self.in_work.name}.partial-{os.getpid()}").unlink()
        os._exit(0)

    def sign_of_life(self) -> None:
        while not self.leaving.wait(ALIVE_S):
            self.wire.send(protocol.ALIVE)
            if self.wire.broken.is_set():
                self.leave()

    # ---- the desk --------------------------------------------------------------------------------------------

    def sit_at_desk(self) -> None:
        while (message := self.desk.get()) is not None:
            self.guarded(message["id"], partial(self.describe, message))

    def describe(self, message: Mapping[str, Any]) -> None:
        config = message.get("config")
        if config is not None and not isinstance(config, str):
            raise UsageError("config must be a path, a name or null")
        _import_engine()
        from headroom.describe import describe

        self.wire.send(protocol.DESCRIBED, message["id"], **describe(config))

    # ---- runs, in the main thread ----------------------------------------------------------------------------

    def work(self) -> None:
        while not self.leaving.is_set():
            try:
                run = self.queue.get(timeout=1.0)  # a signal is noticed between waits on Windows
            except queue.Empty:
                continue
            if run is None:
                break
            with self.lock:
                run.begun = not run.cancelled.is_set()
            if run.begun:
                self.guarded(run.id, partial(self.run, run))
            with self.lock:
                if self.runs.get(run.id) is run:
                    del self.runs[run.id]

    def guarded(self, number: int, act: Callable[[], None]) -> None:
        try:
            act()
        except HeadroomError as error:
            self.wire.send(protocol.FAILED, number, error=str(error), fix=None)
        except MemoryError:
            why = "not enough memory"
            self.wire.send(protocol.FAILED, number, error=why, fix="Give a smaller memory budget or free some.")
        except Exception as error:  # noqa: BLE001  one run that fails must not end the worker
            traceback.print_exc()
            why = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            self.wire.send(protocol.FAILED, number, error=why, fix="Please report this with the worker's log.")

    def run(self, run: _Run) -> None:
        def stopped() -> bool:
            return run.cancelled.is_set() or self.leaving.is_set() or self.wire.broken.is_set()

        if not stopped():
            _import_engine()
            from headroom.jobs import Job, Settings, Task, exit_code_of

            settings = Settings.of(**run.settings)
            job = Job(settings, self.kept(settings))
            self.loaded = (self.model_key(settings), job.reconstructor)
            tasks = [Task(source=Path(f["source"]), target=Path(f["target"])) for f in run.frames]
            reports = job.run(tasks, cast("Watcher", _Teller(self, run)), stopped)
            code = exit_code_of(reports)
            _give_back_device_memory()
            if code != 130:
                self.wire.send(protocol.DONE, run.id, counts=run.counts, exit_code=code)
                return
        self.wire.send(protocol.CANCELLED, run.id, counts=run.counts, exit_code=130)

    def kept(self, settings: Settings) -> Reconstructor | None:
        """The model of the run before, where this one wants the same; one model at a time is held."""
        if self.loaded is not None and self.loaded[0] == self.model_key(settings):
            return self.loaded[1]
        self.loaded = None
        return None

    def model_key(self, settings: Settings) -> Any:
        from headroom import weights

        folder = weights.find(settings.model)
        states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]
        return (str(folder.resolve()), states, settings.device, settings.precision, settings.memory_bytes)


class _Teller:
    """A `headroom.jobs.Watcher` that tells the host."""

    def __init__(self, worker: _Worker, run: _Run) -> None:
        self._worker, self._run = worker, run
        self._index, self._told = 0, 0.0

    def started(self, task: Task, index: int, count: int) -> None:
        self._worker.in_work = task.target
        self._index, self._told = index, 0.0
        self.progress(0.0)

    def progress(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._told < PROGRESS_S and fraction < 1:
            return
        self._told = now
        frames = self._run.frames
        self._worker.wire.send(
            protocol.PROGRESS, self._run.id, frame=frames[self._index]["frame"], index=self._index, count=len(frames),
            fraction=round(fraction, 4),
        )  # fmt: skip

    def finished(self, report: FileReport) -> None:
        self._worker.in_work = None
        frame = self._run.frames[self._index]
        if report.status in self._run.counts:
            self._run.counts[report.status] += 1
        facts = {name: value for name, value in report.facts.items() if name != "seconds"}
        self._worker.wire.send(
            protocol.FRAME, self._run.id, frame=frame["frame"], index=self._index, source=frame["source"],
            target=frame["target"], status=report.status, error=report.error, warnings=report.warnings,
            seconds=round(report.seconds, 3), facts=facts,
        )  # fmt: skip


def serve() -> int:
    """Works until stdin closes or a signal comes; the exit code."""
    wire = _Wire()
    wire.send(protocol.HELLO, protocol=protocol.PROTOCOL, version=headroom.__version__, pid=os.getpid())
    worker = _Worker(wire)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: worker.leave())
    for act in (worker.listen, worker.sit_at_desk, worker.sign_of_life):
        threading.Thread(target=act, name=act.__name__, daemon=True).start()
    worker.work()
    sys.stderr.flush()
    # Threads may sit in a read or in a library: nothing is left to be done that they could be waited for.
    os._exit(0)


def _take(descriptor: int, flags: int) -> int:
    """The wire's end as a descriptor of our own; what has the number now leads nowhere."""
    own = os.dup(descriptor)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return own


def _checked_frames(frames: Any) -> list[dict[str, Any]]:
    if not isinstance(frames, list):
        raise UsageError("frames must be a list")
    plain = []
    targets: dict[str, int] = {}
    for index, frame in enumerate(frames):
        where = f"frames[{index}]"
        if not isinstance(frame, dict):
            raise UsageError(f"{where} must be an object with frame, source and target")
        number = frame.get("frame")
        if isinstance(number, bool) or not isinstance(number, int | None):
            raise UsageError(f"{where}: frame must be a whole number or null")
        for key in ("source", "target"):
            path = frame.get(key)
            if not isinstance(path, str) or not path or "\0" in path:
                raise UsageError(f"{where}: {key} must be a path")
            if not Path(path).is_absolute():
                raise UsageError(f"{where}: {key} {path!r} must be an absolute path")
        source, target = os.path.normcase(Path(frame["source"])), os.path.normcase(Path(frame["target"]))
        if source == target:
            raise UsageError(f"{frame['source']}: source and target are the same file")
        if target in targets:
            raise UsageError(f"{frame['target']}: frames[{targets[target]}] and {where} would write the same file")
        targets[target] = index
        plain.append({"frame": number, "source": frame["source"], "target": frame["target"]})
    return plain


def _import_engine() -> None:
    with _heavy:
        import torch  # noqa: F401
        from safetensors import torch as _  # noqa: F401

        import headroom.colour.ocio
        import headroom.io.reading
        import headroom.io.writing
        import headroom.jobs.job  # noqa: F401


def _give_back_device_memory() -> None:
    """A host on the same card needs it more than our cache does."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
