"""What a method sees of a bracket: codes, exposures, response; never the truth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from headroom.bracket.align import Alignment, Way, align
from headroom.bracket.frames import FrameRows
from headroom.bracket.noise import NoiseModel, measured_noise
from headroom.bracket.stack import Bracket
from headroom.camera import Response
from headroom.plate import FloatArray, Plate
from headroom.staging import StagedBracket

__all__ = ["Frames", "frames_of"]


@dataclass(frozen=True, eq=False)
class Frames:
    """A bracket as it came out of the camera."""

    codes: npt.NDArray[np.uint8]
    """(N, H, W, 3), darkest first."""
    ev_stops: tuple[float, ...]
    """Over the reference, rising."""
    reference: int
    response: Response
    align_seconds: dict[Way, float] = field(default_factory=dict)
    """What each way of aligning took, once it was asked for."""
    _aligned: dict[Way, Alignment] = field(default_factory=dict, repr=False)
    _noise: dict[Way, NoiseModel] = field(default_factory=dict, repr=False)
    _windows: dict[Way, list[FrameRows]] = field(default_factory=dict, repr=False)

    @property
    def exposures(self) -> npt.NDArray[np.float64]:
        """(N,) light gathered relative to the reference."""
        return np.exp2(np.array(self.ev_stops, np.float64))

    @property
    def megapixels(self) -> float:
        """Of one frame."""
        return float(self.codes[0, ..., 0].size / 1e6)

    @property
    def bracket(self) -> Bracket:
        """The frames as plates."""
        plates = tuple(Plate(codes=code) for code in self.codes)
        return Bracket(plates=plates, ev_stops=self.ev_stops, reference=self.reference, source="stated")

    def decode(self, codes: FloatArray) -> FloatArray:
        """Codes to a frame's own linear light, 1.0 = white: the true response, as a user states it by a LUT."""
        return np.asarray(self.response.inverse(codes), np.float32)

    def aligned(self, how: Way) -> Alignment:
        """Aligned once for all methods that want it so; what flow is laid upon is the global alignment."""
        if how not in self._aligned:
            start = time.perf_counter()
            if how == "global" and "flow" in self._aligned:
                flow = self._aligned["flow"]
                motions = tuple(motion.without_flow() for motion in flow.motions)
                self._aligned[how] = replace(flow, motions=motions, how=how)
            else:
                self._aligned[how] = align(self.bracket, self.decode, how=how)
            self.align_seconds[how] = time.perf_counter() - start
        return self._aligned[how]

    def window(self, how: Way) -> list[FrameRows]:
        """All frames, whole, as seen from the reference: once for all methods, which leave them as they are."""
        if how not in self._windows:
            aligned = self.aligned(how)
            self._windows[how] = aligned.window(0, aligned.height)
        return self._windows[how]

    def noise(self, how: Way) -> NoiseModel:
        """Measured in the frames, as ``headroom merge`` does."""
        if how not in self._noise:
            self._noise[how] = measured_noise(self.aligned(how))
        return self._noise[how]

    def afresh(self) -> Frames:
        """The same frames, nothing aligned yet."""
        return Frames(self.codes, self.ev_stops, self.reference, self.response)


def frames_of(staged: StagedBracket) -> Frames:
    """A staged bracket without its truth."""
    codes = np.rint(staged.frames * np.float32(255)).astype(np.uint8)
    return Frames(codes, staged.ev_stops, staged.reference, staged.response)
