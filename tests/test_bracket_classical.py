"""The classical merges give back the light, believe no clipped sample, and agree with their frames within noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bracket_views import bracket, scene, seen
from headroom.bracket.agreement import agreement, summary
from headroom.bracket.align import align, frame_clip
from headroom.bracket.black import MOST_FLOOR, black_code
from headroom.bracket.classical import merge_debevec, merge_inverse_variance
from headroom.bracket.frames import FrameRows, Merged
from headroom.bracket.noise import NoiseModel, measured_noise, placement_variance
from headroom.bracket.reference import best_reference
from headroom.bracket.stack import Bracket
from headroom.colour.curves import srgb_decode
from headroom.plate import FloatArray, Plate

HEIGHT, WIDTH = 160, 240
MERGES = {"debevec": merge_debevec, "inverse-variance": merge_inverse_variance}


@pytest.fixture(scope="module")
def light() -> FloatArray:
    return seen(scene(2 * HEIGHT + 40, 2 * WIDTH + 40), np.eye(3), HEIGHT, WIDTH)


def rows(*values: float, clipped: float = 0.0, valid: float = 1.0) -> FrameRows:
    linear = np.array(values, np.float32).reshape(1, 1, 3)
    return FrameRows(linear, np.full((1, 1, 3), clipped, np.float32), np.full((1, 1), valid, np.float32))


@pytest.mark.parametrize("bits", [8, 16])
def test_the_light_comes_back(light: FloatArray, bits: int) -> None:
    stack = bracket([light] * 4, [-4, -2, 0, 2], bits=bits)
    aligned = align(stack, srgb_decode, how="none")
    truth = light * np.float32(2.0**-2)  # the reference is the second frame
    frames = aligned.window(0, HEIGHT)
    noise = measured_noise(aligned)
    for merge, most in ((merge_debevec, 0.09), (lambda *args: merge_inverse_variance(*args, noise), 0.05)):
        merged = merge(frames, stack.exposures, stack.reference)
        good = (truth > 0.004).all(axis=2) & (merged.doubt == 0)
        assert good.mean() > 0.5
        assert np.std(np.log2(merged.radiance[good] / truth[good])) < most
        assert merged.radiance.dtype == np.float32


def test_more_frames_mean_less_noise_than_any_one(light: FloatArray) -> None:
    stack = bracket([light * 0.2] * 3, [-1, 0, 1], shot_noise=0.03, read_noise=0.004)
    aligned = align(stack, srgb_decode, how="none")
    frames = aligned.window(0, HEIGHT)
    merged = merge_inverse_variance(frames, stack.exposures, 1, measured_noise(aligned))
    good = np.all([frame.clipped == 0 for frame in frames], axis=0)
    error = [np.std((frame.linear / e - light * 0.2)[good]) for frame, e in zip(frames, stack.exposures, strict=True)]
    assert np.std((merged.radiance - light * 0.2)[good]) < min(error)


@pytest.mark.parametrize("name", MERGES)
def test_where_all_clipped_the_darkest_stands_and_is_doubted(name: str) -> None:
    frames = [rows(1, 1, 1, clipped=1), rows(1, 1, 1, clipped=1)]
    merged = MERGES[name](frames, [0.25, 1.0], 1)
    assert merged.radiance.ravel().tolist() == [4, 4, 4]
    assert merged.doubt.item() == 1


@pytest.mark.parametrize("name", MERGES)
def test_one_code_under_white_is_not_believed_against_the_darkest(name: str) -> None:
    frames = [rows(1, 1, 1, clipped=1), rows(0.99, 0.99, 0.99, clipped=0.92)]
    merged = MERGES[name](frames, [0.25, 1.0], 1)
    assert merged.radiance.min() > 3.7


@pytest.mark.parametrize("name", MERGES)
def test_clipped_and_hidden_samples_say_nothing(name: str) -> None:
    frames = [rows(0.1, 0.1, 0.1), rows(0.4, 0.4, 0.4, valid=0), rows(1, 1, 1, clipped=1)]
    merged = MERGES[name](frames, [0.5, 1.0, 4.0], 1)
    assert np.allclose(merged.radiance, 0.2)
    assert merged.doubt.item() == 0


@pytest.mark.parametrize("name", MERGES)
def test_a_pixels_channels_come_from_the_same_frames(name: str) -> None:
    """The brighter frame's red is lost; through a curve that is a little off, its green and blue disagree."""
    bright = FrameRows(
        np.array([[[1.0, 0.48, 0.48]]], np.float32), np.array([[[1.0, 0, 0]]], np.float32), np.ones((1, 1), np.float32)
    )
    merged = MERGES[name]([rows(0.3, 0.1, 0.1), bright], [1.0, 4.0], 0)
    assert np.allclose(merged.radiance, [0.3, 0.1, 0.1], rtol=0.01)
    alone = MERGES[name]([rows(1, 1, 1, clipped=1), bright], [1.0, 4.0], 0)
    assert np.allclose(alone.radiance[0, 0, 1:], 0.12)


