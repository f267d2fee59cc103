"""Training batches, made wholly on the device: view -> exposure -> camera -> what the network sees and should say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from headroom.camera import INVERSE_SAMPLES, Response, quantise, sensor_noise
from headroom.clipping import TAU, soft_mask
from headroom.errors import UsageError
from headroom.networks.area import area_weights, scene_size
from headroom.train.added_lights import draw_lights, light_of
from headroom.train.graphics import GraphicsBank, draw_colours
from headroom.train.jpeg import jpeg_loss
from headroom.train.views import SceneBank, latlong_rays, moved_grid, rectilinear_rays, rotations

__all__ = ["Batch", "BatchMaker", "Frame", "Shooting", "draw_responses", "to_scene_view"]

CURVE_SAMPLES = INVERSE_SAMPLES
CELL_PX = 32
CELLS_FROM_A_PART = 0.5
"""Share of the sheets of cells that come from a part of their scene, as a picture of it would."""
QUANTILE_SAMPLES = 32768
LIGHT_FLOOR = 1e-6


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One kind of picture and how often it is taken."""

    kind: str
    """``panorama`` (a lat-long as it is), ``latlong`` (turned about all axes), ``view`` (rectilinear), ``still``, or
    ``cells`` (squares of CELL_PX from all over one scene, as stored; ``cells half``: of the scene at half its size)."""
    height: int
    width: int
    batch: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Shooting:
    """Ranges of everything random between the scene and the code values."""

    frames: tuple[Frame, ...]
    clipped_share: tuple[float, float] = (0.003, 0.30)
    """Share of pixels with some channel clipped, log-uniform."""
    white_balance_std: float = 0.15
    """Standard deviation of the log channel gains."""
    saturation: tuple[float, float] = (0.75, 1.25)
    contrast: tuple[float, float] = (0.92, 1.08)
    """Exponent on the scene's light about its median: other scenes, near these."""
    srgb_share: float = 0.5
    emor_share: float = 0.26
    style_share: float = 0.12
    sigmoid_share: float = 0.06
    """What is left of the responses are plain gammas of 1.8 to 2.6."""
    log_share: float = 0.0
    """Of all responses, flat profiles: logarithms of 3 to 8 stops."""
    channel_spread: float = 0.0
    """Standard deviation of the log2 of the exponents by which the channels' codes differ from the response, as no
    sensor and no film treats its colours quite alike."""
    noisy_share: float = 0.5
    shot_noise: tuple[float, float] = (0.001, 0.03)
    read_noise: tuple[float, float] = (0.0002, 0.005)
    jpeg_share: float = 0.4
    jpeg_quality: tuple[float, float] = (50, 98)
    lamp_share: float = 0.0
    """Pictures under lamps by a daylight balance: red clips long before blue."""
    lamp_stops: tuple[float, float] = (0.3, 1.2)
    """What red gains and blue loses in them."""
    added_lights_share: float = 0.0
    """Pictures with lamps or suns put into them at known radiance."""
    graphics_share: float = 0.0
    """Pictures with letters, logos or frames over them, as white as white and no brighter."""
    tau: float = TAU
    responses: int = 1500
    pairs: bool = False
    """Every picture is taken twice, as two frames of a shot: the second half of a batch is the first half, moved a
    little, at a slightly other exposure, by the same camera with other noise."""
    pair_motion: tuple[float, float, float] = (12.0, 0.02, 0.03)
    """Most that the second moves: pixels each way, radians of roll, natural log of zoom."""
    pair_stops: float = 0.25
    """Most that its exposure changes."""


