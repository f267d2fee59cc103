"""A session's background process: takes command lines from tasks and runs them with the model kept in memory.

    main     runs one command after the other (signals arrive here)
    listen   thread: accepts tasks
    attend   thread a task: queues its command; a task that goes away or asks for it is cancelled
    watch    thread: ends the process with its session

It is gone when it is told to end, when its session's folder or the process that owns the session has gone, and when
nobody has wanted anything for long.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from types import FrameType
from typing import Any

from headroom.farm.session import LOOPBACK, Session, receive, send, session_file

__all__ = ["serve"]

WATCH_S = 1.0
LEAVE_S = 20.0
"""So long after its end was asked for a command in work may take; then the process goes."""
CANCELLED = 130

Runner = Callable[[list[str], Any], int]
"""Runs a command line with what is kept between them; the exit code."""


@dataclass(eq=False)
class _Task:
    connection: Connection
    arguments: list[str]
    folder: str
    cancelled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class _Wire(io.TextIOBase):
    """Standard output and error of a command, on their way to its task."""

    def __init__(self, task: _Task) -> None:
        super().__init__()
        self._task, self._lock = task, threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock, contextlib.suppress(OSError):
            send(self._task.connection, text=text)
        return len(text)


class _Daemon:
    def __init__(self, folder: Path, run: Runner, keeper: Any, owner: int | None, idle_s: float) -> None:
        self.folder, self.run_command, self.keeper = folder, run, keeper
        self.owner, self.idle_s = owner, idle_s
        key = Session.new_key()
        self.listener = Listener((LOOPBACK, 0), authkey=key.encode())
        self.session = Session(int(self.listener.address[1]), os.getpid(), key)
        self.tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self.leaving = threading.Event()
        self.working: _Task | None = None
        self.last_wanted = time.monotonic()
        self.runs = 0

    # ---- threads ---------------------------------------------------------------------------------------------

    def listen(self) -> None:
        while not self.leaving.is_set():
            try:
                connection = self.listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue  # somebody else on this machine, or a task that was killed just then
            threading.Thread(target=self.attend, args=(connection,), daemon=True).start()

    def attend(self, connection: Connection) -> None:
        task: _Task | None = None
        with contextlib.suppress(OSError, EOFError, ValueError):
            while True:
                message = receive(connection)
                self.last_wanted = time.monotonic()
                verb = message.get("verb")
                if verb == "ping":
                    send(connection, pid=os.getpid(), runs=self.runs)
                elif verb == "end":
                    self.leave()
                    send(connection, exit_code=0)
                elif verb == "run" and task is None:
                    task = _Task(connection, [str(a) for a in message["arguments"]], str(message["folder"]))
                    self.tasks.put(task)
                elif verb == "cancel" and task is not None:
                    self.cancel(task)
        if task is not None and not task.done.is_set():
            self.cancel(task)

    def cancel(self, task: _Task) -> None:
        task.cancelled.set()
        if self.working is task:
            # As Ctrl-C would: the frame in hand is finished, a second time ends at once.
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            else:
                signal.raise_signal(signal.SIGINT)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C while a command does not listen to it by itself: it has not begun, or is over."""
        if self.working is not None:
            raise KeyboardInterrupt

    def watch(self) -> None:
        while not self.leaving.wait(WATCH_S):
            idle = self.working is None and time.monotonic() - self.last_wanted > self.idle_s
            orphaned = self.owner is not None and not _is_alive(self.owner)
            if idle or orphaned or Session.read(self.folder) != self.session:
                why = "nothing to do" if idle else "its session is over"
                sys.stderr.write(f"headroom: {why}, leaving\n")
                self.leave()

    def leave(self) -> None:
        if self.leaving.is_set():
            return
        self.leaving.set()
        self.tasks.put(None)
        if self.working is not None:
            self.cancel(self.working)
        timer = threading.Timer(LEAVE_S, os._exit, (1,))
        timer.daemon = True
        timer.start()

    # ---- the main thread -------------------------------------------------------------------------------------

    def work(self) -> None:
        while not self.leaving.is_set():
            try:
                task = self.tasks.get(timeout=WATCH_S)  # a signal is noticed between waits on Windows
            except queue.Empty:
                continue
            if task is None:
                break
            code = CANCELLED if task.cancelled.is_set() else self.run(task)
            task.done.set()
            self.last_wanted = time.monotonic()
            with contextlib.suppress(OSError):
                send(task.connection, exit_code=code)

    def run(self, task: _Task) -> int:
        self.runs += 1
        wire = _Wire(task)
        with contextlib.redirect_stdout(wire), contextlib.redirect_stderr(wire):
            try:
                self.working = task
                os.chdir(task.folder)
                if task.cancelled.is_set():
                    return CANCELLED
                return self.run_command(task.arguments, self.keeper)
            except KeyboardInterrupt:
                return CANCELLED
            except OSError as error:
                wire.write(f"headroom: {task.folder}: {error.strerror}\n")
                return 1
            except Exception:  # noqa: BLE001  one task that fails must not end the session
                wire.write(traceback.format_exc())
                return 1
            finally:
                self.working = None


def serve(folder: Path, run: Runner, keeper: Any, *, owner: int | None = None, idle_s: float = 900.0) -> int:
    """Works until the session ends. ``owner``: a process that it must not outlive."""
    daemon = _Daemon(folder, run, keeper, owner, idle_s)
    signal.signal(signal.SIGINT, daemon.interrupt)
    signal.signal(signal.SIGTERM, lambda *_: daemon.leave())
    daemon.session.write(folder)
    for act in (daemon.listen, daemon.watch):
        threading.Thread(target=act, name=act.__name__, daemon=True).start()
    daemon.work()
    if Session.read(folder) == daemon.session:
        with contextlib.suppress(OSError):
            session_file(folder).unlink()
    sys.stderr.flush()
    # Threads sit in accept and in reads: nothing is left to be done that they could be waited for.
    os._exit(0)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return False
    return bool(state) and state[0] == "Z"


def _is_alive_on_windows(pid: int) -> bool:
    import ctypes

    synchronize, still_running = 0x0010_0000, 0x102
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  not there on other systems
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == still_running)
    finally:
        kernel.CloseHandle(handle)
