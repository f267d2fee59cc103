"""What marks a private environment as whole; a folder without it is half-made and never used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["MARK", "is_complete", "read_mark", "write_mark"]

MARK = "headroom-environment.json"


def is_complete(folder: Path) -> bool:
    """Whether the environment in ``folder`` was made to its end."""
    return read_mark(folder) is not None


def read_mark(folder: Path) -> dict[str, Any] | None:
    """What the environment was made from, or None."""
    try:
        facts = json.loads((folder / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def write_mark(folder: Path, facts: dict[str, Any]) -> None:
    """The last step of making one."""
    (folder / MARK).write_text(json.dumps(facts, indent=1, sort_keys=True), "utf-8")
