"""The classical merges: weighted means of what the frames recorded, without any judgement about ghosts.

Both leave out what clipped (``FrameRows.clipped``) and what a frame does not show (``valid``). Where every frame
clipped, the darkest that shows the place stands in; where every frame is black, the brightest does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headroom.bracket.frames import FrameRows, Merged
from headroom.bracket.noise import NoiseModel, placement_variance
from headroom.colour.curves import srgb_encode
from headroom.encode import largest_channel
from headroom.plate import FloatArray

__all__ = ["merge_debevec", "merge_inverse_variance", "unrecorded"]

SINGLE = 1e-4
"""What a channel counts by itself, beside what the whole pixel does."""
LEAST_LIGHT = np.float32(2.0**-24)
"""Below it a sample has no logarithm worth averaging."""


def merge_debevec(
    frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int, noise: NoiseModel | None = None, *,
    shares: bool = False,
) -> Merged:  # fmt: skip
    """Debevec and Malik 1997, equation 6: the hat-weighted mean of log light.

    The hat stands on codes; the frames are linear by now, so that it stands on their sRGB codes. Noise has no say.
    """
    del noise
    scale = np.asarray(exposures, np.float32)
    log_sum, weights = (np.zeros(frames[0].linear.shape, np.float32) for _ in range(2))
    each: list[FloatArray] = []
    for frame, exposure in zip(frames, scale, strict=True):
        code = srgb_encode(frame.linear.clip(0, 1))
        weight = np.minimum(code, 1 - code) * _usable(frame)
        log_sum += weight * np.log(np.maximum(frame.linear, LEAST_LIGHT) / exposure)
        weights += weight
        if shares:
            each.append(weight)
    radiance: FloatArray = np.exp(log_sum / _divisor(weights))
    return _finished(_filled(radiance, weights, frames, scale, reference), frames, scale, _shares(each, weights))


def merge_inverse_variance(
    frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int, noise: NoiseModel | None = None, *,
    shares: bool = False,
) -> Merged:  # fmt: skip
    """Granados et al. 2010, Hasinoff et al. 2010: each sample counts by the inverse of its variance.

    The variance is that of the light which all frames together saw, not of the sample itself: a sample that came out
    too dark would else believe itself to be precise, and pull the mean down.
    """
    noise = noise or NoiseModel()
    scale = np.asarray(exposures, np.float32)
    light, gathered = (np.zeros(frames[0].linear.shape, np.float32) for _ in range(2))
    for frame, exposure in zip(frames, scale, strict=True):  # what pure shot noise asks for
        usable = _usable(frame)
        light += usable * frame.linear
        gathered += usable * exposure
    expected = light / _divisor(gathered)
    light[:], gathered[:] = 0, 0
    each: list[FloatArray] = []
    for frame, exposure in zip(frames, scale, strict=True):
        seen = expected * exposure
        variance = noise.variance(seen)
        if frame.placed_px:
            variance += placement_variance(seen, frame.placed_px)
        if frame.spoiled:
            variance += (np.float32(frame.spoiled) * largest_channel(frame.clipped)[..., None] * seen) ** 2
        weight = _usable(frame) * (exposure / variance)
        light += weight * frame.linear
        gathered += weight * exposure
        if shares:
            each.append(weight * exposure)
    radiance = light / _divisor(gathered)
    return _finished(_filled(radiance, gathered, frames, scale, reference), frames, scale, _shares(each, gathered))


def unrecorded(frames: Sequence[FrameRows]) -> FloatArray:
    """(h, w) 0..1: 1 where some channel clipped in every frame that shows the place."""
    return largest_channel(_lost(frames))


def _lost(frames: Sequence[FrameRows]) -> FloatArray:
    """(h, w, 3) 0..1: how little of a channel any frame recorded."""
    lost = np.ones(frames[0].linear.shape, np.float32)
    for frame in frames:
        np.minimum(lost, np.maximum(frame.clipped, 1 - frame.valid[..., None]), out=lost)
    return lost


def _finished(
    radiance: FloatArray, frames: Sequence[FrameRows], scale: FloatArray, shares: tuple[FloatArray, ...] | None
) -> Merged:
    """Where all clipped, no darker than the least that a clipped frame proves.

    JPEG may leave a bright frame one code under its white where the darkest is at its own: the mean is that one's.
    """
    lost = _lost(frames)
    if lost.any():
        proven = np.zeros_like(radiance)
        for frame, exposure in zip(frames, scale, strict=True):
            np.maximum(proven, frame.linear * (frame.clipped * frame.valid[..., None] / exposure), out=proven)
        radiance += lost * np.maximum(proven - radiance, 0)
    return Merged(radiance, largest_channel(lost), shares)


def _shares(weights: Sequence[FloatArray], total: FloatArray) -> tuple[FloatArray, ...] | None:
    return tuple(weight / _divisor(total) for weight in weights) or None


def _usable(frame: FrameRows) -> FloatArray:
    """(h, w, 3) 0..1: by the channel that clipped most, so that a pixel's three come from the same frames.

    Curves never agree so well near white that channels out of different frames would make no tint. Only where no
    frame has all three does each channel take what there is.
    """
    whole = (1 - largest_channel(frame.clipped))[..., None]
    usable: FloatArray = (whole + np.float32(SINGLE) * (1 - frame.clipped)) * frame.valid[..., None]
    return usable


def _divisor(weights: FloatArray) -> FloatArray:
    positive: FloatArray = np.where(weights > 0, weights, np.float32(1))
    return positive


def _filled(
    radiance: FloatArray, weights: FloatArray, frames: Sequence[FrameRows], scale: FloatArray, reference: int
) -> FloatArray:
    """Where no weight was left: the darkest frame that shows the place, or the brightest where they are black."""
    empty = ~(weights > 0).all(axis=2)
    if not empty.any():
        return radiance
    stand_in = frames[reference].linear[empty] / scale[reference]
    for k in np.argsort(-scale, kind="stable"):
        shown = frames[k].valid[empty] >= 0.5
        stand_in[shown] = frames[k].linear[empty][shown] / scale[k]
    for k in np.argsort(scale, kind="stable"):
        usable = _usable(frames[k])[empty] > 0
        stand_in[usable] = (frames[k].linear[empty] / scale[k])[usable]
    radiance[empty] = np.where(weights[empty] > 0, radiance[empty], stand_in)
    return radiance
