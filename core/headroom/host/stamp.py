"""A sidecar beside baked frames: what they were made from, so that a host knows which of them are stale.

The EXR headers say the same and more; a host asks this file because it can do so in milliseconds, without the engine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .frames import settings_key

__all__ = ["STAMP_NAME", "is_stale", "read_stamp", "record", "stale_frames", "stamp_path"]

STAMP_NAME = "headroom.json"
FORMAT = 1


def stamp_path(target: str | os.PathLike[str]) -> Path:
    """The sidecar of a result: one for all frames of its folder."""
    return Path(target).parent / STAMP_NAME


def read_stamp(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The sidecar's content; None where it is missing, damaged or of another format."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    sound = isinstance(content, dict) and content.get("format") == FORMAT and isinstance(content.get("frames"), dict)
    return content if sound else None


def record(
    path: str | os.PathLike[str],
    frames: Iterable[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any],
    worker_version: str,
    model_sha256: str | None = None,
) -> None:
    """Notes finished frames (``frame``, ``source``, ``target``), keeping the others. Whole or not written at all.

    ``OSError`` where the folder cannot be written to. Call it once a run, or now and then during one: every call
    writes the whole file.
    """
    path = Path(path)
    content = read_stamp(path) or {"format": FORMAT, "frames": {}}
    made = {"settings": settings_key(settings), "version": worker_version, "model": model_sha256}
    content["settings"] = json.loads(json.dumps(dict(settings), default=os.fspath))
    for frame in frames:
        source, target = _state(frame["source"]), _state(frame["target"])
        if source is None or target is None:
            continue
        name = Path(frame["target"]).name
        content["frames"][name] = {
            **made, "frame": frame.get("frame"), "source": os.fspath(frame["source"]), "is": source, "gave": target,
        }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        beside.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")), "utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink() if beside.exists() else None
        raise


def is_stale(
    stamp: Mapping[str, Any] | None,
    frame: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    worker_version: str | None = None,
    model_sha256: str | None = None,
) -> str | None:
    """Why a result (``source``, ``target``) must be made again, as half a sentence; None where it is fresh.

    ``stamp``: from `read_stamp`. Version and model are compared where they are given. A source that is not there
    any more does not make its result stale: an archived plate is no reason to lose a bake.
    """
    target = _state(frame["target"])
    if target is None:
        return "it was not made yet"
    noted = (stamp or {}).get("frames", {}).get(Path(frame["target"]).name)
    if not isinstance(noted, Mapping):
        return "nothing says what it was made from"
    source = _state(frame["source"])
    if noted.get("settings") != settings_key(settings):
        return "the settings have changed"
    if source is not None and noted.get("is") != source:
        return "the source has changed"
    if noted.get("gave") != target:
        return "the file was changed by someone else"
    if worker_version is not None and noted.get("version") != worker_version:
        return f"it was made by headroom {noted.get('version')}"
    if model_sha256 is not None and noted.get("model") != model_sha256:
        return "the model's weights have changed"
    return None


def stale_frames(
    frames: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any],
    worker_version: str | None = None,
    model_sha256: str | None = None,
) -> dict[int | None, str]:
    """Frame number -> why it must be made; fresh frames are not in it."""
    stamps: dict[Path, dict[str, Any] | None] = {}
    stale: dict[int | None, str] = {}
    for frame in frames:
        path = stamp_path(frame["target"])
        if path not in stamps:
            stamps[path] = read_stamp(path)
        why = is_stale(stamps[path], frame, settings=settings, worker_version=worker_version, model_sha256=model_sha256)
        if why is not None:
            stale[frame.get("frame")] = why
    return stale


def _state(path: Any) -> list[int] | None:
    """Size and time of a file, or None."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError, TypeError):
        return None
    return [found.st_size, found.st_mtime_ns]
