"""What this machine can do at most, one thing at a time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.bench.convolutions import ConvolutionRate, convolution_rate
from headroom.bench.files import FileRate, decode_rates, encode_rates, exr_threads
from headroom.engine.run import Runner

__all__ = ["Limits", "largest_window", "measure_limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For frames of one size."""

    width: int
    height: int
    convolution: ConvolutionRate
    encode: tuple[FileRate, ...]
    """Half-float EXRs, one a compression."""
    decode: tuple[FileRate, ...]
    exr_threads: int

    @property
    def convolution_frames_per_second(self) -> float:
        """A frame that is clipped all over, if there were nothing but its convolutions."""
        gflop = self.convolution.gflop_per_megapixel * self.width * self.height / 1e6
        return self.convolution.gflop_per_second / gflop

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "width": self.width,
            "height": self.height,
            "convolution": self.convolution.as_dict(),
            "convolution_frames_per_second": self.convolution_frames_per_second,
            "encode": [rate.as_dict() for rate in self.encode],
            "decode": [rate.as_dict() for rate in self.decode],
            "exr_threads": self.exr_threads,
        }


def measure_limits(
    width: int,
    height: int,
    *,
    model: str | Path = "headroom-1",
    device: str = "auto",
    precision: str = "auto",
    runs: int = 3,
) -> Limits:
    """Each of them alone, the best of ``runs``; files go to a folder that is removed again."""
    runner = Runner(weights.load(model).module, device=device, precision=precision)
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as folder:
        return Limits(
            width=width,
            height=height,
            convolution=convolution_rate(runner, *largest_window(runner, width, height)),
            encode=tuple(encode_rates(Path(folder), width, height, runs=runs)),
            decode=tuple(decode_rates(Path(folder), width, height, runs=runs)),
            exr_threads=exr_threads(),
        )


def largest_window(runner: Runner, width: int, height: int) -> tuple[int, int]:
    """Width and height of the largest window (tile and halo) that frames of this size are cut into."""
    windows = [tile.window for row in runner.plan(width, height).rows for tile in row]
    largest = max(windows, key=lambda window: window.width * window.height)
    return largest.width, largest.height
