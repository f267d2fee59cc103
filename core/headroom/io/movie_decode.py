"""Any frame of a movie, in any order: seek to a key frame, decode forward, keep what was passed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from headroom.errors import PlateError
from headroom.io.movie_index import MovieIndex, open_movie, why

__all__ = ["Decoder"]

KEPT_BYTES = 192 << 20
"""Decoded frames that are kept for readers that are a little out of order."""
KEPT_LEAST = 3
DAMAGED = "its data are damaged"
PREDICTED_FROM_DAMAGED = "a frame that it is predicted from is damaged"
SHORT_WAY = 4
"""So many frames ahead are decoded through rather than sought."""


class Decoder:
    """Decodes one stream of a movie. Every call is behind one lock; what it returns is the caller's to read."""

    def __init__(self, path: Path, index: MovieIndex, part: int | None = None) -> None:
        """Opens nothing yet."""
        self.path = path
        self.index = index
        self._part = part
        self._lock = threading.Lock()
        self._container: Any = None
        self._stream: Any = None
        self._coming: Iterator[tuple[int, Any]] | None = None
        self._last = -1
        """The frame that came last out of ``_coming``."""
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._careful = False
        """One thread, so that a decoder's error belongs to the packet it was given."""
        self._suspect: set[int] = set()
        """Key frames after which something is wrong: what follows them is decoded carefully."""
        self._bad: dict[int, str] = {}

    def frame(self, k: int) -> Any:
        """The ``av.VideoFrame`` shown as number ``k`` from 0; the `PlateError` does not name the frame."""
        with self._lock:
            if k >= self.index.count:
                raise PlateError(
                    f"cannot read {self.path}: the movie is cut short after {self.index.count} of "
                    f"{self.index.promised} frames; copy or export it again"
                )
            if k in self._kept:
                self._kept.move_to_end(k)
                return self._kept[k]
            found = None
            if k not in self._bad:
                start = self.index.start_of(k)
                self._be_careful(start in self._suspect)
                found = self._decoded(k, start)
                if found is None and not (self._careful or self.index.intra_only):
                    self._suspect.add(start)
                    self._be_careful(True)
                    found = self._decoded(k, start)
            if found is None:
                reason = self._bad.setdefault(k, DAMAGED)
                raise PlateError(f"cannot read {self.path}: {reason}; copy or export it again")
            return found

    def any_frame(self) -> Any:
        """The first frame that can be decoded, or None: for what pictures say about themselves."""
        for k in range(min(self.index.count, 10)):
            try:
                return self.frame(k)
            except PlateError:
                continue
        return None

    def close(self) -> None:
        """Lets go of the file; a later `frame` opens it again."""
        with self._lock:
            self._shut()
            self._kept.clear()

    def _shut(self) -> None:
        self._coming = None
        if self._container is not None:
            self._container.close()
            self._container = self._stream = None

    def _be_careful(self, careful: bool) -> None:
        if careful != self._careful:
            self._careful = careful
            self._shut()
            if careful:
                self._kept.clear()

    def _decoded(self, k: int, start: int) -> Any:
        """Decodes up to frame ``k``; None where it does not come out whole."""
        if self._coming is None or k <= self._last or (start > self._last and k - self._last > SHORT_WAY):
            self._seek(start)
        assert self._coming is not None
        for number, frame in self._coming:
            self._last = number
            if frame is None or frame.is_corrupt or number in self._bad:
                if not (self._careful or self.index.intra_only):
                    self._coming = None
                    return None
                self._bad.setdefault(number, DAMAGED)
            else:
                self._keep(number, frame)
            if number >= k:
                break
        else:
            self._coming = None
        return self._kept.get(k)

    def _keep(self, number: int, frame: Any) -> None:
        self._kept[number] = frame
        self._kept.move_to_end(number)
        size = sum(plane.buffer_size for plane in frame.planes)
        while len(self._kept) > max(KEPT_LEAST, KEPT_BYTES // max(1, size)):
            self._kept.popitem(last=False)

    def _seek(self, start: int) -> None:
        """Sets ``_coming`` to the frames from ``start``, a key frame, on."""
        times = self.index.times
        fresh = self._container is None or times is None
        if fresh:
            self._open()
        if times is not None and not (fresh and start == 0):
            try:
                self._container.seek(times[start], stream=self._stream, backward=True, any_frame=False)
            except (av.error.FFmpegError, OSError):
                self._open()  # no seeking in this container: from the beginning, then
        self._last = start - 1
        self._coming = self._frames(start)

    def _open(self) -> None:
        self._shut()
        self._container, self._stream = open_movie(self.path, self._part)
        self._stream.thread_type = "SLICE" if self._careful else "AUTO"
        if self._careful:
            self._stream.codec_context.thread_count = 1

    def _packets(self, start: int) -> Iterator[Any]:
        """Packets from the key frame ``start`` on; from the beginning where the container sought somewhere else."""
        packets = self._container.demux(self._stream)
        first = next(packets, None)
        times = self.index.times
        if start and times is not None and not _lies_before(first, times[start]):
            self._open()
            packets = self._container.demux(self._stream)
        elif first is not None:
            yield first
        yield from packets

    def _frames(self, start: int) -> Iterator[tuple[int, Any]]:
        """(number, frame) from ``start`` on as they are shown; no frame where the decoder failed."""
        taint = _Taint(self.index, start)
        packets = self._packets(start)
        number = -1
        while True:
            packet = None
            try:
                packet = next(packets)
                decoded = packet.decode()
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                if packet is None or self.index.times is None:
                    # The file cannot be read on, or frames can no longer be told apart.
                    self._bad.update((k, why(error)) for k in range(max(start, number + 1), self.index.count))
                    return
                taint.add(packet.pts)
                if not (self._careful or self.index.intra_only):
                    yield max(start, number), None
                continue
            for frame in decoded:
                found = number + 1 if self.index.times is None else self.index.k_of(frame.pts)
                # Pictures shown before the key frame but decoded after it lack what they are predicted from.
                if found is None or found < start:
                    continue
                number = found
                if frame.is_corrupt:
                    taint.add(frame.pts)
                if self._careful and taint.reaches(number):
                    self._bad.setdefault(number, PREDICTED_FROM_DAMAGED)
                yield number, frame


def _lies_before(packet: Any, time: int) -> bool:
    """Whether decoding can start at this packet for the key frame of this time (MPEG-PS seeks to any packet)."""
    return packet is not None and packet.is_keyframe and packet.pts is not None and packet.pts <= time


class _Taint:
    """Frames that are predicted from damaged ones, up to the next key frame (by decoding order)."""

    def __init__(self, index: MovieIndex, start: int) -> None:
        """``start``: the key frame that decoding began at."""
        self._index = index
        self._start = start
        self._spans: list[tuple[int, int]] = []
        self._own: set[int] = set()

    def add(self, time: int | None) -> None:
        """The packet of this time did not decode, or decoded with errors."""
        k = None if time is None else self._index.k_of(time)
        if k is None or k in self._own or k < self._start:
            return
        self._own.add(k)
        order = self._index.order
        ends = [order[key] for key in self._index.keys if order[key] > order[k]]
        self._spans.append((order[k], min(ends, default=max(order) + 1)))

    def reaches(self, k: int) -> bool:
        """Whether frame ``k`` is predicted from a damaged one: decoded later, and not from the next key frame on."""
        if self._index.intra_only or k in self._own:
            return False
        order = self._index.order
        begins = order[self._index.start_of(k)]
        return any(first < order[k] and begins < end for first, end in self._spans)