@pytest.mark.parametrize("name", MERGES)
def test_black_in_all_is_black_and_finite(name: str) -> None:
    merged = MERGES[name]([rows(0, 0, 0), rows(0, -0.01, 0)], [0.25, 1.0], 1)
    assert np.isfinite(merged.radiance).all()
    assert np.abs(merged.radiance).max() <= 0.01
    assert merged.doubt.item() == 0


@pytest.mark.parametrize("name", MERGES)
def test_outside_every_other_frame_the_reference_stands(name: str) -> None:
    frames = [rows(0.2, 0.2, 0.2, valid=0), rows(1, 1, 1, clipped=1)]
    merged = MERGES[name](frames, [0.25, 1.0], 1)
    assert merged.radiance.ravel().tolist() == [1, 1, 1]
    assert merged.doubt.item() == 1


def test_noise_is_measured(light: FloatArray) -> None:
    for shot, read in ((0.02, 0.003), (0.005, 0.002)):
        stack = bracket([light * 0.3] * 3, [-2, 0, 2], shot_noise=shot, read_noise=read, bits=16)
        noise = measured_noise(align(stack, srgb_decode, how="none"))
        assert noise.source == "measured"
        levels = np.array([0.02, 0.1, 0.4], np.float32)[:, None].repeat(3, axis=1)
        true = NoiseModel(shot=shot, read=read).variance(levels)
        assert (np.abs(np.log2(noise.variance(levels) / true)) < 0.6).all()


def test_rounding_is_part_of_the_noise() -> None:
    plate = Plate(codes=np.full((64, 64, 3), 128, np.uint8))
    stack = Bracket(plates=(plate, plate), ev_stops=(0.0, 0.0), reference=0, source="stated")
    noise = measured_noise(align(stack, srgb_decode, how="none"))
    code = np.array([0.5], np.float32)
    step = srgb_decode(code + np.float32(1 / 510)) - srgb_decode(code - np.float32(1 / 510))
    assert noise.variance(srgb_decode(code.repeat(3)))[0].item() ** 0.5 == pytest.approx(
        step.item() / 12**0.5, rel=0.05
    )


def test_a_still_bracket_agrees_with_its_merge_within_its_noise(light: FloatArray) -> None:
    stack = bracket([light * 0.3] * 3, [-2, 0, 2], shot_noise=0.02, read_noise=0.002)
    aligned = align(stack, srgb_decode, how="flow")
    noise = measured_noise(aligned)
    merged = merge_inverse_variance(aligned.window(0, HEIGHT), stack.exposures, 1, noise, shares=True)
    frames = agreement(aligned, merged, noise)
    assert all(frame.within > 0.9 and 0.7 < frame.sigmas < 1.3 and abs(frame.bias_stops) < 0.02 for frame in frames)
    assert summary(frames, noise)["within_2_sigma"] > 0.9
    off = agreement(aligned, replace(merged, radiance=merged.radiance * np.float32(1.15)), noise)
    assert min(frame.within for frame in off) < 0.5


@pytest.mark.parametrize("name", MERGES)
def test_shares_say_what_each_frame_counts_for(light: FloatArray, name: str) -> None:
    stack = bracket([light * 0.3] * 3, [-2, 0, 2])
    frames = align(stack, srgb_decode, how="none").window(0, HEIGHT)
    merged = MERGES[name](frames, stack.exposures, 1, shares=True)
    assert MERGES[name](frames, stack.exposures, 1).shares is None
    assert merged.shares is not None
    there = (merged.doubt == 0) & (merged.radiance > 0.01).all(axis=2)
    assert np.allclose(np.sum(merged.shares, axis=0)[there], 1, atol=1e-4)
    if name == "inverse-variance":
        parts = [share * f.linear / e for share, f, e in zip(merged.shares, frames, stack.exposures, strict=True)]
        assert np.allclose(np.sum(parts, axis=0)[there], merged.radiance[there], rtol=1e-3)


def test_channels_have_noise_of_their_own(light: FloatArray) -> None:
    """A JPEG's red and blue hold its chroma's errors too."""
    frames = bracket([light * 0.3] * 3, [-2, 0, 2], shot_noise=0.003).plates
    lossy = tuple(replace(plate, is_jpeg=True, coding_variance=(4.0, 1.0, 6.0)) for plate in frames)
    stack = Bracket(plates=lossy, ev_stops=(-2.0, 0.0, 2.0), reference=1, source="stated")
    red, green, blue = measured_noise(align(stack, srgb_decode, how="none")).variance(np.full((1, 3), 0.3, np.float32))[
        0
    ]
    assert 1.5 * green < red < blue


def test_black_hides_what_is_under_it(light: FloatArray) -> None:
    stack = bracket([light * 0.3] * 3, [-2, 0, 2], shot_noise=0.003, read_noise=0.0005)
    aligned = align(stack, srgb_decode, how="none")
    assert np.allclose(aligned.black, srgb_decode(np.float32(8 / 255)), rtol=0.01)
    under, over = measured_noise(aligned).variance(aligned.black * np.array([[0.5], [1.5]], np.float32))
    assert (under >= aligned.black**2 / 13).all()
    assert (over < under).all()
    assert not align(bracket([light] * 2, [0, 2], bits=16), srgb_decode, how="none").black.any()


