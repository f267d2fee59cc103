"""Which frames a movie holds and where they lie: made once, without decoding a picture."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from headroom.errors import PlateError, UsageError

__all__ = ["MovieIndex", "index_of", "open_movie", "why"]

INTRA_ONLY = ("prores", "dnxhd", "mjpeg", "v210", "v308", "v408", "v410", "rawvideo", "png", "jpeg2000", "cfhd")
"""Codecs whose every packet is a picture of its own."""
CLOCK_S = 0.001
"""The roughest clock in use (Matroska's); a movie that went through it may be off by one of its ticks anywhere."""
NEAR, NEAR_AT_MOST = 1 / 4000, 1 / 200
"""A rate so close to a usual one (a share of it; more for a short movie on a rough clock) is meant to be that."""
_WHOLE_RATES = (12, 15, 24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 240)
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class MovieIndex:
    """Frames in the order they are shown; ``k`` counts them from 0."""

    path: Path
    times: tuple[int, ...] | None
    """(n,) presentation times in the stream's ticks, rising; None where the movie has none and order must do."""
    count: int
    """Frames that are there."""
    promised: int
    """Frames that the header promises: more than ``count`` in a movie that was cut short."""
    keys: tuple[int, ...]
    """Frames (``k``) that decoding can start at, rising."""
    order: tuple[int, ...]
    """(n,) place of frame ``k`` among the packets, in decoding order."""
    rate: Fraction | None
    shortest_s: float
    longest_s: float
    """Shortest and longest frame; both 0 where it is not known."""
    is_uneven: bool
    intra_only: bool
    _digests: tuple[bytes, ...] = field(default=(), repr=False)
    """By decoding order; empty where ``_places`` tells where to read."""
    _places: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    """(offset, bytes) of each packet in the file."""

    def start_of(self, k: int) -> int:
        """The frame to start decoding at, so that frame ``k`` comes out right."""
        at = bisect_left(self.keys, k + 1) - 1
        return self.keys[at] if at >= 0 else 0

    def k_of(self, time: int | None) -> int | None:
        """The frame shown at exactly this time."""
        if self.times is None or time is None:
            return None
        k = bisect_left(self.times, time)
        return k if k < self.count and self.times[k] == time else None

    def digest_of(self, k: int) -> bytes:
        """SHA-256 over the packets that decide frame ``k``; `PlateError` where they cannot be read."""
        digest = hashlib.sha256()
        first = self.order[k]
        if not self.intra_only:
            # Before the first key frame that is shown lie packets that an edit list hides, and a key frame among them.
            first = self.order[self.start_of(k)] if self.keys and self.keys[0] <= k else 0
        for place in range(first, self.order[k] + 1):
            digest.update(self._digests[place] if self._digests else self._read_digest(place))
        return digest.digest()

    def _read_digest(self, place: int) -> bytes:
        offset, size = self._places[place]
        digest = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                while size and (chunk := file.read(min(size, _CHUNK_BYTES))):
                    digest.update(chunk)
                    size -= len(chunk)
        except OSError as error:
            raise PlateError(f"cannot read {self.path}: {error.strerror or error}") from error
        if size:
            raise PlateError(f"cannot read {self.path}: the movie is cut short; copy or export it again")
        return digest.digest()


def open_movie(path: Path, part: int | None = None) -> tuple[Any, Any]:
    """Container and video stream; ``part`` counts the video streams from 0. The caller closes the container."""
    try:
        if path.is_dir():
            raise PlateError(f"cannot read {path}: it is a folder")
        if not path.exists():
            raise PlateError(f"cannot read {path}: no such file")
        if path.stat().st_size == 0:
            raise PlateError(f"cannot read {path}: the file is empty; is it still being copied or written?")
        # Titles and notes are in any encoding in older files.
        container = av.open(str(path), metadata_errors="replace")
    except av.error.InvalidDataError:
        raise PlateError(
            f"cannot read {path}: no movie, or one without its index (cut short, or still being written); "
            "copy or export it again"
        ) from None
    except (av.error.FFmpegError, OSError) as error:
        raise PlateError(f"cannot read {path}: {why(error)}") from None
    try:
        # A cover picture is a stream of its own in some files.
        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not streams:
            raise PlateError(f"cannot read {path}: there is no picture in it, only {_kinds(container)}")
        if part is not None and not 0 <= part < len(streams):
            raise UsageError(f"{path} has no video stream {part}; there are {len(streams)}, counted from 0")
        stream = streams[part or 0]
        if stream.codec_context is None:
            raise PlateError(f"cannot read {path}: its codec is not known to this build; export it as ProRes or EXR")
        return container, stream
    except BaseException:
        container.close()
        raise


def index_of(path: Path, part: int | None = None) -> MovieIndex:
    """Reads a movie's own index where it has one that is enough, else walks through its packets."""
    container, stream = open_movie(path, part)
    with container:
        codec = stream.codec_context.name
        intra_only = codec in INTRA_ONLY
        # QuickTime and MP4 list every packet; Matroska and AVI only some, MXF none.
        listed = list(stream.index_entries) if "mov" in container.format.name else []
        shown = [entry for entry in listed if not entry.is_discard]
        if intra_only and shown and len(listed) == stream.frames:
            end = path.stat().st_size
            there = max((n for n, entry in enumerate(shown) if entry.pos + entry.size <= end), default=-1) + 1
            packets = [_Packet(entry.timestamp, True, (entry.pos, entry.size), b"") for entry in shown[:there]]
            if not packets:
                raise PlateError(f"cannot read {path}: the movie is cut short before its first frame; copy it again")
            return _made(path, stream, packets, len(shown), intra_only)
        packets = _walk(path, container, stream)
        gone = len(shown) - sum(p.is_shown for p in packets) if listed else stream.frames - len(packets)
        return _made(path, stream, packets, sum(p.is_shown for p in packets) + max(0, gone), intra_only)


def why(error: BaseException) -> str:
    """A library's error in one line, without the file's name."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())


@dataclass(frozen=True)
class _Packet:
    time: int | None
    is_key: bool
    place: tuple[int, int]
    digest: bytes
    is_shown: bool = True


def _walk(path: Path, container: Any, stream: Any) -> list[_Packet]:
    packets = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                # What an edit list cuts away is decoded and not shown.
                mark = hashlib.sha256(packet).digest()
                packets.append(_Packet(packet.pts, packet.is_keyframe, (0, 0), mark, not packet.is_discard))
    except (av.error.FFmpegError, OSError) as error:
        if not packets:
            raise PlateError(f"cannot read {path}: {why(error)}; copy or export it again") from None
    if not any(packet.is_shown for packet in packets):
        raise PlateError(f"cannot read {path}: there is no frame in it; copy or export it again")
    return packets


def _made(path: Path, stream: Any, packets: list[_Packet], promised: int, intra_only: bool) -> MovieIndex:
    shown = [n for n, packet in enumerate(packets) if packet.is_shown]
    times = {n: packets[n].time for n in shown}
    known = [time for time in times.values() if time is not None]
    timed = len(known) == len(shown) == len(set(known))
    if timed:
        shown.sort(key=lambda n: times[n] or 0)
    known.sort()
    tick = float(stream.time_base)
    lengths = [(b - a) * tick for a, b in zip(known, known[1:], strict=False)] if timed else []
    shortest, longest = (min(lengths), max(lengths)) if lengths else (0.0, 0.0)
    uneven = _strays(known, tick) if timed else False
    return MovieIndex(
        path=path,
        times=tuple(known) if timed else None,
        count=len(shown),
        promised=promised,
        # Without times nothing can be looked for: decoding then starts at the first frame always.
        keys=tuple(k for k, n in enumerate(shown) if packets[n].is_key) if timed else (0,),
        order=tuple(shown),
        rate=_rate(stream, known if timed else [], uneven),
        shortest_s=shortest,
        longest_s=longest,
        is_uneven=uneven,
        intra_only=intra_only,
        _digests=tuple(packet.digest for packet in packets) if packets[0].digest else (),
        _places=tuple(packet.place for packet in packets),
    )


def _strays(times: list[int], tick: float) -> bool:
    """Whether the times leave the even beat between the first and the last by more than clocks explain."""
    if len(times) < 3:
        return False
    beat = (times[-1] - times[0]) / (len(times) - 1)
    off = [time - times[0] - k * beat for k, time in enumerate(times)]
    return (max(off) - min(off)) * tick > 2.1 * max(tick, CLOCK_S)


def _rate(stream: Any, times: list[int], uneven: bool) -> Fraction | None:
    """Frames a second, near misses of the usual rates put right (clocks of 1 ms make 23.976 a 500/21)."""
    rates: Iterable[Any] = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    stated = next((Fraction(rate) for rate in rates if rate and 0 < rate <= 1000), None)
    if uneven or stated is None:
        return stated
    found, duration_s = stated, 0.0
    if len(times) > 1:
        ticks = times[-1] - times[0]
        found, duration_s = (len(times) - 1) / (ticks * stream.time_base), float(ticks * stream.time_base)
    usual = [rate for whole in _WHOLE_RATES for rate in (Fraction(whole), Fraction(whole * 1000, 1001))]
    slack = min(NEAR + (1.1 * CLOCK_S / duration_s if duration_s else 0.0), NEAR_AT_MOST)
    near = [rate for rate in usual if abs(found - rate) <= slack * rate]
    if stated in near:
        return stated
    return min(near, key=lambda rate: abs(rate - found)) if near else found.limit_denominator(1001)


def _kinds(container: Any) -> str:
    return ", ".join(sorted({str(stream.type) for stream in container.streams})) or "nothing"
