"""The engine's own Python environment, made by a plug-in's button, away from the host's Python.

It is made beside the one that counts and becomes the one that counts by its last step: cancelled, full or offline in
between, whatever stood before still stands. Everything lies in one folder, caches too, so that removing it leaves
nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from .client import Worker, WorkerError
from .commands import CommandFailed, Stopped, run_command
from .installed import MARK, PREFIX, installed, python_of, write_mark
from .pythons import VERSIONS, find_python

__all__ = ["TORCH", "EnvironmentCancelled", "EnvironmentFailed", "create", "remove", "size"]

TORCH = ("default", "cpu", "cuda")
TORCH_INDEX = "HEADROOM_TORCH_INDEX"
"""Names another package index for torch: a studio's mirror, or builds for a certain CUDA."""
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"

GB = 10**9
_ROOM = {"cpu": 3 * GB, "cuda": 12 * GB}
"""Free space to begin with: packages as downloaded and as unpacked, for a while both."""
_HALF_MADE_S = 24 * 3600.0
_NOT_OURS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "UV_PROJECT_ENVIRONMENT")


class EnvironmentFailed(Exception):
    """Why there is no environment, in one plain sentence; ``fix`` says what to do."""

    def __init__(self, sentence: str, fix: str | None = None) -> None:
        super().__init__(f"{sentence} {fix}" if fix else sentence)
        self.sentence = sentence
        self.fix = fix


class EnvironmentCancelled(EnvironmentFailed):
    """The user stopped it; what stood before still stands."""


