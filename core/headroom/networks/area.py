"""Area resampling as a pair of matrices: the same numbers for a whole frame and for a frame seen in bands.

``headroom.torchscript`` compiles these functions: they keep to what TorchScript knows.
"""

from __future__ import annotations

import math

import torch

__all__ = ["area_weights", "scene_size"]

SCENE_SIDE_LONGEST = 1024


def area_weights(n_in: int, n_out: int) -> torch.Tensor:
    """(n_out, n_in) float32 weights of a box filter whose rows sum to 1; repeats samples where n_out > n_in."""
    edges = torch.arange(n_out + 1, dtype=torch.float64) * (n_in / n_out)
    lo, hi = edges[:-1, None], edges[1:, None]
    left = torch.arange(n_in, dtype=torch.float64)[None]
    overlap = (torch.minimum(hi, left + 1) - torch.maximum(lo, left)).clamp_(min=0)
    return (overlap / (hi - lo)).float()


def scene_size(
    height: int, width: int, pixels: int, multiple_of: int, longest: int = SCENE_SIDE_LONGEST
) -> tuple[int, int]:
    """Height and width of the scene view: about ``pixels`` in all, the frame's aspect, whole multiples."""
    aspect = width / height
    rows, columns = math.sqrt(pixels / aspect), math.sqrt(pixels * aspect)
    # TorchScript's round gives a float.
    return (
        min(multiple_of * max(1, int(round(rows / multiple_of))), longest),
        min(multiple_of * max(1, int(round(columns / multiple_of))), longest),
    )
