"""Plates as the decode threads hand them over: read, digested, and known to be whole or why they are not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from headroom.errors import HeadroomError, PlateError
from headroom.io.frames import FrameSource
from headroom.jobs.conversion import Conversion
from headroom.jobs.ledger import Ledger
from headroom.jobs.makers import Maker
from headroom.jobs.pipeline import Loaded
from headroom.jobs.places import AwayError, State, UnsettledError, is_recent, state_of

__all__ = ["Loader"]


class Loader:
    """Reads plates of one source. Used by several threads."""

    def __init__(self, source: FrameSource, conversion: Conversion, ledger: Ledger) -> None:
        """``ledger`` keeps the digests."""
        self._source, self._conversion, self._ledger = source, conversion, ledger
        self._still: dict[Path, State | None] = {}
        self._unsettled: dict[int, Path] = {}
        self._lock = threading.Lock()
        self.maker: Maker | None = None
        """Prepares the plates; None: they are only read."""
        self.impatient = False
        """Plates that change are named and not waited for any longer."""

    def load(self, frame: int) -> Loaded:
        """The plate, or the error that stands in for it: away, still being written, or damaged."""
        path = self._source.path(frame)
        before = state_of(path)
        identity = self._ledger.identity(frame)
        try:
            plate = self._source.read(frame)
            colour = self._conversion.colour_of(plate)
            prepared = self.maker.prepare(plate, colour) if self.maker else None
        except HeadroomError as error:
            return Loaded(frame=frame, identity=identity, error=self._explained(frame, before, error))
        if state_of(path) != before:
            return Loaded(frame=frame, identity=identity, error=self._changing(frame, "it changed while it was read"))
        with self._lock:
            self._unsettled.pop(frame, None)
        return Loaded(frame=frame, identity=identity, plate=plate, colour=colour, prepared=prepared)

    @property
    def unsettled(self) -> list[int]:
        """Frames whose plates were still being written at the last try."""
        with self._lock:
            return sorted(self._unsettled)

    def unsettled_states(self) -> dict[Path, State | None]:
        """Size and time of their files now."""
        with self._lock:
            paths = set(self._unsettled.values())
        return {path: state_of(path) for path in paths}

    def give_time(self, before: Mapping[Path, State | None]) -> None:
        """Files that are now as they were ``before`` have come to rest: what they are then, they are."""
        for path, state in before.items():
            if state_of(path) == state:
                self._still[path] = state

    def source_is_there(self) -> bool:
        """Whether the source's place can be reached: its first, last or middle file is there."""
        frames = self._source.frames
        return any(state_of(self._source.path(frame)) for frame in (frames[0], frames[-1], frames[len(frames) // 2]))

    def _explained(self, frame: int, before: State | None, error: HeadroomError) -> HeadroomError:
        path = self._source.path(frame)
        now = state_of(path)
        if now is None and not self.source_is_there():
            return AwayError(f"{path.parent} cannot be reached")
        if now != before:
            return self._changing(frame, "it changes while it is read")
        if isinstance(error, PlateError) and is_recent(now) and self._still.get(path) != now:
            return self._changing(frame, str(error))
        with self._lock:
            self._unsettled.pop(frame, None)
        return error

    def _changing(self, frame: int, why: str) -> UnsettledError:
        path = self._source.path(frame)
        with self._lock:
            self._unsettled[frame] = path
        return UnsettledError(f"frame {frame}: {path} is still being written ({why}); run the same command again later")