def test_a_channel_that_is_lifted_in_black_is_believed_from_higher_up_on() -> None:
    codes = np.full((64, 64, 3), 120, np.uint8)
    codes[:, :2] = (12, 1, 0)  # the blackest 3 % of the frame
    assert np.allclose(black_code(Plate(codes=codes)) * 255, (24, 8, 8), atol=0.5)
    assert np.allclose(black_code(Plate(codes=codes[:, 2:])) * 255, 255 * MOST_FLOOR, atol=0.5), "nothing black in it"


def test_a_jpegs_samples_beside_clipped_ones_are_not_recorded(light: FloatArray) -> None:
    plates = tuple(replace(plate, is_jpeg=True) for plate in bracket([light * 4] * 2, [-1, 1]).plates)
    stack = Bracket(plates=plates, ev_stops=(0.0, 2.0), reference=0, source="stated")
    aligned = align(stack, srgb_decode, how="none")
    dark, bright = aligned.window(0, HEIGHT)
    for frame, plate, reach in ((dark, plates[0], 0), (bright, plates[1], 2)):
        clipped = plate.codes == 255
        assert clipped.any()
        padded = np.pad(clipped, ((reach, reach), (reach, reach), (0, 0)))
        near = np.any([padded[y : y + HEIGHT, x : x + WIDTH] for y in range(2 * reach + 1)
                       for x in range(2 * reach + 1)], axis=0)  # fmt: skip
        assert np.array_equal(frame.clipped == 1, clipped)
        assert (frame.clipped[near] >= 0.5).all()
        assert (frame.clipped[~near] < 1).all()
    part = aligned.rows(1, 30, 77, 41, 90)
    assert np.array_equal(part.clipped, bright.clipped[30:77, 41:90])
    assert np.array_equal(part.linear, bright.linear[30:77, 41:90])


def test_where_a_sample_lies_is_doubted_at_edges_alone() -> None:
    light = np.full((5, 9, 3), 0.2, np.float32)
    light[:, 5:] = 0.6
    variance = placement_variance(light, 0.1)
    assert (variance[:, [0, 1, 2, 7, 8]] == 0).all()
    assert np.allclose(variance[:, 4:6], (0.1 * 0.2) ** 2)
    still, moved = rows(0.1, 0.1, 0.1), replace(rows(0.4, 0.4, 0.4), placed_px=0.5)
    assert np.allclose(merge_inverse_variance([still, moved], [0.5, 2.0], 0).radiance, 0.2)


def shares_of(first: FrameRows, second: FrameRows) -> FloatArray:
    """(h, w) of the second frame, whose exposure is four times the first's."""
    shares = merge_inverse_variance([first, second], [0.5, 2.0], 0, NoiseModel(), shares=True).shares
    assert shares is not None
    return shares[1][..., 0]


def test_what_may_be_off_counts_for_less_beside_what_is_not() -> None:
    light = np.full((5, 9, 3), 0.1, np.float32)
    light[:, 5:] = 0.2
    whole, none = np.ones((5, 9), np.float32), np.zeros((5, 9, 3), np.float32)
    dark, bright = FrameRows(light, none, whole), FrameRows(light * 4, none, whole)
    plain, placed = shares_of(dark, bright), shares_of(dark, replace(bright, placed_px=0.5))
    flat, edge = [0, 1, 2, 7, 8], [4, 5]
    assert np.allclose(placed[:, flat], plain[:, flat], rtol=1e-3)
    assert (placed[:, edge] < 0.7 * plain[:, edge]).all()
    near = replace(bright, clipped=np.full_like(none, 0.5))
    assert (shares_of(dark, replace(near, spoiled=0.1)) < 0.7 * shares_of(dark, near)).all()


def test_the_reference_is_the_frame_that_recorded_most(light: FloatArray) -> None:
    stack = bracket([light] * 4, [-6, -0.5, 3, 6])
    assert best_reference(stack) == 1


def test_float_frames_clip_only_where_they_pile_up() -> None:
    codes = np.random.default_rng(0).random((64, 64, 3), np.float32) * 3
    assert frame_clip(Plate(codes=codes, is_float=True, bits=32)).code > 1e30
    codes[:16] = 3.5
    assert frame_clip(Plate(codes=codes, is_float=True, bits=32)).code == pytest.approx(3.5)
    codes = np.full((64, 64, 3), 0.2, np.float32)
    assert frame_clip(Plate(codes=codes, is_float=True, bits=32)).code == 1


def test_windows_are_cut() -> None:
    merged = Merged(np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32)).crop(1, 3, 0, 2)
    assert merged.radiance.shape == (2, 2, 3)
    assert merged.doubt.shape == (2, 2)
