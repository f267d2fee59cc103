"""Where the response curve's lines are taken: over a frame that comes in bands, and inside the cells of a picture.

Places depend on the frame's size alone, so a frame gives the same lines however it is cut into bands.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom.networks.curve_net import SAMPLES, STRIDES, Lines, useful

__all__ = ["SHARES", "FrameLines", "best_lines", "cell_lines"]

PLACES = 24576
"""Lines that are looked at in a frame."""
SHARES = (0.4, 0.33, 0.27)
"""Of each stride."""
STEP_PIXELS = 600_000
"""A frame of so many pixels is sampled pixel by pixel, larger ones in steps: their edges are softer."""
SEED = 2004


class FrameLines:
    """Gathers the lines of one frame from its bands, which come in order and leave no row out."""

    def __init__(self, height: int, width: int) -> None:
        """For a frame of this size."""
        step = max(1, round(math.sqrt(height * width / STEP_PIXELS)))
        rng = np.random.default_rng(SEED)
        kinds = [np.zeros((0, 5), np.int64)]
        for stride, share in zip(STRIDES, SHARES, strict=True):
            for down, right in ((stride * step, 0), (0, stride * step)):
                rows, columns = height - down * (SAMPLES - 1), width - right * (SAMPLES - 1)
                count = round(PLACES * share / 2) if rows > 0 and columns > 0 else 0
                fixed = np.tile([down, right, stride], (count, 1))
                if count:
                    kinds.append(np.c_[rng.integers(0, rows, count), rng.integers(0, columns, count), fixed])
        places = np.concatenate(kinds)
        last = places[:, 0] + places[:, 2] * (SAMPLES - 1)
        order = np.argsort(last, kind="stable")
        # y, x of the first sample; rows down, columns to the right, a sample; stride
        self._places, self._last_rows = places[order], last[order]
        self._reach = int(self._places[:, 2].max(initial=0)) * (SAMPLES - 1)
        self._above = np.zeros((0, width, 3), np.float32)
        self._next_row = 0
        self._kept: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]] = []

    def see(self, x_srgb: npt.NDArray[np.float32]) -> None:
        """The next rows, (h, W, 3) 0..1."""
        start, end = self._next_row, self._next_row + len(x_srgb)
        now = np.arange(np.searchsorted(self._last_rows, start), np.searchsorted(self._last_rows, end))
        inside = self._places[now, 0] >= start
        self._take(now[inside], x_srgb, start)
        # Lines that began in earlier bands need only the rows about the seam.
        self._take(now[~inside], np.concatenate([self._above, x_srgb[: self._reach]]), start - len(self._above))
        rows = x_srgb if len(x_srgb) >= self._reach else np.concatenate([self._above, x_srgb])
        self._above = rows[len(rows) - min(self._reach, len(rows)) :].copy()
        self._next_row = end

    def lines(self) -> Lines:
        """All that are worth looking at, (1, K, 5, 3), in the same order however the bands were cut."""
        codes = np.concatenate([np.zeros((0, SAMPLES, 3), np.float32), *(codes for codes, _ in self._kept)])
        numbers = np.concatenate([np.zeros(0, np.int64), *(numbers for _, numbers in self._kept)])
        order = np.argsort(numbers)
        stride = self._places[numbers[order], 4]
        return Lines(torch.from_numpy(codes[order])[None], torch.from_numpy(stride)[None])

    def _take(self, numbers: npt.NDArray[np.int64], x_srgb: npt.NDArray[np.float32], y0: int) -> None:
        if not len(numbers):
            return
        y, x, down, right, _ = self._places[numbers].T[:, :, None]
        sample = np.arange(SAMPLES)
        codes = x_srgb[y - y0 + down * sample, x + right * sample]
        good = useful(torch.from_numpy(codes)).numpy()
        self._kept.append((codes[good], numbers[good]))


def cell_lines(x_srgb: Tensor, cell_px: int, count: int, generator: torch.Generator) -> Lines:
    """At most ``count`` lines of each picture (B, 3, H, W), either way, none across a border of its square cells."""
    batch, _, height, width = x_srgb.shape
    device = x_srgb.device
    flat = x_srgb.flatten(2).transpose(1, 2)
    sample = torch.arange(SAMPLES, device=device)

    def draw(top: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(top, shape, generator=generator, device=device)

    codes, strides = [], []
    for stride, share in zip(STRIDES, SHARES, strict=True):
        for down, right in ((stride, 0), (0, stride), (-stride, 0), (0, -stride)):
            tries = (batch, round(1.5 * count * share / 4))
            free = [cell_px - abs(step) * (SAMPLES - 1) for step in (down, right)]
            row = draw(height // cell_px, tries) * cell_px + draw(free[0], tries) - min(down, 0) * (SAMPLES - 1)
            column = draw(width // cell_px, tries) * cell_px + draw(free[1], tries) - min(right, 0) * (SAMPLES - 1)
            place = (row * width + column)[..., None] + sample * (down * width + right)
            found = flat.gather(1, place.flatten(1)[..., None].expand(-1, -1, 3)).unflatten(1, place.shape[1:])
            codes.append(found)
            strides.append(torch.full(tries, stride, device=device))
    return best_lines(torch.cat(codes, 1), torch.cat(strides, 1), count, generator)


def best_lines(x_srgb: Tensor, stride: Tensor, count: int, generator: torch.Generator) -> Lines:
    """At most ``count`` of (B, N, 5, 3) lines with (B, N) strides, drawn among those that are worth looking at."""
    kept = torch.where(useful(x_srgb), stride, 0)
    order = torch.randint(1 << 30, kept.shape, generator=generator, device=kept.device) * (kept > 0)
    best = order.topk(min(count, order.shape[1]), 1).indices
    return Lines(x_srgb.gather(1, best[..., None, None].expand(-1, -1, SAMPLES, 3)), kept.gather(1, best))
