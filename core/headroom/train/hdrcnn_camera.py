"""HDRCNN's virtual camera: crops of HDR images, exposed so that a share of their values clips, through random curves.

Eilertsen et al. 2017, section 5, with the ranges of the released virtualcamera.cpp. Everything on the device that
holds the scenes; one generator, so that a seed gives the same stream.

    crop -> flip -> exposure -> noise -> hue, saturation = the truth -> curve -> 8 bit -> (JPEG) = the code values
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.camera import quantise
from headroom.errors import UsageError
from headroom.train.jpeg import jpeg_loss
from headroom.train.views import SceneBank, rectilinear_rays, rotations

__all__ = ["CameraRanges", "Shots", "VirtualCamera", "shift_hue_and_saturation", "sigmoid_curve"]

LIGHT_LEAST, LIGHT_MOST, TRUTH_MOST = 1e-5, 1e5, 1e10
"""The release clamps light before exposing it, and the truth after all changes."""
QUANTILE_SAMPLES = 65536
FIELD_DEGREES = (45.0, 115.0)
"""Of views into panoramas: the release knows flat pictures only."""
VIEW_SHARE = 0.5
"""Of the crops of panoramas that are such views; the others are cut out as from any picture."""


@dataclass(frozen=True, kw_only=True)
class CameraRanges:
    """What is drawn for every picture; spans are uniform, pairs of (mean, std) normal."""

    crop: tuple[float, float] = (0.2, 0.6)
    """Width of the crop, as a share of the picture's."""
    kept: tuple[float, float] = (0.85, 0.95)
    """Share of all values (pixels and channels) that does not clip."""
    noise: tuple[float, float] = (0.0, 0.01)
    hue_std_degrees: float = 7.0
    saturation_std: float = 0.1
    curve_n: tuple[float, float] = (0.9, 0.1)
    curve_sigma: tuple[float, float] = (0.6, 0.1)
    jpeg_quality: tuple[float, float] | None = None
    """None: none; the release's compressed variant draws min(30 + 0..74, 100): 30 to 100."""


class Shots(NamedTuple):
    """B pictures."""

    x_srgb: Tensor
    """(B, 3, H, W) code values 0..1."""
    truth_lin: Tensor
    """(B, 3, H, W) light, 1.0 = clip."""