def create(
    folder: Path,
    *,
    wheel: Path | None,
    constraints: Path | None,
    torch: str = "default",
    online: bool = True,
    on_line: Callable[[str], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
    wheels: Path | None = None,
) -> tuple[str, ...]:
    """Makes the environment and returns the command of its worker, which has been seen to start.

    ``torch``: ``cpu``, ``cuda`` or ``default`` (what the package index offers for this system). ``online``: whether
    the user allows the network. ``wheels``: a folder of packages to install from instead of the network. Blocks for
    minutes: call it from a thread. ``on_line`` gets each line of what happens, ``cancelled`` is asked all the time.
    """
    say = on_line or (lambda line: None)
    stop = cancelled or (lambda: False)
    folder = Path(folder).absolute()
    if torch not in TORCH:
        raise ValueError(f"torch must be one of {', '.join(TORCH)}")
    wheel = _checked_wheel(wheel, constraints)
    if not online and wheels is None:
        raise EnvironmentFailed(
            "Setting up the engine downloads packages, and network access is switched off.",
            "Allow online access and try again, or choose an engine that is installed already.",
        )
    _check_room(folder, torch)
    _clear_half_made(folder)
    environment = folder / f"{PREFIX}{uuid.uuid4().hex[:8]}"
    start = time.monotonic()
    try:
        environment.mkdir()
        python = _make(environment, online and wheels is None, say, stop)
        _install(environment, wheel, constraints, torch, wheels, say, stop)
        command = (str(python), "-m", "headroom", "worker")
        facts = _verified(command, say, stop)
        _forget(environment / "cache")
        before = installed(folder)
        write_mark(folder, {**facts, "environment": environment.name, "torch": torch, "wheel": wheel.name})
    except BaseException as error:
        _forget(environment)
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where nothing else is in it
        if isinstance(error, Stopped):
            raise EnvironmentCancelled("Setting up the engine was cancelled.") from None
        if isinstance(error, CommandFailed):
            raise EnvironmentFailed(error.sentence, error.fix) from error
        if isinstance(error, OSError):
            raise EnvironmentFailed(
                f"{folder}: {error.strerror or error}.", "Choose a folder with room that can be written to."
            ) from error
        raise
    if before is not None:
        _forget(folder / before["environment"])
    say(f"The engine is ready ({size(folder) / GB:.1f} GB, {time.monotonic() - start:.0f} s).")
    return command


def remove(folder: Path) -> None:
    """Removes what `create` made, and the folder where nothing else is in it; what others put there stays.

    ``EnvironmentFailed`` where files are in use (a worker that still runs, on Windows).
    """
    folder = Path(folder)
    with contextlib.suppress(FileNotFoundError):
        (folder / MARK).unlink()  # first: from here on nothing counts any more
    for environment in _environments(folder):
        _forget(environment)
    left = _environments(folder)
    if left:
        raise EnvironmentFailed(
            f"{left[0]} could not be removed whole.", "Close every program that uses the engine and try again."
        )
    with contextlib.suppress(OSError):
        folder.rmdir()


def size(folder: Path) -> int:
    """Bytes on disk of all that lies in the folder; links are not followed, a file with two names counts once."""
    total = 0
    seen: set[tuple[int, int]] = set()
    for top, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                state = (Path(top) / name).lstat()
                if state.st_nlink == 1 or (state.st_dev, state.st_ino) not in seen:
                    seen.add((state.st_dev, state.st_ino))
                    total += state.st_size
    return total


def _checked_wheel(wheel: Path | None, constraints: Path | None) -> Path:
    fix = "Install the plug-in again from its zip, or choose an engine that is installed already."
    if wheel is None:
        raise EnvironmentFailed("This copy of the plug-in was built without the engine.", fix)
    for path in (wheel, constraints):
        if path is not None and not Path(path).is_file():
            raise EnvironmentFailed(f"{path} is missing.", fix)
    return Path(wheel).absolute()


def _check_room(folder: Path, torch: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise EnvironmentFailed(
            f"{folder} cannot be made: {error.strerror or error}.", "Choose another folder for the engine."
        ) from error
    cuda = torch == "cuda" or (torch == "default" and sys.platform == "linux" and Path("/proc/driver/nvidia").exists())
    needed = _ROOM["cuda" if cuda else "cpu"]
    if free < needed:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise EnvironmentFailed(
            f"The engine needs {needed / GB:.0f} GB on the disk of {folder}, {free / GB:.1f} GB are free.",
            "Make room, or choose a folder on another disk.",
        )


def _make(environment: Path, online: bool, say: Callable[[str], object], stop: Callable[[], bool]) -> Path:
    """A virtual environment; by uv where there is one, which also fetches a Python where there is none."""
    uv = shutil.which("uv")
    python = find_python(stop)
    if stop():
        raise Stopped
    if uv is not None and (python is not None or online):
        wanted = python.command[0] if python and len(python.command) == 1 else "3.11"
        say(f"Making an environment with uv and Python {python.version if python else wanted}")
        _run(environment, [uv, "venv", "--allow-existing", "--python", wanted, str(environment)], say, stop)
    elif python is not None:
        say(f"Making an environment with Python {python.version} ({' '.join(python.command)})")
        _run(environment, [*python.command, "-m", "venv", str(environment)], say, stop)
    else:
        names = ", ".join(f"{major}.{minor}" for major, minor in sorted(VERSIONS))
        where = "your package manager (with python3-venv)" if sys.platform == "linux" else "python.org"
        raise EnvironmentFailed(
            f"There is no Python {names} on this machine that can make an environment.",
            f"Install one from {where}, or install uv, and try again.",
        )
    return python_of(environment)


def _install(
    environment: Path,
    wheel: Path,
    constraints: Path | None,
    torch: str,
    wheels: Path | None,
    say: Callable[[str], object],
    stop: Callable[[], bool],
) -> None:
    python = str(python_of(environment))
    uv = shutil.which("uv")
    if uv is not None and not (environment / "bin/pip").exists() and not (environment / "Scripts/pip.exe").exists():
        install = [uv, "pip", "install", "--python", python]
    else:
        quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--no-warn-script-location"]
        install = [python, "-m", "pip", "install", *quiet]
    if constraints is not None:
        install += ["-c", str(Path(constraints).absolute())]
    if wheels is not None:
        install += ["--no-index", "--find-links", str(Path(wheels).absolute())]
    else:
        index = _torch_index(torch)
        if index is not None:
            say("Installing torch")
            # Its own index lacks the pinned versions of what torch needs: those come with the engine.
            _run(environment, [*install, "--no-deps", "--index-url", index, "torch"], say, stop)
    say("Installing the engine and what it needs")
    _run(environment, [*install, str(wheel)], say, stop)


def _torch_index(torch: str) -> str | None:
    """Where torch comes from; None: from where everything else does.

    PyPI has CPU builds for Windows, builds with CUDA for Linux, builds with Metal for macOS.
    """
    stated = os.environ.get(TORCH_INDEX)
    if stated:
        return stated
    if sys.platform == "linux" and torch == "cpu":
        return _CPU_INDEX
    if sys.platform == "win32" and torch == "cuda":
        return _CUDA_INDEX
    return None


def _run(environment: Path, command: Sequence[str], say: Callable[[str], object], stop: Callable[[], bool]) -> None:
    cache = environment / "cache"
    (cache / "tmp").mkdir(parents=True, exist_ok=True)
    temporary = str(cache / "tmp")  # the system's own may be a small memory disk
    places = {
        "TMPDIR": temporary, "TEMP": temporary, "TMP": temporary, "PIP_CACHE_DIR": str(cache / "pip"),
        "PIP_NO_CACHE_DIR": "1", "UV_CACHE_DIR": str(cache / "uv"), "UV_NO_PROGRESS": "1",
        "UV_PYTHON_INSTALL_DIR": str(environment / "python"),
    }  # fmt: skip
    run_command(command, env=places, without=_NOT_OURS, on_line=say, cancelled=stop)


def _verified(command: tuple[str, ...], say: Callable[[str], object], stop: Callable[[], bool]) -> dict[str, object]:
    """What the new worker says of itself; it must start and have a model that is whole."""
    say("Starting the engine once")
    try:
        with Worker(command) as worker:
            said = worker.describe()
    except WorkerError as error:
        raise EnvironmentFailed(
            f"The engine was installed but does not run: {error.sentence}", "Try again; if it stays so, report the log."
        ) from error
    if stop():
        raise Stopped
    damaged = [model["error"] for model in said["models"] if not model["verified"]]
    if damaged or not said["models"]:
        raise EnvironmentFailed(
            f"The engine was installed but {damaged[0] if damaged else 'has no model'}.",
            "Install the plug-in again from its zip, then set up the engine again.",
        )
    return {"version": said["version"], "python": said["libraries"]["python"], "libraries": said["libraries"]}


def _environments(folder: Path) -> list[Path]:
    """Only what `create` names so, and only folders of ours: never what a user put beside them."""
    found = sorted(folder.glob(PREFIX + "[0-9a-f]" * 8))
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _clear_half_made(folder: Path) -> None:
    counts = (installed(folder) or {}).get("environment")
    for path in _environments(folder):
        with contextlib.suppress(OSError):
            if path.name != counts and time.time() - path.stat().st_mtime > _HALF_MADE_S:
                _forget(path)


def _forget(path: Path) -> None:
    """Removes a folder as far as it can be; read-only files (Windows) are made writable first."""

    def retry(function: Callable[[str], object], name: str, _: object) -> None:
        with contextlib.suppress(OSError):
            Path(name).chmod(0o700)
            function(name)

    if path.is_dir() and not path.is_symlink():
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=retry)
        else:
            shutil.rmtree(path, onerror=retry)
