"""How strong the clipped lights of a panorama are, predicted from the whole of it.

headroom-1 says what a clipped pixel held by its look; it cannot say that a white speck is a sun of a hundred thousand.
Here the place as a whole tells: each clipped region's light is brought to a predicted power by ``pixel = recorded +
extra * (a + b * 4^gain)``, a and b one colour a region: monotone in the gain, smooth to the region's rim where the
extra vanishes, and recorded pixels stay as they are to the bit. A sun in a large clipped sky has a prediction of its
own, and is painted as its disc: nothing in the picture says how sharp it was, and everybody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headroom.metrics.linear import luminance
from headroom.panorama.clip_features import above_log2, features
from headroom.panorama.clip_regions import (
    SHARPEN,
    VIEW_COLUMNS,
    VIEW_ROWS,
    ClipRegions,
    PowerView,
    View,
    cell_directions,
    cell_weights,
    grown,
    split,
)
from headroom.panorama.sun_disc import Disc, compact, disc_fits, disc_pixels, split_sun, sun_in
from headroom.plate import FloatArray

if TYPE_CHECKING:
    from headroom.networks.light_power import LightPower

__all__ = ["DEFAULT_MODEL", "LEARNT_ON", "PowerView", "Powers", "RegionPower", "predict_power"]

Array = npt.NDArray[np.float64]

DEFAULT_MODEL = "headroom-ibl-1"
LEARNT_ON = "headroom-1"
"""The model whose reconstructions it corrects."""


@dataclass(frozen=True)
class RegionPower:
    """A clipped region; powers are luminance times solid angle, in white x steradian."""

    direction: tuple[float, float, float]
    """Unit vector to the middle of its light."""
    solid_angle_sr: float
    clipped: float
    """As the plate has it."""
    reconstructed: float
    """As headroom-1 has it."""
    predicted: float
    spread_stops: float
    """Standard deviation of the prediction, as learnt from training photographs: how far it may be off at least."""


@dataclass(frozen=True)
class Powers:
    """What is done to a panorama's clipped regions."""

    regions: tuple[RegionPower, ...]
    height: int
    width: int
    level: float
    lookup: npt.NDArray[np.int32]
    """(128, 256): 0 nothing, n region n - 1."""
    glow: Array
    """(R, 3) factor on what was added."""
    sharp: Array
    """(R, 3) factor on what was added times ``2^(2 gain)``."""
    disc: Disc | None = None
    """A sun in a large clipped sky: the concentrated light of its region is a disc of 0.53 degrees."""
    disc_light: Array | None = None
    """(3,) its power in each channel."""

    def apply(self, pixels: FloatArray, mask: FloatArray, y0: int = 0) -> FloatArray:
        """Rows y0.. with their lights' powers: (h, W, 3) linear Rec.709 and (h, W) mask, as they were predicted from.

        A copy; pixels whose mask is 0 are the same bits.
        """
        rows = (np.arange(y0, y0 + len(pixels)) * VIEW_ROWS) // self.height
        columns = (np.arange(self.width) * VIEW_COLUMNS) // self.width
        region = self.lookup[rows[:, None], columns]
        region = np.where(mask > 0, region, 0)
        out: FloatArray = pixels.copy()
        touched = np.nonzero(region)
        if len(touched[0]):
            unit = np.float32(1.0 / self.level)
            light = pixels[touched][None] * unit
            floor, extra, gain = split(light)
            n = region[touched] - 1
            factor = self.glow[n] + self.sharp[n] * np.exp2(SHARPEN * gain[0].astype(np.float64))[:, None]
            changed = floor[0] + extra[0] * factor
            raised = (extra[0] > 0).any(-1)
            at = touched[0][raised], touched[1][raised]
            out[at] = (changed[raised] * self.level).astype(np.float32)
        if self.disc is not None and self.disc_light is not None:
            self.disc.add(out, mask, y0, self.disc_light * self.level)
        return out


