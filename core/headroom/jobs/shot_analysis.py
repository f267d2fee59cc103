"""The analysis that all of a shot's workers share: taken from its file, made once, or waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headroom.errors import AnalysisError, PlateError, UsageError, WriteError
from headroom.io.frames import FrameSource, range_text
from headroom.jobs.claims import Claims
from headroom.jobs.conversion import Conversion
from headroom.jobs.ledger import Ledger
from headroom.jobs.loading import Loader
from headroom.jobs.manifest import Manifest
from headroom.jobs.naming import Task
from headroom.jobs.pipeline import Pipeline
from headroom.jobs.places import Patience, UnsettledError, pause
from headroom.jobs.report import Watcher
from headroom.plate import Plate

if TYPE_CHECKING:
    from headroom.temporal import Analysis

__all__ = ["SharedAnalysis"]

_CLAIM = "analysis"
UNSAID = {"scaling": 1.0}
"""Settings that analyses made before there were such said nothing of."""


@dataclass(kw_only=True)
class SharedAnalysis:
    """Where it lies, and whom to ask."""

    path: Path
    trusted: bool
    """The user named the file: it is taken as it is so long as it covers the frames asked for. Otherwise it must
    have been made from the plates as they are now, or is made again."""
    source: FrameSource
    conversion: Conversion
    ledger: Ledger
    manifest: Manifest
    patience: Patience
    cancelled: Callable[[], bool]

    def get(
        self, tasks: Sequence[Task], pipeline: Pipeline, loader: Loader, claims: Claims, watcher: Watcher
    ) -> Analysis | None:
        """Read, or made and kept; None where the user stopped it."""
        told = False
        while (found := self._kept(tasks)) is None:
            holder = claims.take(_CLAIM)
            if holder is None:
                try:
                    return self._kept(tasks) or self._make(pipeline, loader, watcher)
                finally:
                    claims.release(_CLAIM)
            if not told:
                watcher.note(f"waiting for the shot's analysis, which {holder} is making")
                told = True
            pause(self.patience.poll_s, self.cancelled)
            if self.cancelled():
                return None
            self.manifest.reload()
        return found

    def _kept(self, tasks: Sequence[Task]) -> Analysis | None:
        from headroom.temporal import Analysis

        if not self.path.is_file():
            return None
        try:
            analysis = Analysis.load(self.path)
        except AnalysisError:
            if self.trusted:
                raise
            return None
        reads = {task.reads for task in tasks if task.reads is not None}
        if self.trusted:
            self._check_trusted(analysis, reads)
            return analysis
        return analysis if self._is_fresh(analysis) else None

    def _check_trusted(self, analysis: Analysis, reads: set[int]) -> None:
        again = "name another file, or remove it and make it again"
        if not analysis.covers(reads):
            lacking = range_text(reads - set(analysis.frames))
            covered = range_text(analysis.frames)
            raise UsageError(f"{self.path}: the analysis covers frames {covered}, not {lacking}; {again}")
        for name, value in self._made_with().items():
            if analysis.made_with.get(name, UNSAID.get(name)) != value:
                raise UsageError(f"{self.path}: the analysis was made with another {name.replace('_', ' ')}; {again}")

    def _is_fresh(self, analysis: Analysis) -> bool:
        """Whether it would come out the same now; plates that could not be read are tried again."""
        if analysis.frames != self.source.frames or self.manifest.analysis_settings != self.ledger.settings_mark:
            return False
        for frame in analysis.frames:
            made_from = analysis.made_from.get(frame)
            if made_from is not None and made_from != self.ledger.identity(frame):
                return False
        for frame in analysis.unreadable:
            with suppress(PlateError):
                self.source.read(frame)
                return False
        return True

    def _made_with(self) -> dict[str, object]:
        options = self.conversion.settings.options
        return {
            "weights": self.conversion.reconstructor.card.sha256,
            "curve": options.curve,
            "clip_level": options.clip_level,
            "tau": options.tau,
            "boost": options.boost,
            "scaling": options.scaling,
        }

    def _make(self, pipeline: Pipeline, loader: Loader, watcher: Watcher) -> Analysis | None:
        from headroom.temporal import analyse

        frames = self.source.frames
        watcher.note(f"looking at {len(frames)} plates for cuts, clip level and curve")
        with closing(_Reader(self, pipeline, loader, watcher)) as reader:
            analysis = analyse(
                self.source,
                frames,
                self.conversion.reconstructor,
                self.conversion.colour_of,
                self.conversion.settings.options,
                read=reader.read,
                progress=watcher.looked,
                cancelled=self.cancelled,
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        analysis.save(self.path)
        try:
            self.manifest.add("analysis", {"file": self.path.name, "settings": self.ledger.settings_mark})
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(f"cannot write {self.manifest.path}: {reason}; check the disk's space and quota") from None
        return analysis


class _Reader:
    """Plates in ascending order, decoded ahead; what is still being written is given time."""

    def __init__(self, shared: SharedAnalysis, pipeline: Pipeline, loader: Loader, watcher: Watcher) -> None:
        self._shared, self._pipeline, self._loader, self._watcher = shared, pipeline, loader, watcher
        frames = shared.source.frames
        self._next = dict(zip(frames, frames[1:], strict=False))
        self._wanted: list[int] = []
        self._until: float | None = None

    def read(self, frame: int) -> Plate:
        if frame not in self._wanted:
            self._pipeline.release(tuple(self._wanted))
            self._wanted = [frame]
            self._pipeline.want((frame,))
        for passed in [other for other in self._wanted if other < frame]:
            self._wanted.remove(passed)
            self._pipeline.release((passed,))
        while self._wanted[-1] in self._next and len(self._wanted) < 6 and self._pipeline.has_room:
            self._wanted.append(self._next[self._wanted[-1]])
            self._pipeline.want(self._wanted[-1:])
        try:
            return self._pipeline.read_plate(frame)
        except UnsettledError as error:
            return self._patiently(frame, error)

    def close(self) -> None:
        """Lets go of what was decoded ahead: it is read again for the frames, and prepared for the network then."""
        self._pipeline.release(self._wanted)
        self._wanted = []

    def _patiently(self, frame: int, error: UnsettledError) -> Plate:
        patience = self._shared.patience
        self._until = self._until or time.monotonic() + patience.settling_s
        self._watcher.note(f"{error}; waiting for it")
        while time.monotonic() < self._until and not self._shared.cancelled():
            before = self._loader.unsettled_states()
            pause(patience.still_s, self._shared.cancelled)
            self._loader.give_time(before)
            loaded = self._loader.load(frame)
            if loaded.plate is not None:
                return loaded.plate
            if not isinstance(loaded.error, UnsettledError):
                assert loaded.error is not None
                raise loaded.error
        raise error
