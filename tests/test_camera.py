"""The image-formation model: one definition for arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.camera import (
    Response,
    emor_basis,
    expose_for_clipped_share,
    inverse_emor_curve,
    jpeg,
    quantise,
    shoot,
)
from headroom.colour.curves import srgb_decode
from headroom.train.batches import interpolate_rows
from headroom.train.jpeg import jpeg_loss

RESPONSES = [
    Response.srgb(),
    Response.rec709(),
    Response.gamma(2.2),
    Response.sigmoid(0.9, 0.6),
    Response.emor([0.0]),
    Response.emor([2.0, -0.5, 0.2]),
    Response.picture_style(0.6, 0.1),
    Response.log_like(3),
    Response.log_like(8),
]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: r.name)
def test_responses_rise_from_0_to_1_and_invert(response: Response) -> None:
    light = np.linspace(0, 1, 3001).astype(np.float32)
    code = response.forward(light)
    assert code[0] == pytest.approx(0, abs=1e-6)
    assert code[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(code) > 0).all()
    np.testing.assert_allclose(response.inverse(code), light, atol=2e-4)


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: r.name)
def test_arrays_tensors_and_training_tables_agree(response: Response) -> None:
    light = np.random.default_rng(0).random((2, 3, 5, 7)).astype(np.float32)
    code = response.forward(light)
    np.testing.assert_allclose(response.forward(torch.from_numpy(light)).numpy(), code, atol=1e-6)
    table = torch.from_numpy(response.table)[None].expand(2, -1)
    np.testing.assert_allclose(interpolate_rows(torch.from_numpy(light).sqrt(), table).numpy(), code, atol=3e-5)
    back = response.inverse(torch.from_numpy(code)).numpy()
    np.testing.assert_allclose(back, response.inverse(code), atol=1e-6)


def test_srgb_is_exact() -> None:
    codes = np.arange(256) / 255
    assert Response.srgb().inverse(codes)[128] == pytest.approx(0.2158605, abs=1e-7)


def test_light_above_the_clip_is_clipped() -> None:
    assert Response.gamma(2.2).forward(np.array([1.0, 7.0]))[1] == 1.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_drawn_emor_responses_rise(seed: int) -> None:
    response = Response.draw_emor(np.random.default_rng(seed))
    assert (np.diff(response.table) > 0).all()
    assert response.table[0] == 0
    assert response.table[-1] == 1


def test_emor_curves_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="not increasing"):
        Response.emor([0, 0, 0, 0, 50])
    components = emor_basis().components[:5].astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(5), atol=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.15])
def test_exposure_clips_the_share_that_is_asked_for(share: float) -> None:
    light = np.random.default_rng(3).lognormal(0, 2, (200, 300, 3)).astype(np.float32)
    exposed = light * expose_for_clipped_share(light, share)
    assert (exposed.max(axis=2) >= 1).mean() == pytest.approx(share, abs=2e-4)


def test_quantised_codes_are_codes() -> None:
    code = shoot(np.random.default_rng(0).random((20, 20, 3)).astype(np.float32), Response.srgb(), bits=8)
    np.testing.assert_allclose(code * 255, (code * 255).round(), atol=1e-4)
    assert quantise(np.array([0.5]), 10)[0] * 1023 == pytest.approx(512)


def test_noise_is_as_strong_as_said_and_repeats_with_its_seed() -> None:
    flat = np.full((200, 200, 3), 0.25, np.float32)
    identity = Response.gamma(1.0)
    rng = np.random.default_rng
    noisy = shoot(flat, identity, bits=16, shot_noise=0.02, read_noise=0.005, rng=rng(1))
    assert noisy.std() == pytest.approx(np.hypot(0.02 * 0.5, 0.005), rel=0.02)
    again = shoot(flat, identity, bits=16, shot_noise=0.02, read_noise=0.005, rng=rng(1))
    assert (noisy == again).all()


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_training_jpeg_loses_what_a_real_one_loses(quality: int) -> None:
    y, x = np.mgrid[0:96, 0:128].astype(np.float32)
    picture = np.stack([0.5 + 0.4 * np.sin(x / 7), 0.5 + 0.4 * np.cos(y / 5), (x + y) / 224], -1)
    picture = (picture * 255).round() / 255
    real = jpeg(picture, quality)
    tensor = torch.from_numpy(picture.transpose(2, 0, 1))[None].float()
    ours = jpeg_loss(tensor, torch.tensor([float(quality)]), subsample=quality < 90)[0].numpy().transpose(1, 2, 0)
    loss_real, loss_ours = np.abs(real - picture).mean(), np.abs(ours - picture).mean()
    assert loss_ours == pytest.approx(loss_real, rel=0.25)
    # Two roundings to 8 bits differ by a quarter of a code even where the coefficients agree.
    assert np.abs(ours - real).mean() < 0.5 * loss_real + 0.25 / 255


@given(st.lists(st.floats(-5, 5), min_size=11, max_size=11))
def test_inverse_curves_of_components_rise_from_srgb(weights: list[float]) -> None:
    light = inverse_emor_curve(torch.tensor([weights, [0.0] * 11]).double()).numpy()
    np.testing.assert_allclose(light[1], srgb_decode(np.linspace(0, 1, 256)), atol=1e-12)
    assert (light[0, 0], light[0, -1]) == (0, 1)
    assert (np.diff(light[0]) >= 0).all()