def predict_power(
    pixels: FloatArray | View,
    mask: FloatArray | None = None,
    *,
    height: int | None = None,
    width: int | None = None,
    level: float = 1.0,
    model: str | Path = DEFAULT_MODEL,
) -> Powers:
    """Powers for a reconstructed panorama: (H, W, 3) linear Rec.709, 1.0 = white, and its (H, W) mask.

    Of a large one a ``PowerView`` gathers what is needed band by band: give ``view.done()``, ``height`` and ``width``.
    ``level``: the clip level in linear light, as it was given to the view.
    """
    import torch

    if isinstance(pixels, View):
        if height is None or width is None:
            raise ValueError("a View does not know the panorama's size: give height and width")
        view = pixels
    else:
        if mask is None:
            raise ValueError("pixels need their mask")
        height, width = mask.shape
        view = PowerView.of(pixels, mask, level=level)
    regions = ClipRegions.of(view)
    lookup = grown(regions)
    if not regions.count:
        return Powers((), height, width, level, lookup, np.zeros((0, 3)), np.zeros((0, 3)))
    numbers = features(regions)
    with torch.inference_mode():
        region, scene, peak = (torch.as_tensor(n, dtype=torch.float32) for n in numbers)
        seen = region, scene[None], torch.zeros(regions.count, dtype=torch.long)
        found = _network(str(model))(*seen)
        near_log2 = _network(str(model)).sun_log2(*seen, peak).double().numpy() + above_log2(numbers.scene)
    scale_log2, extra, colour, spread = (part.double().numpy() for part in found)
    scale = np.exp2(scale_log2)
    flux = float((luminance(view.clipped) * cell_weights()).sum())
    clipped = luminance(regions.sums(view.clipped * (view.mask > 0)[..., None]))
    added, sharp = regions.sums(view.extra), regions.sums(view.sharp)
    tint = np.exp2(colour)
    sharp_light = luminance(sharp)
    usable = sharp_light > 1e-12
    concentrated = np.where(usable, np.exp2(extra), 0.0)
    sun = sun_in(regions, np.where(disc_fits(regions), np.exp2(near_log2), concentrated) * usable)
    if sun is not None:
        n = sun[0]
        glow, near = luminance(added)[n] / flux, _near_peak(regions, n) / flux
        scale[n], concentrated[n] = split_sun(scale[n], concentrated[n], np.exp2(near_log2[n]), glow, near)
    glow_factor = scale[:, None] * tint
    sharp_factor = np.where(usable, concentrated * flux / np.where(usable, sharp_light, 1.0), 0.0)[:, None] * tint
    power = clipped + luminance(added * glow_factor + sharp * sharp_factor)
    disc = disc_light = None
    if sun is not None:
        disc_light = sharp[sun[0]] * sharp_factor[sun[0]]
        disc = disc_pixels(sun[1], height, width)
        sharp_factor[sun[0]] = 0.0
    middle = regions.sums(cell_directions() * luminance(view.clipped * view.mask[..., None] + view.extra)[..., None])
    size = regions.sums(view.mask)
    listed = [
        RegionPower(
            _unit(middle[n]), float(size[n]), float(clipped[n] * level),
            float((clipped[n] + luminance(added[n])) * level), float(power[n] * level), float(2.0 ** spread[n]),
        )
        for n in range(regions.count)
    ]  # fmt: skip
    return Powers(tuple(listed), height, width, level, lookup, glow_factor, sharp_factor, disc, disc_light)


def _near_peak(regions: ClipRegions, n: int) -> float:
    """What of headroom-1's light of region n lies within 5 degrees of its peak."""
    cells = np.nonzero(regions.labels == n + 1)
    return compact(luminance(regions.view.extra[cells]) * cell_weights()[cells], cell_directions()[cells])


@lru_cache(maxsize=2)
def _network(model: str) -> LightPower:
    from headroom import weights
    from headroom.networks.light_power import LightPower

    module = weights.load(model, network=weights.LIGHTS).module
    assert isinstance(module, LightPower)
    return module


def _unit(vector: Array) -> tuple[float, float, float]:
    length = float(np.linalg.norm(vector))
    x, y, z = vector / length if length > 0 else (0.0, 1.0, 0.0)
    return float(x), float(y), float(z)
