"""A private environment that was made to its end, seen from outside; a half-made one does not exist here.

<folder>/headroom-environment.json      written last: names the environment that counts
<folder>/env-1a2b3c4d/                   a virtual environment; a new one is made beside the old one
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["MARK", "PREFIX", "installed", "installed_command", "python_of", "write_mark"]

MARK = "headroom-environment.json"
PREFIX = "env-"


def installed(folder: Path) -> dict[str, Any] | None:
    """What the environment in ``folder`` was made from (``environment``, ``version``, ``python``...), or None."""
    try:
        facts = json.loads((folder / MARK).read_text("utf-8"))
        name = facts["environment"]
        return facts if name.startswith(PREFIX) and python_of(folder / name).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def installed_command(folder: Path) -> tuple[str, ...] | None:
    """The command of its worker, or None."""
    facts = installed(folder)
    return None if facts is None else (str(python_of(folder / facts["environment"])), "-m", "headroom", "worker")


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def write_mark(folder: Path, facts: Mapping[str, Any]) -> None:
    """The last step of making one: at once, or not at all."""
    beside = folder / f"{MARK}.{os.getpid()}"
    beside.write_text(json.dumps(dict(facts), indent=1, sort_keys=True), "utf-8")
    beside.replace(folder / MARK)
