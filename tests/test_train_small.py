"""headroom-1-small: what it costs, and how a trained network teaches another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from headroom.errors import UnknownModelError
from headroom.networks.headroom1 import Config, HeadroomOne
from headroom.train.batches import BatchMaker, Frame, Shooting
from headroom.train.loop import train
from headroom.train.losses import LossWeights, losses
from headroom.train.recipes import recipe
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank


@pytest.fixture(scope="module")
def scenes() -> list[HdrScene]:
    coarse = torch.from_numpy(np.random.default_rng(1).lognormal(-1, 1.5, (1, 3, 16, 32)).astype(np.float32))
    pixels = torch.nn.functional.interpolate(coarse, (256, 512), mode="bilinear")[0]
    return [HdrScene("a", pixels.half(), True), HdrScene("b", pixels[:, :150, :200].half(), False)]


def cost(config: Config) -> tuple[float, float]:
    """GFLOP a megapixel of tiles and for the view of a frame of two to one, counted while it runs."""
    network = HeadroomOne(config).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as frame:
        features = network.scene(torch.zeros(1, 6, 128, 256))
    tile = torch.zeros(1, 3, 512, 512)
    with torch.no_grad(), FlopCounterMode(display=False) as tiles:
        network.local(tile, tile, features[:, :, :8, :8], torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    return tiles.get_total_flops() / 512**2 / 1e3, frame.get_total_flops() / 1e9


def test_small_costs_a_quarter_of_the_full_network() -> None:
    full, small = cost(recipe("headroom-1").network), cost(recipe("headroom-1-small").network)
    assert small[0] <= full[0] / 4 and small[1] <= full[1] * 0.36
    assert sum(small) <= sum(full) / 4


@pytest.mark.parametrize("name", ["headroom-1", "headroom-1-cpu", "headroom-1-small", "headroom-1-narrow", "tiny"])
def test_the_contract_states_what_the_widths_cost(name: str) -> None:
    config = recipe(name).network
    assert HeadroomOne(config).contract.gflop_per_mp == pytest.approx(cost(config)[0], rel=0.02)


def test_the_teacher_counts_where_the_gains_differ_and_something_clipped(scenes: list[HdrScene]) -> None:
    shooting = Shooting(frames=(Frame(kind="view", height=64, width=64, batch=4, share=1),), responses=8)
    batch = BatchMaker(SceneBank(scenes, torch.device("cpu")), shooting, scene_px=1024, scene_multiple=32, seed=1)()
    network = HeadroomOne(recipe("tiny").network).requires_grad_(False)
    features, local = network(batch.scene_srgb, batch.x_srgb, batch.alpha, torch.tensor([[0.0, 0, 1, 1]] * 4))
    told = LossWeights(teacher=2.0)

    def term(taught: torch.Tensor) -> float:
        return float(losses(features, local, batch, told, taught)["teacher"])

    assert term(local.gain_log2) == 0
    assert term(local.gain_log2 + 5 * (batch.alpha == 0)) == 0
    assert term(local.gain_log2 + 1) > 0.1
    assert "teacher" not in losses(features, local, batch, told)


def test_a_run_is_taught_by_the_model_that_its_recipe_names(
    tmp_path: Path, tiny_models: Path, scenes: list[HdrScene]
) -> None:
    taught = replace(recipe("tiny"), weights=LossWeights(teacher=1.0), teacher=str(tiny_models / "headroom-1"), steps=2)
    train(taught, scenes, [], tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all(line["teacher"] > 0 for line in lines)
    with pytest.raises(UnknownModelError, match="no-such"):
        train(replace(taught, teacher="no-such"), scenes, [], tmp_path / "other")
