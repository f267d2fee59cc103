"""Area means of a frame in bands: what the matrices say, however the bands are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.networks.area import area_weights
from headroom.networks.area_bands import AreaMeans

SIDES = st.integers(1, 90)


def means(pixels: np.ndarray, small: tuple[int, int], rows: int) -> np.ndarray:
    gathered = AreaMeans(pixels.shape[:2], small)
    for y in range(0, len(pixels), rows):
        gathered.see(pixels[y : y + rows])
    return gathered.means()


@given(height=SIDES, width=SIDES, h=st.integers(1, 64), w=st.integers(1, 64), rows=st.integers(1, 40))
def test_bands_give_what_the_matrices_give(height: int, width: int, h: int, w: int, rows: int) -> None:
    pixels = np.random.default_rng(height * 91 + width).random((height, width, 3), np.float32)
    vertical, horizontal = area_weights(height, h).double().numpy(), area_weights(width, w).double().numpy()
    expected = np.einsum("ay,yxc,bx->abc", vertical, pixels.astype(np.float64), horizontal)
    found = means(pixels, (h, w), rows)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.tobytes() == means(pixels, (h, w), height).tobytes()


def test_a_flat_frame_stays_flat() -> None:
    assert means(np.full((1080, 1920, 3), 0.25, np.float32), (144, 256), 256) == pytest.approx(0.25, abs=1e-6)
