"""A small still life lit by a panorama: shadows from every direction that light comes from. No chance, no noise.

A platform with a matte ball, a box, a column and a mirror ball, seen along the map's middle. Units: the platform's
radius is 2.1. y is up, z away from the camera, x to the left (`panorama.sphere`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from headroom.panorama.layouts import sample_latlong
from headroom.panorama.lighting import EnergySums, irradiance
from headroom.panorama.sphere import directions
from headroom.plate import FloatArray

__all__ = ["render"]

LIGHT_ROWS = 16
"""Rows of directions that light comes from, twice as many columns."""
PLATFORM_RADIUS = 2.1
EDGE_SAMPLES = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
BOUNCE = 0.28
"""Reflectance of what blocks the light, as seen by what it shades."""
EPSILON = 1e-3
FAR = 1e9

_BALL, _MIRROR = (torch.tensor([0.62, 0.46, 0.15]), 0.46), (torch.tensor([0.22, 0.24, -0.62]), 0.24)
_BOX_CENTRE, _BOX_HALF, _BOX_TURN = torch.tensor([-0.62, 0.4, 0.35]), torch.tensor([0.36, 0.4, 0.36]), math.radians(28)
_COLUMN = (torch.tensor([-0.05, 0.0, 0.85]), 0.2, 1.25)
"""Foot, radius, height."""
_ALBEDO = torch.tensor([
    [0.0, 0.0, 0.0],
    [0.42, 0.41, 0.40],  # platform
    [0.80, 0.80, 0.79],  # ball
    [0.56, 0.24, 0.14],  # box
    [0.20, 0.32, 0.46],  # column
    [0.0, 0.0, 0.0],  # mirror
])  # fmt: skip
_MIRROR_ID = 5


@dataclass(frozen=True)
class _Hit:
    distance: Tensor
    normal: Tensor
    what: Tensor
    """Row of ``_ALBEDO``; 0 is nothing."""


def render(maps: list[FloatArray], width: int, height: int) -> list[FloatArray]:
    """(height, width, 3) linear pictures, one a (h, 2 h, 3) lat-long; shadows by the last one's lights."""
    cells = []
    for latlong in maps:
        sums = EnergySums(LIGHT_ROWS)
        sums.add(latlong, 0, len(latlong))
        cells.append(sums)
    toward, light = _shared(cells)
    lit = [_Lit(latlong, colour) for latlong, colour in zip(maps, light, strict=True)]
    grid_y, grid_x = np.mgrid[0:height, 0:width]
    places = np.stack([grid_x.ravel() + 0.5, grid_y.ravel() + 0.5], -1)
    pictures, what = _shoot(places, width, height, toward, lit)
    ids = what.reshape(height, width)
    edge = np.zeros((height, width), bool)
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, :-1] |= edge[:, 1:]
    edge[:-1] |= edge[1:]
    at = np.flatnonzero(edge.ravel())
    finer = [_shoot(places[at] + shift, width, height, toward, lit)[0] for shift in EDGE_SAMPLES]
    result = []
    for index, picture in enumerate(pictures):
        picture[at] = np.mean([part[index] for part in finer], axis=0)
        result.append(picture.reshape(height, width, 3))
    return result


class _Lit:
    """One map: its light by direction, and what a surface and a mirror see of it."""

    def __init__(self, latlong: FloatArray, light: Tensor) -> None:
        self.latlong, self.light = latlong, light
        sums = EnergySums(16)
        sums.add(latlong, 0, len(latlong))
        self.diffuse = irradiance(sums.energy(), directions(16, 32))
        self.bounce = BOUNCE * torch.from_numpy(irradiance(sums.energy(), np.array([[0.0, 1.0, 0.0]])))[0]

    def seen(self, toward: Tensor) -> Tensor:
        return _sampled(self.latlong, toward)

    def on(self, normal: Tensor) -> Tensor:
        """Irradiance / pi without shadows."""
        return _sampled(self.diffuse, normal)


def _shared(cells: list[EnergySums]) -> tuple[Tensor, list[Tensor]]:
    """Directions from the last map's cells, where it has light, and each map's light in them."""
    rgb, toward = [], directions(LIGHT_ROWS, 2 * LIGHT_ROWS).reshape(-1, 3)
    for sums in cells:
        values, vectors = sums.cells()
        rgb.append(torch.from_numpy(values).float())
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        if sums is cells[-1]:
            toward = np.where(length > 0, vectors / np.maximum(length, 1e-30), toward)
    return torch.from_numpy(toward).float(), rgb


