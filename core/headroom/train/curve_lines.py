"""Photographs for the response curve's network: lines of pixels taken straight out of the scenes.

Only the pixels that are looked at go through the camera, which makes ten times as many photographs a second as whole
pictures would. JPEGs need their blocks, so those come from sheets of cells (``BatchMaker``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from headroom.camera import quantise, sensor_noise
from headroom.networks.curve_lines import SHARES, best_lines, cell_lines
from headroom.networks.curve_net import SAMPLES, STRIDES, Lines
from headroom.train.batches import CELL_PX, CURVE_SAMPLES, LIGHT_FLOOR, BatchMaker, Shooting, interpolate_rows
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank

__all__ = ["Album", "LineShooting", "Photographer", "Photographs"]

SPARE = 1.6
"""Lines that are drawn for one that is wanted: many show nothing."""
LOOKED_AT = 2048
"""Pixels that tell how a photograph is to be exposed, and which codes it holds."""
KEPT = 300
"""Batches that an album holds."""
LEAST_PART = 0.2
"""Of the scene's height and width, where only a part of it is photographed."""


@dataclass(frozen=True, kw_only=True)
class LineShooting:
    """What a batch is made of; cameras and exposures are those of ``sheets``."""

    sheets: Shooting
    """JPEGs alone: one kind of ``cells``."""
    plain: int = 24
    """Photographs of a batch that are no JPEGs."""
    half_share: float = 0.25
    """Of those, how many come from scenes at half their size."""
    part_share: float = 0.5
    """Of those, how many show a part of their scene alone."""


@dataclass(frozen=True)
class Photographs:
    """B photographs and what is to be known of them."""

    lines: Lines
    curves: Tensor
    """(B, 256) true inverse responses at code i/255."""
    stated: Tensor
    """(B,) 1 where the stated curve is true."""
    codes: Tensor
    """(B, 256) share of each code."""


