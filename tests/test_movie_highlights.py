"""Limited range records light above white: it is kept exactly, and what clipped above it is found and raised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headroom.clipping import clip_level, soft_mask
from headroom.colour.plan import plan
from headroom.encode import Encoder
from headroom.errors import UsageError
from headroom.io.movie import MovieSource
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor
from movies import write_movie

RAMP = np.tile(np.linspace(16, 240, 256), (128, 1))
WHITE = 219.0


def plate_of(folder: Path, luma: Any, **other: Any) -> Plate:
    chosen: dict[str, Any] = {"codec": "ffv1", "pixels": "yuv420p", "size": (256, 128), **other}
    path = folder / ("clip.mkv" if chosen["codec"] == "ffv1" else "clip.mp4")
    return MovieSource(write_movie(path, lambda k: [np.asarray(luma).round(), 128, 128], **chosen)).read(1)


def with_sky(value: float) -> Any:
    luma = RAMP.copy()
    luma[20:70, 100:200] = value
    return luma


def test_a_camera_that_clips_above_white(tmp_path: Path) -> None:
    luma = with_sky(254)
    found = clip_level(plate_of(tmp_path, luma))
    assert (found.source, found.code) == ("detected", pytest.approx(238 / WHITE))
    assert found.clipped_share == pytest.approx((luma == 254).mean())


def test_a_camera_that_uses_the_last_code(tmp_path: Path) -> None:
    found = clip_level(plate_of(tmp_path, with_sky(255)))
    assert (found.source, found.code) == ("top code", pytest.approx(239 / WHITE))
    assert found.clipped_share > 0.1


def test_a_legalised_plate_clips_at_white(tmp_path: Path) -> None:
    legal = np.minimum(with_sky(235), 235)
    found = clip_level(plate_of(tmp_path, legal))
    assert found.code == 1.0 and found.clipped_share > 0.1
    rng = np.random.default_rng(2)
    coded = plate_of(
        tmp_path, np.minimum(legal + rng.normal(0, 3, legal.shape), 235), codec="libx264", options={"crf": "23"}
    )
    assert coded.codes.max() > 1.01  # the codec rings above white
    found = clip_level(coded)
    assert found.code == pytest.approx(1.0, abs=0.02)
    sky = soft_mask(coded.codes[25:65, 110:190], found.code)
    assert sky.mean() > 0.85


def test_ringing_about_the_clip_does_not_hide_it(tmp_path: Path) -> None:
    """ProRes puts some of a clipped sky's codes above the clip, up to the range's end and beyond."""
    rng = np.random.default_rng(3)
    luma = (RAMP * 0.8 * 4 + rng.normal(0, 8, RAMP.shape)).clip(64, 900)
    luma[20:80, 60:220] = 1010
    luma[30:32, 60:220] = 200  # a wire before the sky
    path = tmp_path / "sky.mov"
    options = {"profile": "proxy"}
    write_movie(
        path,
        lambda k: [luma.round(), 512, 512],
        codec="prores_ks",
        pixels="yuv422p10le",
        size=(256, 128),
        options=options,
    )
    plate = MovieSource(path).read(1)
    assert plate.codes.max() > (1015 - 64) / 876
    found = clip_level(plate)
    assert found.code == pytest.approx((1010 - 64) / 876, abs=0.004) and found.source == "detected"


def test_without_a_pile_white_is_the_level_only_where_nothing_lies_above(tmp_path: Path) -> None:
    dim, bright = RAMP * 0.7, RAMP + 14
    assert clip_level(plate_of(tmp_path, dim)).code == 1.0
    assert clip_level(plate_of(tmp_path, bright)).code == pytest.approx(239 / WHITE)


def test_full_range_ends_at_one(tmp_path: Path) -> None:
    found = clip_level(plate_of(tmp_path, with_sky(255), tags=(2, 1, 1, 1)))
    assert (found.code, found.source) == (1.0, "top code") and found.clipped_share > 0.1


def test_the_level_may_be_said_as_a_share_or_as_a_stored_code(tmp_path: Path) -> None:
    plate = plate_of(tmp_path, with_sky(254))
    assert clip_level(plate, user=235).code == 1.0
    assert clip_level(plate, user=254).code == pytest.approx(238 / WHITE)
    assert clip_level(plate, user=1.05).code == 1.05
    for wrong in (16, 256, 0):
        with pytest.raises(UsageError, match="--clip-level"):
            clip_level(plate, user=wrong)


def test_ten_bits_find_the_same_level(tmp_path: Path) -> None:
    luma = (with_sky(254) * 4).round()
    path = write_movie(
        tmp_path / "c.mkv", lambda k: [luma, 512, 512], codec="ffv1", pixels="yuv420p10le", size=(256, 128)
    )
    found = clip_level(MovieSource(path).read(1))
    assert (found.source, found.code) == ("detected", pytest.approx((254 * 4 - 64) / 876))


def test_the_network_sees_the_range_up_to_the_clip(tmp_path: Path) -> None:
    plate = plate_of(tmp_path, with_sky(254))
    colour = plan(plate.space, is_float=plate.is_float, bits=plate.bits)
    rows = Encoder(plate, colour, clip_level(plate)).rows(0, 128)
    sky, white = plate.codes[..., 0] == np.float32(238 / WHITE), np.isclose(plate.codes[..., 0], 1.0, atol=0.004)
    assert (rows.x_srgb[sky] > 1 - 1e-6).all() and (rows.alpha[sky] == 1.0).all()
    assert 0.9 < rows.x_srgb[white].mean() < 0.97 and (rows.alpha[white] == 0).all()


def test_recorded_light_above_white_comes_out_exactly(tmp_path: Path, tiny_headroom_1: Path) -> None:
    plate = plate_of(tmp_path, with_sky(254))
    done = Reconstructor(device="cpu")(plate, to="Linear Rec.709 (sRGB)")
    recorded = done.mask == 0
    above_white = recorded & (plate.codes[..., 0] > 1.0)
    assert above_white.any()
    exact = plan(plate.space, is_float=True, to="Linear Rec.709 (sRGB)").base(plate.codes)
    assert np.array_equal(done.pixels[recorded], exact[recorded])
    code = plate.codes[above_white][0, 0].astype(np.float64)
    assert done.pixels[above_white][0, 0] == pytest.approx(((code + 0.099) / 1.099) ** (1 / 0.45), rel=1e-3)
    assert done.report["clip_level"] == pytest.approx(238 / WHITE)
    assert (done.mask[20:70, 100:200] == 1).all()


def test_camera_rec2020_is_the_recommendations_curve_and_primaries() -> None:
    code = np.array([[[0.04] * 3, [0.5] * 3, [1.0] * 3, [1.0, 0.0, 0.0]]], np.float32)
    light = plan("Camera Rec.2020", to="Linear Rec.2020").base(code)[0]
    # OCIO joins curve and line without a corner, which makes the line's slope 4.51.
    assert light[0, 0] == pytest.approx(0.04 / 4.5, rel=4e-3)
    assert light[1, 0] == pytest.approx((0.599 / 1.099) ** (1 / 0.45), rel=1e-4)
    np.testing.assert_allclose(light[2], 1.0, atol=1e-5)
    np.testing.assert_allclose(light[3], [1, 0, 0], atol=1e-5)