def _shoot(
    places: np.ndarray, width: int, height: int, toward: Tensor, lit: list[_Lit]
) -> tuple[list[FloatArray], np.ndarray]:
    """Colours (n, 3) for each map at pixel places (n, 2), and what was hit."""
    eye = torch.tensor([0.0, 1.75, -4.6])
    aim = torch.tensor([0.0, 0.42, 0.1]) - eye
    forward = aim / aim.norm()
    right = torch.tensor([-1.0, 0.0, 0.0])
    up = torch.linalg.cross(forward, right)
    up = up if up[1] > 0 else -up
    scale = math.tan(math.radians(31)) / (width / 2)
    x = torch.from_numpy((places[:, 0] - width / 2) * scale).float()[:, None]
    y = torch.from_numpy((height / 2 - places[:, 1]) * scale).float()[:, None]
    ray = forward + x * right + y * up
    ray = ray / ray.norm(dim=1, keepdim=True)
    origin = eye.expand_as(ray)
    hit = _trace(origin, ray)
    surface = (hit.what > 0) & (hit.what != _MIRROR_ID)
    colours = [map_.seen(ray) for map_ in lit]
    point = origin + ray * hit.distance[:, None].clamp(max=100)
    shaded = _shade(point[surface], hit.normal[surface], hit.what[surface], toward, lit)
    mirror = hit.what == _MIRROR_ID
    bounced, second = ray[mirror], _Hit(hit.distance[:0], hit.normal[:0], hit.what[:0])
    if mirror.any():
        normal = hit.normal[mirror]
        bounced = ray[mirror] - 2 * (ray[mirror] * normal).sum(1, keepdim=True) * normal
        second = _trace(point[mirror] + normal * EPSILON, bounced)
    for index, map_ in enumerate(lit):
        colours[index][surface] = shaded[index]
        if mirror.any():
            seen = map_.seen(bounced)
            things = second.what > 0
            seen[things] = (map_.on(second.normal) * _ALBEDO[second.what])[things]
            colours[index][mirror] = 0.9 * seen
    return [colour.numpy() for colour in colours], hit.what.numpy()


def _shade(point: Tensor, normal: Tensor, what: Tensor, toward: Tensor, lit: list[_Lit]) -> list[Tensor]:
    """Diffuse light on points, shadowed; what is blocked shows a little of what blocks it."""
    result = [torch.zeros_like(point) for _ in lit]
    solid_angle = 4 * math.pi / len(toward)
    for first in range(0, len(point), 2048):
        part = slice(first, first + 2048)
        cosine = (normal[part] @ toward.T).clamp_(min=0)
        free = ~_blocked(point[part] + normal[part] * EPSILON, toward)
        reaching = cosine * free
        blocked = (cosine.sum(1, keepdim=True) - reaching.sum(1, keepdim=True)) * solid_angle / math.pi
        for index, map_ in enumerate(lit):
            light = reaching @ map_.light / math.pi + blocked.clamp(0, 1) * map_.bounce
            result[index][part] = light * _ALBEDO[what[part]]
    return result


def _blocked(point: Tensor, toward: Tensor) -> Tensor:
    """(n, m): whether something stands between points (n, 3) and directions (m, 3)."""
    result = torch.zeros(len(point), len(toward), dtype=torch.bool)
    down = toward[:, 1] < -1e-6
    if down.any():
        distance = -point[:, 1:2] / toward[down, 1]
        x, z = (point[:, axis : axis + 1] + distance * toward[down, axis] for axis in (0, 2))
        result[:, down] = (x * x + z * z < PLATFORM_RADIUS**2) & (point[:, 1:2] > 0)
    for centre, radius in (_BALL, _MIRROR):
        offset = point - centre
        along = offset @ toward.T
        result |= (along < 0) & (along * along > offset.square().sum(1, keepdim=True) - radius**2)
    turn = _box_turn()
    local, step = (point - _BOX_CENTRE) @ turn.T, toward @ turn.T
    near = torch.full(result.shape, -FAR)
    far = torch.full(result.shape, FAR)
    for axis in range(3):
        inverse = 1 / torch.where(step[:, axis].abs() < 1e-9, 1e-9, step[:, axis])
        middle, reach = -local[:, axis : axis + 1] * inverse, _BOX_HALF[axis] * inverse.abs()
        near, far = torch.maximum(near, middle - reach), torch.minimum(far, middle + reach)
    result |= (far > near) & (far > 0)
    foot, radius, height = _COLUMN
    offset = point - foot
    a = (toward[:, 0].square() + toward[:, 2].square()).clamp(min=1e-12)
    b = offset[:, 0:1] * toward[:, 0] + offset[:, 2:3] * toward[:, 2]
    inside = b * b - a * (offset[:, 0:1].square() + offset[:, 2:3].square() - radius**2)
    candidates = inside.amax(1) > 0
    if candidates.any():
        root = inside[candidates].clamp(min=0).sqrt()
        inverse = 1 / torch.where(toward[:, 1].abs() < 1e-9, 1e-9, toward[:, 1])
        middle = (height / 2 - offset[candidates, 1:2]) * inverse
        reach = height / 2 * inverse.abs()
        near = torch.maximum((-b[candidates] - root) / a, middle - reach)
        far = torch.minimum((-b[candidates] + root) / a, middle + reach)
        result[candidates] |= (inside[candidates] > 0) & (far > near) & (far > EPSILON)
    return result


