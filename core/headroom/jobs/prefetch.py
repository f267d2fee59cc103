"""Plates decoded ahead of the network, in threads; each held for as long as a frame in hand may ask for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from headroom.jobs.stages import Clock

__all__ = ["Prefetch"]


class Sized(Protocol):
    """What is loaded says how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes."""


_Item = TypeVar("_Item", bound=Sized)


@dataclass
class _Slot(Generic[_Item]):
    frame: int
    wanted: int = 0
    begun: bool = False
    ready: threading.Event = field(default_factory=threading.Event)
    item: _Item | None = None
    error: BaseException | None = None


class Prefetch(Generic[_Item]):
    """``want`` frames in the order they will be asked for, ``get`` each, ``release`` what is no longer needed.

    ``load`` runs in the threads. A frame that nobody wants is loaded by `get` itself.
    """

    def __init__(self, load: Callable[[int], _Item], *, threads: int, clock: Clock | None = None) -> None:
        """``threads`` decode at the same time."""
        self._load = load
        self._clock = clock or Clock("decode")
        self._clock.threads = threads
        self._slots: dict[int, _Slot[_Item]] = {}
        self._todo: deque[_Slot[_Item]] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._held = 0
        self._largest = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"decode-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def held_bytes(self) -> int:
        """Of the plates that are held, those still to come counted like the largest so far."""
        with self._change:
            coming = sum(not slot.ready.is_set() for slot in self._slots.values())
            return self._held + coming * self._largest

    def want(self, frames: Iterable[int]) -> None:
        """Loads them in this order unless they are there; each call is to be matched by a `release`."""
        with self._change:
            for frame in frames:
                slot = self._slots.get(frame)
                if slot is None:
                    slot = self._slots[frame] = _Slot(frame)
                    self._todo.append(slot)
                slot.wanted += 1
            self._change.notify_all()

    def get(self, frame: int) -> _Item:
        """The plate of a frame; waits for it. Raises what ``load`` raised."""
        with self._change:
            slot = self._slots.get(frame)
        if slot is None:
            return self._timed(frame)
        if not slot.ready.is_set():
            slot.ready.wait()
        if slot.error is not None:
            raise slot.error
        assert slot.item is not None
        return slot.item

    def release(self, frames: Iterable[int]) -> None:
        """One `want` less of each; what nobody wants is let go."""
        with self._change:
            for frame in frames:
                slot = self._slots[frame]
                slot.wanted -= 1
                if slot.wanted <= 0:
                    del self._slots[frame]
                    if slot.item is not None:
                        self._held -= slot.item.nbytes
                    slot.item = None

    def close(self, *, wait_s: float | None = None) -> None:
        """Ends the threads after what they have in hand; ``wait_s`` limits how long that is waited for."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join(wait_s)

    def _work(self) -> None:
        while True:
            with self._clock.waiting(), self._change:
                while not self._todo and not self._closed:
                    self._change.wait()
                if self._closed:
                    return
                slot = self._todo.popleft()
                if self._slots.get(slot.frame) is not slot:  # released before its turn
                    slot.ready.set()
                    continue
            try:
                item = self._timed(slot.frame)
                with self._change:
                    self._largest = max(self._largest, item.nbytes)
                    if self._slots.get(slot.frame) is slot:
                        slot.item = item
                        self._held += item.nbytes
            except BaseException as error:  # noqa: BLE001  it is raised where the frame is asked for
                slot.error = error
            finally:
                slot.ready.set()

    def _timed(self, frame: int) -> _Item:
        with self._clock.busy():
            item = self._load(frame)
        self._clock.moved(1, item.nbytes)
        return item
