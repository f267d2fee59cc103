"""Tiles: integers that must cover a frame once and give the whole frame's result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.engine.tiles import padded, plan, split

SIDES = st.integers(1, 400)
TILES = st.sampled_from([16, 32, 64, 128])
HALOS = st.sampled_from([0, 16, 48])


@given(width=SIDES, height=SIDES, tile=TILES, halo=HALOS)
def test_cores_cover_every_pixel_once_and_windows_hold_them(width: int, height: int, tile: int, halo: int) -> None:
    cover = np.zeros((height, width), int)
    for row in plan(width, height, tile_px=tile, halo_px=halo, multiple=16):
        for part in row:
            core, window = part.core, part.window
            cover[core.y0 : core.y1, core.x0 : core.x1] += 1
            assert window.x0 % 16 == window.y0 % 16 == window.width % 16 == window.height % 16 == 0
            assert 0 <= window.x0 <= max(0, core.x0 - halo)
            assert window.y1 >= min(padded(height, 16), core.y1 + halo)
            assert window.x1 <= padded(width, 16)
    assert (cover == 1).all()


@given(width=SIDES, height=SIDES)
def test_a_tile_as_large_as_the_frame_is_the_frame(width: int, height: int) -> None:
    rows = plan(width, height, tile_px=padded(max(width, height), 16), halo_px=112, multiple=16)
    assert len(rows) == len(rows[0]) == 1
    window = rows[0][0].window
    assert (window.x0, window.y0, window.width, window.height) == (0, 0, padded(width, 16), padded(height, 16))


@given(width=SIDES, height=SIDES, tile=st.sampled_from([32, 64, 128]))
def test_split_tiles_cover_the_same_core(width: int, height: int, tile: int) -> None:
    for row in plan(width, height, tile_px=tile, halo_px=16, multiple=16):
        for whole in row:
            cover = np.zeros((height, width), int)
            parts = split(whole, width, height, halo_px=16, multiple=16)
            for part in parts:
                cover[part.core.y0 : part.core.y1, part.core.x0 : part.core.x1] += 1
                assert part.core.width <= whole.core.width
                assert part.core.height <= whole.core.height
            inside = cover[whole.core.y0 : whole.core.y1, whole.core.x0 : whole.core.x1]
            assert (inside == 1).all()
            assert cover.sum() == inside.size


WRONG = [(0, 5, 16, 0), (5, 0, 16, 0), (5, 5, 8, 0), (5, 5, 16, 7)]


@pytest.mark.parametrize(("width", "height", "tile", "halo"), WRONG)
def test_impossible_plans_are_refused(width: int, height: int, tile: int, halo: int) -> None:
    with pytest.raises(ValueError, match="pixels|multiples"):
        plan(width, height, tile_px=tile, halo_px=halo, multiple=16)
