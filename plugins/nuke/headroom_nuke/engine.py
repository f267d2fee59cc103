"""The engine: a worker process shared by all nodes of this Nuke, its settings, its private environment."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Callable

import nuke

from .errors import BakeError
from .host.client import Worker, WorkerError
from .host.find import Found, config_folder, find_worker, remember

__all__ = ["close_all", "describe", "environment_folder", "findings", "find", "set_up", "worker"]

FOLDER_VARIABLE = "HEADROOM_NUKE_ENGINE"
"""Where the private environment lies: a studio names a shared folder here, once set up for all."""

_workers: dict[tuple[str, ...], Worker] = {}
_described: dict[tuple[tuple[str, ...], int, str | None], dict[str, Any]] = {}
_lock = threading.Lock()


def environment_folder() -> Path:
    """Of the engine set up from here."""
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    return Path(named).expanduser() if named else config_folder() / "nuke-engine"


def find(preferred: str = "") -> Found:
    """The command that starts a worker; ``BakeError`` where there is none."""
    found = find_worker(preferred or None, environment_folder())
    if found is None:
        raise BakeError(
            "The headroom engine was not found.",
            "Press Set up... on the node's Engine tab, or set HEADROOM_WORKER to the headroom program.",
        )
    return found


def worker(preferred: str = "") -> Worker:
    """The running worker of this Nuke; started where it is not. Blocks up to a minute; any thread."""
    found = find(preferred)
    with _lock:
        running = _workers.get(found.command)
        if running is None:
            running = _workers[found.command] = Worker(found.command, log=_log)
    try:
        running.start()
    except WorkerError as error:
        raise BakeError(error.sentence, error.fix) from error
    remember(found.command)
    return running


def describe(running: Worker, config: str | None) -> dict[str, Any]:
    """Models, spaces, config of the engine; asked once for a process and a config. Any thread."""
    stamp = 0
    if config and Path(config).is_file():
        stamp = Path(config).stat().st_mtime_ns
    key = (running.command, int(running.hello.get("pid", 0)) ^ stamp, config)
    if key not in _described:
        try:
            _described[key] = running.describe(config)
        except WorkerError as error:
            raise BakeError(error.sentence, error.fix) from error
    return _described[key]


def close_all() -> None:
    """End the workers; the next bake starts one anew. Frees the memory of the graphics card."""
    with _lock:
        running = list(_workers.values())
        _workers.clear()
        _described.clear()
    for one in running:
        one.close()


def findings(preferred: str, config: str | None, cache: Path | None) -> list[Any]:
    """What `host.health` found, best read as lines."""
    from .host import health

    return list(
        health.check(preferred=preferred or None, environment_dir=environment_folder(), config=config, cache=cache)
    )


def set_up(torch: str, online: bool, on_line: Callable[[str], Any], cancelled: Callable[[], bool]) -> tuple[str, ...]:
    """Make the private environment from the engine that came with the plug-in. Any thread; minutes."""
    from .host import environment

    shipped = Path(__file__).resolve().parent.parent / "engine"
    wheels = sorted(shipped.glob("headroom_hdr-*.whl"))
    constraints = shipped / "constraints.txt"
    if not wheels:
        raise BakeError(
            "This copy of the plug-in came without the engine.", "Install headroom yourself and set HEADROOM_WORKER."
        )
    command = environment.create(
        environment_folder(),
        wheel=wheels[-1],
        constraints=constraints if constraints.is_file() else None,
        torch=torch,
        online=online,
        on_line=on_line,
        cancelled=cancelled,
    )
    return tuple(command)


def _log(line: str) -> None:
    """The worker's own words, for a terminal or a farm's log; HEADROOM_QUIET leaves them out."""
    if line.strip() and not nuke.GUI and not os.environ.get("HEADROOM_QUIET"):
        nuke.tprint(f"headroom engine: {line}")
