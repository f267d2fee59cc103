"""HDRCNN's released parameter file: one list of 80 arrays in the order in which TensorLayer made them.

Encoder: 13 convolutions of VGG-16 (W, b). At 1/32: W, b, batch norm. Then each step of the decoder: transposed
convolution W, b, batch norm, before which all but the first have the fusion W, b of the step before. Fusion, 1 x 1
convolution, batch norm, fusion with the input. Batch norm is beta, gamma, mean, variance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom.errors import WeightsError
from headroom.importers.kernels import shape_in_tensorflow, to_torch
from headroom.importers.pickles import read_array_list
from headroom.importers.table import Imported
from headroom.networks.hdrcnn import DEPTHS, HDRCNN, WIDTHS, Config

__all__ = ["KEY", "layout", "read"]

KEY = "params"
NUMBERS = 29_447_332
"""In the released file."""
NORM = ("bias", "weight", "running_mean", "running_var")
"""TensorLayer's beta, gamma, moving_mean and moving_variance."""


def layout() -> list[str]:
    """Names in our state dict, in the file's order."""
    return list(_names())


def read(paths: Sequence[Path]) -> Imported:
    """The released file, or one of a network of its layout with fewer channels."""
    if len(paths) != 1:
        raise WeightsError(f"HDRCNN comes as one file, not as {len(paths)}: give hdrcnn_params.npz alone")
    path = paths[0]
    arrays, names = read_array_list(path, KEY), layout()
    if len(arrays) != len(names):
        raise WeightsError(f"{path}: {len(arrays)} arrays where HDRCNN has {len(names)}")
    config = Config(width=_width(path, arrays[0]))
    with torch.device("meta"):
        expected: dict[str, Tensor] = HDRCNN(config).state_dict()
    tensors = {}
    for number, (name, array) in enumerate(zip(names, arrays, strict=True), start=1):
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise WeightsError(f"{path}: array {number} ({name}) holds {array.dtype}, or numbers that are not finite")
        tensor = to_torch(array)
        if tensor.shape != expected[name].shape:
            wanted = shape_in_tensorflow(expected[name])
            raise WeightsError(f"{path}: array {number} ({name}) is {array.shape}, HDRCNN's is {wanted}")
        tensors[name] = tensor
    count = sum(tensor.numel() for tensor in tensors.values())
    if config.width == 1.0 and count != NUMBERS:
        raise WeightsError(f"{path}: {count} numbers where HDRCNN has {NUMBERS}")
    facts = {"training_data": "the authors': LDR pictures of Places and HDR images and video (Eilertsen et al. 2017)"}
    return Imported(config=config, tensors=tensors, facts=facts)


def _names() -> Iterator[str]:
    for block, depth in enumerate(DEPTHS):
        for layer in range(depth):
            yield from _weight_and_bias(f"encoder.{block}.{2 * layer}")
    yield from _weight_and_bias("bottom.0")
    yield from (f"bottom.1.{part}" for part in NORM)
    for step in range(len(WIDTHS)):
        if step:
            yield from _weight_and_bias(f"fuse.{step - 1}")
        yield from _weight_and_bias(f"up.{step}.0")
        yield from (f"up.{step}.1.{part}" for part in NORM)
    yield from _weight_and_bias(f"fuse.{len(WIDTHS) - 1}")
    yield from _weight_and_bias("last.0")
    yield from (f"last.1.{part}" for part in NORM)
    yield from _weight_and_bias("last_fuse")


def _weight_and_bias(layer: str) -> tuple[str, str]:
    return f"{layer}.weight", f"{layer}.bias"


def _width(path: Path, first: npt.NDArray[Any]) -> float:
    if first.ndim != 4 or first.shape[:3] != (3, 3, 3) or not 1 < first.shape[3] <= WIDTHS[0]:
        raise WeightsError(f"{path}: begins with an array {first.shape}, HDRCNN with (3, 3, 3, {WIDTHS[0]})")
    return float(first.shape[3]) / WIDTHS[0]
