"""Speed and memory of a model on this machine."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headroom.colour.plan import plan
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

__all__ = ["Bench", "bench", "synthetic_plate"]

CLIPPED_SHARE = 0.1
LIGHTS = 24


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One measurement: the best of several runs, and the highest memory so far."""

    model: str
    device: str
    precision: str
    width: int
    height: int
    seconds: float
    megapixels_per_second: float
    peak_memory_bytes: int
    """Of the process; of the GPU where one is used."""
    threads: int
    torch: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def bench(
    width: int,
    height: int,
    *,
    model: str | Path = "headroom-1",
    device: str = "auto",
    precision: str = "auto",
    memory_bytes: int | None = None,
    runs: int = 3,
    compile_network: bool = False,
) -> Bench:
    """Reconstructs a synthetic 8-bit plate ``runs`` times, after one run to warm up; files are not counted."""
    loaded = Reconstructor(
        model, device=device, precision=precision, memory_bytes=memory_bytes, compile=compile_network
    )
    plate = synthetic_plate(width, height)
    colour = plan(None)
    best = float("inf")
    for run in range(runs + 1):
        start = time.perf_counter()
        for _ in loaded.bands(plate, colour):
            pass
        best = min(best, time.perf_counter() - start) if run else best
    return Bench(
        model=loaded.card.name,
        device=str(loaded.runner.device),
        precision=loaded.runner.precision,
        width=width,
        height=height,
        seconds=best,
        megapixels_per_second=width * height / 1e6 / best,
        peak_memory_bytes=_peak_memory(loaded.runner.device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def synthetic_plate(width: int, height: int) -> Plate:
    """Soft lights over a gradient, a tenth of it clipped, spread over the frame so that few tiles are skipped."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 0.05 + 0.2 * y / height
    for _ in range(LIGHTS):
        centre_y, centre_x = rng.uniform(0, height), rng.uniform(0, width)
        radius = rng.uniform(0.02, 0.15) * min(width, height) + 1
        light += np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / (2 * radius**2)) * rng.uniform(1, 8)
    light /= np.quantile(light, 1 - CLIPPED_SHARE)
    tint = np.array([1.0, 0.96, 0.9], np.float32)
    code = np.clip(light[..., None] * tint, 0, 1) ** np.float32(1 / 2.2)
    return Plate(codes=np.rint(code * 255).astype(np.uint8))


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
