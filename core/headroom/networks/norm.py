"""Batch norm without torch's count of batches, which is no weight and overflows the half floats that models ship in."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["BatchNorm"]


class BatchNorm(nn.BatchNorm2d):
    """``decay`` as TensorFlow counts it: the share of the running statistics that a batch leaves."""

    def __init__(self, width: int, *, eps: float, decay: float) -> None:
        """Scale 1, shift 0."""
        super().__init__(width, eps=eps, momentum=1 - decay)
        self.num_batches_tracked = None

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        # BatchNorm2d's own would put the missing count back.
        nn.Module._load_from_state_dict(self, *args, **kwargs)
