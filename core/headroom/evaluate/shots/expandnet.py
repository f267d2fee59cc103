"""ExpandNet with its released weights on shots: frame by frame, and in the layout that its release has for video.

That layout (``expand.py --video``, ``smooth.py`` of dmarnerides/hdr-expandnet): the network sees each frame stretched
to 0..1; the 1st, 25th, 50th, 75th and 99th percentile of each answer are smoothed over the shot by a Blackman window
of 25 frames that mirrors at both ends, and each answer is bent by straight pieces so that its percentiles become the
smooth ones; what lies beyond the outer two is cut off at them. Two things differ here, both in its favour: the smooth
curve is centred on its frame (the release reads it twelve frames late), and shots shorter than the window are mirrored
further instead of refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headroom.evaluate.expandnet import PATCH_PX, WEIGHTS, load_expandnet, stretch
from headroom.evaluate.methods import inverse_response
from headroom.evaluate.shots.methods import ShotMethod
from headroom.io.frames import FrameSource
from headroom.metrics import align_scale, well_exposed
from headroom.plate import FloatArray

__all__ = ["expandnet_shot_methods", "smooth_in_time"]

PERCENTILES = (1, 25, 50, 75, 99)
WINDOW = 25

KEPT = 32

EVERY = 4

# Code value where the blend begins, as for stills.
TAU = 0.95


def expandnet_shot_methods(peers: Path | None) -> list[ShotMethod]:
    """Three methods, or none where the weights are not there. Slow: they take every fourth shot only."""
    if peers is None or not (peers / WEIGHTS).is_file():
        return []
    import torch

    network = load_expandnet(peers / WEIGHTS)
    kept: dict[bytes, FloatArray] = {}

    def answer(code: FloatArray) -> FloatArray:
        """The methods ask for the same frames one after the other; the network is the slow part."""
        key = hashlib.sha256(code.tobytes()).digest()
        if key not in kept:
            while len(kept) >= KEPT:
                del kept[next(iter(kept))]
            with torch.inference_mode():
                tensor = torch.from_numpy(stretch(code)).permute(2, 0, 1)[None]
                kept[key] = network.by_patches(tensor, PATCH_PX)[0].permute(1, 2, 0).numpy()
        return kept[key]

    def per_frame(source: FrameSource) -> Iterator[FloatArray]:
        for code in _codes(source):
            yield stretch(answer(code))

    def smoothed(source: FrameSource) -> Iterator[FloatArray]:
        answers = [answer(code) for code in _codes(source)]
        found = np.array([np.percentile(light, PERCENTILES) for light in answers])
        for light, own, wanted in zip(answers, found, smooth_in_time(found), strict=True):
            yield np.interp(light, own, wanted).clip(0.0, 1.0).astype(np.float32)

    def in_the_clip(source: FrameSource) -> Iterator[FloatArray]:
        codes = list(_codes(source))
        lights = list(smoothed(source))
        bases = [inverse_response(code, None) for code in codes]
        usable = np.stack([well_exposed(code) for code in codes])
        scale = np.float32(align_scale(np.stack(lights), np.stack(bases), usable))
        for code, light, base in zip(codes, lights, bases, strict=True):
            peak = code.max(axis=-1, keepdims=True)
            alpha = ((peak - np.float32(TAU)) / np.float32(1.0 - TAU)).clip(0.0, 1.0)
            yield np.asarray(base + alpha * (np.maximum(light * scale, base) - base), np.float32)

    return [
        ShotMethod("ExpandNet per frame", per_frame, every=EVERY),
        ShotMethod("ExpandNet, percentiles smoothed", smoothed, every=EVERY),
        ShotMethod("ExpandNet, smoothed, in the clip only", in_the_clip, every=EVERY),
    ]


def smooth_in_time(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(frames, n) smoothed along the frames by the Blackman window."""
    window = np.blackman(WINDOW)
    mode = "reflect" if len(values) > 1 else "edge"
    padded = np.pad(values, [(WINDOW // 2, WINDOW // 2), (0, 0)], mode=mode)  # type: ignore[call-overload]
    columns = [np.convolve(column, window / window.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, -1)


def _codes(source: FrameSource) -> Iterator[FloatArray]:
    for frame in source.frames:
        plate = source.read(frame)
        yield plate.rows(0, plate.height)
