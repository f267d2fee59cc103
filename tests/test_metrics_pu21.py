"""PU21 and the measures on it, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.metrics import psnr, pu21_decode, pu21_encode, pu21_psnr, pu21_psnr_luminance, pu21_ssim, ssim, to_nits
from headroom.metrics.pu21 import ssim_map

# The formula of gfxdisp/pu21's banding_glare in 50-digit decimals, for 0.005 .. 10,000 cd/m2.
REFERENCE = {0.005: 0.0, 1.0: 36.543911, 100.0: 256.383897, 203.0: 303.800226, 10_000.0: 595.393920}


@pytest.mark.parametrize(("nits", "code"), REFERENCE.items())
def test_reference_values(nits: float, code: float) -> None:
    assert float(pu21_encode(np.array(nits))) == pytest.approx(code, abs=2e-5)


def test_white_of_a_100_nit_display_is_the_peak_of_psnr() -> None:
    assert float(pu21_encode(np.array(100.0))) == pytest.approx(256.0, abs=0.5)


def test_float32_is_precise_enough() -> None:
    nits = np.geomspace(0.005, 10_000, 2001)
    assert np.abs(pu21_encode(nits.astype(np.float32)) - pu21_encode(nits)).max() < 1e-2


@given(st.floats(0.005, 10_000))
def test_decode_inverts_encode(nits: float) -> None:
    assert float(pu21_decode(pu21_encode(np.array(nits)))) == pytest.approx(nits, rel=1e-6)


def test_clip_level_is_shown_at_203_nits_and_the_display_ends_at_10000() -> None:
    assert to_nits(np.array([0.0, 1.0, 2.0, 1e5])).tolist() == pytest.approx([0.005, 203.0, 406.0, 10_000.0])


def test_psnr_by_hand() -> None:
    # An error of 1 everywhere on a peak of 10: 20 log10(10) = 20 dB.
    assert psnr(np.full((4, 4), 3.0), np.full((4, 4), 2.0), 10.0) == pytest.approx(20.0)
    assert psnr(np.ones((2, 2)), np.ones((2, 2)), 1.0) == math.inf


def test_pu21_psnr_by_hand() -> None:
    # 203 against 1 cd/m2 in every sample: 20 log10(256 / (303.800226 - 36.543911)).
    test, truth = np.full((3, 5, 3), 1.0 / 203.0), np.ones((3, 5, 3))
    expected = 20.0 * math.log10(256.0 / (303.800226 - 36.543911))
    assert pu21_psnr(test, truth) == pytest.approx(expected, abs=1e-4)
    assert pu21_psnr_luminance(test, truth) == pytest.approx(expected, abs=1e-4)


def test_ssim_of_two_constants_is_the_luminance_term() -> None:
    # No variance: (2 a b + c1) / (a^2 + b^2 + c1), c1 = (0.01 * 256)^2 = 6.5536.
    a, b = 100.0, 50.0
    expected = (2 * a * b + 6.5536) / (a * a + b * b + 6.5536)
    assert ssim(np.full((20, 24), a), np.full((20, 24), b), 256.0) == pytest.approx(expected)


def test_ssim_of_an_image_with_itself_is_one_and_noise_lowers_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 2, (32, 40, 3))
    noisy = truth * np.exp(rng.normal(0, 0.5, truth.shape))
    assert pu21_ssim(truth, truth) == pytest.approx(1.0)
    assert pu21_ssim(noisy, truth) < 0.9


def test_ssim_agrees_with_a_direct_computation() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 256, (2, 11, 11))
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / np.outer(taps, taps).sum()
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * x * x).sum() - mx * mx, (window * y * y).sum() - my * my
    cov = (window * x * y).sum() - mx * my
    c1, c2 = 2.56**2, 7.68**2
    centre = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    # The middle pixel of 11 x 11 sees exactly the image.
    assert ssim_map(x, y, 256.0)[5, 5] == pytest.approx(centre)


def test_tiny_images_have_a_value() -> None:
    one = np.full((1, 1, 3), 0.5)
    assert pu21_ssim(one, one) == pytest.approx(1.0)
    assert pu21_psnr(one, one) == math.inf
