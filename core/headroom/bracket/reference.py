"""Which frame the merge shows the moment of: ``--reference auto``."""

from __future__ import annotations

import numpy as np

from headroom.bracket.align import frame_clip
from headroom.bracket.stack import Bracket
from headroom.encode import largest_channel

__all__ = ["best_reference"]

ROWS = 256
"""Rows and columns looked at, spread over the frame."""
DARK = 0.06
"""Code of the brightest channel below which a pixel holds more noise than picture."""
CLIPPED_COSTS = 2.0
"""What clipped is lost, what is dark only noisy: it counts as many dark pixels."""
LEVEL = 0.02
"""Frames as good as each other to this share: the one nearer the middle is taken."""


def best_reference(bracket: Bracket) -> int:
    """The frame with the least clipped and dark in it; of equals the nearest to the middle, then the darkest."""
    middle = (len(bracket.plates) - 1) / 2
    losses = []
    for plate in bracket.plates:
        rows = np.unique(np.linspace(0, plate.height - 1, ROWS).astype(int))
        columns = np.unique(np.linspace(0, plate.width - 1, ROWS).astype(int))
        codes = np.concatenate([plate.rows(int(y), int(y) + 1)[:, columns] for y in rows])
        brightest = largest_channel(codes)
        clipped = float((brightest >= 0.99 * frame_clip(plate).code).mean())
        losses.append(CLIPPED_COSTS * clipped + float((brightest < DARK).mean()))
    good = [k for k, loss in enumerate(losses) if loss <= min(losses) + LEVEL]
    return min(good, key=lambda k: (abs(k - middle), k))
