"""Child processes of a host: a clean environment, no console window, killed whole, their end in words."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["KEEP", "STRIPPED", "clean_environment", "ending", "kill_tree", "spawn_options"]

# What a host sets for its own interpreter and libraries breaks another Python: wrong standard library, wrong Qt,
# wrong C++ runtime. Seen with Blender's and Nuke's launchers and with studio wrappers.
STRIPPED = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONWARNINGS",
    "PYTHONCASEOK",
    "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
)
KEEP = "HEADROOM_KEEP_ENV"
"""Names, separated by commas, that are passed on all the same: LD_LIBRARY_PATH where CUDA lies in an odd place."""

_WINDOWS = sys.platform == "win32"
_CREATE_NO_WINDOW = 0x08000000
_CREATE_NEW_PROCESS_GROUP = 0x00000200
_UNASKED_KILL = "killed by the system or another program, often because memory ran out"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The host's environment without what belongs to its own interpreter, with ``extra`` over it."""
    kept = {name.strip() for name in os.environ.get(KEEP, "").split(",")}
    dropped = set(STRIPPED) - kept
    environment = {name: value for name, value in os.environ.items() if name.upper() not in dropped}
    # The folder that the worker is started in must not come before its own modules.
    environment["PYTHONSAFEPATH"] = "1"
    environment["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    environment.update(extra or {})
    return environment


def spawn_options() -> dict[str, Any]:
    """For ``Popen``: a group of its own, so that Ctrl-C is the host's and a wrapper dies with its child."""
    if _WINDOWS:
        return {"creationflags": _CREATE_NO_WINDOW | _CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends a process started with `spawn_options` and what it started, at once."""
    if _WINDOWS:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(  # a launcher's child outlives TerminateProcess on the launcher
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                creationflags=_CREATE_NO_WINDOW, timeout=10, check=False,
            )  # fmt: skip
    else:
        # Before the process is waited for, its id cannot belong to anyone else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


def ending(returncode: int | None) -> str:
    """How a process ended, to follow "The worker "."""
    if returncode is None:
        return "does not end"
    if returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = "unknown"
        why = f": {_UNASKED_KILL}" if name == "SIGKILL" else ""
        return f"was ended by signal {-returncode} ({name}{why})"
    if _WINDOWS and returncode >= 0xC0000000:
        return f"crashed (Windows error 0x{returncode:08X})"
    return f"ended by itself with exit code {returncode}"
