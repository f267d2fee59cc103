"""Numbers that tell how strong a clipped region's light may be: of the region, and of the whole scene round it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.clip_regions import (
    GAIN_MOST,
    LIGHT_FLOOR,
    SHARPEN,
    VIEW_COLUMNS,
    VIEW_ROWS,
    ClipRegions,
    cell_directions,
)
from headroom.panorama.clip_regions import cell_weights as weights
from headroom.panorama.sun_disc import compact

__all__ = ["PEAK_FEATURES", "REGION_FEATURES", "SCENE_FEATURES", "Features", "above_log2", "features"]

Array = npt.NDArray[np.float64]

RIMS = ((0, 1), (1, 3), (3, 7), (7, 15))
"""Rings round a region: further than the first and up to the second number of cells."""
PERCENTILES = (5, 25, 50, 75, 95)

REGION_FEATURES = (
    "solid_angle_log2", "elevation_sin", "spread_log2", "stretch_log2", "full", "white", "gain_log2", "gain_most",
    "gain_sharp", "extra_red", "extra_blue", "light_share_log2", "extra_share_log2", "below_horizon", "rank",
    "rim1", "rim1_red", "rim1_blue", "rim2", "rim3", "rim4", "rim_darkest", "rim3_red", "rim3_blue", "rim_step",
)  # fmt: skip
PEAK_FEATURES = ("peak_sin", "peak_share_log2", "peak_light_log2", "sharp_peak")
"""Of a region, for the sun alone: how far headroom-1 has its light round one point."""
_HALVES = ("upper", "lower")
SCENE_FEATURES = (
    *(f"{half}_p{p}" for half in _HALVES for p in PERCENTILES),
    *(f"{half}_{name}" for half in _HALVES for name in ("red", "blue", "mean", "detail", "saturation")),
    "flux_log2", "up_log2", "down_log2", "clipped_upper_log2", "clipped_lower_log2", "extra_log2", "sharp_log2",
    "regions_log2", "horizon", "horizon_blue",
)  # fmt: skip


class Features(NamedTuple):
    """Of one panorama's R regions."""

    region: Array
    """(R, len(REGION_FEATURES))."""
    scene: Array
    """(len(SCENE_FEATURES),)."""
    peak: Array
    """(R, len(PEAK_FEATURES))."""


def features(regions: ClipRegions) -> Features:
    """Logarithms to base 2 wherever a number is an amount of light or a solid angle."""
    return Features(_of_regions(regions), _of_scene(regions), _of_peaks(regions))


