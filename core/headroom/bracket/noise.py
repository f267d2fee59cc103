"""How much a frame's linear light can be off: shot noise, read noise and the step between two codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

if TYPE_CHECKING:
    from headroom.bracket.align import Alignment

__all__ = ["NoiseModel", "measured_noise", "rounding"]

Array = npt.NDArray[np.float64]

STEPS = 1024
WINDOWS = 8
"""To a side of the frame."""
WINDOW_PX = 64
BLOCK = 8
LEVELS = 24
QUIET = 0.25
"""Of the blocks of a level, ordered by their detail, the one that shows the noise alone."""
QUIET_BIAS = 0.89
"""What that one shows of the true variance: the lower quartile of a mean of 49 squares."""
LEAST_BLOCKS = 6
LEAST = 1e-12


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
    """``stated``, ``measured`` (frames against each other) or ``frames`` (each frame's quietest parts)."""

    def variance(self, linear: FloatArray) -> FloatArray:
        """Element-wise, never 0."""
        light = linear.clip(0, None)
        found = np.float32(self.read**2) + np.float32(self.shot**2) * light
        if self.step is not None:
            at = np.sqrt(light.clip(0, 1)) * np.float32(len(self.step) - 1)
            found += self.step[(at + np.float32(0.5)).astype(np.int32)] ** 2
        least: FloatArray = np.maximum(found, np.float32(LEAST))
        return least


def measured_noise(alignment: Alignment) -> NoiseModel:
    """Of a bracket's frames, all of one camera at one ISO.

    Frames that did not move are compared with their neighbours by exposure: whatever differs from pixel to pixel is
    noise, and what JPEG makes of it. Those that moved show it in their quietest blocks, before resampling smooths it.
    """
    plates = alignment.bracket.plates
    step = rounding(alignment)
    base = NoiseModel(shot=0.0, read=0.0, step=step)
    fixed = all(motion.homography is None for motion in alignment.motions)
    gathered: list[tuple[Array, Array, Array]] = []
    exposures = alignment.bracket.exposures
    for k in range(len(plates) - 1 if fixed else len(plates)):
        gain = exposures[k + 1] / exposures[k] if fixed else 0.0
        gathered.append(_levels(alignment, k, float(gain), base))
    rows, power, rounded = (np.concatenate(part) for part in zip(*gathered, strict=True))
    if not len(power):
        return NoiseModel(step=step)
    read2, shot2 = _solve(rows, power, rounded)
    return NoiseModel(
        shot=float(shot2**0.5), read=float(read2**0.5), step=step, source="measured" if fixed else "frames"
    )


def rounding(alignment: Alignment) -> FloatArray | None:
    """``NoiseModel.step`` of the reference's codes; None where they are floats."""
    plate = alignment.bracket.plates[alignment.bracket.reference]
    if plate.is_float:
        return None
    codes = np.linspace(0, 1, 4 * STEPS, dtype=np.float32)
    light = alignment.decode(np.repeat(codes[:, None], 3, axis=1)).mean(axis=1).astype(np.float64)
    slope = np.gradient(light, codes.astype(np.float64))
    wanted = np.linspace(0, 1, STEPS) ** 2
    # Rounding to steps of one code: a uniform error, of standard deviation 1 / sqrt(12).
    deviation = np.interp(wanted, np.maximum.accumulate(light), slope) / ((2**plate.bits - 1) * 12**0.5)
    return np.asarray(deviation, np.float32)


def _levels(alignment: Alignment, k: int, gain: float, base: NoiseModel) -> tuple[Array, Array, Array]:
    """Of a frame (``gain`` 0) or of the difference to the next brighter one: what read and shot noise count for at
    each level of light, (L, 2); the variance seen there, and the part of it that rounding makes, (L,)."""
    level, power = [], []
    for y0, x0 in _places(alignment.height, alignment.width):
        y1, x1 = min(y0 + WINDOW_PX, alignment.height), min(x0 + WINDOW_PX, alignment.width)
        here, lost = alignment.recorded(k, y0, y1, x0, x1)
        if gain:
            brighter, lost_there = alignment.recorded(k + 1, y0, y1, x0, x1)
            detail, light = _detail(here * np.float32(gain) - brighter), brighter
            lost = np.maximum(lost, lost_there)
        else:
            detail, light = _detail(here), here
        good = _blocks(lost).max(axis=(1, 3)) == 0
        level.append(_blocks(light).mean(axis=(1, 3))[good])
        power.append((_blocks(detail**2).sum(axis=(1, 3)) / (BLOCK - 1) ** 2)[good])
    light, square = np.concatenate(level).astype(np.float64), np.concatenate(power).astype(np.float64)
    edges = np.linspace(0, 1, LEVELS + 1) ** 2
    rows, seen, rounded = [], [], []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (light >= low) & (light < high)
        if inside.sum() < LEAST_BLOCKS:
            continue
        x = float(light[inside].mean())
        seen.append(float(np.quantile(square[inside], QUIET)) / QUIET_BIAS)
        rows.append([1 + gain**2, x * (1 + gain)])
        codes = base.variance(np.array([x, x / gain if gain else 0.0], np.float32)).astype(np.float64)
        rounded.append(codes[0] + gain**2 * codes[1])
    return np.array(rows).reshape(-1, 2), np.array(seen), np.array(rounded)


def _solve(rows: Array, power: Array, rounded: Array) -> tuple[float, float]:
    """Read and shot variance, neither below 0; every level counts by its own doubt."""
    wanted = power - rounded
    scale = np.maximum(power, rounded)
    for _ in range(3):
        answer = _not_below_zero(rows / scale[:, None], wanted / scale)
        scale = np.maximum(rows @ answer + rounded, LEAST)
    return float(answer[0]), float(answer[1])


def _not_below_zero(rows: Array, wanted: Array) -> Array:
    both = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    if (both >= 0).all():
        return np.asarray(both, np.float64)
    answers = [np.zeros(2)]
    for n in range(2):
        alone = np.zeros(2)
        alone[n] = max(0.0, float(rows[:, n] @ wanted / (rows[:, n] @ rows[:, n])))
        answers.append(alone)
    return min(answers, key=lambda answer: float(((rows @ answer - wanted) ** 2).sum()))


def _detail(values: FloatArray) -> FloatArray:
    """Second difference over 2 x 2 pixels: lines and slopes vanish, white noise keeps its variance."""
    detail = np.zeros_like(values)
    detail[:-1, :-1] = (values[:-1, :-1] - values[1:, :-1] - values[:-1, 1:] + values[1:, 1:]) / 2
    return detail


def _blocks(values: FloatArray) -> FloatArray:
    """(h, BLOCK, w, BLOCK, 3); the last row and column of a block's detail belong half to its neighbour."""
    h, w = (side // BLOCK * BLOCK for side in values.shape[:2])
    return values[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK, 3)


def _places(height: int, width: int) -> Sequence[tuple[int, int]]:
    tops, lefts = (
        np.unique(np.linspace(0, max(0, side - WINDOW_PX), max(1, min(WINDOWS, side // WINDOW_PX))).astype(int))
        for side in (height, width)
    )
    return [(int(top), int(left)) for top in tops for left in lefts]
