"""Lines out of a pipe, whatever comes out of it."""

from __future__ import annotations

import os

from .protocol import MAX_LINE_BYTES

__all__ = ["Lines"]

_CHUNK_BYTES = 1 << 16


class Lines:
    """Lines of a file descriptor, read as they come. One that is longer than any message is handed out cut, once."""

    def __init__(self, descriptor: int, longest: int = MAX_LINE_BYTES) -> None:
        self._descriptor = descriptor
        self._longest = longest
        self._held = bytearray()
        self._searched = 0
        self._skipping = False

    def next(self) -> bytes | None:
        """With its line end, if it has one; more than ``longest`` bytes where it was cut; None at the end."""
        while True:
            end = self._held.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._held[: end + 1])
                del self._held[: end + 1]
                self._searched = 0
                if not self._skipping:
                    return line
                self._skipping = False
                continue
            self._searched = len(self._held)
            if self._searched > self._longest:
                line, self._held, self._searched = bytes(self._held), bytearray(), 0
                if not self._skipping:
                    self._skipping = True
                    return line
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
            if not chunk:
                line, self._held, self._searched = bytes(self._held), bytearray(), 0
                return line if line and not self._skipping else None
            self._held += chunk
