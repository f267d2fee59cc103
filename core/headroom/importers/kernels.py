"""TensorFlow's arrays and torch's: the same numbers, axes in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["shape_in_tensorflow", "to_torch"]


def to_torch(array: npt.NDArray[Any]) -> Tensor:
    """Kernels (height, width, in, out), transposed ones (height, width, out, in), to torch's; others as they are."""
    turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
    return torch.from_numpy(np.array(turned, np.float32, order="C"))


def shape_in_tensorflow(tensor: Tensor) -> tuple[int, ...]:
    """The shape that a tensor's array has there."""
    shape = tuple(tensor.shape)
    return (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape
