"""A worker process, held by a host: started, spoken to and ended without ever blocking or harming the host.

host thread(s) --outbox--> writer thread --stdin--> worker
replies, runs <--reader thread <--stdout--           worker
log           <--stderr thread <--stderr--           worker
                 watchdog thread: silence, cancels that nobody obeys
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import queue
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Callable

from .lines import Lines
from .process import clean_environment, ending, kill_tree, spawn_options
from .protocol import (
    CANCEL,
    DESCRIBE,
    FAILED,
    HELLO,
    MAX_LINE_BYTES,
    PING,
    PROTOCOL,
    SUBMIT,
    ProtocolError,
    decode,
    encode,
)
from .run import Run

__all__ = ["Run", "Worker", "WorkerError"]

START_S = 60.0
"""A cold Python on a network share takes tens of seconds; torch is not imported before the hello."""
DESCRIBE_S = 180.0
"""Imports torch and hashes the models' weights, once."""
CLOSE_S = 5.0
TICK_S = 0.25
NOISE_LINES = 200
"""Lines of something else (a wrapper's banner) that may come before the hello."""
LOG_LINES = 200
SHOWN_LINES = 3

_open_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class WorkerError(Exception):
    """What is wrong with the worker, in one plain sentence; ``fix`` says what to do."""

    def __init__(self, sentence: str, fix: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.sentence} {self.fix}" if self.fix else self.sentence


