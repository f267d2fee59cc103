"""The engine's worker process of this Blender session: found, started in a thread, kept, ended.

The worker holds torch and the model; Blender only speaks to it over pipes. A crash or a hang over there ends a run,
never Blender.
"""

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import bpy

from . import colour
from .host.client import Worker, WorkerError
from .host.find import VARIABLE, Found, find_worker, remember
from .host.installed import installed
from .problems import Problem

__all__ = [
    "close",
    "close_idle",
    "default_model",
    "describe",
    "describe_soon",
    "describing",
    "environment_folder",
    "find",
    "forget_problem",
    "has_own",
    "is_running",
    "known_devices",
    "known_models",
    "known_version",
    "last_problem",
    "log_lines",
    "start",
    "using",
]

ENVIRONMENT_FOLDER = "engine"
LOG_LINES = 400

_lock = threading.RLock()
"""Held while the worker starts: never taken by the interface's own thread."""
_count_lock = threading.Lock()
_worker: Worker | None = None
_described: dict[str, Any] | None = None
_describe_thread: threading.Thread | None = None
_problem: Problem | None = None
_log: deque[str] = deque(maxlen=LOG_LINES)
_users = 0
_last_use = 0.0


def environment_folder(create: bool = False) -> Path:
    """Where the engine's private environment lies: in the extension's own user folder."""
    base = bpy.utils.extension_path_user(__package__, path="", create=create)
    return Path(base) / ENVIRONMENT_FOLDER


def find() -> Found | None:
    """The worker's command: chosen in the preferences, $HEADROOM_WORKER, set up here, used last, on PATH."""
    from .preferences import preferences

    return find_worker(preferences().engine_path or None, environment_folder())


def start(found: Found | None) -> Worker:
    """The running worker, started where it does not run. Blocks up to a minute: call it from a thread.

    ``found`` is what `find` said on the main thread.
    """
    global _worker, _problem, _described
    with _lock:
        if found is None:
            _problem = Problem(
                "The headroom engine was not found.",
                f"Set it up under Edit > Preferences > Add-ons > Headroom, or name it in ${VARIABLE}.",
            )
            raise _problem
        if _worker is not None and tuple(_worker.command) != tuple(found.command):
            _worker.close()
            _worker, _described = None, None
        worker = _worker or Worker(found.command, log=_log.append)  # `close` may take it away meanwhile
        _worker = worker
        try:
            worker.start()
        except WorkerError as error:
            _problem = Problem(error.sentence, error.fix)
            raise _problem from None
        remember(worker.command)
        _problem = None
        return worker


def describe(found: Found | None = None) -> dict[str, Any]:
    """What the engine can do, with Blender's own colour config. Blocks (a cold start loads torch)."""
    global _described, _problem
    worker = start(found or find())
    try:
        answer = worker.describe(colour.config_path())
    except WorkerError as error:
        _problem = Problem(error.sentence, error.fix)
        raise _problem from None
    _described = answer
    return answer


def describe_soon() -> None:
    """Asks in the background what the engine can do; `known_models` and `last_problem` tell the result."""
    global _describe_thread
    if describing() or bpy.app.background:
        return
    found = find()

    def ask() -> None:
        try:
            with using():
                describe(found)
        except Problem:
            pass  # kept in last_problem

    _describe_thread = threading.Thread(target=ask, name="headroom-describe", daemon=True)
    _describe_thread.start()


def describing() -> bool:
    """Whether an answer is awaited."""
    return _describe_thread is not None and _describe_thread.is_alive()


def known_models() -> list[dict[str, Any]]:
    """The models that the engine named, or none where it was not asked yet."""
    return list(_described.get("models", [])) if _described else []


def known_version() -> tuple[str | None, dict[str, str]]:
    """The engine's version and its models' hashes, as far as they are known."""
    worker = _worker
    if worker is None:
        return None, {}
    return worker.hello.get("version"), {model["name"]: model.get("sha256", "") for model in known_models()}


def known_devices() -> list[dict[str, str]]:
    """The devices that the engine named: name and label."""
    return list(_described.get("devices", [])) if _described else []


def has_own() -> bool:
    """Whether the private environment is there."""
    return installed(environment_folder()) is not None


def forget_problem() -> None:
    """The user changed something: the last problem may be gone."""
    global _problem
    _problem = None


def default_model() -> str | None:
    """The engine's default model, as far as it is known."""
    return _described.get("default_model") if _described else None


def last_problem() -> Problem | None:
    """Why the engine could not be started or asked, the last time."""
    return _problem


def log_lines() -> list[str]:
    """The last lines of the engine's own log."""
    return list(_log)


class using:
    """While something runs, the engine is not ended for being idle."""

    def __enter__(self) -> None:
        global _users
        with _count_lock:
            _users += 1

    def __exit__(self, *_error: object) -> None:
        global _users, _last_use
        with _count_lock:
            _users -= 1
            _last_use = time.monotonic()


def close() -> None:
    """Ends the worker and gives its memory back."""
    global _worker
    worker, _worker = _worker, None
    if worker is not None:
        worker.close()


def close_idle(after_s: float) -> bool:
    """Ends a worker that nobody used for so long; whether it did."""
    worker = _worker
    idle = worker is not None and worker.alive and not _users and time.monotonic() - _last_use > after_s
    if idle:
        close()
    return idle


def is_running() -> bool:
    """Whether the worker process is there."""
    worker = _worker
    return worker is not None and worker.alive
