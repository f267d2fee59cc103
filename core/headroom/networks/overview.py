"""What headroom-1 gathers of a whole frame: a small view of it, and lines for its response curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.networks.area import scene_size
from headroom.networks.area_bands import AreaMeans
from headroom.networks.contract import NetworkContract
from headroom.networks.curve_lines import FrameLines
from headroom.networks.curve_net import Lines

__all__ = ["FrameOverview", "Overview"]

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Overview:
    """What one pass over the whole frame gathers."""

    view: Rows
    """(h, w, 6) area means of x_srgb and alpha."""
    lines: Lines
    """(1, K, ...) for the curve's network."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.view.nbytes + sum(part.nbytes for part in self.lines)


class FrameOverview:
    """Gathers it from the rows of a frame."""

    def __init__(self, height: int, width: int, contract: NetworkContract) -> None:
        """For a frame of this size."""
        small = scene_size(height, width, pixels=contract.scene_px, multiple_of=contract.scene_multiple_of)
        self._seen, self._masked = (AreaMeans((height, width), small) for _ in range(2))
        self._lines = FrameLines(height, width)

    def see(self, x_srgb: Rows, alpha: Rows) -> None:
        """The next rows, (h, W, 3) each."""
        self._seen.see(x_srgb)
        self._masked.see(alpha)
        self._lines.see(x_srgb)

    def gathered(self) -> Overview:
        """Once all rows were seen."""
        view = np.concatenate([self._seen.means(), self._masked.means()], axis=2)
        return Overview(view, self._lines.lines())
