"""Virtual photographs as SingleHDR's authors took them, made on the device: crop -> noise -> clip -> curve -> 8 bit.

Liu et al. 2020, section 4.1, and their code where that says more. What could not be kept: their 201 measured curves
(DoRF) are not to be had, so curves are drawn from the EMoR model of those same curves, beside sRGB and its kin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.camera import quantise
from headroom.errors import UsageError
from headroom.networks.singlehdr.linearization import CURVE_SAMPLES
from headroom.train.batches import Shooting, draw_responses, interpolate_rows
from headroom.train.jpeg import jpeg_loss
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["Camera", "Photographer", "Photographs"]

POLE_SHARE = 0.1
"""Rows of a lat-long next to each pole that no crop begins in: they are stretched beyond what a camera sees."""
OVER_CODE, UNDER_CODE = 249 / 255, 6 / 255
EXTREME_SHARE = 0.5
"""A picture with more than this share beyond one of those codes does not count in the loss."""
GREY = (0.2989, 0.5870, 0.1140)
"""TensorFlow's rgb_to_grayscale."""
LIGHT_FLOOR = 1e-6
JPEG_CELL_PX = 16


EMOR_ALONE = Shooting(frames=(), srgb_share=0.0, emor_share=1.0, style_share=0.0, sigmoid_share=0.0, responses=2000)
"""Drawn anew in place of DoRF's 201."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How pictures are taken; the defaults are the authors'."""

    crop_px: int = 256
    batch: int = 8
    exposure: Literal["mean", "clipped"] = "mean"
    """``mean``: the crop's mean is brought to 0.5, scaled by 0.5 to 2 and exposed by -3 to 3 stops. ``clipped``: so
    that a share of it clips; for scenes with suns in them, whose mean says nothing."""
    scale: tuple[float, float] = (0.5, 2.0)
    stops: tuple[float, float] = (-3.0, 3.0)
    clipped_share: tuple[float, float] = (0.003, 0.3)
    signal_noise: float = 0.08 / 6
    """Most that its standard deviation may be, as a share of the light; each picture and channel draws its own."""
    constant_noise: float = 0.005
    white_balance_std: float = 0.0
    jpeg_share: float = 1.0
    jpeg_quality: tuple[float, float] = (90.0, 100.0)
    half_share: float = 0.3
    """Of the crops, how many come from the scene at half its size."""
    responses: Shooting = EMOR_ALONE
    """Only its mixture of responses is used."""


class Photographs(NamedTuple):
    """B pictures, (B, 3, H, W), with everything that the pipeline between light and codes held."""

    x_srgb: Tensor
    """Codes 0..1, rounded to 8 bits, through JPEG."""
    code: Tensor
    """The same before rounding: what Dequantization-Net is to give back."""
    clipped: Tensor
    """Linear 0..1: what Linearization-Net is to give back."""
    light: Tensor
    """Linear, 1.0 is the clip, with the noise: what Hallucination-Net is to give back."""
    curve: Tensor
    """(B, 1024) true linear light at code i / 1023."""
    counts: Tensor
    """(B, 1, 1, 1): 0 for pictures that are all black or all white."""


