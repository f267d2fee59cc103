"""Brackets are aligned to a fifth of a pixel, tripods' are left alone, and nothing rings or is invented."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_views import bracket, hand, scene, seen
from headroom.bracket.align import align
from headroom.bracket.fit import fit
from headroom.bracket.motion import Motion, apply, positions, source_points
from headroom.bracket.resample import inside, resample
from headroom.bracket.stack import Bracket
from headroom.colour.curves import srgb_decode
from headroom.errors import Cancelled, UsageError
from headroom.plate import FloatArray, Plate

HEIGHT, WIDTH = 200, 300


@pytest.fixture(scope="module")
def light() -> FloatArray:
    return scene(2 * HEIGHT + 80, 2 * WIDTH + 80)


@pytest.mark.parametrize("stops", [2.0, 3.0])
def test_a_hand_held_bracket_is_aligned_to_a_fifth_of_a_pixel(light: FloatArray, stops: float) -> None:
    hands = [hand(WIDTH, HEIGHT, 6.3, -4.7, 0.8), np.eye(3), hand(WIDTH, HEIGHT, -5.4, 3.2, -0.6, 1.004)]
    stack = bracket([seen(light, motion, HEIGHT, WIDTH) for motion in hands], [-stops, 0, stops])
    for how in ("global", "flow"):
        aligned = align(stack, srgb_decode, how=how)
        for k in (0, 2):
            assert aligned.motions[k].method == "features"
            error = source_points(aligned.motions[k], 0, HEIGHT, 0, WIDTH) - apply(
                hands[k], positions(0, HEIGHT, 0, WIDTH)
            )
            recorded = aligned.rows(k, 0, HEIGHT)
            shown = (recorded.clipped.max(axis=2) == 0) & (recorded.valid > 0.9)
            assert shown.mean() > 0.15
            assert np.hypot(error[..., 0], error[..., 1])[shown].mean() < 0.2


def test_the_reference_is_its_own_pixels_to_the_bit(light: FloatArray) -> None:
    stack = bracket([seen(light, hand(WIDTH, HEIGHT, 3 * k, -2 * k, 0), HEIGHT, WIDTH) for k in (-1, 0, 1)], [-2, 0, 2])
    aligned = align(stack, srgb_decode, how="flow")
    rows = aligned.rows(1, 20, 60, 30, 90)
    assert np.array_equal(rows.linear, srgb_decode(stack.plates[1].rows(20, 60)[:, 30:90]))
    assert (rows.valid == 1).all()


def test_a_tripods_bracket_is_left_alone(light: FloatArray) -> None:
    stack = bracket([seen(light, np.eye(3), HEIGHT, WIDTH)] * 3, [-3, 0, 3], shot_noise=0.02, read_noise=0.002)
    aligned = align(stack, srgb_decode, how="flow")
    for k in (0, 2):
        rows = aligned.rows(k, 0, HEIGHT)
        same = (rows.linear == srgb_decode(stack.plates[k].rows(0, HEIGHT))).all(axis=2)
        assert same.mean() > 0.999
        assert rows.valid.mean() > 0.999


def test_what_moves_by_itself_is_followed(light: FloatArray) -> None:
    thing = seen(scene(2 * HEIGHT + 80, 2 * WIDTH + 80, seed=5), np.eye(3), HEIGHT, WIDTH)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    frames, masks = [], []
    for shift in (-9, 0, 9):
        moved = cv2.warpAffine(
            thing, np.array([[1.0, 0, shift], [0, 1, 0]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
        )
        inside_it = np.hypot(columns - WIDTH / 2 - shift, rows - HEIGHT / 2) < 40
        frames.append(np.where(inside_it[..., None], moved, seen(light, np.eye(3), HEIGHT, WIDTH)))
        masks.append(np.hypot(columns - WIDTH / 2, rows - HEIGHT / 2) < 30)
    aligned = align(bracket(frames, [-1.5, 0, 1.5]), srgb_decode, how="flow")
    for k, shift in ((0, -9), (2, 9)):
        at = source_points(aligned.motions[k], 0, HEIGHT, 0, WIDTH)
        recorded = masks[k] & (aligned.rows(k, 0, HEIGHT).clipped.max(axis=2) == 0)
        moved_px = (at - positions(0, HEIGHT, 0, WIDTH))[recorded]
        assert abs(np.median(moved_px[:, 0]) - shift) < 0.5
        assert abs(np.median(moved_px[:, 1])) < 0.5


def test_windows_and_the_whole_are_the_same(light: FloatArray) -> None:
    stack = bracket([seen(light, hand(WIDTH, HEIGHT, 4 * k, 3 * k, k), HEIGHT, WIDTH) for k in (-1, 0, 1)], [-2, 0, 2])
    aligned = align(stack, srgb_decode, how="flow")
    whole = aligned.rows(0, 0, HEIGHT)
    for y0, y1, x0, x1 in ((0, 50, 0, WIDTH), (50, HEIGHT, 0, 120), (50, HEIGHT, 120, WIDTH)):
        part = aligned.rows(0, y0, y1, x0, x1)
        for name in ("linear", "clipped", "valid"):
            assert np.array_equal(getattr(part, name), getattr(whole.crop(y0, y1, x0, x1), name))
    assert (whole.valid == 0).any()
    assert np.isfinite(whole.linear).all()


def test_frames_without_anything_to_align_are_taken_as_they_are() -> None:
    noise = np.random.default_rng(0)
    plates = tuple(Plate(codes=noise.integers(0, 256, (64, 96, 3)).astype(np.uint8)) for _ in range(3))
    stack = Bracket(plates=plates, ev_stops=(-2.0, 0.0, 2.0), reference=1, source="stated")
    aligned = align(stack, srgb_decode, how="global")
    assert [motion.homography is None for motion in aligned.motions] == [True] * 3
    assert aligned.report()["frames"][0]["method"] == "identity"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 40), (17, 16)])
def test_tiny_frames_go_through(height: int, width: int) -> None:
    plates = tuple(Plate(codes=np.full((height, width, 3), code, np.uint8)) for code in (30, 90, 255))
    stack = Bracket(plates=plates, ev_stops=(-2.0, 0.0, 2.0), reference=1, source="stated")
    frames = align(stack, srgb_decode, how="flow").window(0, height)
    assert [frame.linear.shape for frame in frames] == [(height, width, 3)] * 3
    assert frames[2].clipped.min() == 1


def test_asking_for_another_way_and_stopping(light: FloatArray) -> None:
    stack = bracket([seen(light, np.eye(3), HEIGHT, WIDTH)] * 2, [0, 2])
    with pytest.raises(UsageError, match="none, global, flow"):
        align(stack, srgb_decode, how="optical")  # type: ignore[arg-type]
    with pytest.raises(Cancelled):
        align(stack, srgb_decode, how="global", cancelled=lambda: True)


@given(st.floats(-3, 3), st.floats(-40, 40), st.floats(-40, 40), st.integers(0, 2**32 - 1))
def test_a_homography_is_found_through_strays(turn: float, right: float, down: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = hand(640, 480, right, down, turn)
    a = rng.uniform([0, 0], [640, 480], (120, 2))
    b = apply(true, a) + rng.normal(0, 0.1, a.shape)
    b[:30] += rng.uniform(-50, 50, (30, 2))
    fitted = fit(a, b, 1.0, (480, 640))
    assert fitted is not None
    corners = np.array([[0.0, 0], [639, 0], [0, 479], [639, 479]])
    assert np.abs(apply(fitted[0], corners) - apply(true, corners)).max() < 0.5


def test_bright_edges_do_not_ring() -> None:
    linear = np.full((20, 20, 3), 0.01, np.float32)
    linear[:, 10:] = 1.0
    clipped = (linear > 0.5).astype(np.float32)
    at = positions(2, 18, 2, 18).astype(np.float32) + np.float32(0.375)
    light, worst = resample(linear, clipped, at)
    assert light.min() >= 0.01 - 1e-6
    assert light[:, :7].max() <= 0.01 + 1e-6
    assert (worst[:, 7] == 1).all()  # the column that mixes clipped light in
    assert (worst[:, :7] == 0).all()


def test_whole_pixels_stay_exact() -> None:
    rng = np.random.default_rng(1)
    linear, clipped = rng.random((9, 11, 3), np.float32), rng.random((9, 11, 3), np.float32)
    light, worst = resample(linear, clipped, positions(3, 6, 2, 9).astype(np.float32))
    assert np.array_equal(light, linear[3:6, 2:9])
    assert np.array_equal(worst, clipped[3:6, 2:9])


def test_a_motion_on_a_coarse_grid_reaches_the_pixels() -> None:
    flow = np.zeros((4, 6, 2), np.float16)
    flow[..., 0] = 1.5
    at = source_points(Motion(flow=flow, step=4), 3, 9, 5, 17)
    assert np.allclose(at - positions(3, 9, 5, 17), [1.5, 0])
    assert inside(np.array([[[-0.1, 3.0], [50.0, 50.0]]]), 100, 100).tolist() == [[0, 1]]
