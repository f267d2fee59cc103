"""How fast this machine convolves: the network's own layers, each alone, in the precision and threads in use.

The rate is a ceiling for the network: what a tile would take if it were convolutions and nothing else. Layers are
caught as the network runs (shapes, strides, memory format, type), so that the measured ones are those that run.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from headroom.engine.run import Runner
from headroom.networks.single_image import CURVE_SAMPLES

__all__ = ["ConvolutionRate", "Layer", "convolution_rate", "local_layers"]

RUNS = 5
"""Of each layer, after one that does not count."""
RUN_SECONDS_LEAST = 0.02
"""A layer is repeated until one timing takes this long: clocks and launches are not what is measured."""


@dataclass(frozen=True)
class Layer:
    """One convolution as it was called."""

    input_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dtype: torch.dtype
    channels_last: bool

    @property
    def flop(self) -> int:
        """Multiply-adds x 2, without the bias."""
        batch, _, *size = self.input_shape
        outputs, inputs, *kernel = self.weight_shape
        places = [
            (length + 2 * pad - side) // step + 1
            for length, pad, side, step in zip(size, self.padding, kernel, self.stride, strict=True)
        ]
        return 2 * batch * outputs * inputs * math.prod(kernel) * math.prod(places)


@dataclass(frozen=True, kw_only=True)
class ConvolutionRate:
    """The ceiling, for one size of tile."""

    gflop_per_second: float
    """By the clock on the wall: what the machine gives as busy as it is."""
    gflop_per_core_second: float
    """By the processor time of all threads: comparable between runs on a machine that others use. 0 on a GPU."""
    gflop_per_megapixel: float
    """Convolutions of the local part, for a megapixel of window (tile and halo)."""
    device: str
    precision: str
    threads: int
    tile: tuple[int, int]
    """Width and height of the window that was measured."""
    slowest: tuple[dict[str, Any], ...]
    """The layers that take most of the time: shapes, count, GFLOP, GFLOP/s."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class _Caught(TorchDispatchMode):
    """Notes the convolutions that run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[Layer] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.conv2d.default, torch.ops.aten.convolution.default):
            x, weight = args[0], args[1]
            stride = tuple(args[3]) if len(args) > 3 else (1, 1)
            padding = tuple(args[4]) if len(args) > 4 else (0, 0)
            channels_last = x.is_contiguous(memory_format=torch.channels_last)
            self.layers.append(Layer(tuple(x.shape), tuple(weight.shape), stride, padding, x.dtype, channels_last))
        return func(*args, **(kwargs or {}))


def local_layers(runner: Runner, width: int, height: int) -> Counter[Layer]:
    """The convolutions that one window of this size takes, with how often each is called."""
    multiple = runner.contract.multiple_of
    if width % multiple or height % multiple:
        raise ValueError(f"a window of {width}x{height} is no multiple of {multiple}")
    x = torch.full((1, 3, height, width), 0.5, device=runner.device).contiguous(memory_format=torch.channels_last)
    place = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float32, device=runner.device)
    gatherer, blank = runner.module.gatherer(height, width), np.zeros((height, width, 3), np.float32)
    gatherer.see(blank, blank)
    straight = np.linspace(0, 1, CURVE_SAMPLES, dtype=np.float32)
    caught = _Caught()
    with torch.inference_mode(), runner.autocast():
        features = runner.look(gatherer.gathered(), straight)
        with caught:
            runner.module.local(x, x, features, place, dequantize=False)
    return Counter(caught.layers)


def convolution_rate(
    runner: Runner, width: int, height: int, *, cancelled: Callable[[], bool] = lambda: False
) -> ConvolutionRate:
    """Time the layers of one window; the rate is their arithmetic over the sum of their best times.

    ``cancelled`` is asked between layers; the rate then covers those that were timed.
    """
    timed: list[tuple[Layer, int, tuple[float, float]]] = []
    for layer, count in local_layers(runner, width, height).items():
        if timed and cancelled():
            break
        timed.append((layer, count, _seconds(layer, runner.device)))
    flop = sum(layer.flop * count for layer, count, _ in timed)
    seconds = sum(count * each for _, count, (each, _) in timed)
    core_seconds = sum(count * busy for _, count, (_, busy) in timed)
    by_time = sorted(timed, key=lambda row: -row[1] * row[2][0])[:5]
    return ConvolutionRate(
        gflop_per_second=flop / seconds / 1e9,
        gflop_per_core_second=flop / core_seconds / 1e9 if runner.device.type == "cpu" else 0.0,
        gflop_per_megapixel=flop / 1e9 / (width * height / 1e6),
        device=str(runner.device),
        precision=runner.precision,
        threads=torch.get_num_threads(),
        tile=(width, height),
        slowest=tuple(
            {
                "input": layer.input_shape,
                "weight": layer.weight_shape,
                "count": count,
                "share_of_time": count * each / seconds,
                "gflop_per_second": layer.flop / each / 1e9,
            }
            for layer, count, (each, _) in by_time
        ),
    )


def _seconds(layer: Layer, device: torch.device) -> tuple[float, float]:
    """Best time of one call: on the wall, and of the processors."""
    form = torch.channels_last if layer.channels_last else torch.contiguous_format
    generator = torch.Generator().manual_seed(1)
    x, weight = (
        torch.randn(shape, generator=generator).to(device, layer.dtype).contiguous(memory_format=form)
        for shape in (layer.input_shape, layer.weight_shape)
    )
    bias = torch.zeros(layer.weight_shape[0], dtype=layer.dtype, device=device)

    def run(times: int) -> tuple[float, float]:
        _wait(device)
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(times):
            F.conv2d(x, weight, bias, stride=layer.stride, padding=layer.padding)
        _wait(device)
        return (time.perf_counter() - start) / times, (time.process_time() - busy) / times

    with torch.inference_mode():
        run(1)  # plans and allocates
        times = max(1, round(RUN_SECONDS_LEAST / max(run(1)[0], 1e-6)))
        walls, busies = zip(*(run(times) for _ in range(RUNS)), strict=True)
    return min(walls), min(busies)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