def _trace(origin: Tensor, ray: Tensor) -> _Hit:
    """The nearest thing along rays (n, 3)."""
    best = torch.full((len(ray),), FAR)
    what = torch.zeros(len(ray), dtype=torch.long)
    normal = torch.zeros_like(ray)

    def offer(distance: Tensor, hits: Tensor, side: Tensor, number: int) -> None:
        nonlocal best
        nearer = hits & (distance > EPSILON) & (distance < best)
        best = torch.where(nearer, distance, best)
        what[nearer] = number
        normal[nearer] = side[nearer]

    distance = -origin[:, 1] / torch.where(ray[:, 1] < -1e-9, ray[:, 1], -1e-9)
    flat = origin[:, ::2] + distance[:, None].clamp(max=1e4) * ray[:, ::2]
    on_platform = (ray[:, 1] < 0) & (flat.square().sum(1) < PLATFORM_RADIUS**2)
    offer(distance, on_platform, torch.tensor([0.0, 1.0, 0.0]).expand_as(ray), 1)
    for (centre, radius), number in ((_BALL, 2), (_MIRROR, _MIRROR_ID)):
        offset = origin - centre
        along = (offset * ray).sum(1)
        inside = along.square() - offset.square().sum(1) + radius**2
        distance = -along - inside.clamp(min=0).sqrt()
        offer(distance, inside > 0, (offset + distance[:, None] * ray) / radius, number)
    near, far, side = _box(origin, ray)
    offer(near, far > near, side, 3)
    near, far = _column(origin, ray)
    at = origin + near[:, None].clamp(-1e4, 1e4) * ray
    around = (at - _COLUMN[0]) * torch.tensor([1.0, 0.0, 1.0]) / _COLUMN[1]
    lid = (at[:, 1:2] > _COLUMN[2] - 1e-3).float()
    offer(near, far > near, lid * torch.tensor([0.0, 1.0, 0.0]) + (1 - lid) * around, 4)
    return _Hit(best, normal, what)


def _box(origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Entry and exit distance of a turned box, and the normal at entry."""
    turn = _box_turn()
    local, step = (origin - _BOX_CENTRE) @ turn.T, ray @ turn.T
    step = torch.where(step.abs() < 1e-9, torch.full_like(step, 1e-9), step)
    first, second = (-_BOX_HALF - local) / step, (_BOX_HALF - local) / step
    entry, leave = torch.minimum(first, second), torch.maximum(first, second)
    near, axis = entry.max(-1)
    side = -torch.sign(torch.gather(step.expand_as(entry), -1, axis[..., None]))
    normal = torch.zeros_like(entry).scatter_(-1, axis[..., None], side) @ turn
    return near, leave.min(-1).values, normal


def _box_turn() -> Tensor:
    c, s = math.cos(_BOX_TURN), math.sin(_BOX_TURN)
    return torch.tensor([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _column(origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
    """Entry and exit distance of an upright column."""
    foot, radius, height = _COLUMN
    offset = origin - foot
    a = (ray[..., 0].square() + ray[..., 2].square()).clamp(min=1e-12)
    b = offset[..., 0] * ray[..., 0] + offset[..., 2] * ray[..., 2]
    inside = b.square() - a * (offset[..., 0].square() + offset[..., 2].square() - radius**2)
    root = inside.clamp(min=0).sqrt()
    rise = torch.where(ray[..., 1].abs() < 1e-9, torch.full_like(ray[..., 1], 1e-9), ray[..., 1])
    low, high = -offset[..., 1] / rise, (height - offset[..., 1]) / rise
    near = torch.maximum((-b - root) / a, torch.minimum(low, high))
    far = torch.minimum((-b + root) / a, torch.maximum(low, high))
    return near, torch.where(inside > 0, far, torch.full_like(far, -FAR))


def _sampled(latlong: FloatArray, toward: Tensor) -> Tensor:
    return torch.from_numpy(sample_latlong(latlong, toward.double().numpy()[None])[0])