class Batch(NamedTuple):
    """B pictures with their truth; domains as in the names."""

    x_srgb: Tensor
    """(B, 3, H, W) stored code values 0..1."""
    alpha: Tensor
    """(B, 3, H, W) soft clip mask."""
    scene_srgb: Tensor
    """(B, 6, h, w) the scene view."""
    lin: Tensor
    """(B, 3, H, W) linear light of ``x_srgb`` by the true response."""
    truth_lin: Tensor
    """(B, 3, H, W) the scene's light, 1.0 = clip, without noise."""
    code_truth: Tensor
    """(B, 3, H, W) the response of the truth before quantisation."""
    inverse: Tensor
    """(B, 256) true inverse response at code i/255."""
    stated: Tensor
    """(B,) 1 where the stated curve (sRGB) is the true one."""
    lossless: Tensor
    """(B,) 1 where neither JPEG nor noise came between."""
    moved: Tensor | None = None
    """Pairs: (B/2, H, W, 2) where the second half's pixels lie in the first half's pictures, -1..1 as in
    ``grid_sample``; None: pictures that have nothing to do with each other."""


def to_scene_view(x_srgb: Tensor, alpha: Tensor, pixels: int, multiple_of: int) -> Tensor:
    """(B, 3, H, W) twice to the (B, 6, h, w) scene view of the whole frame."""
    height, width = x_srgb.shape[2:]
    h, w = scene_size(height, width, pixels=pixels, multiple_of=multiple_of)
    rows = area_weights(height, h).to(x_srgb.device)
    columns = area_weights(width, w).to(x_srgb.device)
    return rows @ torch.cat([x_srgb, alpha], 1) @ columns.T


