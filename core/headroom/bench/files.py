"""How fast this machine packs and unpacks frames, with headroom's own writer and reader."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import OpenImageIO

from headroom import io
from headroom.bench.synthetic import SyntheticShot
from headroom.io.targets import COMPRESSIONS
from headroom.plate import FloatArray

__all__ = ["FileRate", "decode_rates", "encode_rates", "exr_threads", "read_rate"]

RUNS = 3
"""The best counts."""
HALF_BYTES = 2


@dataclass(frozen=True, kw_only=True)
class FileRate:
    """One format: frames one after the other, complete with the check and the sync that a real one gets."""

    name: str
    frames_per_second: float
    megabytes_per_second: float
    """Of pixels in memory as the file holds them (half floats, 8-bit codes), not of the packed file."""
    core_seconds: float
    """Processor time of a frame, all threads."""
    bytes: int
    """Of one file."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def exr_threads() -> int:
    """Threads that the EXR library packs one file with."""
    return int(OpenImageIO.get_int_attribute("exr_threads") or OpenImageIO.get_int_attribute("threads"))


def encode_rates(
    folder: Path, width: int, height: int, *, compressions: Sequence[str] = COMPRESSIONS, runs: int = RUNS
) -> list[FileRate]:
    """Half-float EXRs of each compression, written to ``folder`` and removed again."""
    light = SyntheticShot(width, height).light(0)
    return [_encode(folder / f"bench-{name}.exr", light, name, runs) for name in compressions]


def decode_rates(folder: Path, width: int, height: int, *, runs: int = RUNS) -> list[FileRate]:
    """Plates of the usual kinds: 8-bit JPEG and PNG, and half-float EXR (ZIP)."""
    shot = SyntheticShot(width, height)
    paths = [Path(str(shot.save(folder, 1, suffix=suffix)).replace("####", "1001")) for suffix in (".jpg", ".png")]
    paths.append(folder / "plate.1001.exr")
    io.write(paths[-1], shot.light(0), depth="half", compression="zip")
    rates = [read_rate(path, runs=runs) for path in paths]
    for path in paths:
        path.unlink()
    return rates


def read_rate(path: Path, *, runs: int = RUNS) -> FileRate:
    """One plate read over and over, from the system's cache."""
    size = io.read(path).codes.nbytes
    wall, busy = _best(lambda: io.read(path), runs)
    return _rate(path.suffix.removeprefix(".").lower(), size, wall, busy, path.stat().st_size)


def _encode(path: Path, light: FloatArray, compression: str, runs: int) -> FileRate:
    size = light.size * HALF_BYTES
    try:
        wall, busy = _best(lambda: io.write(path, light, depth="half", compression=compression), runs)
        return _rate(compression, size, wall, busy, path.stat().st_size)
    finally:
        path.unlink(missing_ok=True)


def _rate(name: str, size: int, wall: float, busy: float, packed: int) -> FileRate:
    return FileRate(
        name=name, frames_per_second=1 / wall, megabytes_per_second=size / 1e6 / wall, core_seconds=busy, bytes=packed
    )


def _best(work: Callable[[], Any], runs: int) -> tuple[float, float]:
    """Seconds on the wall and of the processors, each the best of so many, after one that does not count."""
    work()
    walls, busies = [], []
    for _ in range(runs):
        start, busy = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - start)
        busies.append(time.process_time() - busy)
    return min(walls), min(busies)