class Worker:
    """One worker process. ``log`` gets the lines of its standard error, from another thread."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: Callable[[str], Any] | None = None,
        silence_s: float = 60.0,
    ) -> None:
        """``env``: variables over the cleaned environment. ``silence_s``: so long a silence ends it."""
        if not command:
            raise ValueError("the command of a worker cannot be empty")
        self.command = (_absolute(str(command[0])), *(str(part) for part in command[1:]))
        self.hello: dict[str, Any] = {}
        self.silence_s = silence_s
        self._env = dict(env or {})
        self._log = log
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._gone = True
        self._clear()

    def _clear(self) -> None:
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._asked: dict[int, dict[str, Any] | None] = {}
        self._runs: dict[int, Run] = {}
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._noise: list[str] = []
        self._silent_s = 0.0
        self._reason: str | None = None
        self._end: tuple[str, str | None] | None = None
        self._stop = threading.Event()

    # ---- life ------------------------------------------------------------------------------------------------

    def start(self, timeout_s: float = START_S) -> dict[str, Any]:
        """Starts the process and waits for its hello; where it runs already, its hello again."""
        with self._starting:
            if self.alive and self.hello:
                return self.hello
            self._end_process()
            self._clear()
            self.hello = {}
            process = self._spawn()
            self._process, self._gone = process, False
            _open_workers.add(self)
            err = threading.Thread(target=self._read_errors, args=(process.stderr,), name="headroom-log", daemon=True)
            for thread in (
                err,
                threading.Thread(target=self._read, args=(process, err), name="headroom-read", daemon=True),
                threading.Thread(target=self._write, args=(process, self._outbox), name="headroom-write", daemon=True),
                threading.Thread(target=self._watch, args=(process, self._stop), name="headroom-watch", daemon=True),
            ):
                thread.start()
            self._await_hello(timeout_s)
            return self.hello

    @property
    def alive(self) -> bool:
        """Whether the process runs and can be asked something."""
        return not self._gone

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Ends the worker: its stdin is closed, which stops a frame in work; what does not end then is killed."""
        self._end_process(timeout_s)
        _open_workers.discard(self)

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- requests --------------------------------------------------------------------------------------------

    def describe(self, config: str | None = None, timeout_s: float = DESCRIBE_S) -> dict[str, Any]:
        """Models, devices, colour spaces of an OCIO config, defaults and ranges of the settings. Blocks."""
        return self._ask({"verb": DESCRIBE, "config": config}, timeout_s)

    def ping(self, timeout_s: float = 10.0) -> float:
        """Seconds to an answer. Blocks; works while frames are in work."""
        start = time.monotonic()
        self._ask({"verb": PING}, timeout_s)
        return time.monotonic() - start

    def submit(self, settings: Mapping[str, Any], frames: Sequence[Mapping[str, Any]]) -> Run:
        """Frames (``frame``, ``source``, ``target``; absolute paths) to be done after all that was submitted before.

        Returns at once. Where the worker does not run, the run has failed already.
        """
        run = Run(self, next(self._numbers), settings, frames)
        try:
            line = encode({"id": run.id, "verb": SUBMIT, "settings": run.settings, "frames": run.frames})
        except ProtocolError as error:
            run._lost(f"The run cannot be sent to the worker: {error}.", None)
            return run
        with self._changed:
            if not self._gone:
                self._silent_s = 0.0
                self._runs[run.id] = run
                self._outbox.put(line)
                return run
            said = self._end
        if said is None:
            said = ("The worker is not running.", "Start it, then run again.")
        run._lost(*said)
        return run

    def log_lines(self) -> list[str]:
        """The last lines of the worker's standard error."""
        return list(self._lines)

    def _ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        number = next(self._numbers)
        line = encode({"id": number, **message})
        deadline = time.monotonic() + timeout_s
        with self._changed:
            if self._gone:
                raise WorkerError(*(self._end or ("The worker is not running.", "Start it again.")))
            self._silent_s = 0.0
            self._asked[number] = None
            self._outbox.put(line)
            while self._asked[number] is None and not self._gone:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 1.0))
            answer = self._asked.pop(number)
            end = self._end
        if answer is None and end is not None:
            raise WorkerError(*end)
        if answer is None:
            raise WorkerError(
                f"The worker did not answer '{message['verb']}' within {timeout_s:.0f} s.",
                "Try again; if it stays so, end it and look at its log.",
            )
        if answer.get("event") == FAILED:
            raise WorkerError(str(answer.get("error")), answer.get("fix"))
        return answer

    def _cancel(self, run: Run) -> None:
        self._outbox.put(encode({"id": next(self._numbers), "verb": CANCEL, "job": run.id}))

    # ---- the process -----------------------------------------------------------------------------------------

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = self.command[0]
        try:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=clean_environment(self._env),
                cwd=_neutral_folder(program),
                **spawn_options(),
            )
        except FileNotFoundError:
            raise WorkerError(
                f"There is no program {program}.", "Choose the headroom engine again, or set it up."
            ) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise WorkerError(
                f"{program} cannot be started: {why}.", "Choose the headroom program or its Python."
            ) from None

    def _await_hello(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self.hello and not self._gone and len(self._noise) < NOISE_LINES:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 1.0))
            hello, noise, end = self.hello, list(self._noise), self._end
        command = " ".join(self.command)
        if hello and not end:
            if hello.get("protocol") == PROTOCOL:
                return
            theirs = hello.get("protocol")
            older = isinstance(theirs, int) and theirs < PROTOCOL
            fix = "Update the headroom engine" if older else "Update this plug-in"
            sentence = (
                f"The worker (headroom {hello.get('version')}) speaks protocol {theirs}, this plug-in {PROTOCOL}."
            )
            self._end_process(0)
            raise WorkerError(sentence, f"{fix}: both must be of one version.")
        self._end_process(0)
        fix = "Choose the headroom program or its Python, or set up the engine."
        if noise:
            raise WorkerError(f"{command} is not a headroom worker: it said {noise[0]!r}{self._last_lines()}", fix)
        if end:
            raise WorkerError(f"{command} did not start as a worker. {end[0]}", fix)
        raise WorkerError(f"{command} did not say hello within {timeout_s:.0f} s{self._last_lines()}", fix)

    def _end_process(self, timeout_s: float = CLOSE_S) -> None:
        process = self._process
        if process is None:
            return
        self._outbox.put(None)
        if not self._wait_gone(timeout_s):
            self._kill(process, "was stopped by its host")
            self._wait_gone(CLOSE_S)
        self._process = None

    def _wait_gone(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._gone, timeout_s)

    def _kill(self, process: subprocess.Popen[bytes], reason: str) -> None:
        with self._changed:
            if self._reason is None:
                self._reason = reason
            if self._gone:
                return
        kill_tree(process)

    # ---- threads ---------------------------------------------------------------------------------------------

    def _write(self, process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[bytes | None]) -> None:
        pipe = process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError):
            while True:
                line = outbox.get()
                if line is None:
                    break
                view = memoryview(line)
                while view:
                    view = view[pipe.write(view) or 0 :]
        with contextlib.suppress(OSError):
            pipe.close()

    def _read(self, process: subprocess.Popen[bytes], errors: threading.Thread) -> None:
        assert process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            lines = Lines(process.stdout.fileno())
            while True:
                line = lines.next()
                if line is None:
                    break
                if len(line) > MAX_LINE_BYTES:
                    self._kill(process, "sent a line without end and was stopped")
                    break
                self._hear(line)
        try:
            process.wait(CLOSE_S)  # it closed its side of the wire: nothing more can come of it
        except subprocess.TimeoutExpired:
            self._kill(process, "stopped answering and was stopped")
            process.wait()
        errors.join(1.0)
        self._ended(process)

    def _hear(self, line: bytes) -> None:
        self._silent_s = 0.0
        try:
            message = decode(line)
        except ProtocolError:
            text = line.decode("utf-8", "replace").strip()[:200]
            with self._changed:
                if not self.hello:
                    self._noise.append(text)
                    self._changed.notify_all()
            self._say(f"[not a message] {text}")
            return
        number = message.get("id")
        with self._changed:
            if message.get("event") == HELLO and not self.hello:
                self.hello = message
            elif not self.hello:
                self._noise.append(line.decode("utf-8", "replace").strip()[:200])
            if isinstance(number, int) and number in self._asked:
                self._asked[number] = message
            run = self._runs.get(number) if isinstance(number, int) else None
            self._changed.notify_all()
        if run is not None:
            run._feed(message)
            if run.finished:
                with self._changed:
                    self._runs.pop(run.id, None)

    def _read_errors(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError):
            lines = Lines(pipe.fileno())
            while True:
                line = lines.next()
                if line is None:
                    return
                self._say(line[:4000].decode("utf-8", "replace").rstrip())

    def _say(self, text: str) -> None:
        self._lines.append(text)
        if self._log is not None:
            try:
                self._log(text)
            except Exception:  # noqa: BLE001  a log window that was closed must not stop the pipe from being read
                self._log = None

    def _watch(self, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
        """Counts silence in its own ticks, so that a host that was itself frozen does not blame its worker."""
        while not stop.wait(TICK_S):
            now = time.monotonic()
            with self._changed:
                runs = list(self._runs.values())
                waiting = bool(runs or self._asked)
                self._silent_s = self._silent_s + TICK_S if waiting else 0.0
                silent = self._silent_s
            if silent > self.silence_s:
                self._kill(process, f"gave no sign of life for {self.silence_s:.0f} s and was stopped")
            elif any(run._overdue(now) for run in runs):
                self._kill(process, "did not stop when asked to and was ended")

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        self._stop.set()
        self._outbox.put(None)
        for pipe in (process.stdout, process.stderr):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()
        with self._changed:
            if self._process not in (process, None):
                return  # one that could not be ended in time, long after a new one was started
            how = self._reason or ending(process.returncode)
            sentence = f"The worker {how}{self._last_lines()}"
            fix = "Run again: finished frames are kept. If memory ran out, give a smaller memory budget."
            if self._reason == "was stopped by its host" or process.returncode == 0:
                fix = "Run again: finished frames are kept."
            self._end = (sentence, fix)
            runs = list(self._runs.values())
            self._runs.clear()
            self._sweep(runs, process.pid)
            self._gone = True
            self._changed.notify_all()
        for run in runs:
            run._lost(sentence, fix)

    def _sweep(self, runs: Sequence[Run], pid: int) -> None:
        """Removes the unfinished file that a killed worker left: nobody else will write under its number."""
        numbers = {pid, self.hello.get("pid", pid)}
        for target in (frame.get("target") for run in runs for frame in run.frames):
            for number in numbers:
                with contextlib.suppress(OSError, TypeError, ValueError):
                    Path(f"{os.fspath(target)}.partial-{number}").unlink()  # type: ignore[arg-type]

    def _last_lines(self) -> str:
        said = [line for line in self._lines if line.strip()][-SHOWN_LINES:]
        text = " / ".join(line.strip() for line in said)
        return f"; it said last: {text[-400:].rstrip('.')}." if text else "."


def _absolute(program: str) -> str:
    """A program named with a folder must be found from any folder; a bare name is looked up on PATH."""
    path = Path(program)
    return program if path.is_absolute() or len(path.parts) == 1 else str(Path.cwd() / path)


def _neutral_folder(program: str) -> Path | None:
    """Where a worker is started: never the host's working folder, whose modules Python would import first."""
    path = Path(program)
    folder = path.parent if path.is_absolute() else Path.home()
    return folder if folder.is_dir() else None


@atexit.register
def _close_all() -> None:
    for worker in list(_open_workers):
        worker.close(1.0)