class BatchMaker:
    """Draws batches; everything random comes from one generator, so a seed gives the same stream."""

    def __init__(self, bank: SceneBank, shooting: Shooting, *, scene_px: int, scene_multiple: int, seed: int) -> None:
        """Draw the bank of responses and put their tables on the device."""
        self.bank, self.shooting = bank, shooting
        self.scene_px, self.scene_multiple = scene_px, scene_multiple
        self.generator = torch.Generator(bank.device).manual_seed(seed)
        self._cpu = torch.Generator().manual_seed(seed)
        responses = draw_responses(shooting, np.random.default_rng(seed))
        grid = np.linspace(0, 1, CURVE_SAMPLES)
        self.tables = torch.tensor(np.stack([r.table for r in responses])).to(bank.device)
        self.inverses = torch.tensor(np.stack([r.inverse_table for r in responses])).to(bank.device)
        self.curves = torch.tensor(np.stack([r.inverse(grid) for r in responses]), dtype=torch.float32).to(bank.device)
        self._graphics = GraphicsBank(bank.device, seed) if shooting.graphics_share else None
        self._rays: dict[tuple[int, int], Tensor] = {}
        frames = [f for f in shooting.frames if _can_take(bank, f.kind)]
        if not frames:
            kinds = ", ".join(sorted({f.kind for f in shooting.frames}))
            raise UsageError(f"none of these scenes can be photographed as the recipe asks ({kinds})")
        self.frames = frames
        self._shares = torch.tensor([f.share for f in frames], dtype=torch.float32)

    def __call__(self) -> Batch:
        """The next batch."""
        return next(self.exposures(1))

    def exposures(self, count: int) -> Iterator[Batch]:
        """The next views, photographed ``count`` times at other exposures, by other cameras."""
        frame = self.frames[int(torch.multinomial(self._shares, 1, generator=self._cpu))]
        light = self._grade(self._compose(frame))
        for _ in range(count):
            exposed = self._lit(light * self._exposure(light))
            yield self._pair(exposed) if self.shooting.pairs else self._shoot(exposed)

    def restart(self, seed: int) -> None:
        """Begin the stream of a seed again."""
        self.generator.manual_seed(seed)
        self._cpu.manual_seed(seed)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        draw = torch.rand(shape, generator=self.generator, device=self.bank.device)
        return low + (high - low) * draw

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.bank.device)

    def _chance(self, count: int, share: float) -> Tensor:
        return self._uniform(count) < share

    def _compose(self, frame: Frame) -> Tensor:
        if frame.kind == "still":
            numbers = torch.randint(len(self.bank.stills), (frame.batch,), generator=self._cpu).tolist()
            crops = [self.bank.still_crop(n, frame.height, frame.width, self._cpu) for n in numbers]
            return self._flip(torch.stack(crops))
        if frame.kind.startswith("cells"):
            return self._flip(torch.stack([self._cells(frame) for _ in range(frame.batch)]))
        count = frame.batch
        index = torch.randint(len(self.bank.latlongs), (count,), generator=self.generator, device=self.bank.device)
        yaw = self._uniform(count, high=2 * math.pi)
        if frame.kind == "panorama":
            return self._flip(self.bank.turned(index, yaw, frame.height))
        if frame.kind == "latlong":
            key = (frame.height, frame.width)
            if key not in self._rays:
                self._rays[key] = latlong_rays(*key, self.bank.device)
            tilt = 0.12 * self._chance(count, 0.4)
            turn = rotations(yaw, tilt * self._normal(count), tilt * self._normal(count))
            rays = torch.einsum("bij,hwj->bhwi", turn, self._rays[key])
            half = frame.height <= self.bank.latlongs_half.shape[2]
        else:
            field = self._uniform(count, low=math.radians(45), high=math.radians(115))
            turn = rotations(yaw, 0.35 * self._normal(count), 0.08 * self._normal(count))
            rays = torch.einsum("bij,bhwj->bhwi", turn, rectilinear_rays(frame.height, frame.width, (field / 2).tan()))
            half = False
        return self._flip(self.bank.latlong_views(index, rays, half=half))

    def _cells(self, frame: Frame) -> Tensor:
        rows, columns = frame.height // CELL_PX, frame.width // CELL_PX
        latlongs = self.bank.latlongs_half if frame.kind.endswith("half") else self.bank.latlongs
        number = int(torch.randint(len(latlongs) + len(self.bank.stills), (), generator=self._cpu))
        pixels = latlongs[number] if number < len(latlongs) else self.bank.stills[number - len(latlongs)]
        part = torch.rand(5, generator=self._cpu).tolist()
        whole = part[4] > CELLS_FROM_A_PART
        corner = []
        for axis, size in enumerate(pixels.shape[1:]):
            free = size - CELL_PX + 1
            extent = free if whole else max(1, round(free * (0.2 + 0.8 * part[axis])))
            start = int((free - extent + 1) * part[2 + axis])
            corner.append(start + torch.randint(extent, (rows * columns, 1, 1), generator=self._cpu))
        side = torch.arange(CELL_PX)
        y, x = (corner[0] + side[:, None]).to(pixels.device), (corner[1] + side).to(pixels.device)
        cells = pixels[:, y, x].float().unflatten(1, (rows, columns))
        sheet: Tensor = cells.permute(0, 1, 3, 2, 4).reshape(3, frame.height, frame.width)
        return sheet

    def _flip(self, light: Tensor) -> Tensor:
        flip = self._chance(light.shape[0], 0.5)[:, None, None, None]
        return torch.where(flip, light.flip(3), light)

    def _grade(self, light: Tensor) -> Tensor:
        shooting, count = self.shooting, light.shape[0]
        light = light * torch.exp(shooting.white_balance_std * self._normal(count, 3, 1, 1))
        if shooting.lamp_share:
            warm = self._uniform(count, low=shooting.lamp_stops[0], high=shooting.lamp_stops[1])
            warm = warm * self._chance(count, shooting.lamp_share)
            light = light * torch.stack([warm, torch.zeros_like(warm), -warm], 1).exp2()[:, :, None, None]
        low, high = shooting.saturation
        grey = light.mean(1, keepdim=True)
        light = (grey + (light - grey) * self._uniform(count, 1, 1, 1, low=low, high=high)).clamp(min=0)
        low, high = shooting.contrast
        # No pivot is needed: the exposure that follows sets the level.
        return light.clamp(min=LIGHT_FLOOR) ** self._uniform(count, 1, 1, 1, low=low, high=high)

    def _exposure(self, light: Tensor) -> Tensor:
        low, high = (math.log(share) for share in self.shooting.clipped_share)
        share = self._uniform(light.shape[0], low=low, high=high).exp()
        peak = light.amax(1).flatten(1)
        peak = peak[:, :: max(1, peak.shape[1] // QUANTILE_SAMPLES)].sort(1).values
        index = (peak.shape[1] * (1 - share)).long().clamp(0, peak.shape[1] - 1)
        level = peak.gather(1, index[:, None]).clamp(min=LIGHT_FLOOR)
        return (1 / level)[:, :, None, None]

    def _lit(self, truth: Tensor) -> Tensor:
        """Lamps and suns added to a share of the pictures: their stops above the clip are known now."""
        if not self.shooting.added_lights_share:
            return truth
        chosen = self._chance(truth.shape[0], self.shooting.added_lights_share).nonzero()[:, 0]
        if len(chosen):
            added = light_of(draw_lights(len(chosen), self.generator), *truth.shape[2:])
            truth = truth.index_add(0, chosen, added)
        return truth

    def _pair(self, truth: Tensor) -> Batch:
        """Two frames of each: (2 B, ...)."""
        count, _, height, width = truth.shape
        pixels, roll, zoom = self.shooting.pair_motion
        shift = self._uniform(count, 2, low=-1, high=1) * pixels
        angle = self._uniform(count, low=-roll, high=roll)
        scale = self._uniform(count, low=-zoom, high=zoom).exp()
        where = moved_grid(height, width, shift, angle, scale)
        stops = self._uniform(count, 1, 1, 1, low=-self.shooting.pair_stops, high=self.shooting.pair_stops)
        second = F.grid_sample(truth, where, mode="bilinear", padding_mode="reflection", align_corners=False)
        return self._shoot(torch.cat([truth, second * stops.exp2()]), cameras=count)._replace(moved=where)

    def _shoot(self, truth: Tensor, *, cameras: int | None = None) -> Batch:
        """``cameras``: picture i and picture i + cameras are taken by the same one."""
        shooting, count = self.shooting, cameras or truth.shape[0]
        each = truth.shape[0] // count
        number = torch.randint(len(self.tables), (count,), generator=self.generator, device=self.bank.device)
        number = torch.where(self._chance(count, shooting.srgb_share), torch.zeros_like(number), number.clamp(min=1))
        noisy = self._chance(count, shooting.noisy_share)
        shot = self._log_uniform(count, shooting.shot_noise) * noisy
        read = self._log_uniform(count, shooting.read_noise) * noisy
        number, noisy, shot, read = (value.repeat(each) for value in (number, noisy, shot, read))
        table, inverse = self.tables[number], self.inverses[number]
        seen = sensor_noise(truth, self._normal(*truth.shape), shot.view(-1, 1, 1, 1), read.view(-1, 1, 1, 1))
        if self._graphics is not None:
            cover, light = self._over(self._graphics, count, truth.shape[2:])
            truth, seen = (
                torch.lerp(pixels, light.repeat(each, 1, 1, 1), cover.repeat(each, 1, 1, 1)) for pixels in (truth, seen)
            )
        code_truth = interpolate_rows(truth.clamp(0, 1).sqrt(), table)
        code = interpolate_rows(seen.clamp(0, 1).sqrt(), table)
        exponent = self._channels(number[:count])
        if exponent is not None:
            exponent = exponent.repeat(each, 1)[:, :, None, None]
            code_truth, code = code_truth**exponent, code**exponent
        x = quantise(code, 8)
        lossy = self._chance(count, shooting.jpeg_share).repeat(each)
        if bool(lossy.any()):
            quality = self._uniform(count, low=shooting.jpeg_quality[0], high=shooting.jpeg_quality[1]).repeat(each)
            subsample = bool(self._chance(1, 0.5))
            x = x.clone()
            x[lossy] = jpeg_loss(x[lossy], quality[lossy], subsample=subsample)
        alpha = soft_mask(x, 1.0, shooting.tau)
        scene = to_scene_view(x, alpha, self.scene_px, self.scene_multiple)
        lin = interpolate_rows(x if exponent is None else x ** (1 / exponent), inverse)
        stated = (number == 0).float()
        lossless = (~(noisy | lossy)).float()
        return Batch(x, alpha, scene, lin, truth, code_truth, self.curves[number], stated, lossless)

    def _over(self, graphics: GraphicsBank, count: int, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What lies over a share of the pictures, (B, 1, H, W), and its light; it has no noise."""
        page = (self._uniform(count) * 1e6).long()
        shift = self._uniform(count, 2, low=-1, high=1)
        cover, light = graphics(page, draw_colours(self._uniform(count, 4)), shift, (size[0], size[1]))
        return cover * self._chance(count, self.shooting.graphics_share)[:, None, None, None], light

    def _channels(self, number: Tensor) -> Tensor | None:
        """(B, 3) exponents of the channels' codes, their logs' mean 0, of cameras by their response; None: all 1.

        Those of the stated response are 1: what it states, it states of each channel.
        """
        if not self.shooting.channel_spread:
            return None
        log2 = self.shooting.channel_spread * self._normal(len(number), 3) * (number > 0)[:, None]
        return (log2 - log2.mean(1, keepdim=True)).exp2()

    def _log_uniform(self, count: int, span: tuple[float, float]) -> Tensor:
        return self._uniform(count, low=math.log(span[0]), high=math.log(span[1])).exp()


def _can_take(bank: SceneBank, kind: str) -> bool:
    if kind == "still":
        return bool(bank.stills)
    return len(bank.latlongs) > 0 or (kind == "cells" and bool(bank.stills))


def interpolate_rows(position: Tensor, tables: Tensor) -> Tensor:
    """Each picture of (B, 3, H, W) 0..1 through its own row of (B, N), linearly."""
    size = tables.shape[1]
    scaled = position.flatten(1) * (size - 1)
    low = scaled.floor().clamp(0, size - 2)
    fraction = scaled - low
    low = low.long()
    return torch.lerp(tables.gather(1, low), tables.gather(1, low + 1), fraction).view_as(position)


def draw_responses(shooting: Shooting, rng: np.random.Generator) -> list[Response]:
    """SRGB first; then the mixture of what real cameras and converters do."""
    kinds = np.array([shooting.emor_share, shooting.style_share, shooting.sigmoid_share])
    rest = 1 - shooting.srgb_share - kinds.sum() - shooting.log_share
    if rest < -1e-9:
        raise UsageError(f"the shares of the responses add up to {1 - rest:.3g}; a recipe's must not pass 1")
    weights = np.append(kinds, [max(0.0, rest), shooting.log_share]) / (1 - shooting.srgb_share)
    drawn = [Response.srgb()]
    for kind in rng.choice(5, size=shooting.responses - 1, p=weights):
        if kind == 0:
            drawn.append(Response.draw_emor(rng, spread=rng.uniform(0.7, 1.1)))
        elif kind == 1:
            drawn.append(Response.picture_style(rng.uniform(-0.3, 0.9), rng.uniform(-0.3, 0.4)))
        elif kind == 2:
            n, sigma = np.clip(rng.normal(0.9, 0.1), 0.5, 1.5), np.clip(rng.normal(0.6, 0.1), 0.2, 2)
            drawn.append(Response.sigmoid(float(n), float(sigma)))
        elif kind == 3:
            drawn.append(Response.gamma(float(rng.uniform(1.8, 2.6))))
        else:
            drawn.append(Response.log_like(float(rng.uniform(3, 8))))
    return drawn
