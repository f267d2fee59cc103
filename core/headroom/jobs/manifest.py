"""What was done, frame by frame, with checksums: JSON lines beside the outputs, only ever added to.

    {"run": {...}}       who began when, with which model and settings
    {"analysis": {...}}  that the shot was looked at as a whole, and with which settings
    {"frame": {...}}     a result: number, source, target, sha256, fingerprint, seconds, what was found
    {"failed": {...}}    a frame that could not be done, and why

Lines are written whole, under a lock that file servers know, and synced. A line torn by a killed process or a full
disk is passed over by readers and closed off by the next writer.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from headroom.errors import WriteError
from headroom.host.protocol import jsonable

__all__ = ["Manifest", "entries"]


class Manifest:
    """One shot's manifest: what it says so far, and new lines."""

    def __init__(self, path: Path) -> None:
        """Reads what is there; ``WriteError`` where the file can be neither read nor begun."""
        self.path = path
        self._lock = threading.Lock()
        self.frames: dict[str, dict[str, Any]] = {}
        """By name of the target: the newest entry."""
        self.analysis_settings: str | None = None
        """Settings that the shot's analysis was made with."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab"):
                pass
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(f"cannot write {path}: {reason}; choose a folder that can be written to") from None
        self.reload()

    def reload(self) -> None:
        """Takes in what other workers have added."""
        frames, settings = {}, None
        for entry in entries(self.path):
            if isinstance(done := entry.get("frame"), dict) and "target" in done:
                frames[str(done["target"])] = done
            if isinstance(analysis := entry.get("analysis"), dict):
                settings = analysis.get("settings")
        with self._lock:
            self.frames, self.analysis_settings = frames, settings

    def add(self, kind: str, content: Mapping[str, Any]) -> None:
        """One line, on disk when this returns; ``OSError`` where that cannot be."""
        line = json.dumps(jsonable({kind: content}), default=str).encode() + b"\n"
        with self._lock:
            with self.path.open("r+b") as file, _locked(file):
                end = file.seek(0, os.SEEK_END)
                if end:
                    file.seek(end - 1)
                    if file.read(1) != b"\n":
                        line = b"\n" + line
                file.seek(0, os.SEEK_END)
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                    raise
            if kind == "frame":
                self.frames[str(content["target"])] = dict(content)
            elif kind == "analysis":
                self.analysis_settings = content["settings"]


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a manifest that are whole."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise WriteError(f"cannot read {path}: {error.strerror or error}; check the folder") from None
    for line in lines:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry


@contextlib.contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    """An exclusive lock while several workers add lines; where the system has none, lines are short enough."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(0)
        with contextlib.suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        try:
            yield
        finally:
            file.seek(0)
            with contextlib.suppress(OSError):
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    with contextlib.suppress(OSError):  # a share without a lock service
        fcntl.lockf(file, fcntl.LOCK_EX)
    yield  # closing the file ends the lock
