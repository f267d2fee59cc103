"""Alignment, log errors, mu-law and linear PSNR, curve correction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.metrics import (
    align_scale,
    correct_curve,
    headroom_stops,
    linear_psnr,
    log_errors,
    mu_law_psnr,
    pu21_psnr,
    well_exposed,
)


def scene(seed: int = 0, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(-1.0, 1.5, (*size, 3))).astype(np.float32)


def test_log_errors_by_hand() -> None:
    # Twice too bright and four times too dark: errors +1 and -2 stops.
    truth = np.array([[[1.0, 4.0, 8.0]]])
    test = np.array([[[2.0, 1.0, 8.0]]])
    where = np.array([[[True, True, False]]])
    found = log_errors(test, truth, where)
    assert found.bias == pytest.approx(-0.5)
    assert found.spread == pytest.approx(1.5)
    assert found.rmse == pytest.approx(math.sqrt((1 + 4) / 2))
    assert found.samples == 2


def test_log_errors_of_nothing_are_not_a_number() -> None:
    found = log_errors(np.ones((2, 2, 3)), np.ones((2, 2, 3)), np.zeros((2, 2, 3), bool))
    assert math.isnan(found.rmse)
    assert found.samples == 0


def test_zero_predictions_stay_finite() -> None:
    found = log_errors(np.zeros((2, 2, 3)), np.ones((2, 2, 3)), np.ones((2, 2), bool))
    assert found.bias == pytest.approx(math.log2(1e-5))


def test_well_exposed_is_25_to_230_in_all_channels() -> None:
    codes = np.array([[[25, 100, 230], [24, 100, 100], [100, 231, 100], [255, 255, 255]]]) / 255.0
    assert well_exposed(codes.astype(np.float32)).tolist() == [[True, False, False, False]]


@given(st.floats(0.01, 100.0))
def test_alignment_finds_the_scale(scale: float) -> None:
    truth = scene()
    assert align_scale(truth / np.float32(scale), truth, np.ones((24, 32), bool)) == pytest.approx(scale, rel=1e-5)


def test_alignment_is_the_median_so_outliers_do_not_move_it() -> None:
    truth = scene()
    test = truth / 3
    test[:8] *= 50
    assert align_scale(test, truth, np.ones((24, 32), bool)) == pytest.approx(3.0, rel=1e-5)


def test_alignment_does_nothing_where_there_is_nothing_to_compare() -> None:
    truth = scene()
    assert align_scale(truth / 3, truth, np.zeros((24, 32), bool)) == 1.0
    assert align_scale(truth * 0, truth, np.ones((24, 32), bool)) == 1.0


def test_mu_law_psnr_by_hand() -> None:
    # Truth 1 everywhere, so its percentile is 1; log(1 + 5000 * 0.5) / log(5001) against 1.
    expected = -20.0 * math.log10(1.0 - math.log(2501.0) / math.log(5001.0))
    assert mu_law_psnr(np.full((4, 4, 3), 0.5), np.ones((4, 4, 3))) == pytest.approx(expected, abs=1e-6)


def test_mu_law_psnr_of_an_area_keeps_the_peak_of_the_whole() -> None:
    truth = np.full((40, 40, 3), 0.25)
    truth[:4] = 1.0
    test = truth.copy()
    test[10:20] = 0.5
    area = np.zeros((40, 40), bool)
    area[10:20] = True
    expected = -20.0 * math.log10((math.log(2501.0) - math.log(1251.0)) / math.log(5001.0))
    assert mu_law_psnr(test, truth, area) == pytest.approx(expected, abs=1e-6)
    assert mu_law_psnr(test, truth, ~area) == math.inf
    # A quarter of the pixels are wrong: the whole has a quarter of the area's error.
    assert mu_law_psnr(test, truth) == pytest.approx(expected + 10.0 * math.log10(4.0), abs=1e-6)


def test_linear_psnr_by_hand() -> None:
    # Half of the peak is missing everywhere: -20 log10(0.5).
    assert linear_psnr(np.full((4, 4, 3), 2.0), np.full((4, 4, 3), 4.0)) == pytest.approx(6.0206, abs=1e-4)


def test_headroom_is_the_peak_in_stops() -> None:
    truth = np.full((10, 10, 3), 0.25)
    truth[:5, :, 1] = 8.0
    assert headroom_stops(truth) == pytest.approx(3.0)


def test_curve_correction_leaves_the_truth_alone() -> None:
    truth = scene()
    assert pu21_psnr(correct_curve(truth, truth), truth) > 60.0


def test_curve_correction_takes_out_a_tone_curve_but_not_a_clip() -> None:
    rng = np.random.default_rng(3)
    grey = np.exp(rng.normal(-1.0, 1.5, (64, 64, 1)))
    truth = (grey * rng.uniform(0.95, 1.05, (64, 64, 3))).astype(np.float32)
    toned = truth**1.15 * 0.9
    clipped = truth.clip(0, 0.3)
    assert pu21_psnr(correct_curve(toned, truth), truth) > pu21_psnr(toned, truth) + 6.0
    assert pu21_psnr(correct_curve(clipped, truth), truth) < 35.0


@pytest.mark.parametrize("value", [0.0, 0.2, 50.0, 1e6])
def test_curve_correction_of_a_flat_image_is_finite(value: float) -> None:
    flat = np.full((8, 8, 3), value, np.float32)
    assert np.isfinite(correct_curve(flat, scene(size=(8, 8)))).all()
