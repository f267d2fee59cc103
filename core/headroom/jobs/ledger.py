"""What is done already: a result's fingerprint against that of what would be made now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from headroom.errors import HeadroomError
from headroom.io.frames import FrameSource, range_text
from headroom.jobs.claims import this_process
from headroom.jobs.manifest import Manifest
from headroom.jobs.naming import Task
from headroom.jobs.places import State, state_of
from headroom.jobs.record import (
    FINGERPRINT,
    SETTINGS_MARK,
    WINDOW,
    digest_of,
    digest_of_file,
    fingerprint,
    recorded_marks,
)
from headroom.jobs.report import FileReport

__all__ = ["ABSENT", "Ledger"]

ABSENT = "absent"
"""Stands for the digest of a plate that is not there or cannot be read at all."""
_RACY_S = 2.0
"""A file changed this shortly before it was digested may change again within the same tick of its clock."""
_FOUND = (
    ("width", "height", "bits", "depth", "passed_through")
    + ("clip_level", "clip_level_source", "clipped_share", "masked_share")
    + ("gain_stops_mean", "gain_stops_peak", "confidence_mean", "peak")
)
"""What the manifest keeps of a result's facts."""


class Ledger:
    """One shot's plates and results, and how they are recognised. May be asked from several threads."""

    def __init__(self, source: FrameSource, manifest: Manifest, shaping: Mapping[str, Any]) -> None:
        """``shaping``: what decides all results, beside their plates."""
        self._source, self._manifest, self._shaping = source, manifest, shaping
        self.settings_mark = digest_of(shaping)
        self.window: Callable[[int], tuple[int, ...]] = lambda frame: (frame,)
        """The plates that decide a frame."""
        self.frame_shaping: Callable[[int], Any] = lambda frame: None
        """What an analysis of the shot says about a frame."""
        self._known: dict[int, tuple[State, str]] = {}
        self._seen: dict[int, tuple[State, str]] = {}
        self._lock = threading.Lock()
        self._remember()

    def identity(self, frame: int) -> str:
        """Digest of what decides the plate; `ABSENT` where there is none. Files that have not changed are not read."""
        state = state_of(self._source.path(frame))
        with self._lock:
            known = self._known.get(frame)
        if state is not None and known is not None and known[0][:2] == state[:2]:
            return known[1]
        begun = time.time()
        try:
            digest = self._source.identity(frame) if state is not None else ABSENT
        except HeadroomError:
            return ABSENT
        if state is not None:
            with self._lock:
                self._seen[frame] = (state, digest)
                if begun - state[1] / 1e9 > _RACY_S:
                    self._known[frame] = (state, digest)
        return digest

    def marks(self, task: Task, identities: Mapping[int, str] | None = None) -> dict[str, str]:
        """The header's fingerprints of a result."""
        assert task.reads is not None
        window = self.window(task.reads)
        of = identities or {frame: self.identity(frame) for frame in window}
        shaping: Mapping[str, Any] = self._shaping
        marks = {SETTINGS_MARK: self.settings_mark}
        if (shot := self.frame_shaping(task.reads)) is not None:
            shaping = {**shaping, "shot": shot, "window": [frame - task.reads for frame in window]}
            marks[WINDOW] = range_text(window)
        return {FINGERPRINT: fingerprint(shaping, *(of[frame] for frame in window)), **marks}

    def state(self, task: Task) -> Literal["absent", "done", "stale", "foreign"]:
        """Whether a result is there and is what would be made now; ``stale``: from plates as they were before.

        ``foreign``: not made by us, or with other settings.
        """
        if not task.target.exists():
            return "absent"
        stated = self._stated(task.target)
        if FINGERPRINT not in stated:
            return "foreign"
        if stated[FINGERPRINT] == self.marks(task)[FINGERPRINT]:
            return "done"
        return "stale" if stated.get(SETTINGS_MARK) == self.settings_mark else "foreign"

    def is_foreign(self, task: Task) -> bool:
        """Whether something is there that we would not make again; no plate is looked at."""
        if not task.target.exists():
            return False
        stated = self._stated(task.target)
        return FINGERPRINT not in stated or stated.get(SETTINGS_MARK, self.settings_mark) != self.settings_mark

    def enter(
        self, task: Task, report: FileReport | None, marks: Mapping[str, str], identity: str, window: tuple[int, ...]
    ) -> None:
        """A line in the manifest for a result that is in its place; ``report`` None: found, not made just now."""
        us = this_process()
        assert task.reads is not None
        source = self._source.path(task.reads)
        with self._lock:
            state, seen = self._seen.get(task.reads) or self._known.get(task.reads) or (None, None)
        if seen != identity:
            state = None  # the file has changed since: its size and time now say nothing of what was read
        self._manifest.add(
            "frame",
            {
                "frame": task.frame,
                "target": task.target.name,
                "bytes": task.target.stat().st_size,
                "sha256": digest_of_file(task.target),
                "fingerprint": marks[FINGERPRINT],
                "settings": self.settings_mark,
                "source": {
                    "name": source.name,
                    "frame": task.reads,
                    "identity": identity,
                    "bytes": state[0] if state else None,
                    "mtime_ns": state[1] if state else None,
                },
                "window": list(window),
                "status": "found" if report is None else "done",
                "seconds": None if report is None else round(report.seconds, 3),
                "by": f"{us.host}:{us.pid}",
                "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "facts": {} if report is None else {n: value for n, value in report.facts.items() if n in _FOUND},
                "warnings": [] if report is None else report.warnings,
            },
        )

    def is_entered(self, task: Task, marks: Mapping[str, str]) -> bool:
        """Whether the manifest knows this result as it should be."""
        entry = self._manifest.frames.get(task.target.name)
        return entry is not None and entry.get("fingerprint") == marks[FINGERPRINT]

    def _stated(self, target: Path) -> dict[str, str]:
        """Marks in the header; of formats whose header holds none, the manifest's, where the file is still that one."""
        stated = recorded_marks(target) or {}
        entry = self._manifest.frames.get(target.name)
        if FINGERPRINT in stated or entry is None or target.suffix.lower() == ".exr":
            return stated
        try:
            same = target.stat().st_size == entry["bytes"] and digest_of_file(target) == entry["sha256"]
            return {FINGERPRINT: entry["fingerprint"], SETTINGS_MARK: entry["settings"]} if same else {}
        except (OSError, KeyError):
            return {}

    def _remember(self) -> None:
        """Digests of plates from the manifest: good for as long as size and time have not changed."""
        for entry in self._manifest.frames.values():
            try:
                source = dict(entry["source"])
                frame, identity = int(source["frame"]), str(source["identity"])
                size, time_ns = int(source["bytes"]), int(source["mtime_ns"])
                settled = datetime.fromisoformat(entry["at"]).timestamp() - time_ns / 1e9 > _RACY_S
                name = str(source["name"])
            except (KeyError, TypeError, ValueError):
                continue
            if settled and self._source.path(frame).name == name and identity != ABSENT:
                self._known[frame] = ((size, time_ns, 0), identity)
