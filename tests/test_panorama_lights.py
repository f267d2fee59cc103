"""Lights found, listed, edited and put back: energies by the sphere's measure, seams and bits."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from headroom.errors import UsageError
from headroom.metrics.linear import luminance
from headroom.panorama.controls import adjust, with_discs, with_stops, without
from headroom.panorama.find import find_lights, label_regions
from headroom.panorama.lights import FoundLights, LightRows, lights_from_json, lights_to_json
from headroom.panorama.sphere import direction_of_angles, directions, solid_angles

HEIGHT, WIDTH = 64, 128


def _room() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An interior: a warm lamp across the seam, a large window, and recorded light around."""
    toward = directions(HEIGHT, WIDTH)
    recorded = np.full((HEIGHT, WIDTH, 3), 0.2, np.float32)
    lamp = np.degrees(np.arccos((toward @ direction_of_angles(179.0, 10.0)).clip(-1, 1)))
    window = np.degrees(np.arccos((toward @ direction_of_angles(20.0, 5.0)).clip(-1, 1)))
    mask = np.maximum((8 - lamp).clip(0, 1), (15 - window).clip(0, 1)).astype(np.float32)
    recorded += 0.8 * mask[..., None]
    extra = np.zeros_like(recorded)
    extra += ((8 - lamp).clip(0, 1) * 50)[..., None] * np.array([1.0, 0.7, 0.4])
    extra += ((15 - window).clip(0, 1) * 4)[..., None] * np.array([0.9, 1.0, 1.1])
    return (recorded + extra).astype(np.float32), mask, recorded


@pytest.fixture(scope="module")
def room() -> tuple[np.ndarray, np.ndarray, np.ndarray, FoundLights]:
    pixels, mask, recorded = _room()
    return pixels, mask, recorded, find_lights(pixels, mask, recorded)


