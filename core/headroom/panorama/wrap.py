"""The network's passes over a sphere: no edge in azimuth, none at the poles.

The look at the whole frame runs with every 3x3 convolution padded by what lies round the sphere. The tiles see their
halo round the sphere too, and the scene's features at their true place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.encode import Encoder, Rows
from headroom.engine.device import is_out_of_memory
from headroom.engine.doubt import picked
from headroom.engine.run import BandOutput, Runner
from headroom.engine.tiles import padded
from headroom.errors import DeviceError
from headroom.metrics.lighting import solid_angles
from headroom.networks.area import area_weights, scene_size
from headroom.networks.contract import NetworkContract
from headroom.networks.curve_lines import FrameLines
from headroom.networks.headroom1 import HeadroomOne
from headroom.networks.overview import Overview
from headroom.panorama.sphere import turned
from headroom.plate import FloatArray

__all__ = ["SphereRows", "gain_bands", "scene_features", "sphere_overview"]

TILE_PX_SMALLEST = 64


@dataclass(frozen=True)
class SphereRows:
    """A panorama's rows, turned so that column ``start`` comes first; rows beyond a pole go on on the other side."""

    encoder: Encoder
    start: int = 0

    @property
    def height(self) -> int:
        """Rows from pole to pole."""
        return self.encoder.plate.height

    @property
    def width(self) -> int:
        """Columns all round."""
        return self.encoder.plate.width

    def rows(self, y0: int, y1: int) -> Rows:
        """Rows y0..y1, which may be negative or beyond the last."""
        inside = y0 >= 0 and y1 <= self.height
        if inside:
            rows = self.encoder.rows(y0, y1)
            return Rows(*(np.roll(part, -self.start, axis=1) for part in (rows.code, rows.x_srgb, rows.alpha)))
        row, column = turned(self.height, self.width, np.arange(y0, y1), np.arange(self.width))
        first = int(row.min())
        whole = self.rows(first, int(row.max()) + 1)
        return Rows(*(part[row - first, column] for part in (whole.code, whole.x_srgb, whole.alpha)))


def sphere_overview(sphere: SphereRows, contract: NetworkContract, *, rows_at_once: int) -> Overview:
    """`encode.overview` with the rows of a cell weighted by their solid angle."""
    height, width = sphere.height, sphere.width
    h, w = scene_size(height, width, pixels=contract.scene_px, multiple_of=contract.scene_multiple_of)
    vertical = area_weights(height, h).double().numpy() * solid_angles(height, width)
    vertical = (vertical / vertical.sum(axis=1, keepdims=True)).astype(np.float32)
    horizontal = area_weights(width, w).numpy().T
    view = np.zeros((h, w, 6), np.float32)
    lines = FrameLines(height, width)
    for y0 in range(0, height, rows_at_once):
        rows = sphere.rows(y0, min(y0 + rows_at_once, height))
        weights = vertical[:, y0 : y0 + rows_at_once]
        touched = np.flatnonzero(weights.any(axis=1))
        for c in range(6):
            channel = (rows.x_srgb if c < 3 else rows.alpha)[..., c % 3]
            view[touched, :, c] += weights[touched] @ (channel @ horizontal)
        lines.see(rows.x_srgb)
    return Overview(view, lines.lines())