def above_log2(scene: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Recorded light from above on a level surface over the recorded flux, of (..., S) features of scenes."""
    up, flux = (SCENE_FEATURES.index(name) for name in ("up_log2", "flux_log2"))
    return np.asarray(scene[..., up] - scene[..., flux])


def _of_regions(regions: ClipRegions) -> Array:
    view = regions.view
    if not regions.count:
        return np.zeros((0, len(REGION_FEATURES)))
    ones = np.ones((VIEW_ROWS, VIEW_COLUMNS))
    size, covered = regions.sums(ones), regions.sums(view.mask)
    clipped, extra = regions.sums(view.clipped * view.mask[..., None]), regions.sums(view.extra)
    light = luminance(clipped + extra)
    level = luminance(view.clipped + view.extra)
    toward = regions.sums(cell_directions() * (level * view.mask)[..., None])
    length = np.linalg.norm(toward, axis=1)
    spread = (1.0 - length / regions.sums(level * view.mask).clip(1e-12)).clip(1e-6)
    gain = np.log2((level / luminance(view.clipped).clip(LIGHT_FLOOR)).clip(1.0, 2.0**GAIN_MOST))
    most = np.array([gain[regions.labels == n + 1].max() for n in range(regions.count)])
    sharp = regions.sums(luminance(view.extra) * 4.0**gain) / luminance(extra).clip(1e-9)
    below = regions.sums((cell_directions()[..., 1] < 0).astype(float)) / size
    flux = max(float((luminance(view.clipped) * weights()).sum()), LIGHT_FLOOR)
    red, blue = _chroma(extra + 1e-9)
    columns = [
        _log2(size), toward[:, 1] / length.clip(1e-12), _log2(spread), _log2(spread / size),
        covered / size, regions.sums(view.clipped.min(2) * view.mask) / covered.clip(1e-9),
        _log2(light / luminance(clipped).clip(1e-9)), most, _log2(sharp.clip(1.0)) / 4, red, blue, _log2(light / flux),
        _log2(luminance(extra) / luminance(extra).sum().clip(1e-9), 1e-4), below, np.arange(regions.count) / 8,
    ]  # fmt: skip
    return np.concatenate([np.stack(columns, 1), _rims(regions)], 1)


def _of_peaks(regions: ClipRegions) -> Array:
    view = regions.view
    flux = max(float((luminance(view.clipped) * weights()).sum()), LIGHT_FLOOR)
    extra = luminance(view.extra)
    gain = np.log2((1 + extra / luminance(view.clipped).clip(LIGHT_FLOOR)).clip(1.0, 2.0**GAIN_MOST))
    rows = []
    for n in range(regions.count):
        cells = np.nonzero(regions.labels == n + 1)
        toward, energy = cell_directions()[cells], extra[cells] * weights()[cells]
        sharp = energy * np.exp2(SHARPEN * gain[cells])
        near, nearest = compact(energy, toward), compact(sharp, toward)
        rows.append([
            toward[int(sharp.argmax()), 1], _log2(near / max(float(energy.sum()), 1e-12), 1e-3), _log2(near / flux),
            nearest / max(float(sharp.sum()), 1e-12),
        ])  # fmt: skip
    return np.array(rows, np.float64).reshape(regions.count, len(PEAK_FEATURES))


def _rims(regions: ClipRegions) -> Array:
    """Colour and level of what was recorded round each region, ring by ring; where a ring has no cell, the scene's."""
    import cv2

    view, reach = regions.view, RIMS[-1][1]
    clear = regions.all_labels == 0
    scene = (view.clipped * (weights() * clear)[..., None]).sum((0, 1)) / max(float((weights() * clear).sum()), 1e-9)
    kernel = np.ones((3, 3), np.uint8)
    rows = []
    for n in range(regions.count):
        grown = np.pad((regions.labels == n + 1).astype(np.uint8), ((0, 0), (reach, reach)), mode="wrap")
        means: list[Array] = []
        darkest, steps = 0.0, 0
        for _, last in RIMS:
            inner = grown
            grown = cv2.dilate(grown, kernel, iterations=last - steps)
            steps = last
            ring = ((grown > inner)[:, reach:-reach] & clear).ravel()
            weight = weights().ravel()[ring]
            colour = view.clipped.reshape(-1, 3)[ring]
            known = weight.sum() > 0
            means.append((colour * weight[:, None]).sum(0) / weight.sum() if known else (means or [scene])[-1])
            if last == RIMS[1][1] and known:
                darkest = float(_log2(np.quantile(luminance(colour), 0.1)))
        levels = [float(_log2(luminance(mean))) for mean in means]
        red1, blue1 = _chroma(means[0])
        red3, blue3 = _chroma(means[2])
        rows.append([levels[0], red1, blue1, *levels[1:], darkest, red3, blue3, levels[0] - levels[2]])
    return np.array(rows, np.float64)


def _of_scene(regions: ClipRegions) -> Array:
    view = regions.view
    up = cell_directions()[..., 1]
    clear = regions.all_labels == 0
    level = luminance(view.clipped)
    logs = _log2(level)
    across = np.abs(logs - np.roll(logs, 1, 1)) * clear * np.roll(clear, 1, 1)
    percentiles: list[float] = []
    means: list[Array] = []
    for half in (up > 0, up < 0):
        seen = half & clear
        if not seen.any():
            seen = half
        weight = weights()[seen]
        percentiles += _percentiles(logs[seen], weight)
        mean = (view.clipped[seen] * weight[:, None]).sum(0) / weight.sum()
        red, blue = _chroma(mean)
        grey = view.clipped[seen]
        saturation = (1.0 - grey.min(1) / grey.max(1).clip(LIGHT_FLOOR)) @ weight / weight.sum()
        means += [red, blue, _log2(luminance(mean)), across[seen] @ weight / weight.sum(), saturation]
    flux = max(float((level * weights()).sum()), LIGHT_FLOOR)
    extra = luminance(view.extra) * weights()
    band = (np.abs(up) < 0.12) & clear
    weight = weights() * band
    horizon = (view.clipped * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-9)
    rest = [
        _log2(flux), _log2((level * up.clip(0) * weights()).sum()), _log2((level * (-up).clip(0) * weights()).sum()),
        _log2((weights() * view.mask * (up > 0)).sum(), 1e-4), _log2((weights() * view.mask * (up < 0)).sum(), 1e-4),
        _log2(extra.sum() / flux, 1e-3), _log2((luminance(view.extra) ** 2 * weights()).sum() / flux, 1e-3) / 2,
        _log2(1.0 + regions.all_labels.max()), _log2(luminance(horizon)), _chroma(horizon)[1],
    ]  # fmt: skip
    return np.array([*percentiles, *means, *rest], np.float64)


def _percentiles(values: Array, weight: Array) -> list[float]:
    order = np.argsort(values)
    below = np.cumsum(weight[order]) / weight.sum()
    places = np.searchsorted(below, np.array(PERCENTILES) / 100).clip(0, len(values) - 1)
    return [float(v) for v in values[order][places]]


def _chroma(rgb: Array) -> tuple[Array, Array]:
    """Log2 of red and of blue over green."""
    safe = np.asarray(rgb).clip(LIGHT_FLOOR)
    return np.log2(safe[..., 0] / safe[..., 1]).clip(-4, 4), np.log2(safe[..., 2] / safe[..., 1]).clip(-4, 4)


def _log2(value: npt.ArrayLike, floor: float = LIGHT_FLOOR) -> Array:
    return np.asarray(np.log2(np.maximum(value, floor)))
