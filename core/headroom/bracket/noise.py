"""How much a frame's linear light can be off: shot noise, read noise and the step between two codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headroom.plate import FloatArray

__all__ = ["NoiseModel"]


@dataclass(frozen=True, kw_only=True)
class NoiseModel:
    """Variance of a sample as a function of its light, both in the frame's own exposure (1.0 = white)."""

    shot: float = 0.01
    """Standard deviation at white that grows with the root of the light (``camera.sensor_noise``)."""
    read: float = 0.002
    """Standard deviation that is always there."""
    step: FloatArray | None = None
    """(K,) standard deviation that rounding to codes leaves at light ``(i / (K-1))^2``; None: float codes."""
    source: str = "stated"

    def variance(self, linear: FloatArray) -> FloatArray:
        """Element-wise, never 0."""
        light = linear.clip(0, None)
        found = np.float32(self.read**2) + np.float32(self.shot**2) * light
        if self.step is not None:
            at = np.sqrt(light.clip(0, 1)) * np.float32(len(self.step) - 1)
            found += self.step[(at + np.float32(0.5)).astype(np.int32)] ** 2
        least: FloatArray = np.maximum(found, np.float32(1e-12))
        return least
