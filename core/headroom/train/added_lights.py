"""Lamps and suns put into training pictures at known radiance: truth where scenes have few of them.

A light is a capsule (a disc where it is as long as wide): bulbs, strips, suns. Part of its light lies around it, as a
lens scatters it (Moffat 1969: (1 + (d / core)^2)^-exponent of the distance d from its edge). Light is only added: what
is there stays there, and a light's whole energy is its radiance times its area within the picture, skirt included.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["AddedLights", "draw_lights", "light_of"]

LIGHTS = 3
"""Most in one picture; the second and the third are there in half of the pictures each."""
SUN_SHARE, STRIP_SHARE, COLOURED_SHARE = 0.2, 0.25, 0.15
RADIUS_PX, SUN_RADIUS_PX = (0.7, 24.0), (0.7, 4.0)
STRIP_LENGTHS = (3.0, 16.0)
"""Half the length of a strip over half its width."""
STOPS, SUN_STOPS = (0.5, 8.0), (6.0, 14.0)
"""Luminance above the clip."""
SCATTERED_SHARE = (0.005, 0.08)
CORE_PX = (0.6, 6.0)
EXPONENT = (1.15, 1.7)
BLACKBODY = (
    (2.523, 0.646, 0.020), (1.930, 0.805, 0.193), (1.564, 0.893, 0.405), (1.300, 0.946, 0.653), (1.143, 0.971, 0.863),
    (1.043, 0.984, 1.035),
)  # fmt: skip
"""Linear Rec.709 of luminance 1 at 2000, 2700, 3500, 4500, 5500 and 6500 K (Kim et al. 2002, Planck's locus)."""


class AddedLights(NamedTuple):
    """N lights in each of B pictures, (B, N) unless said otherwise."""

    place: Tensor
    """(B, N, 2) their middles, 0..1 of the height and of the width."""
    angle: Tensor
    """Of the longer axis, radians."""
    half_width: Tensor
    """Pixels."""
    half_length: Tensor
    """Pixels; not below the half width."""
    light: Tensor
    """(B, N, 3) radiance, 1.0 = clip; 0: no light."""
    scattered: Tensor
    """Share of the light that lies around."""
    core: Tensor
    """Pixels."""
    exponent: Tensor


def draw_lights(count: int, generator: torch.Generator) -> AddedLights:
    """Random lights for ``count`` pictures, on the generator's device."""
    device = generator.device
    draw = torch.rand((16, count, LIGHTS), generator=generator, device=device)

    def even(number: int, span: tuple[float, float]) -> Tensor:
        return span[0] + (span[1] - span[0]) * draw[number]

    def logarithmic(number: int, span: tuple[float, float]) -> Tensor:
        low, high = torch.tensor(span).log().tolist()
        return even(number, (low, high)).exp()

    sun = draw[0] < SUN_SHARE
    strip = (draw[0] > 1 - STRIP_SHARE).to(draw)
    half_width = torch.where(sun, logarithmic(1, SUN_RADIUS_PX), logarithmic(1, RADIUS_PX))
    half_width = half_width / (1 + 2 * strip)
    half_length = half_width * (1 + strip * (even(2, STRIP_LENGTHS) - 1))
    there = torch.ones_like(draw[3])
    there[:, 1:] = (draw[3, :, 1:] < 0.5).to(draw)
    level = torch.where(sun, even(4, SUN_STOPS), even(4, STOPS)).exp2() * there
    locus = torch.tensor(BLACKBODY, device=device)
    step = draw[5] * (len(BLACKBODY) - 1)
    low = step.long().clamp(max=len(BLACKBODY) - 2)
    warm = torch.lerp(locus[low], locus[low + 1], (step - low)[..., None])
    vivid = draw[6:9].permute(1, 2, 0).clamp(min=0.02)
    vivid = vivid / (vivid @ torch.tensor([0.2126, 0.7152, 0.0722], device=device))[..., None]
    colour = torch.where((draw[9] < COLOURED_SHARE)[..., None], vivid, warm)
    return AddedLights(
        place=draw[10:12].permute(1, 2, 0),
        angle=draw[12] * torch.pi,
        half_width=half_width,
        half_length=half_length,
        light=level[..., None] * colour,
        scattered=logarithmic(13, SCATTERED_SHARE),
        core=logarithmic(14, CORE_PX),
        exponent=even(15, EXPONENT),
    )


def light_of(lights: AddedLights, height: int, width: int) -> Tensor:
    """(B, 3, H, W) what the lights add."""
    device = lights.place.device
    rows = torch.arange(height, device=device) + 0.5
    columns = torch.arange(width, device=device) + 0.5
    added = torch.zeros(len(lights.place), 3, height, width, device=device)
    for number in range(lights.place.shape[1]):  # one after the other: all at once would fill the memory
        one = AddedLights(*(part[:, number] for part in lights))
        place, angle, half_width, half_length, light, scattered, core, exponent = one
        down = (rows - place[:, :1] * height)[:, :, None]
        right = (columns - place[:, 1:] * width)[:, None, :]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        along = ((cos * right + sin * down).abs() - (half_length - half_width)[:, None, None]).clamp(min=0)
        outside = torch.hypot(along, cos * down - sin * right) - half_width[:, None, None]
        covered = (0.5 - outside).clamp(0, 1)
        skirt = (outside.clamp(min=0) / core[:, None, None]).square().add(1) ** -exponent[:, None, None]
        energy = covered.sum((1, 2)) / skirt.sum((1, 2))
        shape = torch.lerp(covered, skirt * energy[:, None, None], scattered[:, None, None])
        added += light[:, :, None, None] * shape[:, None]
    return added
