"""Training of merge networks: brackets become crops that mean what they say; a run learns, goes on, stops by time."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from headroom import io, weights
from headroom.cli.main import cli
from headroom.errors import Cancelled, DeviceError, PlateError
from headroom.networks.merging import MergeNetwork
from headroom.networks.table import NETWORKS
from headroom.train.merge_batches import MergeBatch, MergeBatches, bent, merged_truth
from headroom.train.merge_crops import Crops, Pool, load_crops, save_crops, stack_of
from headroom.train.merge_loop import classical_figures, figures, merge_loss, train_merge
from headroom.train.merge_recipes import MERGE_RECIPES
from headroom.train.merge_staging import DeviceStager, prepare, surroundings
from headroom.train.scenes import HdrScene

TINY = MERGE_RECIPES["merge-tiny"]()


def scene(name: str, seed: int) -> HdrScene:
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.lognormal(-1, 1.3, (1, 3, 24, 48)).astype(np.float32))
    return HdrScene(name, torch.nn.functional.interpolate(coarse, (128, 256), mode="bilinear")[0].half(), True)


SCENES = [scene("a", 1), scene("b", 2), scene("c", 3)]


@pytest.fixture(scope="module")
def brackets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brackets")
    prepare(folder, surroundings(SCENES[:2]), surroundings(SCENES[2:]), TINY.staging)
    return folder


def pooled(folder: Path) -> Pool:
    pool = Pool(64)
    for path in sorted(folder.glob("crops-*.safetensors")):
        pool.put(load_crops(path))
    return pool


def test_shards_are_made_once_and_give_back_every_bit(brackets: Path, tmp_path: Path) -> None:
    paths = sorted(brackets.glob("crops-*.safetensors"))
    assert len(paths) == 2
    before = [path.read_bytes() for path in paths]
    paths[1].unlink()
    prepare(brackets, surroundings(SCENES[:2]), surroundings(SCENES[2:]), TINY.staging)
    assert [path.read_bytes() for path in paths] == before
    crops = load_crops(paths[0])
    save_crops(crops, tmp_path / "again.safetensors")
    again = load_crops(tmp_path / "again.safetensors")
    assert all(torch.equal(value, again.tensors()[name]) for name, value in crops.tensors().items())
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(PlateError, match="delete it"):
        load_crops(tmp_path / "bad.safetensors")
    with pytest.raises(Cancelled, match="goes on"):
        prepare(tmp_path / "none", surroundings(SCENES), [], TINY.staging, cancelled=lambda: True)


def test_the_reference_of_a_crop_is_the_truth_where_it_recorded(brackets: Path) -> None:
    for path in brackets.glob("crops-*.safetensors"):
        stack, crops = stack_of(load_crops(path)), load_crops(path)
        at = stack.reference
        recorded = (stack.clipped[:, at] == 0) & (crops.truth.float() > 0.05)
        error = (stack.linear[:, at] - crops.truth.float()).abs() / crops.truth.float().clamp(min=0.05)
        assert float(error[recorded].median()) < 0.05
        assert float(stack.exposures[0, at]) == 1
        assert bool((stack.exposures[:, 1:] > stack.exposures[:, :-1]).all())


def test_batches_turn_and_choose_frames_alike(brackets: Path) -> None:
    three = MergeBatches(pooled(brackets), replace(TINY, frames=3), seed=1)
    any_number = MergeBatches(pooled(brackets), TINY, seed=1)
    assert {three().stack.frames for _ in range(12)} == {3}
    drawn = [any_number() for _ in range(24)]
    assert len({batch.stack.frames for batch in drawn}) > 1
    assert {batch.stack.noise is None for batch in drawn} == {True, False}
    for batch in drawn:
        stack = batch.stack
        recorded = stack.clipped[:, stack.reference] == 0
        error = (stack.linear[:, stack.reference] - batch.truth).abs()
        assert float(error[recorded].median()) < 0.05
        assert bool((stack.exposures[:, stack.reference] == 1).all())
    again = MergeBatches(pooled(brackets), TINY, seed=1)
    assert torch.equal(again().truth, drawn[0].truth)


def test_the_truth_has_no_loss_and_ghosts_have(brackets: Path) -> None:
    batch: MergeBatch = MergeBatches(pooled(brackets), TINY, seed=2)()
    clamped = torch.minimum(batch.truth, batch.stack.top)
    assert float(merge_loss(clamped, batch, TINY)["total"]) < 1e-4
    for loss in ("l1", "l2"):
        recipe = replace(TINY, loss=loss, moving_weight=2.0)
        ghosted = merge_loss(clamped * 1.5, batch, recipe)["total"]
        assert float(ghosted) > 10 * float(merge_loss(clamped * 1.01, batch, recipe)["total"]) > 0


def test_figures_know_the_truth_from_a_ghost(brackets: Path) -> None:
    whole = load_crops(brackets / "held-out.safetensors")
    found = classical_figures(whole)
    assert set(found) <= {"moving", "around", "still"}
    assert all(math.isfinite(value) for value in found.values())
    perfect = Crops(**{**whole.tensors(), "linear": truth_in_all(whole)}, reference=whole.reference)
    better = classical_figures(perfect)
    assert better["moving"] > found["moving"] + 3


def truth_in_all(whole: Crops) -> torch.Tensor:
    return (whole.truth.float()[:, None] * whole.exposures[:, :, None, None, None]).half()


def test_a_run_learns_goes_on_and_stops_by_time(brackets: Path, tmp_path: Path) -> None:
    train_merge(replace(TINY, steps=4), SCENES[:2], SCENES[2:], tmp_path, brackets=brackets)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 4
    train_merge(replace(TINY, steps=7), SCENES[:2], SCENES[2:], tmp_path, brackets=brackets)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 7
    began = time.monotonic()
    path = train_merge(TINY, SCENES[:2], SCENES[2:], tmp_path, brackets=brackets, time_budget=1.5)
    assert time.monotonic() - began < 20
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert any("still_over_classical" in line or "moving_over_classical" in line for line in lines)
    card = weights.save(
        tmp_path / "merge-tiny", path,
        {"name": "merge-tiny", "version": "0", "licence": "x", "training_data": "x", "hardware": "x"},
    )  # fmt: skip
    model = weights.load(card.folder, network="merge1")
    assert model.module.config == TINY.config
    assert figures(model.module, load_crops(brackets / "held-out.safetensors"))


@pytest.mark.parametrize("name", ["ahdrnet-small", "kalantari-we-small", "kalantari-wie-small", "wu-resnet-small"])
def test_every_small_recipe_takes_steps(
    name: str, brackets: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = replace(MERGE_RECIPES[name](), steps=2, batch=2, staging=TINY.staging)
    path = train_merge(recipe, SCENES[:2], [], tmp_path, brackets=brackets)
    assert path.is_file()
    assert "not finite" not in caplog.text


def test_crops_are_made_where_the_network_is(tmp_path: Path) -> None:
    staging = replace(TINY.staging, five_share=0.0, moving_share=1.0)
    crops = DeviceStager(surroundings(SCENES), staging, seed=3)()
    assert crops.linear.shape[1:] == (3, 3, 32, 32)
    stack = stack_of(crops)
    recorded = stack.clipped[:, 1] == 0
    assert float((stack.linear[:, 1] - crops.truth.float()).abs()[recorded].median()) < 0.05
    recipe = replace(TINY, steps=2, on_device=True, pool=16, warm_pool=2, staging=staging)
    assert train_merge(recipe, SCENES[:2], SCENES[2:], tmp_path).is_file()


def test_recipes_fit_their_networks() -> None:
    for name, made in MERGE_RECIPES.items():
        recipe = made()
        assert recipe.name == name
        network, config = NETWORKS[recipe.network]
        assert isinstance(recipe.config, config)
        contract = cast(MergeNetwork, network(recipe.config)).contract
        assert contract.frames == recipe.frames
        assert recipe.staging.crop_px % contract.multiple_of == 0


def test_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for item in SCENES:
        io.write(folder / f"{item.name}.exr", item.pixels.float().numpy().transpose(1, 2, 0))
    done = CliRunner().invoke(
        cli,
        ["train", "merge-tiny", "--data", str(folder), "--out", str(tmp_path / "run"), "--steps", "2",
         "--held-out-every", "3", "--device", "cpu", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "weights.safetensors").is_file()
    assert (tmp_path / "run" / "brackets" / "held-out.safetensors").is_file()


def test_a_run_without_a_finite_gradient_ends(brackets: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no finite gradient in 25 steps"):
        train_merge(replace(TINY, steps=40, moving_weight=math.nan), SCENES[:2], [], tmp_path, brackets=brackets)


def test_a_wrong_curve_asks_for_nothing_that_no_frame_shows(brackets: Path) -> None:
    """Of a still tripod's bracket without noise, what is asked for is what one of the bent frames shows."""
    crops = load_crops(next(iter(sorted(brackets.glob("crops-*.safetensors")))))
    exposures = crops.exposures[:, :, None, None, None]
    perfect = crops.having({"linear": (crops.truth.float()[:, None] * exposures).clamp(0, 1)})
    exponent, contrast = torch.full((len(crops), 3, 1, 1), 1.2), torch.full((len(crops), 1, 1, 1), 0.3)
    asked = merged_truth(perfect, exponent, contrast)
    shown = bent(perfect.linear.float(), exponent[:, None], contrast[:, None]) / exposures
    known = crops.truth.float() < 0.85 / crops.exposures[:, 0, None, None, None]
    inside = (asked >= 0.999 * shown.amin(1) - 1e-6) & (asked <= 1.001 * shown.amax(1) + 1e-6)
    assert bool(inside[known].all())
    classical = merged_truth(perfect, torch.ones_like(exponent), torch.zeros_like(contrast))
    error = (classical - crops.truth.float()).abs() / crops.truth.float().clamp(min=1e-3)
    assert float(error[known].max()) < 1e-3
    only_dark = known & (crops.truth.float() > 1)
    nearest = (shown[:, : crops.reference] - asked[:, None]).abs().amin(1) / asked
    assert float(nearest[only_dark].median()) < 1e-3
    x = torch.linspace(-0.1, 1.2, 200)[None, None, None].expand(1, 3, 1, 200)
    curve = bent(x, exponent[:1], contrast[:1])
    assert bool((curve[..., 1:] > curve[..., :-1]).all())
    torch.testing.assert_close(bent(x, torch.ones(1, 3, 1, 1), torch.zeros(1, 1, 1, 1)), x, rtol=1e-4, atol=1e-5)
