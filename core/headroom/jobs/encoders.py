"""Files written beside the network, in threads: bands go in as they come, a whole file or nothing comes out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from headroom.jobs.stages import Clock

__all__ = ["Encoders", "Sheet", "SheetClosed"]


class SheetClosed(Exception):  # noqa: N818 - a signal, answered where the bands are made
    """The file failed: further bands of it are of no use."""


@dataclass(eq=False)
class Sheet:
    """A file on its way: who makes it, and the bands that wait for it."""

    write: Callable[[Iterator[Any]], None]
    """Runs in an encoder's thread, over the bands; what it raises has been dealt with by itself."""
    bands: deque[tuple[Any, int]] = field(default_factory=deque)
    ended: bool = False
    """No further bands come."""
    broken: BaseException | None = None
    """Why the bands end before the last one."""
    over: bool = False
    """Written, or given up."""


class Encoders:
    """Threads that each write one file at a time, in the order they were begun; bands are bounded by their bytes."""

    def __init__(self, *, threads: int, most_bytes: int, clock: Clock | None = None) -> None:
        """``most_bytes`` of bands wait at most; one band always may."""
        self._most = most_bytes
        self._clock = clock or Clock("encode")
        self._clock.threads = threads
        self._change = threading.Condition()
        self._queue: deque[Sheet] = deque()
        self._writing: set[Sheet] = set()
        self._open = 0
        self._closed = False
        self.held_bytes = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"encode-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def sheets(self) -> int:
        """Files that are begun and not over."""
        return self._open

    def begin(self, sheet: Sheet) -> Sheet:
        """A file: `put` its bands, then `end` it."""
        with self._change:
            self._queue.append(sheet)
            self._open += 1
            self._change.notify_all()
        return sheet

    def put(self, sheet: Sheet, band: Any, size: int) -> None:
        """The next band; waits while too many bytes are on their way. ``SheetClosed`` where the file has failed."""
        with self._change:
            while self.held_bytes and self.held_bytes + size > self._most and not sheet.over:
                self._change.wait()
            if sheet.over:
                raise SheetClosed
            sheet.bands.append((band, size))
            self.held_bytes += size
            self._change.notify_all()

    def end(self, sheet: Sheet, broken: BaseException | None = None) -> None:
        """No more bands: the file is whole, or ``broken`` off."""
        with self._change:
            sheet.ended, sheet.broken = True, broken
            self._change.notify_all()

    def wait(self, fewer_than: int = 1, timeout: float | None = None) -> bool:
        """Until fewer files than that are open; whether it came about."""
        with self._change:
            return self._change.wait_for(lambda: self._open < fewer_than, timeout)

    def close(self, broken: BaseException | None = None, *, wait_s: float | None = None) -> None:
        """Ends the threads; ``broken``: files in work are given up."""
        with self._change:
            self._closed = True
            if broken is not None:
                for sheet in [*self._queue, *self._writing]:
                    sheet.ended, sheet.broken = True, sheet.broken or broken
            self._change.notify_all()
        for thread in self._threads:
            thread.join(wait_s)

    def _work(self) -> None:
        while True:
            with self._clock.waiting(), self._change:
                while not self._queue and not self._closed:
                    self._change.wait()
                if not self._queue:
                    return
                sheet = self._queue.popleft()
                self._writing.add(sheet)
            try:
                with self._clock.busy():
                    sheet.write(self._bands_of(sheet))
                self._clock.moved(1, 0)
            finally:
                with self._change:
                    sheet.over = True
                    self._writing.discard(sheet)
                    self.held_bytes -= sum(size for _, size in sheet.bands)
                    sheet.bands.clear()
                    self._open -= 1
                    self._change.notify_all()

    def _bands_of(self, sheet: Sheet) -> Iterator[Any]:
        while True:
            with self._change:
                if not sheet.bands and not sheet.ended:
                    with self._clock.waiting(within_busy=True):
                        while not sheet.bands and not sheet.ended:
                            self._change.wait()
                if sheet.broken is not None:
                    raise sheet.broken
                if not sheet.bands:
                    return
                band, size = sheet.bands.popleft()
            try:
                yield band
            finally:
                with self._change:  # the band's memory is in use until the next one is asked for
                    self.held_bytes -= size
                    self._change.notify_all()