class _SphereConv(nn.Module):
    """A convolution of odd size whose padding comes from round the sphere; shares its weights."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (int(side) // 2 for side in self.plain.kernel_size)
        return F.conv2d(sphere_pad(x, rows, columns), self.plain.weight, self.plain.bias)


def sphere_pad(x: Tensor, rows: int, columns: int) -> Tensor:
    """(B, C, h, w) with so many rows beyond each pole and columns round each side."""
    half = x.shape[3] // 2
    top, bottom = x[:, :, :rows].flip(2).roll(half, 3), x[:, :, x.shape[2] - rows :].flip(2).roll(half, 3)
    return F.pad(torch.cat([top, x, bottom], 2), (columns, columns, 0, 0), mode="circular")


def scene_features(runner: Runner, view: FloatArray) -> Tensor:
    """(h, w, 6) view of the sphere to the scene's features, tiled 3 x 3: one sphere and what lies round it."""
    scene = copy.deepcopy(cast(HeadroomOne, runner.module).scene_net)
    for parent in list(scene.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and child.padding != (0, 0):
                setattr(parent, name, _SphereConv(child))
    tensor = torch.from_numpy(np.ascontiguousarray(view.transpose(2, 0, 1)))[None].to(runner.device)
    with torch.inference_mode():
        features: Tensor = scene(tensor)
        return sphere_pad(features, features.shape[2], features.shape[3])


@dataclass(frozen=True)
class _Pass:
    """All tiles of a sphere have this in common."""

    runner: Runner
    sphere: SphereRows
    features: Tensor
    """Of the scene, nine spheres."""
    light: str


def gain_bands(
    runner: Runner,
    sphere: SphereRows,
    features: Tensor,
    *,
    plate_bytes: int,
    on_tile: Callable[[float], None],
    light: str = "median",
) -> Iterator[tuple[int, BandOutput]]:
    """First row and gains of one row of tiles after the other; ``on_tile`` hears how far it is, and may raise.

    ``light``: of those that are possible, as in ``engine.doubt``.
    """
    plan = runner.plan(sphere.width, sphere.height, plate_bytes=plate_bytes)
    halo, multiple = runner.contract.halo_px, runner.contract.multiple_of
    common = _Pass(runner, sphere, features, light)
    for y0 in range(0, sphere.height, plan.tile_px):
        y1 = min(y0 + plan.tile_px, sphere.height)
        bottom = y0 + padded(y1 - y0, multiple) + halo
        rows = sphere.rows(y0 - halo, bottom)
        out = BandOutput(
            np.zeros((y1 - y0, sphere.width, 3), np.float32), np.zeros((y1 - y0, sphere.width), np.float32), None
        )
        for x0 in range(0, sphere.width, plan.tile_px):
            x1 = min(x0 + plan.tile_px, sphere.width)
            if rows.alpha[halo : halo + y1 - y0, x0:x1].any():
                _run(common, rows, out, (y0, y0, y1, x0, x1))
            on_tile((y0 + (y1 - y0) * x1 / sphere.width) / sphere.height)
        yield y0, out


def _run(common: _Pass, rows: Rows, out: BandOutput, core: tuple[int, int, int, int, int]) -> None:
    """One tile: the band's first row, and the core's rows and columns; halved where memory runs out."""
    first, y0, y1, x0, x1 = core
    runner = common.runner
    try:
        _forward(common, rows, out, core)
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if max(y1 - y0, x1 - x0) <= TILE_PX_SMALLEST:
            raise DeviceError(f"out of memory on {runner.device} with a tile of {x1 - x0}x{y1 - y0} px") from error
        if runner.device.type == "cuda":
            torch.cuda.empty_cache()
    multiple = runner.contract.multiple_of
    middle_y, middle_x = (a + padded(-(-(b - a) // 2), multiple) for a, b in ((y0, y1), (x0, x1)))
    for top, end in ((y0, min(middle_y, y1)), (middle_y, y1)):
        for left, right in ((x0, min(middle_x, x1)), (middle_x, x1)):
            if end > top and right > left:
                _run(common, rows, out, (first, top, end, left, right))


def _forward(common: _Pass, rows: Rows, out: BandOutput, core: tuple[int, int, int, int, int]) -> None:
    first, y0, y1, x0, x1 = core
    runner, sphere = common.runner, common.sphere
    halo, multiple = runner.contract.halo_px, runner.contract.multiple_of
    height, width = padded(y1 - y0, multiple) + 2 * halo, padded(x1 - x0, multiple) + 2 * halo
    inside = slice(y0 - first, y0 - first + height)
    columns = np.arange(x0 - halo, x0 - halo + width) % sphere.width

    def window(values: FloatArray) -> Tensor:
        part = torch.from_numpy(np.ascontiguousarray(values[inside].take(columns, axis=1)))
        part = part.permute(2, 0, 1)[None].to(runner.device)
        return part.contiguous(memory_format=torch.channels_last)

    # The features hold nine spheres, of which the middle one is this: places count from the first one's corner.
    place = torch.tensor(
        [[
            ((x0 - halo) / sphere.width + 1) / 3,
            ((y0 - halo) / sphere.height + 1) / 3,
            width / sphere.width / 3,
            height / sphere.height / 3,
        ]],
        dtype=torch.float64,
    )  # fmt: skip
    alpha = window(rows.alpha)
    with torch.inference_mode(), runner.autocast():
        local = runner.module.local(
            window(rows.x_srgb),
            alpha,
            common.features,
            place if runner.device.type == "mps" else place.to(runner.device),
            dequantize=False,
        )
        local = picked(local, alpha, common.light)
    taken = (slice(halo, halo + y1 - y0), slice(halo, halo + x1 - x0))
    placed = (slice(y0 - first, y1 - first), slice(x0, x1))
    out.gain_log2[placed] = local.gain_log2[0].float().cpu().numpy().transpose(1, 2, 0)[taken]
    out.spread_log2[placed] = local.spread_log2[0, 0].float().cpu().numpy()[taken]
