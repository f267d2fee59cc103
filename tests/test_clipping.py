"""Where a plate clipped."""

from __future__ import annotations

import numpy as np
import pytest

from headroom.camera import jpeg
from headroom.clipping import clip_level, soft_mask
from headroom.errors import UsageError
from headroom.plate import Plate


def ramp(top: int, *, pile: int) -> Plate:
    """A smooth ramp up to ``top`` and a pile of samples there."""
    codes = np.linspace(0, top, 200 * 300 * 3 - pile)
    codes = np.concatenate([codes, np.full(pile, top)])
    return Plate(codes=np.random.default_rng(1).permutation(codes).reshape(200, 300, 3).astype(np.uint8))


@pytest.mark.parametrize("top", [235, 248, 253])
def test_a_pile_below_the_top_code_is_found(top: int) -> None:
    found = clip_level(ramp(top, pile=9000))
    assert found.source == "detected"
    assert found.code == pytest.approx(top / 255, abs=1 / 255)
    assert found.clipped_share > 0.05


def test_a_pile_at_the_top_code_is_the_usual_case() -> None:
    found = clip_level(ramp(255, pile=9000))
    assert (found.code, found.source) == (1.0, "top code")


@pytest.mark.parametrize("top", [235, 200, 120])
def test_a_smooth_end_is_not_a_clip(top: int) -> None:
    found = clip_level(ramp(top, pile=0))
    assert found.code == 1.0
    assert found.clipped_share == 0


def test_ringing_of_a_jpeg_does_not_hide_its_clip() -> None:
    y, x = np.mgrid[0:256, 0:384]
    light = np.clip(1.6 * np.exp(-((x - 190.0) ** 2 + (y - 120.0) ** 2) / 8000), 0, 0.94)
    code = jpeg(np.repeat(light[..., None], 3, axis=2).astype(np.float32), 70)
    found = clip_level(Plate(codes=(code * 255).round().astype(np.uint8), is_jpeg=True))
    assert found.code == pytest.approx(0.94, abs=0.012)


def test_what_the_user_says() -> None:
    plate = ramp(255, pile=10)
    assert clip_level(plate, user=235).code == pytest.approx(235 / 255)
    assert clip_level(plate, user=0.9).source == "user"
    with pytest.raises(UsageError, match="clip-level"):
        clip_level(plate, user=-1)


def test_float_plates_clip_where_many_share_the_largest_value() -> None:
    light = np.random.default_rng(0).random((100, 100, 3)).astype(np.float32)
    found = clip_level(Plate(codes=light.clip(0, 0.9), is_float=True, bits=32))
    assert found.code == pytest.approx(0.9)
    assert clip_level(Plate(codes=light * 0.9, is_float=True, bits=32)).code == 1.0


def test_mask_ramp() -> None:
    codes = np.array([0.0, 0.95, 0.975, 1.0, 1.2])
    np.testing.assert_allclose(soft_mask(codes, 1.0), [0, 0, 0.5, 1, 1], atol=1e-12)
    np.testing.assert_allclose(soft_mask(codes * 0.9, 0.9), [0, 0, 0.5, 1, 1], atol=1e-12)