class Photographer:
    """Takes photographs for as long as it is asked to; a seed gives the same ones."""

    def __init__(
        self, scenes: list[HdrScene], shooting: LineShooting, lines: int, device: torch.device, seed: int
    ) -> None:
        """All scenes go to the device."""
        bank = SceneBank(scenes, device)
        self._shooting, self._count, self._device = shooting, lines, device
        jpegs = replace(shooting.sheets, jpeg_share=1.0)
        self._sheets = BatchMaker(bank, jpegs, scene_px=64, scene_multiple=8, seed=seed)
        self._generator = torch.Generator(device).manual_seed(seed)
        self._cpu = torch.Generator().manual_seed(seed)
        self._whole = [*bank.latlongs, *bank.stills]
        self._half = [*bank.latlongs_half, *bank.stills]

    @torch.no_grad()
    def __call__(self) -> Photographs:
        """The next batch."""
        parts = [self._jpegs(), self._plain()]
        lines = Lines(*(torch.cat([part.lines[i] for part in parts]) for i in (0, 1)))
        return Photographs(
            lines, *(torch.cat([getattr(part, name) for part in parts]) for name in ("curves", "stated", "codes"))
        )

    def _jpegs(self) -> Photographs:
        batch = self._sheets()
        lines = cell_lines(batch.x_srgb, CELL_PX, self._count, self._generator)
        return Photographs(lines, batch.inverse, batch.stated, code_shares(batch.x_srgb.flatten(1)[:, ::7]))

    def _plain(self) -> Photographs:
        shooting, count = self._shooting.sheets, self._shooting.plain
        seen = [self._pixels() for _ in range(count)]
        line_light, light = (torch.stack(part) for part in zip(*seen, strict=True))
        lines_shape = line_light.shape[1:]
        both = torch.cat([line_light.flatten(1, 2), light], 1)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(count, *shape, generator=self._generator, device=self._device)

        def log_uniform(span: tuple[float, float]) -> Tensor:
            return uniform(math.log(span[0]), math.log(span[1])).exp()

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=self._generator, device=self._device)

        both = both * torch.exp(shooting.white_balance_std * normal(count, 1, 3))
        grey = both.mean(2, keepdim=True)
        both = (grey + (both - grey) * uniform(*shooting.saturation, 1, 1)).clamp(min=LIGHT_FLOOR)
        share = log_uniform(shooting.clipped_share)
        peak = both[:, -LOOKED_AT:].amax(2).sort(1).values
        level = peak.gather(1, (LOOKED_AT * (1 - share)).long().clamp(0, LOOKED_AT - 1)[:, None])
        both = both / level[:, :, None]

        maker = self._sheets
        noisy = uniform(0, 1) < shooting.noisy_share
        shot, read = ((log_uniform(span) * noisy)[:, None, None] for span in (shooting.shot_noise, shooting.read_noise))
        both = sensor_noise(both, normal(*both.shape), shot, read)
        number = torch.randint(1, len(maker.tables), (count,), generator=self._generator, device=self._device)
        number = torch.where(uniform(0, 1) < shooting.srgb_share, 0, number)
        x = interpolate_rows(both.clamp(0, 1).sqrt(), maker.tables[number])
        if shooting.channel_spread:
            log2 = shooting.channel_spread * normal(3) * (number > 0)[:, None]
            x = x ** (log2 - log2.mean(1, keepdim=True)).exp2()[:, None]
        x = quantise(x, 8)
        codes = code_shares(x[:, -LOOKED_AT:].flatten(1))
        line_codes = x[:, :-LOOKED_AT].unflatten(1, lines_shape[:2])
        stride = self._strides(lines_shape[0])
        lines = best_lines(line_codes, stride.expand(count, -1), self._count, self._generator)
        return Photographs(lines, maker.curves[number], (number == 0).float(), codes)

    def _strides(self, count: int) -> Tensor:
        """(count,) the stride of each line that is drawn, in order."""
        ends = [round(count * sum(SHARES[: i + 1])) for i in range(len(SHARES))]
        ends[-1] = count
        lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        return torch.repeat_interleave(torch.tensor(STRIDES), torch.tensor(lengths)).to(self._device)

    def _pixels(self) -> tuple[Tensor, Tensor]:
        """Light of one photograph: (K, 5, 3) lines and (LOOKED_AT, 3) pixels of all of it."""
        shooting = self._shooting
        kind, part, *where = torch.rand(6, generator=self._cpu).tolist()
        scenes = self._half if kind < shooting.half_share else self._whole
        pixels = scenes[int(torch.randint(len(scenes), (), generator=self._cpu))]
        sizes = []
        for axis, size in enumerate(pixels.shape[1:]):
            extent = size if part > shooting.part_share else round(size * (LEAST_PART + (1 - LEAST_PART) * where[axis]))
            extent = max(min(size, STRIDES[-1] * SAMPLES), extent)
            sizes.append((int((size - extent) * where[2 + axis]), extent))
        (top, height), (left, width) = sizes
        window = pixels[:, top : top + height, left : left + width]

        def draw(*shape: int) -> Tensor:
            return torch.rand(shape, generator=self._generator, device=self._device)

        stride = self._strides(round(SPARE * self._count))[:, None]
        across = draw(len(stride), 1) < 0.5
        steps = torch.arange(SAMPLES, device=self._device)
        steps = torch.where(draw(len(stride), 1) < 0.5, steps, SAMPLES - 1 - steps) * stride
        reach = (SAMPLES - 1) * stride
        y0 = (draw(len(stride), 1) * (height - reach * ~across)).long()
        x0 = (draw(len(stride), 1) * (width - reach * across)).long()
        y, x = y0 + steps * ~across, x0 + steps * across
        anywhere = (draw(LOOKED_AT) * height).long(), (draw(LOOKED_AT) * width).long()
        lines = window[:, y, x].permute(1, 2, 0).float()
        return lines, window[:, anywhere[0], anywhere[1]].T.float()


class Album:
    """New photographs, and earlier ones again: taking them costs more than learning from them."""

    def __init__(self, photographer: Photographer, looks: int, seed: int) -> None:
        """One in ``looks`` batches is new."""
        self._take, self._looks = photographer, looks
        self._rng = torch.Generator().manual_seed(seed)
        self._kept: list[Photographs] = []

    def __call__(self) -> Photographs:
        """A batch; an old one's lines are codes of 8 bits, as they were."""
        if self._kept and int(torch.randint(self._looks, (), generator=self._rng)):
            shot = self._kept[int(torch.randint(len(self._kept), (), generator=self._rng))]
            return replace(shot, lines=Lines(shot.lines.x_srgb.float() / 255, shot.lines.stride))
        shot = self._take()
        kept = replace(shot, lines=Lines((shot.lines.x_srgb * 255).round().byte(), shot.lines.stride))
        if len(self._kept) < KEPT:
            self._kept.append(kept)
        else:
            self._kept[int(torch.randint(KEPT, (), generator=self._rng))] = kept
        return shot


def code_shares(x: Tensor) -> Tensor:
    """(B, N) codes 0..1 to (B, 256) how often each occurs."""
    codes = (x * (CURVE_SAMPLES - 1)).round().long()
    share = torch.zeros(len(codes), CURVE_SAMPLES, device=x.device)
    return share.scatter_add(1, codes, torch.ones_like(codes, dtype=share.dtype)) / codes.shape[1]
