"""Beyond the darkest frame's white: suns that no frame recorded."""

from __future__ import annotations

import numpy as np
import pytest

from headroom.bracket.continuation import go_on
from headroom.bracket.frames import FrameRows
from headroom.bracket.mergers import merger
from headroom.clipping import soft_mask
from headroom.colour.curves import srgb_encode
from headroom.errors import Cancelled
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

EXPOSURES = np.array([0.25, 1.0, 4.0])
SUN = np.array([1.0, 0.93, 0.8], np.float32)
HEIGHT, WIDTH = 160, 256


def sky(power: float) -> FloatArray:
    """A blue sky over ground with a warm sun and its glow, in the reference's scale."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    light = np.array([0.25, 0.45, 0.9], np.float32) * (1 - 0.4 * y / HEIGHT)[..., None]
    light[y > 120] = np.array([0.15, 0.12, 0.08], np.float32)
    distance = np.hypot(y - 45, x - 150)
    glow = 7 * np.exp(-distance / 20) + power * (1 + np.tanh((6 - distance) * 0.75)) / 2
    return np.asarray(light + glow[..., None] * SUN, np.float32)


def frames_of(light: FloatArray) -> list[FrameRows]:
    codes = [np.rint(srgb_encode((light * exposure).clip(0, 1)) * 255) / 255 for exposure in EXPOSURES]
    valid = np.ones(light.shape[:2], np.float32)
    decoded = [np.asarray((light * e).clip(0, 1), np.float32) for e in EXPOSURES]
    return [
        FrameRows(linear, np.asarray(soft_mask(code, 1.0), np.float32), valid)
        for linear, code in zip(decoded, codes, strict=True)
    ]


@pytest.fixture(scope="module")
def headroom_1() -> Reconstructor:
    return Reconstructor("headroom-1", device="cpu")


def test_a_sun_that_all_frames_lost_is_raised_in_its_own_colour_without_a_seam(headroom_1: Reconstructor) -> None:
    truth = sky(2000.0)
    merged = merger("inverse-variance")(frames_of(truth), EXPOSURES, 1)
    light = merged.radiance.copy()
    report = go_on(light, merged.doubt, EXPOSURES[0], headroom_1)
    sun = np.hypot(*(np.mgrid[:HEIGHT, :WIDTH] - np.array([45, 150])[:, None, None])) < 5
    top = 1 / EXPOSURES[0]
    assert np.allclose(merged.radiance[sun], top, rtol=0.01)  # what a plain merge leaves: a flat disc
    raised = light[sun].mean(axis=0)
    assert (raised > 2 * top).all()
    red_green, blue_green = np.log2(raised[0] / raised[1]), np.log2(raised[2] / raised[1])
    # Pink is red and blue above green. A sun is about neutral, warm rather than cold.
    assert abs(red_green) < 0.5 and -0.8 < blue_green < 0.3
    recorded = merged.doubt == 0
    assert np.array_equal(light[recorded], merged.radiance[recorded])
    # Over the border of the mask, stops rise no faster than the mask itself does.
    stops = np.log2(light / merged.radiance).max(axis=2)
    edge = (merged.doubt > 0) & (merged.doubt < 0.3)
    assert edge.any() and stops[edge].max() < 0.35 * stops.max()
    assert report["peak_stops"] == pytest.approx(stops.max(), abs=0.01) and 0 < report["share"] < 0.1


def test_scale_follows_the_darkest_frame(headroom_1: Reconstructor) -> None:
    """The same picture, merged on another reference's scale, goes on alike."""
    frames = frames_of(sky(2000.0))
    middle, dark = (
        merger("inverse-variance")(frames, EXPOSURES, 1),
        merger("inverse-variance")(frames, EXPOSURES * 4, 0),
    )
    one, other = middle.radiance.copy(), dark.radiance.copy()
    go_on(one, middle.doubt, 0.25, headroom_1)
    go_on(other, dark.doubt, 1.0, headroom_1)
    np.testing.assert_allclose(one / 4, other, rtol=0.02)


def test_nothing_in_doubt_keeps_every_bit(headroom_1: Reconstructor) -> None:
    light = sky(0.0)
    before = light.copy()
    report = go_on(light, np.zeros(light.shape[:2], np.float32), 0.25, headroom_1)
    assert np.array_equal(light, before) and report["share"] == 0


def test_what_is_in_doubt_but_not_at_the_darkest_frames_white_stays(headroom_1: Reconstructor) -> None:
    """A ghost's hole that a network filled with some light was not clipped in the dark frame."""
    light = np.full((32, 32, 3), 1.5, np.float32)
    before = light.copy()
    go_on(light, np.ones((32, 32), np.float32), 0.25, headroom_1)
    assert np.array_equal(light, before)


def test_a_clip_below_white_counts_as_one(headroom_1: Reconstructor) -> None:
    """JPEGs saturate at 250: decoded, that is 0.957 of white."""
    merged = merger("inverse-variance")(frames_of(sky(2000.0)), EXPOSURES, 1)
    told, lower = merged.radiance.copy(), merged.radiance * np.float32(0.957)
    go_on(told, merged.doubt, EXPOSURES[0], headroom_1)
    go_on(lower, merged.doubt, EXPOSURES[0], headroom_1, white=0.957)
    np.testing.assert_allclose(lower / 0.957, told, rtol=0.02)


def test_what_is_half_in_doubt_is_raised_by_half(headroom_1: Reconstructor) -> None:
    """In stops, where the network's own mask is full: what a frame half recorded keeps half of what it says."""
    merged = merger("inverse-variance")(frames_of(sky(2000.0)), EXPOSURES, 1)
    whole, half = merged.radiance.copy(), merged.radiance.copy()
    go_on(whole, merged.doubt, EXPOSURES[0], headroom_1)
    go_on(half, merged.doubt / 2, EXPOSURES[0], headroom_1)
    sun = merged.doubt == 1
    stops, fewer = (np.log2(light[sun] / merged.radiance[sun]) for light in (whole, half))
    assert stops.max() > 1
    np.testing.assert_allclose(fewer, stops / 2, atol=0.02)


def test_it_can_be_stopped(headroom_1: Reconstructor) -> None:
    merged = merger("inverse-variance")(frames_of(sky(2000.0)), EXPOSURES, 1)
    with pytest.raises(Cancelled):
        go_on(merged.radiance, merged.doubt, EXPOSURES[0], headroom_1, cancelled=lambda: True)