class VirtualCamera:
    """Draws batches out of flat pictures and views into panoramas, each as often as its pixels allow."""

    def __init__(self, bank: SceneBank, ranges: CameraRanges, *, size_px: int, batch: int, seed: int) -> None:
        """``UsageError`` where there is no scene at all."""
        self.bank, self.ranges, self.size_px, self.batch = bank, ranges, size_px, batch
        self.generator = torch.Generator(bank.device).manual_seed(seed)
        self._cpu = torch.Generator().manual_seed(seed)
        areas = [still.shape[1] * still.shape[2] for still in bank.stills]
        areas += [bank.latlongs.shape[2] * bank.latlongs.shape[3]] * len(bank.latlongs)
        if not areas:
            raise UsageError("no scenes to photograph; give a folder of HDR images")
        self._areas = torch.tensor(areas, dtype=torch.float32)

    def restart(self, seed: int) -> None:
        """Begin the stream of a seed again."""
        self.generator.manual_seed(seed)
        self._cpu.manual_seed(seed)

    def __call__(self) -> Shots:
        """The next batch."""
        numbers = torch.multinomial(self._areas, self.batch, replacement=True, generator=self._cpu).tolist()
        light = torch.cat([self._crop(number) for number in numbers])
        flip = self._uniform(len(light)) < 0.5
        light = torch.where(flip[:, None, None, None], light.flip(3), light)
        truth = self._change(self._expose(light.clamp(LIGHT_LEAST, LIGHT_MOST)))
        return Shots(self._shoot(truth), truth)

    def _crop(self, number: int) -> Tensor:
        side, panorama = self.size_px, number - len(self.bank.stills)
        if panorama >= 0 and float(torch.rand((), generator=self._cpu)) < VIEW_SHARE:
            index = torch.tensor([panorama], device=self.bank.device)
            yaw, tilt = self._uniform(1, high=2 * math.pi), self._normal(2, 1)
            half = torch.deg2rad(self._uniform(1, low=FIELD_DEGREES[0], high=FIELD_DEGREES[1]) / 2)
            rays = rectilinear_rays(side, side, half.tan())
            turn = rotations(yaw, 0.35 * tilt[0], 0.08 * tilt[1])
            return self.bank.latlong_views(index, torch.einsum("bij,bhwj->bhwi", turn, rays), half=False)
        pixels = self.bank.latlongs[panorama] if panorama >= 0 else self.bank.stills[number]
        height, width = pixels.shape[1:]
        low, high = self.ranges.crop
        share, across, down = torch.rand(3, generator=self._cpu).tolist()
        wanted = max(width * (low + (high - low) * share), float(side))
        taken = round(min(wanted, height, width))
        left, top = round((width - taken) * across), round((height - taken) * down)
        part = pixels[:, top : top + taken, left : left + taken].float()[None]
        return F.interpolate(part, (side, side), mode="bilinear", antialias=taken > side)

    def _expose(self, light: Tensor) -> Tensor:
        low, high = self.ranges.kept
        kept = self._uniform(len(light), low=low, high=high)
        values = light.flatten(1)
        values = values[:, :: max(1, values.shape[1] // QUANTILE_SAMPLES)].sort(1).values
        level = values.gather(1, (kept[:, None] * (values.shape[1] - 1)).round().long())
        light = light / level[..., None, None]
        low, high = self.ranges.noise
        return light + self._normal(*light.shape) * self._uniform(len(light), 1, 1, 1, low=low, high=high)

    def _change(self, light: Tensor) -> Tensor:
        degrees = self.ranges.hue_std_degrees * self._normal(len(light))
        amount = self.ranges.saturation_std * self._normal(len(light))
        shown = shift_hue_and_saturation(light.clamp(min=LIGHT_LEAST).sqrt(), degrees, amount)
        return shown.square().clamp(LIGHT_LEAST, TRUTH_MOST)

    def _shoot(self, truth: Tensor) -> Tensor:
        (n, n_std), (sigma, sigma_std) = self.ranges.curve_n, self.ranges.curve_sigma
        n_drawn = (n + n_std * self._normal(len(truth), 1, 1, 1)).clamp(0.2, 2.5)
        sigma_drawn = (sigma + sigma_std * self._normal(len(truth), 1, 1, 1)).clamp(0.01, 5)
        code: Tensor = quantise(sigmoid_curve(truth.clamp(max=1), n_drawn, sigma_drawn), 8)
        if self.ranges.jpeg_quality is not None:
            low, high = self.ranges.jpeg_quality
            quality = self._uniform(len(code), low=low, high=high)
            code = jpeg_loss(code, quality, subsample=bool(self._uniform(1) < 0.5))
        return code

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.bank.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.bank.device)


def sigmoid_curve(light: Tensor, n: Tensor, sigma: Tensor) -> Tensor:
    """The paper's equation 2: ``(1 + s) H^n / (H^n + s)``; 0 to 0 and 1 to 1."""
    power: Tensor = light**n
    return (1 + sigma) * power / (power + sigma)


def shift_hue_and_saturation(rgb: Tensor, degrees: Tensor, amount: Tensor) -> Tensor:
    """(B, 3, H, W) of any size of value, through HSV: hue turned by (B,) degrees, saturation moved by (B,)."""
    red, green, blue = rgb.unbind(1)
    value, least = rgb.amax(1), rgb.amin(1)
    span = (value - least).clamp(min=1e-12)
    sixth = torch.where(
        value == red,
        (green - blue) / span,
        torch.where(value == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    sixth = sixth + degrees[:, None, None] / 60
    saturation = ((value - least) / value.clamp(min=1e-12) + amount[:, None, None]).clamp(0, 1)
    saturation = torch.where(value > least, saturation, 0.0)  # what has no hue gets none
    channels = []
    for offset in (5, 3, 1):
        k = (offset + sixth) % 6
        channels.append(value - value * saturation * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, 1)
