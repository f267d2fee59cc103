"""Text files, complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

from headroom.errors import WriteError

__all__ = ["write_text"]


def write_text(path: Path, text: str) -> None:
    """A text file, complete or absent."""
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"cannot write {path}: {error.strerror or error}; choose another place") from None
