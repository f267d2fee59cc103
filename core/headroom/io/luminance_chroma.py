"""Luminance/chroma EXRs: Y at full and RY, BY at half resolution, back to R, G, B.

The encoding is OpenEXR's (technical introduction, "Luminance/chroma images"): Y = wr R + wg G + wb B with the
weights of the file's primaries, RY = (R - Y) / Y, BY = (B - Y) / Y; chroma sits on even columns and rows of
pixel space and is interpolated linearly in between, which cannot overshoot at a lamp's edge.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.errors import PlateError
from headroom.io.icc import PRIMARIES
from headroom.io.opened import MAX_PIXELS, one_line

__all__ = ["luminance_weights", "read_subsampled", "to_rgb"]

Floats = npt.NDArray[np.float32]


def luminance_weights(chromaticities: tuple[float, ...]) -> tuple[float, float, float]:
    """Share of R, G and B in Y for primaries Rx Ry Gx Gy Bx By Wx Wy; Rec.709: 0.2126 0.7152 0.0722."""
    xy = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    xyz = np.concatenate([xy, 1.0 - xy.sum(axis=1, keepdims=True)], axis=1)
    scale = np.linalg.solve(xyz[:3].T, xyz[3] / xyz[3, 1])
    red, green, blue = (scale * xyz[:3, 1]).tolist()
    return red, green, blue


def to_rgb(luma: Floats, ry: Floats, by: Floats, weights: tuple[float, float, float]) -> Floats:
    """(H, W, 3) linear R, G, B from planes of equal size (H, W)."""
    red = (ry + 1.0) * luma
    blue = (by + 1.0) * luma
    green = (luma - weights[0] * red - weights[2] * blue) / weights[1]
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def read_subsampled(path: Path) -> tuple[Floats, npt.NDArray[Any] | None, dict[str, Any]]:
    """(pixels, alpha, header) of a single-part EXR with Y, RY, BY of which the chroma is subsampled."""
    import OpenEXR

    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            header = dict(file.header())
        (x0, y0), (x1, y1) = (tuple(int(v) for v in corner) for corner in header["dataWindow"])
        width, height = x1 - x0 + 1, y1 - y0 + 1
        if width < 1 or height < 1 or width * height > min(MAX_PIXELS, 10_000 * path.stat().st_size):
            raise PlateError(
                f"cannot read {path}: its header claims {width}x{height} pixels, more than it can hold; "
                "the file is damaged, export it again"
            )
        with OpenEXR.File(str(path)) as file:
            channels = dict(file.channels())
        planes = {name: channel.pixels for name, channel in channels.items()}
        steps = {name: (channel.xSampling, channel.ySampling) for name, channel in channels.items()}
    except PlateError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise PlateError(
            f"cannot read {path}: damaged subsampled EXR ({one_line(str(error))}); export it as RGB"
        ) from None
    if not {"Y", "RY", "BY"} <= planes.keys() or steps["Y"] != (1, 1):
        there = ", ".join(sorted(planes))[:80]
        raise PlateError(f"cannot read {path}: subsampled channels ({there}) that are not Y, RY, BY; export it as RGB")
    primaries = tuple(float(v) for v in header.get("chromaticities", PRIMARIES["Rec.709"]))
    luma = planes["Y"].astype(np.float32)
    chroma = [_full(planes[name].astype(np.float32), luma.shape, steps[name], (x0, y0)) for name in ("RY", "BY")]
    alpha = planes.get("A")
    alpha = alpha if alpha is not None and alpha.shape == luma.shape else None
    return to_rgb(luma, chroma[0], chroma[1], luminance_weights(primaries)), alpha, header


def _full(plane: Floats, shape: tuple[int, ...], step: tuple[int, int], origin: tuple[int, int]) -> Floats:
    """The plane at full size: samples lie where the pixel coordinate is a multiple of the step."""
    for axis, size, every, start in ((0, shape[0], step[1], origin[1]), (1, shape[1], step[0], origin[0])):
        if every == 1:
            continue
        at = (np.arange(size) + start) / every - -(-start // every)
        low = np.clip(np.floor(at).astype(int), 0, plane.shape[axis] - 1)
        high = np.clip(low + 1, 0, plane.shape[axis] - 1)
        share = np.clip(at - low, 0.0, 1.0).astype(np.float32)
        share = share.reshape((-1, 1) if axis == 0 else (1, -1))
        plane = np.take(plane, low, axis) * (1.0 - share) + np.take(plane, high, axis) * share
    return plane