class Photographer:
    """Takes pictures of scenes for as long as it is asked; a seed gives the same ones."""

    def __init__(self, scenes: list[HdrScene], camera: Camera, device: torch.device, *, seed: int) -> None:
        """All scenes go to the device."""
        if camera.crop_px % JPEG_CELL_PX:
            raise UsageError(f"crops of {camera.crop_px} px: give a multiple of {JPEG_CELL_PX}")
        self.camera, self.bank = camera, SceneBank(scenes, device)
        self._sources = [
            pixels for pixels in (*self.bank.latlongs, *self.bank.stills) if _holds(pixels, camera.crop_px)
        ]
        if not self._sources:
            raise UsageError(f"none of these scenes holds a crop of {camera.crop_px} px; give larger ones")
        self._latlongs = len(self.bank.latlongs)
        self._cpu = torch.Generator().manual_seed(seed)
        self._generator = torch.Generator(device).manual_seed(seed)
        responses = draw_responses(camera.responses, np.random.default_rng(seed))
        # The mixture begins with sRGB, whatever its share.
        responses = responses if camera.responses.srgb_share else responses[1:]
        grid = np.linspace(0, 1, CURVE_SAMPLES)
        self._encode = torch.tensor(np.stack([r.table for r in responses])).to(device)
        decode = np.stack([r.inverse(grid) for r in responses])
        self._decode = torch.tensor(decode, dtype=torch.float32).to(device)

    def restart(self, seed: int) -> None:
        """Begin the stream of a seed again, with the same responses."""
        self._cpu.manual_seed(seed)
        self._generator.manual_seed(seed)

    def __call__(self) -> Photographs:
        """The next batch."""
        return self.shoot(torch.stack([self._crop() for _ in range(self.camera.batch)]))

    @torch.no_grad()
    def shoot(self, light: Tensor) -> Photographs:
        """(B, 3, H, W) scenes' light of any scale, sides multiples of 16, exposed and photographed."""
        camera, count = self.camera, len(light)
        balance = torch.exp(camera.white_balance_std * self._normal(count, 3, 1, 1))
        light = self._expose(light * balance)
        signal = camera.signal_noise * self._uniform(count, 3, 1, 1)
        constant = camera.constant_noise * self._uniform(count, 3, 1, 1)
        light = light + signal * light * self._normal(*light.shape) + constant * self._normal(*light.shape)
        light = light.clamp(min=0)
        clipped = light.clamp(max=1)
        number = torch.randint(len(self._encode), (count,), generator=self._generator, device=light.device)
        chance = self._uniform(count)
        number = torch.where(chance < camera.responses.srgb_share, torch.zeros_like(number), number)
        code = interpolate_rows(clipped.sqrt(), self._encode[number])
        x_srgb = quantise(code, 8)
        lossy = self._uniform(count) < camera.jpeg_share
        if bool(lossy.any()):
            low, high = camera.jpeg_quality
            quality = low + (high - low) * self._uniform(count)
            x_srgb = x_srgb.clone()
            x_srgb[lossy] = jpeg_loss(x_srgb[lossy], quality[lossy], subsample=True)
        grey = (x_srgb * x_srgb.new_tensor(GREY)[:, None, None]).sum(1)
        extreme = [share.float().mean((1, 2)) > EXTREME_SHARE for share in (grey >= OVER_CODE, grey <= UNDER_CODE)]
        counts = (~(extreme[0] | extreme[1])).float()[:, None, None, None]
        return Photographs(x_srgb, code, clipped, light, self._decode[number], counts)

    def _crop(self) -> Tensor:
        """(3, crop, crop) light as the scene stores it, turned by quarters and mirrored."""
        draw = torch.rand(5, generator=self._cpu).tolist()
        number = int(draw[0] * len(self._sources))
        pixels, latlong = self._sources[number], number < self._latlongs
        halved = draw[1] < self.camera.half_share and _holds(pixels, 2 * self.camera.crop_px)
        size = self.camera.crop_px * (2 if halved else 1)
        height, width = pixels.shape[1:]
        margin = min(round(POLE_SHARE * height), (height - size) // 2) if latlong else 0
        top = margin + int(draw[2] * (height - size - 2 * margin + 1))
        start = int(draw[3] * (width if latlong else width - size + 1))
        columns = (start + torch.arange(size, device=pixels.device)) % width
        crop = pixels[:, top : top + size][:, :, columns].float()
        crop = F.avg_pool2d(crop, 2) if halved else crop
        turn = int(draw[4] * 8)
        crop = crop.rot90(turn % 4, (1, 2))
        return crop.flip(2) if turn >= 4 else crop

    def _expose(self, light: Tensor) -> Tensor:
        camera, count = self.camera, len(light)
        if camera.exposure == "mean":
            scale = 0.5 / light.mean((1, 2, 3), keepdim=True).clamp(min=LIGHT_FLOOR)
            scale = scale * (camera.scale[0] + (camera.scale[1] - camera.scale[0]) * self._uniform(count, 1, 1, 1))
            low, high = camera.stops
            return light * scale * torch.exp2(low + (high - low) * self._uniform(count, 1, 1, 1))
        low, high = (math.log(share) for share in camera.clipped_share)
        share = (low + (high - low) * self._uniform(count)).exp()
        peak = light.amax(1).flatten(1).sort(1).values
        index = (peak.shape[1] * (1 - share)).long().clamp(0, peak.shape[1] - 1)
        return light / peak.gather(1, index[:, None]).clamp(min=LIGHT_FLOOR)[:, :, None, None]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator, device=self._generator.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)


def _holds(pixels: Tensor, size: int) -> bool:
    return min(pixels.shape[1:]) >= size
