"""A session's foreground commands: start the daemon, hand it a task, end it. Light: no torch, nothing of a picture."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from types import FrameType
from typing import Any

from headroom.farm.session import LOG, Session, SessionError, receive, send

__all__ = ["end", "run", "start"]

START_S = 60.0
END_S = 30.0
POLL_S = 0.05
_LAST_LINES = 10
_started: list[subprocess.Popen[bytes]] = []
"""Held, since a process that goes on is not to be waited for; `end` lets go of those that went."""
_FRAME_LINE = re.compile(r"-?\d+  \S")
"""What ``headroom convert`` prints for a frame that is done begins so."""


def start(folder: Path, *, idle_s: float | None = None) -> Session:
    """The daemon of a session's folder, started where none answers."""
    folder = folder.resolve()
    session = Session.read(folder)
    if session is not None and _answers(session):
        return session
    with contextlib.suppress(OSError):
        (folder / "headroom-session.json").unlink()
    command = [sys.executable, "-m", "headroom", "farm-session", "serve", str(folder), "--owner", str(os.getppid())]
    command += [] if idle_s is None else ["--idle", f"{idle_s:g}"]
    try:
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_apart())
    except OSError as error:
        raise SessionError(f"{folder}: the session's process cannot be started ({error.strerror})") from error
    _started.append(process)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        session = Session.read(folder)
        if session is not None and session.pid == process.pid and _answers(session):
            return session
        if process.poll() is not None:
            raise SessionError(f"{folder}: the session's process ended at once: {_last_lines(folder)}")
        time.sleep(POLL_S)
    process.kill()
    raise SessionError(f"{folder}: the session's process did not answer within {START_S:.0f} s; see {folder / LOG}")


def run(folder: Path, arguments: Sequence[str], *, total: int = 0) -> int:
    """Has the daemon run a command line and prints what it prints; its exit code.

    ``total``: frames of the task, for the scheduler's progress. A daemon that has gone is started anew. SIGTERM and
    Ctrl-C finish the frame in hand, twice they end at once.
    """
    folder = folder.resolve()
    session = start(folder)
    try:
        connection = Client(session.address, authkey=session.secret)
    except (OSError, EOFError, AuthenticationError) as error:
        raise SessionError(f"{folder}: the session's process does not answer ({error})") from error
    with contextlib.closing(connection), _passing_on_signals(connection):
        frames, unfinished = 0, ""
        try:
            send(connection, verb="run", arguments=list(arguments), folder=str(Path.cwd()))
            while True:
                message = receive(connection)
                if "exit_code" in message:
                    return int(message["exit_code"])
                text = str(message.get("text", ""))
                sys.stdout.write(text)
                sys.stdout.flush()
                *lines, unfinished = (unfinished + text).split("\n")
                found = sum(_FRAME_LINE.match(line) is not None for line in lines)
                if found and total:
                    frames += found
                    sys.stdout.write(f"openjd_progress: {min(100.0, 100 * frames / total):.1f}\n")
                    sys.stdout.flush()
        except (OSError, EOFError):
            raise SessionError(
                f"{folder}: the session's process has died; the task can be tried again: {_last_lines(folder)}"
            ) from None


def end(folder: Path) -> bool:
    """Ends the session's daemon and waits for it; False where there was none."""
    session = Session.read(folder.resolve())
    if session is None:
        _let_go()
        return False
    with contextlib.suppress(OSError, EOFError, AuthenticationError):
        with contextlib.closing(Client(session.address, authkey=session.secret)) as connection:
            send(connection, verb="end")
            receive(connection)
        until = time.monotonic() + END_S
        while time.monotonic() < until and Session.read(folder) == session:
            time.sleep(POLL_S)
    _let_go()
    return True


def _let_go() -> None:
    """Processes of ours that have ended are no longer ours."""
    _started[:] = [process for process in _started if process.poll() is None]


def _answers(session: Session) -> bool:
    try:
        with contextlib.closing(Client(session.address, authkey=session.secret)) as connection:
            send(connection, verb="ping")
            return bool(connection.poll(START_S)) and "pid" in receive(connection)
    except (OSError, EOFError, AuthenticationError):
        return False


@contextlib.contextmanager
def _passing_on_signals(connection: Connection) -> Iterator[None]:
    """Within it, a signal asks the daemon to cancel; it answers with the exit code of a cancelled run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            send(connection, verb="cancel")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _apart() -> dict[str, Any]:
    """A process that outlives the action that starts it, and whose end does not wait for it."""
    if os.name == "nt":
        names = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW", "CREATE_BREAKAWAY_FROM_JOB")
        flags = 0
        for name in names:
            flags |= int(getattr(subprocess, name, 0))
        return {"creationflags": flags, "close_fds": True}
    return {"start_new_session": True, "close_fds": True}


def _last_lines(folder: Path) -> str:
    try:
        lines = (folder / LOG).read_text("utf-8", "replace").split("\n")
    except OSError:
        return "it left no log"
    told = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return " | ".join(told) or "it left no word"
