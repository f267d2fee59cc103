"""The doubt that a network states: its parts, what trains them, and the network's own grid as a loss."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from headroom.errors import WeightsError
from headroom.networks.headroom1 import LIFT_STOPS_MAX, Config, HeadroomOne
from headroom.networks.single_image import NORMAL_90, Local
from headroom.train.batches import Batch, BatchMaker, Frame, Shooting
from headroom.train.loop import train
from headroom.train.losses import LossWeights, doubt_term, grid, losses, mean_term
from headroom.train.publish import mean_of
from headroom.train.recipes import Recipe, recipe
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank
from headroom.train.visible import COLOUR_WEIGHTS, LIGHT_WEIGHTS, visible_difference

SMALL = {"scene_widths": (8, 8, 8, 8), "scene_features": 4, "local_widths": (8, 8, 8), "curve_width": 16}


def plates(**changes: torch.Tensor) -> Batch:
    """Two wholly clipped pictures of 128 x 128."""
    ones = torch.ones(2, 3, 128, 128)
    batch = Batch(
        x_srgb=ones, alpha=ones, scene_srgb=torch.ones(2, 6, 32, 32), lin=ones, truth_lin=ones * 4, code_truth=ones,
        inverse=torch.linspace(0, 1, 256).expand(2, -1), stated=torch.ones(2), lossless=torch.ones(2),
    )  # fmt: skip
    return batch._replace(**changes)


def minimum_of(parameter: nn.Parameter, loss_of: object, *, steps: int = 400) -> None:
    optimiser = torch.optim.Adam([parameter], 0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of().backward()  # type: ignore[operator]
        optimiser.step()


def test_both_ends_settle_where_nine_in_ten_and_one_in_ten_pass() -> None:
    torch.manual_seed(0)
    left = torch.randn(2, 3, 128, 128).exp() - 1  # a long tail above, as highlights have
    ones = torch.ones_like(left)
    ends = nn.Parameter(torch.zeros(1, 3, 1, 1))
    minimum_of(ends, lambda: doubt_term(ends.expand(2, -1, 128, 128), left, ones, ones))
    below, above = torch.exp2(ends.detach())[0, :2, 0, 0].tolist()
    assert (left > above).float().mean() == pytest.approx(0.1, abs=0.01)
    assert (left < -below).float().mean() == pytest.approx(0.1, abs=0.01)


def test_where_half_is_recorded_half_of_the_doubt_counts() -> None:
    left = torch.full((1, 3, 8, 8), 0.4)
    doubt, ones = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)  # one stop either way
    inside = doubt_term(doubt, left, ones, ones)
    beyond = doubt_term(doubt, left, ones * 0.25, ones)  # a quarter of a stop
    assert inside == pytest.approx(0.1 * 0.6 + 0.1 * 1.4)
    assert beyond == pytest.approx(0.9 * 0.15 + 0.1 * 0.65)


def test_the_mean_settles_where_the_light_is_right_as_a_whole() -> None:
    torch.manual_seed(0)
    truth = 4 * torch.exp2(torch.randn(2, 3, 128, 128))  # two stops up, one of spread: the mean is ln(2)/2 higher
    batch = plates(truth_lin=truth)
    lift = nn.Parameter(torch.zeros(1))
    gain = torch.full((2, 3, 128, 128), 2.0, requires_grad=True)

    def loss() -> torch.Tensor:
        doubt = torch.cat([torch.zeros(2, 2, 128, 128), lift.expand(2, 1, 128, 128)], 1)
        return mean_term(Local(gain, doubt[:, :1], None, doubt), batch, torch.ones_like(truth))

    minimum_of(lift, loss)
    assert float(lift.detach()) == pytest.approx(math.log(2) / 2, abs=0.03)
    assert gain.grad is None


def test_the_grid_is_found_and_texture_is_not() -> None:
    torch.manual_seed(0)
    ones = torch.ones(1, 3, 128, 128)
    pattern = torch.randn(1, 3, 8, 8) * 0.1
    found = float(grid(pattern.repeat(1, 1, 16, 16), ones))
    depth = float(((pattern - pattern.mean((2, 3), keepdim=True)).square().mean((2, 3)) + 1e-4).sqrt().mean()) - 1e-2
    assert found == pytest.approx(depth, rel=1e-4)
    assert float(grid(torch.randn(1, 3, 128, 128) * 0.1, ones)) < found / 4
    assert float(grid(torch.full((1, 3, 128, 128), 0.7), ones)) == pytest.approx(0, abs=1e-6)
    assert float(grid(pattern.repeat(1, 1, 16, 16), ones * 0)) == 0


def test_a_network_that_states_doubt_is_trained_in_it_and_others_in_their_spread() -> None:
    batch, place = plates(), torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(2, -1)
    torch.manual_seed(3)
    for width, own in ((0, {"spread"}), (6, {"doubt", "mean"})):
        network = HeadroomOne(Config(**SMALL, doubt_width=width)).train()  # type: ignore[arg-type]
        features, local = network(batch.scene_srgb, batch.x_srgb, batch.alpha, place)
        terms = losses(features, local, batch, LossWeights(grid=0.5))
        assert {"spread", "doubt", "mean"} & set(terms) == own and "grid" in terms
        terms["total"].backward()
        for name, tensor in network.local_net.named_parameters():
            assert tensor.grad is not None and torch.isfinite(tensor.grad).all(), name


def test_the_doubt_begins_as_a_normal_distribution_and_is_bounded() -> None:
    torch.manual_seed(4)
    network = HeadroomOne(Config(**SMALL, doubt_width=6)).eval()  # type: ignore[arg-type]
    x, place = torch.rand(1, 3, 64, 96), torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    with torch.inference_mode():
        features = network.scene(torch.rand(1, 6, 32, 64))
        local = network.local(x, torch.ones_like(x), features, place)
        assert local.doubt is not None and local.doubt.shape == (1, 3, 64, 96)
        assert torch.equal(local.doubt[:, 0], local.doubt[:, 1])
        assert torch.allclose(local.spread_log2, local.doubt[:, :1] - math.log2(NORMAL_90), atol=1e-6)
        assert network.local_net.doubt is not None
        last = network.local_net.doubt[2]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        last.bias.fill_(1e6)
        doubt = network.local(x, torch.ones_like(x), features, place).doubt
    assert doubt is not None
    assert (doubt[:, :2] == 4).all() and (doubt[:, 2] <= LIFT_STOPS_MAX).all()


def test_weights_without_the_new_part_may_be_started_from_and_others_may_not_lack_a_thing(tmp_path: Path) -> None:
    light = torch.rand(3, 64, 128).half() * 8
    scenes = [HdrScene("a", light, True), HdrScene("b", light[:, :, :64].contiguous(), False)]
    first = train(with_doubt(0), scenes, [], tmp_path / "first")
    second = train(with_doubt(6), scenes, [], tmp_path / "second", start_weights=first)
    assert second.is_file()
    with pytest.raises(WeightsError, match="not weights of this recipe's network"):
        train(with_doubt(0), scenes, [], tmp_path / "third", start_weights=second)


def with_doubt(width: int) -> Recipe:
    tiny = recipe("tiny")
    return replace(tiny, network=replace(tiny.network, doubt_width=width), steps=2)


def test_under_lamps_red_rises_and_blue_falls() -> None:
    grey = torch.rand(1, 64, 128).clamp(min=0.01).expand(3, -1, -1).half().contiguous()
    bank = SceneBank([HdrScene("a", grey, True)], torch.device("cpu"))
    frame = Frame(kind="view", height=64, width=64, batch=64, share=1)

    def colours(share: float) -> torch.Tensor:
        shooting = Shooting(
            frames=(frame,), responses=4, white_balance_std=0.0, contrast=(1, 1), saturation=(1, 1), lamp_share=share,
            noisy_share=0.0, jpeg_share=0.0,
        )  # fmt: skip
        truth = BatchMaker(bank, shooting, scene_px=1024, scene_multiple=32, seed=1)().truth_lin
        return truth.mean((2, 3)).log2()

    plain, warm = colours(0.0), colours(1.0)
    assert torch.allclose(plain[:, 0], plain[:, 2], atol=1e-3)
    red, blue = warm[:, 0] - warm[:, 1], warm[:, 2] - warm[:, 1]
    assert torch.allclose(red, -blue, atol=1e-3) and (red > 0.29).all() and (red < 1.21).all() and red.std() > 0.1


def test_what_an_eye_sees_counts_tints_by_area_and_not_by_grain() -> None:
    torch.manual_seed(1)
    truth = torch.rand(2, 3, 128, 128) * 2 + 1.5
    batch = plates(truth_lin=truth)
    perfect = truth.log2()  # over lin = 1
    nothing = float(visible_difference(perfect, batch))
    assert nothing == pytest.approx(
        0.01 * (sum(LIGHT_WEIGHTS) + 2 * sum(COLOUR_WEIGHTS)) / len(LIGHT_WEIGHTS), rel=0.02
    )
    tint = torch.tensor([0.2, 0.0, -0.2])[None, :, None, None]
    grain = 0.2 * torch.randn(2, 1, 128, 128).sign() * torch.tensor([1.0, 0.0, -1.0])[None, :, None, None]
    brighter = torch.full((1, 3, 1, 1), 0.2)
    tinted, grained, lifted = (float(visible_difference(perfect + off, batch)) for off in (tint, grain, brighter))
    assert tinted > 3 * nothing and tinted > 1.5 * grained and lifted > 2 * nothing
    half = plates(truth_lin=truth, alpha=torch.ones(2, 3, 128, 128) * (torch.arange(128) < 64))
    assert float(visible_difference(perfect + tint, half)) > 1.2 * nothing
    wrong_outside = torch.where(half.alpha > 0, perfect, perfect + 5)
    assert float(visible_difference(wrong_outside, half)) < 3 * nothing


def test_the_mean_of_a_run_and_its_start_keeps_what_the_start_lacks(tmp_path: Path) -> None:
    start, run = tmp_path / "start.safetensors", tmp_path / "run.safetensors"
    save_file({"a": torch.tensor([1.0, 3.0])}, start, metadata={"recipe": "first"})
    save_file(
        {"a": torch.tensor([2.0, 7.0]), "new": torch.tensor([5.0])}, run, metadata={"recipe": "second", "step": "9"}
    )
    mean = mean_of(run, start, tmp_path / "mean.safetensors")
    assert {key: tensor.tolist() for key, tensor in load_file(mean).items()} == {"a": [1.5, 5.0], "new": [5.0]}
    with safe_open(mean, "pt") as file:
        assert file.metadata() == {"recipe": "second", "step": "9"}
    with pytest.raises(WeightsError, match="has not all of the tensors"):
        mean_of(start, run, tmp_path / "mean.safetensors")
