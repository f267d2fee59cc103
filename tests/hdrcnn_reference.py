"""HDRCNN in NumPy, layer by layer as TensorFlow and TensorLayer define them, on the authors' list of parameters.

Pictures are (H, W, C), kernels (height, width, in, out), kernels of transposed convolutions (height, width, out, in).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["author_file", "author_parameters", "expected_layout", "hdrcnn"]

EPS = 1 / 255


def same_convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Stride 1, SAME: so many zeros before as after, for odd kernels."""
    before = (kernel.shape[0] - 1) // 2
    padded = np.pad(x, ((before, kernel.shape[0] - 1 - before), (before, kernel.shape[1] - 1 - before), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxikl,klio->yxo", windows, kernel) + bias


def same_transposed(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Twice the size: the gradient of a SAME convolution of stride 2 from that size, whose padding it cuts off."""
    height, width = x.shape[0] * 2, x.shape[1] * 2
    side = kernel.shape[0]
    whole = np.zeros((height + side, width + side, kernel.shape[2]))
    for down in range(side):
        for right in range(side):
            part = np.einsum("yxi,oi->yxo", x, kernel[down, right])
            whole[down : down + height : 2, right : right + width : 2] += part
    padding = (x.shape[0] - 1) * 2 + side - height  # in all, of the forward convolution; the smaller half before
    before = padding // 2
    return whole[before : before + height, before : before + width] + bias


def pool(x: np.ndarray) -> np.ndarray:
    return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))


def norm(x: np.ndarray, beta: np.ndarray, gamma: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def log_skip(x: np.ndarray) -> np.ndarray:
    return np.log((x / 255) ** 2 + EPS)


def hdrcnn(parameters: Sequence[np.ndarray], code: np.ndarray) -> np.ndarray:
    """(H, W, 3) code values 0..1 to ln of light."""
    left = iter(parameters)

    def take(count: int) -> list[np.ndarray]:
        return [next(left).astype(np.float64) for _ in range(count)]

    scaled = code.astype(np.float64) * 255
    x = scaled[..., ::-1] - np.array([103.939, 116.779, 123.68])
    skips = []
    for depth in (2, 2, 3, 3, 3):
        for _ in range(depth):
            x = np.maximum(same_convolution(x, *take(2)), 0)
        skips.append(x)
        x = pool(x)
    x = np.maximum(norm(same_convolution(x, *take(2)), *take(4)), 0)
    for step in range(5):
        if step:
            x = same_convolution(np.concatenate([x, log_skip(skips.pop())], 2), *take(2))
        x = np.maximum(norm(same_transposed(x, *take(2)), *take(4)), 0)
    x = same_convolution(np.concatenate([x, log_skip(skips.pop())], 2), *take(2))
    x = np.maximum(norm(same_convolution(x, *take(2)), *take(4)), 0)
    x = same_convolution(np.concatenate([x, log_skip(scaled)], 2), *take(2))
    assert next(left, None) is None
    return x


def expected_layout(width: float = 1.0) -> Iterator[tuple[int, ...]]:
    """Shapes of the authors' arrays, in order."""
    channels = [round(c * width) for c in (64, 128, 256, 512, 512)]
    inputs = 3
    for c, depth in zip(channels, (2, 2, 3, 3, 3), strict=True):
        for _ in range(depth):
            yield from ((3, 3, inputs, c), (c,))
            inputs = c
    yield from ((3, 3, inputs, inputs), (inputs,), *[(inputs,)] * 4)
    for step, c in enumerate(reversed(channels)):
        if step:
            yield from ((1, 1, 2 * inputs, inputs), (inputs,))
        yield from ((4, 4, c, inputs), (c,), *[(c,)] * 4)
        inputs = c
    yield from ((1, 1, 2 * inputs, inputs), (inputs,), (1, 1, inputs, 3), (3,), *[(3,)] * 4, (1, 1, 6, 3), (3,))


def author_parameters(width: float = 1 / 16, seed: int = 0) -> list[np.ndarray]:
    """Random ones that keep the signal's size, every batch norm other than neutral."""
    rng = np.random.default_rng(seed)
    shapes = list(expected_layout(width))
    found: list[np.ndarray] = []
    vectors = 0
    for shape in shapes:
        if len(shape) == 4:
            fan_in = shape[0] * shape[1] * shape[2] if shape[0] != 4 else 4 * shape[3]
            found.append(rng.normal(0, np.sqrt(2 / fan_in), shape))
            vectors = 0
            continue
        # After a kernel: bias, and where batch norm follows, beta, gamma, mean, variance.
        spans: list[Any] = [(-0.1, 0.1), (-0.5, 0.5), (0.5, 1.5), (-0.3, 0.3), (0.5, 2.0)]
        found.append(rng.uniform(*spans[vectors], shape))
        vectors += 1
    return [array.astype(np.float32) for array in found]


def author_file(path: Path, parameters: Sequence[Any]) -> Path:
    """As the release was written: ``np.savez(path, params=list)``."""
    listed = np.empty(len(parameters), object)
    for number, array in enumerate(parameters):
        listed[number] = array
    np.savez(path, params=listed)
    return path