def _sky(peak: float = 400.0, radius: float = 25.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outdoors: blue above, a clipped glow with a sun in it."""
    toward = directions(HEIGHT, WIDTH)
    sky = (toward[..., 1:2] > 0) * np.array([0.3, 0.4, 0.7]) + (toward[..., 1:2] <= 0) * 0.15
    away = np.degrees(np.arccos((toward @ direction_of_angles(-60.0, 35.0)).clip(-1, 1)))
    mask = ((radius - away) / 3).clip(0, 1).astype(np.float32)
    recorded = (sky * (1 - mask[..., None]) + mask[..., None]).astype(np.float32)
    glow = 2 * mask + peak * np.exp(-((away / 2.5) ** 2))
    return (recorded + glow[..., None] * np.array([1.0, 0.95, 0.85])).astype(np.float32), mask, recorded


def _power(pixels: np.ndarray) -> float:
    return float((luminance(pixels.astype(np.float64)).sum(axis=1) * solid_angles(HEIGHT, WIDTH)).sum())


def _applied(
    found: FoundLights, lights: tuple, pixels: np.ndarray, mask: np.ndarray, recorded: np.ndarray
) -> np.ndarray:
    adjusted = adjust(found, lights)
    bands = [
        adjusted.rows(y, LightRows(pixels[y : y + 10], recorded[y : y + 10], mask[y : y + 10]))
        for y in range(0, HEIGHT, 10)
    ]
    return np.concatenate(bands)


def test_regions_join_round_the_sphere() -> None:
    picture = np.zeros((6, 12), np.uint8)
    picture[2, [0, 11]] = 1  # round the seam
    picture[3, 10] = 1  # a corner of it
    picture[0, [2, 8]] = 1  # both at the zenith
    picture[5, 4] = 1
    labels = label_regions(picture)
    assert labels[2, 0] == labels[2, 11] == labels[3, 10] != 0
    assert labels[0, 2] == labels[0, 8]
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]


def test_a_room_has_a_lamp_and_a_window(room: tuple) -> None:
    pixels, mask, recorded, found = room
    assert not found.outdoors
    assert {light.id for light in found.lights} == {"lamp-1", "window-1"}
    lamp, window = found.of("lamp-1"), found.of("window-1")
    assert lamp.azimuth_degrees == pytest.approx(179.0, abs=0.5)
    assert lamp.region.x + lamp.region.width > WIDTH  # its box goes round the seam
    assert window.elevation_degrees == pytest.approx(5.0, abs=0.5)
    inside = mask > 0
    assert lamp.power + window.power == pytest.approx(_power(pixels * inside[..., None]), rel=1e-6)
    assert lamp.floor_power + window.floor_power == pytest.approx(_power(recorded * inside[..., None]), rel=1e-6)
    assert lamp.colour[0] > lamp.colour[2]
    assert luminance(np.array(lamp.colour)) == pytest.approx(1.0)


def test_a_sun_is_told_from_the_sky_it_stands_in() -> None:
    pixels, mask, recorded = _sky()
    found = find_lights(pixels, mask, recorded)
    assert found.outdoors
    sun = found.of("sun-1")
    assert sun.within == "sky-1"
    assert (sun.azimuth_degrees, sun.elevation_degrees) == pytest.approx((-60.0, 35.0), abs=1.0)
    whole = _power(pixels * (mask > 0)[..., None])
    assert sun.extra_power + found.of("sky-1").power == pytest.approx(whole, rel=1e-5)
    assert sun.extra_power > 0.5 * (whole - _power(recorded * (mask > 0)[..., None]))


def test_a_street_lamp_at_night_is_no_sun() -> None:
    pixels, mask, recorded = _sky(radius=6.0)
    assert "sun-1" in {light.id for light in find_lights(pixels, mask, recorded).lights}
    dark = recorded * np.where(mask[..., None] > 0, 1.0, 0.02).astype(np.float32)
    assert "sun-1" not in {light.id for light in find_lights(pixels, mask, dark).lights}


def test_turning_a_panorama_turns_its_lights() -> None:
    pixels, mask, recorded = _sky()
    one = find_lights(pixels, mask, recorded)
    other = find_lights(*(np.roll(part, 37, axis=1) for part in (pixels, mask, recorded)))
    for a, b in zip(one.lights, other.lights, strict=True):
        assert (a.id, a.region.pixels) == (b.id, b.region.pixels)
        assert b.power == pytest.approx(a.power, rel=1e-9)
        assert (b.azimuth_degrees - a.azimuth_degrees) % 360 == pytest.approx(37 / WIDTH * 360, abs=1e-6)


def test_a_table_unchanged_changes_nothing(room: tuple) -> None:
    pixels, mask, recorded, found = room
    for scale in (1.0, 137.3):
        table = json.loads(json.dumps(lights_to_json(found.lights, scale=scale)))
        lights = lights_from_json(table, found.lights, "t.json")
        assert lights == found.lights
        assert (_applied(found, lights, pixels, mask, recorded) == pixels).all()


def test_an_edited_table_does_what_it_says_twice_over(room: tuple) -> None:
    pixels, mask, recorded, found = room
    table = json.loads(json.dumps(lights_to_json(found.lights)))
    row = next(row for row in table["lights"] if row["id"] == "lamp-1")
    row["power"] *= 8
    row["colour"] = [1, 1, 1]
    lights = lights_from_json(table, found.lights, "t.json")
    result = _applied(found, lights, pixels, mask, recorded)
    assert _power(result) - _power(pixels) == pytest.approx(7 * found.of("lamp-1").power, rel=1e-4)
    again = find_lights(result, mask, recorded)
    assert again.lights[0].colour == pytest.approx((1, 1, 1), abs=1e-4)
    twice = lights_from_json(json.loads(json.dumps(lights_to_json(lights))), found.lights, "t.json")
    assert (_applied(found, twice, pixels, mask, recorded) == result).all()
    assert (result[mask == 0] == pixels[mask == 0]).all()


def test_stops_scale_what_was_added_and_no_more(room: tuple) -> None:
    pixels, mask, recorded, found = room
    result = _applied(found, with_stops(found.lights, {"lamp": 2.0}), pixels, mask, recorded)
    lamp = found.of("lamp-1")
    assert _power(result) - _power(pixels) == pytest.approx(3 * lamp.extra_power, rel=1e-5)
    darkest = _applied(found, with_stops(found.lights, {"lamp": -40.0, "window": -40.0}), pixels, mask, recorded)
    assert np.abs(darkest - recorded).max() < 1e-4
    # No seam: the step at the region's edge is no larger than it was, times the factor.
    edge = (mask > 0) & (mask < 0.2)
    assert np.abs(result - recorded)[edge].max() <= 4.01 * np.abs(pixels - recorded)[edge].max()


def test_a_sun_s_disc_keeps_its_energy_and_leaves_no_hole() -> None:
    pixels, mask, recorded = _sky()
    found = find_lights(pixels, mask, recorded)
    result = _applied(found, with_discs(found.lights, 0.53), pixels, mask, recorded)
    assert _power(result) == pytest.approx(_power(pixels), rel=1e-5)
    assert result.max() > 2 * pixels.max()
    sun = found.of("sun-1")
    assert sun.floor_radiance is not None
    disc = luminance(result) > 10 * sun.floor_radiance
    assert 1 <= disc.sum() <= 6
    # The sky that is left rises towards the sun as it did, and never falls into a hole.
    toward = directions(HEIGHT, WIDTH)
    away = np.degrees(np.arccos((toward @ np.array(sun.direction)).clip(-1, 1)))
    left = np.where(disc, np.nan, luminance(result))
    assert np.nanmin(left[away < 3]) >= np.nanmax(left[(away > 20) & (mask > 0)])
    assert np.nanmax(left) <= sun.floor_radiance * 1.001


def test_split_lights_and_the_map_are_the_whole(room: tuple) -> None:
    pixels, mask, recorded, found = room
    rest = _applied(found, without(found.lights, ["lamp"]), pixels, mask, recorded)
    assert _power(rest) + found.of("lamp-1").extra_power == pytest.approx(_power(pixels), rel=1e-6)


def test_nothing_goes_below_what_was_recorded_and_it_is_said(room: tuple) -> None:
    pixels, mask, recorded, found = room
    lamp = found.of("lamp-1")
    adjusted = adjust(found, [replace(lamp, power=0.5 * lamp.floor_power)])
    assert adjusted.lights[0 if adjusted.lights[0].id == "lamp-1" else 1].power == lamp.floor_power
    assert "recorded" in adjusted.warnings[0]
    assert (adjusted.rows(0, LightRows(pixels, recorded, mask)) >= recorded - 1e-6).all()


def test_the_peak_limit_holds_and_holds_again(room: tuple) -> None:
    pixels, mask, recorded, found = room
    once = adjust(found, with_stops(found.lights, {"lamp": 6.0}), peak=100.0)
    result = once.rows(0, LightRows(pixels, recorded, mask))
    assert 90 < luminance(result).max() <= 100.5
    assert adjust(found, once.lights, peak=100.0).lights == once.lights


def test_a_light_that_the_network_left_flat_can_still_be_raised() -> None:
    pixels, mask, recorded = _room()
    found = find_lights(recorded, mask, recorded)
    light = found.lights[0]
    result = _applied(found, (replace(light, power=light.power + 3.0),), recorded, mask, recorded)
    assert _power(result) - _power(recorded) == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "x"}, "not a table of lights"),
        ({"version": 9}, "version"),
        ({"lights": 3}, "not a list"),
        ({"scale": 0}, "scale"),
    ],
)
def test_a_foreign_table_is_refused_in_one_line(room: tuple, change: dict, said: str) -> None:
    table = {**lights_to_json(room[3].lights), **change}
    with pytest.raises(UsageError, match=said) as caught:
        lights_from_json(table, room[3].lights, "t.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "sun-9"}, "no light 'sun-9'"),
        ({"kind": "torch"}, "kind 'torch'"),
        ({"power": -1}, "power"),
        ({"power": "much"}, "power"),
        ({"power": math.nan}, "power"),
        ({"colour": [1, 2]}, "colour"),
        ({"colour": [0, 0, 0]}, "colour"),
        ({"direction": [0, 0, 1]}, "disc_degrees"),
        ({"disc_degrees": 0}, "disc_degrees"),
        ({"enabled": "no"}, "enabled"),
        ({"region": {"x": 0}}, "another picture"),
    ],
)
def test_a_wrong_row_is_named(room: tuple, change: dict, said: str) -> None:
    table = lights_to_json(room[3].lights)
    table["lights"][0] = {**table["lights"][0], **change}
    with pytest.raises(UsageError, match=said):
        lights_from_json(table, room[3].lights, "t.json")
