"""How much a frame's linear light can be off: shot noise, read noise, the step between two codes, JPEG, black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from headroom.plate import FloatArray

if TYPE_CHECKING:
    from headroom.bracket.align import Alignment

__all__ = ["NoiseModel", "measured_noise", "placement_variance", "rounding"]

Array = npt.NDArray[np.float64]
Channels = tuple[float, float, float]

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

    shot: float | Channels = 0.01
    """Standard deviation at white that grows with the root of the light (``camera.sensor_noise``); one, or R, G, B."""
    read: float | Channels = 0.002
    """Standard deviation that is always there."""
    step: FloatArray | None = None
    """(3, K) standard deviation that coding leaves at light ``(i / (K-1))^2``: rounding to codes, a JPEG's rounding of
    coefficients, and what black hides; None: float codes."""
    source: str = "stated"
    """``stated``, ``measured`` (frames against each other) or ``frames`` (each frame's quietest parts)."""

    def variance(self, linear: FloatArray) -> FloatArray:
        """(..., 3), never 0."""
        light = linear.clip(0, None)
        read, shot = (np.square(np.asarray(part, np.float32)) for part in (self.read, self.shot))
        found = read + shot * light
        if self.step is not None:
            at = np.sqrt(light.clip(0, 1)) * np.float32(self.step.shape[1] - 1)
            found += self.step[np.arange(3), (at + np.float32(0.5)).astype(np.int32)] ** 2
        least: FloatArray = np.maximum(found, np.float32(LEAST))
        return least

    def facts(self) -> dict[str, Any]:
        """For a report: the root mean square over the channels."""
        shot, read = (float(np.sqrt(np.mean(np.square(part)))) for part in (self.shot, self.read))
        return {"shot": shot, "read": read, "source": self.source}


def placement_variance(light: FloatArray, placed_px: float) -> FloatArray:
    """(h, w, 3) variance of what a sample shows of ``light`` that is known to lie so near only: by its slope."""
    wide = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down, right = wide[2:, 1:-1] - wide[:-2, 1:-1], wide[1:-1, 2:] - wide[1:-1, :-2]
    variance: FloatArray = np.float32((placed_px / 2) ** 2) * (down * down + right * right)
    return variance


def measured_noise(alignment: Alignment) -> NoiseModel:
    """Of a bracket's frames, all of one camera at one ISO.

    Frames that did not move are compared with their neighbours by exposure: whatever differs from pixel to pixel is
    noise, and what JPEG makes of it. Those that moved show it in their quietest blocks, before resampling smooths it.
    Channels differ: a JPEG's and a demosaiced RAW's red and blue hold more.
    """
    plates = alignment.bracket.plates
    step = rounding(alignment)
    fixed = all(motion.homography is None for motion in alignment.motions)
    gathered: list[list[tuple[Array, Array, Array]]] = []
    exposures = alignment.bracket.exposures
    for k in range(len(plates) - 1 if fixed else len(plates)):
        gain = exposures[k + 1] / exposures[k] if fixed else 0.0
        gathered.append(_levels(alignment, k, float(gain), step))
    found = []
    for channel in range(3):
        rows, power, rounded = (np.concatenate(part) for part in zip(*(g[channel] for g in gathered), strict=True))
        if not len(power):
            return NoiseModel(step=step)
        found.append(_solve(rows, power, rounded))
    read, shot = ((float(r**0.5), float(g**0.5), float(b**0.5)) for r, g, b in zip(*found, strict=True))
    return NoiseModel(shot=shot, read=read, step=step, source="measured" if fixed else "frames")


def rounding(alignment: Alignment) -> FloatArray | None:
    """``NoiseModel.step`` of the bracket's codes; None where they are floats."""
    plates = alignment.bracket.plates
    plate = plates[alignment.bracket.reference]
    if plate.is_float:
        return None
    codes = np.linspace(0, 1, 4 * STEPS, dtype=np.float32)
    light = alignment.decode(np.repeat(codes[:, None], 3, axis=1)).astype(np.float64)
    slope = np.gradient(light, codes.astype(np.float64), axis=0)
    wanted = np.linspace(0, 1, STEPS) ** 2
    # Rounding to steps of one code: a uniform error, of variance 1 / 12. What JPEG adds is known in codes of 8 bits.
    lost = np.mean([plate.coding_variance or (0.0, 0.0, 0.0) for plate in plates], axis=0)
    top = 2**plate.bits - 1
    deviation = np.sqrt(1 / 12 + lost * (top / 255) ** 2) / top
    step = np.empty((3, STEPS))
    for channel, black in enumerate(alignment.black):
        step[channel] = np.interp(wanted, np.maximum.accumulate(light[:, channel]), slope[:, channel])
        step[channel] *= deviation[channel]
        # Below the black level a code says "less than that", and no more: anything from there to nothing.
        step[channel] = np.where(wanted < black, np.maximum(step[channel], black / 12**0.5), step[channel])
    return step.astype(np.float32)


def _levels(
    alignment: Alignment, k: int, gain: float, step: FloatArray | None
) -> list[tuple[Array, Array, Array]]:  # fmt: skip
    """Of a frame (``gain`` 0) or of the difference to the next brighter one, for each channel: what read and shot
    noise count for at each level of light, (L, 2); the variance seen there, and the part of it that coding makes, (L,).
    """
    level, power, whole = [], [], []
    for y0, x0 in _places(alignment.height, alignment.width):
        y1, x1 = min(y0 + WINDOW_PX, alignment.height), min(x0 + WINDOW_PX, alignment.width)
        here, lost = alignment.recorded(k, y0, y1, x0, x1)
        if gain:
            brighter, lost_there = alignment.recorded(k + 1, y0, y1, x0, x1)
            detail, light = _detail(here * np.float32(gain) - brighter), brighter
            lost = np.maximum(lost, lost_there)
        else:
            detail, light = _detail(here), here
        whole.append(_blocks(lost).max(axis=(1, 3)) == 0)
        level.append(_blocks(light).mean(axis=(1, 3)))
        power.append(_blocks(detail**2).sum(axis=(1, 3)) / (BLOCK - 1) ** 2)
    lights, squares, goods = (np.concatenate([p.reshape(-1, 3) for p in part]) for part in (level, power, whole))
    base = NoiseModel(shot=0.0, read=0.0, step=step)
    # The black level's doubt is no noise that could be seen: what is darker tells nothing here.
    darkest = alignment.black * np.float32(max(gain, 1.0))
    edges = np.linspace(0, 1, LEVELS + 1) ** 2
    found = []
    for channel in range(3):
        good = goods[:, channel] & (lights[:, channel] > darkest[channel])
        light, square = (part[good, channel].astype(np.float64) for part in (lights, squares))
        rows, seen, rounded = [], [], []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = (light >= low) & (light < high)
            if inside.sum() < LEAST_BLOCKS:
                continue
            x = float(light[inside].mean())
            seen.append(float(np.quantile(square[inside], QUIET)) / QUIET_BIAS)
            rows.append([1 + gain**2, x * (1 + gain)])
            there = np.full((2, 3), x, np.float32)
            there[1] = x / gain if gain else 0.0
            codes = base.variance(there)[:, channel].astype(np.float64)
            rounded.append(codes[0] + gain**2 * codes[1])
        found.append((np.array(rows).reshape(-1, 2), np.array(seen), np.array(rounded)))
    return found


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
