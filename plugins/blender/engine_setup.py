"""The engine's private environment and its health: work that takes minutes or seconds, in threads."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import cache, colour, engine
from .host import environment, health
from .problems import Problem

__all__ = ["VERSION", "HealthCheck", "Removal", "Setup", "findings", "log", "packaged"]

VERSION = "@VERSION@"
PHASES = (
    ("Making an environment", 0.02),
    ("Installing torch", 0.05),
    ("Installing the engine", 0.3),
    ("Starting the engine", 0.9),
)
LINES_EXPECTED = 120
"""Lines that pip says about one installation, for the progress bar only."""

log: deque[str] = deque(maxlen=400)
"""What happened while setting up, newest last."""
findings: list[health.Finding] = []
"""Of the last health check."""


def packaged() -> tuple[Path | None, Path | None]:
    """The engine's wheel and constraints that came in this extension's zip."""
    folder = Path(__file__).parent / "engine"
    wheels = sorted(folder.glob("headroom_hdr-*.whl")) if folder.is_dir() else []
    constraints = folder / "constraints.txt"
    return (wheels[-1] if wheels else None), (constraints if constraints.is_file() else None)


class _InThread:
    """Work for `running.RunningOperator` that a thread does."""

    message = ""
    fraction = 0.0
    problem: Problem | None = None

    def __init__(self, act: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=self._guarded, args=(act,), name="headroom-setup", daemon=True)
        self._stop = threading.Event()
        self._thread.start()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    def step(self) -> None:
        """The thread does it all."""

    def cancel(self) -> None:
        self._stop.set()
        self.message = "Stopping"

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Problem as problem:
            self.problem = problem
        except environment.EnvironmentFailed as error:
            self.problem = Problem(error.sentence, error.fix)
        except Exception as error:  # noqa: BLE001  nothing else would ever show what a thread raised
            self.problem = Problem(f"Unexpected {type(error).__name__}: {error}.", "Please report this with the log.")


class Setup(_InThread):
    """Makes the environment; the engine that runs is ended first, since it may be the one that is replaced."""

    def __init__(self, torch: str) -> None:
        if not bpy.app.online_access:
            raise Problem(
                "Setting up the engine downloads packages, and online access is switched off.",
                "Allow it under Preferences > System > Network, or choose an engine that is installed already.",
            )
        wheel, constraints = packaged()
        folder = engine.environment_folder(create=True)
        self.message = "Preparing"
        self._lines = 0
        log.clear()

        def act() -> None:
            engine.close()
            environment.create(
                folder, wheel=wheel, constraints=constraints, torch=torch, online=True,
                on_line=self._say, cancelled=self._stop.is_set,
            )  # fmt: skip

        super().__init__(act)

    def _say(self, line: str) -> None:
        log.append(line)
        self._lines += 1
        for start, fraction in PHASES:
            if line.startswith(start):
                self.message, self.fraction, self._lines = line, fraction, 0
                return
        room = next((after for _start, after in PHASES if after > self.fraction), 1.0) - self.fraction
        self.fraction += room * min(1 / LINES_EXPECTED, 1.0)


class Removal(_InThread):
    """Removes the environment whole."""

    def __init__(self) -> None:
        folder = engine.environment_folder()
        self.message = "Removing the engine"
        self.freed = 0

        def act() -> None:
            engine.close()
            self.freed = environment.size(folder)
            environment.remove(folder)

        super().__init__(act)


class HealthCheck(_InThread):
    """Looks at everything that can be wrong; the result is in `findings`."""

    def __init__(self) -> None:
        from .preferences import preferences

        shared = preferences()
        arguments: dict[str, Any] = {
            "preferred": shared.engine_path or None,
            "environment_dir": engine.environment_folder(),
            "config": colour.config_path(),
            "cache": cache.folder_of("//headroom_cache"),
            "version": VERSION,
            "device": shared.device.strip() or None,
        }
        self.message = "Looking at the engine"

        def act() -> None:
            findings[:] = health.check(**arguments)

        super().__init__(act)
