"""Lighting by lat-longs whose light is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from headroom.metrics import lighting_errors
from headroom.metrics.lighting import solid_angles


def lamp(x: int, power: float, size: tuple[int, int] = (64, 128)) -> np.ndarray:
    sky = np.full((*size, 3), 0.1, np.float32)
    sky[30:34, x : x + 4] = power
    return sky


@pytest.mark.parametrize(("height", "width"), [(512, 1024), (1, 2), (33, 66)])
def test_solid_angles_fill_the_sphere(height: int, width: int) -> None:
    assert solid_angles(height, width).sum() * width == pytest.approx(4 * math.pi)


def test_the_truth_has_no_error() -> None:
    found = lighting_errors(lamp(10, 50.0), lamp(10, 50.0))
    assert (found.diffuse, found.glossy) == (0.0, 0.0)
    assert (found.energy, found.energy_clipped) == (1.0, 1.0)
    assert found.direction_degrees == pytest.approx(0.0, abs=1e-4)


def test_half_the_light_is_half_the_energy_and_half_the_irradiance() -> None:
    found = lighting_errors(lamp(10, 50.0) / 2, lamp(10, 50.0))
    assert found.diffuse == pytest.approx(0.5)
    assert found.glossy == pytest.approx(0.5)
    assert found.energy == pytest.approx(0.5)
    assert found.energy_clipped == pytest.approx(0.5)
    assert found.direction_degrees == pytest.approx(0.0, abs=1e-4)


def test_energy_counts_solid_angle() -> None:
    # Uniform sky of 1, one row at the equator doubled: its share of the sphere is added.
    truth = np.ones((64, 128, 3), np.float32)
    test = truth.copy()
    test[32] = 2.0
    extra = solid_angles(64, 128)[32] * 128 / (4 * math.pi)
    assert lighting_errors(test, truth).energy == pytest.approx(1.0 + extra)


def test_a_lamp_a_quarter_turn_away_turns_the_light_by_ninety_degrees() -> None:
    dark = [lamp(x, 5000.0) for x in (10, 42)]
    assert lighting_errors(dark[0], dark[1]).direction_degrees == pytest.approx(90.0, abs=0.5)


def test_without_a_clipped_sample_its_energy_is_not_a_number() -> None:
    assert math.isnan(lighting_errors(lamp(10, 0.5), lamp(10, 0.5)).energy_clipped)


def test_a_white_furnace_gives_pi() -> None:
    # Irradiance under uniform radiance 1 is pi, whatever the normal.
    from headroom.metrics import lighting

    diffuse, _ = lighting._kernels()
    received = diffuse @ lighting._binned(np.ones((64, 128, 3), np.float32))
    assert np.abs(received - math.pi).max() < 0.02
