"""Lamps put into training pictures: how much light they add, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headroom.train.added_lights import LIGHTS, STOPS, SUN_STOPS, AddedLights, draw_lights, light_of
from headroom.train.batches import BatchMaker, Frame, Shooting
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def disc(radius_px: float, *, scattered: float, level: float = 50.0, length_px: float | None = None) -> AddedLights:
    one = torch.ones(1, 1)
    return AddedLights(
        place=torch.full((1, 1, 2), 0.5),
        angle=0 * one,
        half_width=radius_px * one,
        half_length=(length_px or radius_px) * one,
        light=level * torch.tensor([[[1.0, 0.5, 0.25]]]),
        scattered=scattered * one,
        core=2 * one,
        exponent=1.4 * one,
    )


@pytest.mark.parametrize("scattered", [0.0, 0.05])
def test_a_lights_energy_is_its_radiance_times_its_area(scattered: float) -> None:
    added = light_of(disc(20.0, scattered=scattered), 128, 160)
    expected = 50.0 * torch.pi * 20.0**2
    torch.testing.assert_close(added[0].sum((1, 2)), expected * torch.tensor([1.0, 0.5, 0.25]), rtol=0.01, atol=0)
    assert added[0, 0, 64, 80] == pytest.approx(50 * (1 - scattered), rel=0.05)
    edge = added[0, 0, 64, 80 + 30]
    assert edge == 0 if not scattered else 0 < edge < 5


def test_a_skirt_falls_as_it_is_stated() -> None:
    added = light_of(disc(4.0, scattered=0.05), 256, 256)[0, 0]
    near, far = added[128, 128 + 4 + 20], added[128, 128 + 4 + 80]
    stated = ((1 + (20.5 / 2) ** 2) / (1 + (80.5 / 2) ** 2)) ** 1.4  # pixels' centres lie half a pixel on
    assert near / far == pytest.approx(1 / stated, rel=0.01)


def test_a_strip_is_longer_than_wide() -> None:
    added = light_of(disc(3.0, scattered=0.0, length_px=30.0), 100, 100)[0, 0] > 25
    assert int(added.any(0).sum()) == 60
    assert int(added.any(1).sum()) == 6


def test_draws_lie_in_their_ranges_and_a_seed_gives_the_same() -> None:
    lights = draw_lights(400, generator(1))
    again = draw_lights(400, generator(1))
    assert all(torch.equal(one, two) for one, two in zip(lights, again, strict=True))
    luminance = lights.light @ torch.tensor([0.2126, 0.7152, 0.0722])
    there = luminance > 0
    assert there[:, 0].all()
    assert 0.4 < there[:, 1:].float().mean() < 0.6
    stops = luminance[there].log2()
    assert STOPS[0] - 0.01 < stops.min() < STOPS[0] + 0.5
    assert SUN_STOPS[1] - 0.5 < stops.max() < SUN_STOPS[1] + 0.01
    assert (lights.half_length >= lights.half_width).all()
    assert lights.place.shape == (400, LIGHTS, 2)


def maker(share: float) -> BatchMaker:
    pixels = torch.rand(3, 150, 200, generator=generator(7)).half()
    bank = SceneBank([HdrScene("a", pixels, latlong=False)], torch.device("cpu"))
    frame = Frame(kind="still", height=64, width=96, batch=12, share=1)
    shooting = replace(Shooting(frames=(frame,), responses=8), added_lights_share=share)
    return BatchMaker(bank, shooting, scene_px=1024, scene_multiple=32, seed=3)


def test_batches_get_lights_in_their_share_and_none_is_darker() -> None:
    truth = maker(0.0)().truth_lin
    all_lit, half = (maker(share) for share in (1.0, 0.5))
    added = all_lit._lit(truth) - truth
    assert (added >= 0).all()
    assert (added.amax((1, 2, 3)) > 0.3).all()
    lit = torch.stack([(half._lit(truth) != truth).any(3).any(2).any(1) for _ in range(20)])
    assert 0.4 < lit.float().mean() < 0.6
    assert maker(0.0)._lit(truth) is truth


def test_a_seed_gives_the_same_lit_stream() -> None:
    one, two = maker(0.5), maker(0.5)
    for _ in range(2):
        assert torch.equal(one().truth_lin, two().truth_lin)
