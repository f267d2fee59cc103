"""What stands around the networks in the exported file: the page of ``headroom.reconstruct`` in TorchScript.

    pixels (1, 3 or 4, H, W), the pipe's scene-linear values
      |--code--> alpha               which samples the camera lost, judged in the plate's own encoding
      |--lin709--> x_srgb            what the network sees
      |--overview--> features        the whole frame, once
      |--tiles--> gain_log2          stops above the plate, where alpha > 0
    pixels where alpha is 0, lin709 * 2^gain in the working space elsewhere; behind them, the mask

This module is compiled, so its methods keep to TorchScript: no generators, no ``F.interpolate``, no class-level
annotations, plain attributes as knobs. Whatever ``convert`` has as a function of tensors is called, not repeated.
Everything but the networks is float32, whatever the precision of the pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headroom.blend import PEAK_KNEE
from headroom.clipping import SEARCH_FROM, SPIKE_SHARE, TAU
from headroom.engine.run import TILE_PX_SMALLEST
from headroom.engine.tiles import padded
from headroom.networks.area import area_weights, scene_size
from headroom.networks.headroom1 import PATCH_PX, HeadroomOne, sample_scene
from headroom.plate import ALPHA_FLOOR
from headroom.reconstruct import HDR_ALREADY, SCENE_ROWS
from headroom.torchscript.traced import trace_curves, trace_gain, trace_mask, trace_scene

__all__ = ["Wrapper"]

HALF_MAX = 65504.0
"""Largest finite half float, IEEE 754 binary16."""
TOP_CODE = 1 - 1 / 512
"""A clip level found this near to 1 is 1 (``headroom.clipping``)."""
SAME_VALUE = 1e-5
"""Codes that came through a matrix or a curve are the same within this share."""


class Wrapper(nn.Module):
    """Scripted by ``export``; every public attribute is a knob of ``knobs.KNOBS``."""

    def __init__(self, network: HeadroomOne, to_lin709: list[list[float]], from_lin709: list[list[float]]) -> None:
        """``to_lin709``, ``from_lin709``: a matrix of nine numbers, row by row, for each working space."""
        super().__init__()
        self.working_space = 0
        self.encoding = 0
        self.clip_level = 0.0
        self.boost = 1.0
        self.strength = 1.0
        self.peak_stops = 0.0
        self.tau = TAU
        self.clamp_half = True
        self.tile_px = 1024

        contract = network.contract
        self._to_lin709, self._from_lin709 = to_lin709, from_lin709
        self._halo, self._multiple = contract.halo_px, contract.multiple_of
        self._scene_px, self._scene_multiple = contract.scene_px, contract.scene_multiple_of
        self._patch, self._smallest, self._scene_rows = PATCH_PX, TILE_PX_SMALLEST, SCENE_ROWS
        self._alpha_floor, self._hdr_already, self._half_max = ALPHA_FLOOR, HDR_ALREADY, HALF_MAX
        self._search_from, self._spike_share, self._top_code = SEARCH_FROM, SPIKE_SHARE, TOP_CODE
        self._same_value, self._knee = SAME_VALUE, PEAK_KNEE
        self.scene, self.gain, self.mask = trace_scene(network), trace_gain(network), trace_mask()
        self.encoders, self.decoders = trace_curves()
        # Where the networks are and how precise: Nuke moves and halves the module as a whole.
        self.network = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3 or 4, H, W) RGB or RGBA to the same channels and a mask behind them."""
        if pixels.dim() != 4 or pixels.shape[1] < 3:
            raise ValueError("headroom needs red, green and blue (and may have alpha): set the node's channels to rgba")
        frames: list[Tensor] = []
        for index in range(pixels.shape[0]):
            frames.append(self.frame(self.finite(pixels[index : index + 1].float())))
        result = torch.cat(frames) if len(frames) > 1 else frames[0]
        return result.to(pixels.dtype).contiguous()

    def frame(self, pixels: Tensor) -> Tensor:
        """One float32 frame (1, C, H, W) to (1, C + 1, H, W)."""
        channels, height, width = pixels.shape[1], pixels.shape[2], pixels.shape[3]
        result = torch.cat([pixels, torch.zeros_like(pixels[:, :1])], 1)
        level, has_clipped = self.level(pixels)
        if not has_clipped:
            return result
        features = self.scene(self.overview(pixels, level).to(self.network.dtype))
        multiple, halo = self._multiple, self._halo
        right, bottom = padded(width, multiple), padded(height, multiple)
        side = padded(max(self.tile_px, self._smallest), multiple) if self.tile_px > 0 else max(right, bottom)
        for y in range(0, height, side):
            for x in range(0, width, side):
                x0, y0 = max(0, x - halo), max(0, y - halo)
                x1 = min(right, padded(min(x + side, width), multiple) + halo)
                y1 = min(bottom, padded(min(y + side, height), multiple) + halo)
                code, lin709 = self.light(self.window(pixels, x0, y0, x1, y1))
                x_srgb, alpha = self.seen(code, lin709, level)
                core_y, core_x = min(side, height - y), min(side, width - x)
                core_alpha = alpha[:, :, y - y0 : y - y0 + core_y, x - x0 : x - x0 + core_x]
                if bool((core_alpha > 0).any()):
                    place = [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height]
                    sampled = sample_scene(
                        features,
                        torch.tensor([place], dtype=torch.float64, device=features.device),
                        (y1 - y0) // self._patch,
                        (x1 - x0) // self._patch,
                    )
                    gain = self.gain(x_srgb.to(sampled.dtype), alpha.to(sampled.dtype), sampled)
                    gain = gain.float()[:, :, y - y0 : y - y0 + core_y, x - x0 : x - x0 + core_x]
                    core_lin709 = lin709[:, :, y - y0 : y - y0 + core_y, x - x0 : x - x0 + core_x]
                    core = result[:, :, y : y + core_y, x : x + core_x]
                    self.blend(core, core_lin709, core_alpha, gain, channels)
        return result

    def blend(self, core: Tensor, lin709: Tensor, alpha: Tensor, gain_log2: Tensor, channels: int) -> None:
        """In place: reconstructed light where alpha is above 0, the mask behind the channels."""
        gain = self.limited(gain_log2 * (self.guarded_boost() * max(self.strength, 0.0)) * alpha)
        light = self.mixed(lin709 * torch.exp2(gain), self._from_lin709)
        if channels > 3:
            matte = core[:, 3:4]
            light = light * torch.where(matte > self._alpha_floor, matte, torch.ones_like(matte))
        light = torch.where(torch.isfinite(light), light, torch.zeros_like(light))
        if self.clamp_half:
            light = light.clamp(-self._half_max, self._half_max)
        mask = alpha.amax(1, keepdim=True)
        core[:, :3] = torch.where(mask > 0, light, core[:, :3])
        core[:, channels : channels + 1] = mask

    def limited(self, gain_log2: Tensor) -> Tensor:
        """Gains above the knee bent towards the peak."""
        if self.peak_stops <= 0:
            return gain_log2
        knee = self._knee * self.peak_stops
        room = self.peak_stops - knee
        return torch.where(gain_log2 > knee, knee + room * torch.tanh((gain_log2 - knee) / room), gain_log2)

    def overview(self, pixels: Tensor, level: float) -> Tensor:
        """(1, 6, h, w) area means of x_srgb and alpha over the whole frame, gathered band by band."""
        height, width = pixels.shape[2], pixels.shape[3]
        h, w = scene_size(height, width, pixels=self._scene_px, multiple_of=self._scene_multiple)
        vertical = area_weights(height, h).to(pixels.device)
        horizontal = area_weights(width, w).to(pixels.device).t()
        view = torch.zeros([1, 6, h, w], device=pixels.device)
        for y0 in range(0, height, self._scene_rows):
            y1 = min(y0 + self._scene_rows, height)
            code, lin709 = self.light(pixels[:, :, y0:y1])
            x_srgb, alpha = self.seen(code, lin709, level)
            view += vertical[:, y0:y1] @ (torch.cat([x_srgb, alpha], 1) @ horizontal)
        return view

    def level(self, pixels: Tensor) -> tuple[float, bool]:
        """The clip level in codes, and whether anything is to be reconstructed above it."""
        if self.clip_level > 0:
            return self.clip_level, True
        height, width = pixels.shape[2], pixels.shape[3]
        peak = 0.0
        for y in range(0, height, self._scene_rows):
            code, _ = self.light(pixels[:, :, y : y + self._scene_rows])
            peak = max(peak, float(code.max()))
        if peak > self._hdr_already:
            return 1.0, False
        if peak < self._search_from or peak >= self._top_code:
            return 1.0, True
        exact = self.encoding == 0
        least = peak if exact else peak * (1 - self._same_value)
        same = 0
        for y in range(0, height, self._scene_rows):
            code, _ = self.light(pixels[:, :, y : y + self._scene_rows])
            same += int((code >= least).sum())
        piled = same >= max(2.0, self._spike_share * width * height * 3)
        return (peak if piled else 1.0), True

    def light(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Plate codes and linear Rec.709, both (1, 3, h, w), un-premultiplied, from pixels of the pipe."""
        rgb = pixels[:, :3]
        if pixels.shape[1] > 3:
            matte = pixels[:, 3:4]
            rgb = rgb / torch.where(matte > self._alpha_floor, matte, torch.ones_like(matte))
        lin709 = self.mixed(rgb, self._to_lin709)
        code = rgb if self.encoding == 0 else lin709
        for index, encode in enumerate(self.encoders):
            if self.encoding == index + 2:
                code = encode(lin709)
        return code, lin709

    def seen(self, code: Tensor, lin709: Tensor, level: float) -> tuple[Tensor, Tensor]:
        """What the network sees: x_srgb 0..1 with 1 at the clip level, and alpha 0..1."""
        tau = torch.full([1], min(max(self.tau, 0.001), 0.999), device=code.device)
        code_level = torch.full([1], level, device=code.device)
        alpha = self.mask(code, code_level, tau)
        if self.encoding == 0 and self.working_space != 0:
            # A clip in one channel of other primaries touches all three of Rec.709's.
            alpha = alpha.amax(1, keepdim=True).expand(-1, 3, -1, -1)
        top = code_level
        for index, decode in enumerate(self.decoders):
            if self.encoding == index + 2:
                top = decode(code_level)
        top = self.encoders[0](top).clamp(1e-3, 1)
        x_srgb = self.encoders[0](lin709).clamp(0, 1)
        if float(top) < 1:
            x_srgb = self.encoders[0]((self.decoders[0](x_srgb) / self.decoders[0](top)).clamp(0, 1))
        boost = self.guarded_boost()
        if boost != 1:
            x_srgb = x_srgb ** (1 / boost)
        return x_srgb, alpha

    def guarded_boost(self) -> float:
        """What can be divided by, whatever was typed into the knob."""
        return max(self.boost, 0.01)

    def mixed(self, rgb: Tensor, matrices: list[list[float]]) -> Tensor:
        """(1, 3, h, w) through the working space's matrix of ``matrices``; the first space needs none."""
        if self.working_space <= 0 or self.working_space >= len(matrices):
            return rgb
        matrix = torch.tensor(matrices[self.working_space], device=rgb.device).view(3, 3)
        return torch.matmul(matrix, rgb.flatten(2)).view(rgb.shape)

    def window(self, pixels: Tensor, x0: int, y0: int, x1: int, y1: int) -> Tensor:
        """The rectangle; what lies beyond the frame repeats its last row and column."""
        height, width = pixels.shape[2], pixels.shape[3]
        part = pixels[:, :, y0 : min(y1, height), x0 : min(x1, width)]
        if y1 > height:
            part = part.index_select(2, torch.arange(y1 - y0, device=part.device).clamp(max=height - 1 - y0))
        if x1 > width:
            part = part.index_select(3, torch.arange(x1 - x0, device=part.device).clamp(max=width - 1 - x0))
        return part

    def finite(self, pixels: Tensor) -> Tensor:
        """NaN to 0, infinities to the channel's largest and smallest values, as the reader of files does."""
        ok = torch.isfinite(pixels)
        if bool(ok.all()):
            return pixels
        nothing = torch.zeros_like(pixels)
        none = ~ok.flatten(2).any(2)[:, :, None, None]
        high = torch.where(ok, pixels, nothing - torch.inf).amax((2, 3), keepdim=True)
        low = torch.where(ok, pixels, nothing + torch.inf).amin((2, 3), keepdim=True)
        high = torch.where(none, torch.ones_like(high), high)
        low = torch.where(none, torch.zeros_like(low), low)
        return torch.where(torch.isnan(pixels), nothing, torch.minimum(torch.maximum(pixels, low), high))
