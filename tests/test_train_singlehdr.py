"""SingleHDR's training: its camera, its losses against numbers worked out by hand, its runs of a few steps."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from command import headroom
from headroom import io
from headroom.colour.curves import srgb_encode
from headroom.errors import PlateError, UsageError, WeightsError
from headroom.networks.singlehdr.system import Config
from headroom.train.batches import Shooting
from headroom.train.scenes import HdrScene
from headroom.train.singlehdr_camera import Camera, Photographer, Photographs
from headroom.train.singlehdr_features import feature_net
from headroom.train.singlehdr_loop import LEARNS, train_chain, train_singlehdr
from headroom.train.singlehdr_losses import (
    Weights,
    dequantize_loss,
    hallucinate_loss,
    linearize_loss,
    mu_law,
    refine_loss,
)
from headroom.train.singlehdr_pairs import PairCrops, read_pairs
from headroom.train.singlehdr_publish import assemble
from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES, Chain, SingleHdrRecipe
from headroom.weights import load_run

TINY = Config(
    dequantize_widths=(2, 2, 3, 3, 4), linearize_width=2, hallucinate_widths=(3, 3, 4, 4, 4), norm_decay=0.5
)  # fmt: skip
CURVES = Shooting(frames=(), srgb_share=0.0, emor_share=1.0, style_share=0.0, sigmoid_share=0.0, responses=12)
CAMERA = Camera(crop_px=64, batch=2, exposure="clipped", clipped_share=(0.05, 0.2), responses=CURVES)


@pytest.fixture(scope="module")
def scenes() -> list[HdrScene]:
    generator = torch.Generator().manual_seed(1)
    light = [torch.rand(3, 128, 256, generator=generator) ** 6 * 20 for _ in range(2)]
    return [HdrScene(f"scene {i}", pixels.half(), True) for i, pixels in enumerate(light)]


def tiny(name: str, **changes: object) -> SingleHdrRecipe:
    recipe = SINGLEHDR_RECIPES[f"singlehdr-{name}-small"]
    assert isinstance(recipe, SingleHdrRecipe)
    config = replace(TINY, **{key: changes.pop(key) for key in list(changes) if key in Config.__dataclass_fields__})
    return replace(recipe, config=config, camera=CAMERA, steps=2, **changes)


def test_a_photograph_s_parts_belong_together(scenes: list[HdrScene]) -> None:
    camera = replace(CAMERA, jpeg_share=0.0)
    shot = Photographer(scenes, camera, torch.device("cpu"), seed=3)()
    assert shot.x_srgb.shape == (2, 3, 64, 64)
    torch.testing.assert_close(shot.x_srgb, (shot.code * 255).round() / 255)
    torch.testing.assert_close(shot.clipped, shot.light.clamp(max=1))
    clipped = (shot.light >= 1).any(1).float().mean((1, 2))
    assert (clipped > 0.03).all()
    assert (clipped < 0.25).all()
    position = shot.code * 1023
    low = position.floor().clamp(max=1022).long()
    for one in range(2):
        curve = shot.curve[one]
        light = torch.lerp(curve[low[one]], curve[low[one] + 1], position[one] - low[one])
        assert (light - shot.clipped[one]).abs().max() < 2e-3
    assert (shot.curve.diff(dim=1) >= 0).all()


def test_the_authors_exposure_brings_the_mean_to_a_half(scenes: list[HdrScene]) -> None:
    camera = Camera(crop_px=64, batch=4, scale=(1, 1), stops=(0, 0), signal_noise=0, constant_noise=0, responses=CURVES)
    shot = Photographer(scenes, camera, torch.device("cpu"), seed=3)()
    torch.testing.assert_close(shot.light.mean((1, 2, 3)), torch.full((4,), 0.5))
    darker = replace(camera, stops=(-3, -3))
    shot = Photographer(scenes, darker, torch.device("cpu"), seed=3)()
    torch.testing.assert_close(shot.light.mean((1, 2, 3)), torch.full((4,), 0.0625))


def test_noise_is_as_large_as_it_is_said_to_be(scenes: list[HdrScene]) -> None:
    camera = Camera(crop_px=256, batch=8, signal_noise=0.5, constant_noise=0.0, responses=CURVES)
    take = Photographer(
        [HdrScene("grey", torch.full((3, 256, 512), 2.0).half(), True)], camera, torch.device("cpu"), seed=2
    )
    shot = take()
    spread = (shot.light.std((2, 3)) / shot.light.mean((2, 3))).flatten()
    assert 0.15 < float(spread.mean()) < 0.35  # uniform between 0 and 0.5
    assert float(spread.max()) < 0.51


def test_a_seed_gives_the_same_photographs_and_black_ones_do_not_count(scenes: list[HdrScene]) -> None:
    takes = [Photographer(scenes, CAMERA, torch.device("cpu"), seed=5) for _ in range(2)]
    first, second = takes[0](), takes[1]()
    torch.testing.assert_close(first.x_srgb, second.x_srgb, rtol=0, atol=0)
    again = takes[0]()
    assert (again.x_srgb != first.x_srgb).any()
    takes[0].restart(5)
    torch.testing.assert_close(takes[0]().x_srgb, first.x_srgb, rtol=0, atol=0)
    assert first.counts.tolist() == [[[[1.0]]], [[[1.0]]]]
    dark = Photographer(scenes, replace(CAMERA, exposure="mean", stops=(-20, -20)), torch.device("cpu"), seed=5)()
    assert dark.counts.sum() == 0


def test_scenes_too_small_for_a_crop_are_refused(scenes: list[HdrScene]) -> None:
    with pytest.raises(UsageError, match="none of these scenes holds a crop of 1024 px"):
        Photographer(scenes, Camera(crop_px=1024, responses=CURVES), torch.device("cpu"), seed=1)
    with pytest.raises(UsageError, match="give a multiple of 16"):
        Photographer(scenes, Camera(crop_px=40, responses=CURVES), torch.device("cpu"), seed=1)


def photographs(value: float) -> Photographs:
    flat = torch.full((2, 3, 16, 16), value)
    counts = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    return Photographs(flat, flat, flat, 4 * flat, torch.full((2, 1024), value), counts)


def test_losses_by_hand() -> None:
    shot, ones = photographs(0.5), torch.ones(2, 3, 16, 16)
    # Half of the pictures count, and the mean is over all of them, as in the authors' code.
    assert float(dequantize_loss(ones, shot, Weights())["total"]) == pytest.approx(0.25 / 2)
    decibels = dequantize_loss(ones, shot, Weights(codes="decibels"))
    assert float(decibels["total"]) == pytest.approx(math.log10(0.25) / 2, rel=1e-5)
    lin = linearize_loss(torch.ones(2, 1024), ones, shot, Weights())
    assert float(lin["linear"]) == pytest.approx(0.25 / 2)
    assert float(lin["curve"]) == pytest.approx(0.1 * 0.25 / 2)
    hal = hallucinate_loss(ones, shot, Weights(), None)
    expected = (math.log(21) - math.log(11)) / math.log(11) / 2  # light is 2, the answer 1
    assert float(hal["light"]) == pytest.approx(expected, rel=1e-5)
    assert float(hal["total_variation"]) == 0
    paper = hallucinate_loss(ones, shot, Weights(light="log"), None)
    assert float(paper["light"]) == pytest.approx((math.log(2 + 1 / 255) - math.log(1 + 1 / 255)) ** 2 / 2, rel=1e-5)
    striped = ones.clone()
    striped[..., ::2] = 0
    varied = hallucinate_loss(striped, shot, Weights(), None)["total_variation"]
    assert float(varied) == pytest.approx(0.1, rel=1e-5)  # every step to the right is one, none downwards
    assert float(refine_loss(3 * ones, 7 * ones)["total"]) == pytest.approx(0, abs=1e-6)  # scale does not matter
    assert float(mu_law(torch.tensor(1.0))) == pytest.approx(1)


def test_features_are_random_by_a_seed_or_come_from_a_file(tmp_path: Path) -> None:
    one, other = feature_net(), feature_net()
    x, y = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(one.distance(x, y), other.distance(x, y), rtol=0, atol=0)
    assert float(one.distance(x, x)) == 0
    assert float(one.distance(x, y)) > 0
    layers = [(3, 4), (4, 4), (4, 6), (6, 6), (6, 8), (8, 8), (8, 8)]
    names = ["features.0", "features.2", "features.5", "features.7", "features.10", "features.12", "features.14"]
    tensors = {f"{n}.weight": torch.randn(b, a, 3, 3) for n, (a, b) in zip(names, layers, strict=True)}
    tensors |= {f"{n}.bias": torch.zeros(b) for n, (_, b) in zip(names, layers, strict=True)}
    save_file(tensors, tmp_path / "vgg.safetensors")
    loaded = feature_net(tmp_path / "vgg.safetensors")
    assert [f.shape[1] for f in loaded(x)] == [4, 6, 8]
    save_file({"a": torch.zeros(1)}, tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match="holds no VGG-16"):
        feature_net(tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match=r"gone\.safetensors: not a safetensors file"):
        feature_net(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("stage", ["dequantize", "linearize", "hallucinate", "end-to-end"])
def test_a_run_moves_its_stage_alone_and_says_so(stage: str, scenes: list[HdrScene], tmp_path: Path) -> None:
    recipe = tiny(stage)
    path = train_singlehdr(recipe, scenes[:1], scenes[1:], tmp_path / stage)
    network, facts = load_run(path)
    assert facts["recipe"] == f"singlehdr-{stage}-small"
    assert facts["stages"].split(",") == list(LEARNS[recipe.stage])
    torch.manual_seed(recipe.seed)
    fresh = type(network)(recipe.config).state_dict()
    moved = {key.split(".")[0] for key, value in network.state_dict().items() if not torch.equal(value, fresh[key])}
    parts = {"dequantize": {"dequantization"}, "linearize": {"linearization"}, "hallucinate": {"hallucination"}}
    begun = -1.0 if recipe.stage in ("hallucinate", "end-to-end") else 0.0
    light_bias = network.hallucination.head_fuse.bias.detach()
    assert float((light_bias - begun).abs().max()) < 0.01  # two steps from where it began
    assert moved == parts.get(stage, {"dequantization", "linearization", "hallucination"})
    lines = [json.loads(line) for line in (tmp_path / stage / "log.jsonl").read_text().splitlines()]
    assert any(name.startswith("held_out_") for name in lines[-1])
    assert all(math.isfinite(value) for value in lines[-1].values())


def test_joint_training_takes_its_stages_from_their_runs(scenes: list[HdrScene], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="first: headroom train singlehdr-dequantize-small --data SCENES"):
        train_singlehdr(tiny("joint"), scenes, [], tmp_path / "singlehdr-joint-small")
    for stage in ("dequantize", "linearize", "hallucinate"):
        train_singlehdr(tiny(stage), scenes, [], tmp_path / f"singlehdr-{stage}-small")
    still = tiny("joint", learning_rate=0.0)
    joint, _ = load_run(train_singlehdr(still, scenes, [], tmp_path / "singlehdr-joint-small"))
    for stage, part in (("dequantize", "dequantization"), ("hallucinate", "hallucination")):
        trained, _ = load_run(tmp_path / f"singlehdr-{stage}-small" / "weights.safetensors")
        for name, value in getattr(trained, part).named_parameters():
            torch.testing.assert_close(dict(getattr(joint, part).named_parameters())[name], value, rtol=0, atol=0)
    files = {stage: tmp_path / f"singlehdr-{stage}-small" / "weights.safetensors" for stage in LEARNS["joint"]}
    whole, facts = load_run(assemble(files, tmp_path / "whole.safetensors"))
    assert facts["step"] == "6"
    for name, value in joint.named_parameters():
        torch.testing.assert_close(dict(whole.named_parameters())[name], value, rtol=0, atol=0)
    other = tmp_path / "singlehdr-linearize-small" / "weights.safetensors"
    other.unlink()
    (tmp_path / "singlehdr-dequantize-small" / "weights.safetensors").rename(other)
    with pytest.raises(UsageError, match="singlehdr-dequantize-small"):
        train_singlehdr(still, scenes, [], tmp_path / "singlehdr-joint-small")


def test_a_chain_runs_its_links_once(scenes: list[HdrScene], tmp_path: Path) -> None:
    links = tuple((tiny(stage), 0.25) for stage in ("dequantize", "linearize", "hallucinate", "joint"))
    chain = Chain(name="tiny", links=links)
    told: list[str] = []
    weights = train_chain(
        chain, scenes, [], tmp_path, time_budget=None, steps=4, on_progress=lambda name, _: told.append(name)
    )
    assert weights == tmp_path / "weights.safetensors"
    assert told == [link.name for link, _ in links]
    with safe_open(weights, "pt") as file:
        assert file.metadata()["recipe"] == "singlehdr-joint-small"
    train_chain(chain, scenes, [], tmp_path, time_budget=None, steps=4, on_progress=lambda name, _: told.append(name))
    assert len(told) == 4


def test_the_shipped_chains_come_to_a_whole() -> None:
    for name in ("singlehdr", "singlehdr-small"):
        chain = SINGLEHDR_RECIPES[name]
        assert isinstance(chain, Chain)
        assert sum(share for _, share in chain.links) == pytest.approx(1)
        assert len({link.config for link, _ in chain.links}) == 1


def pair(folder: Path, name: str, size: tuple[int, int], ldr: tuple[int, int]) -> None:
    from PIL import Image

    rng = np.random.default_rng(1)
    light = rng.random((*size, 3), np.float32) * 4
    folder.mkdir(exist_ok=True)
    io.write(folder / f"{name}.exr", light, depth="float")
    Image.fromarray(rng.integers(0, 255, (*ldr, 3), dtype=np.uint8)).save(folder / f"{name}.png")


def test_refinement_learns_from_photographs_with_merged_brackets(
    scenes: list[HdrScene], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(tmp_path / "pairs", "a", (96, 80), (96, 80))
    pairs = read_pairs(tmp_path / "pairs")
    assert [p.name for p in pairs] == ["a"]
    x_srgb, light = PairCrops(pairs, crop_px=64, batch=3, device=torch.device("cpu"), seed=1)()
    assert x_srgb.shape == light.shape == (3, 3, 64, 64)
    start = train_singlehdr(tiny("end-to-end"), scenes, [], tmp_path / "start")
    recipe = tiny("refine", refine_widths=(2, 2, 3, 3, 3))
    with pytest.raises(UsageError, match="name that model's weights with --start"):
        train_singlehdr(recipe, [], [], tmp_path / "refine", pairs=pairs)
    path = train_singlehdr(recipe, [], [], tmp_path / "refine", pairs=pairs, start_weights=start)
    network, facts = load_run(path)
    assert "refine" in facts["stages"]
    assert network.refinement is not None
    assert "refinement.unet.head.weight" in load_file(path)
    virtual = train_singlehdr(recipe, scenes, [], tmp_path / "virtual", start_weights=start)
    assert load_run(virtual)[1]["recipe"] == "singlehdr-refine-small"
    pair(tmp_path / "pairs", "b", (96, 80), (96, 81))
    with pytest.raises(PlateError, match=r"b\.exr is 80x96, b\.png 81x96"):
        read_pairs(tmp_path / "pairs")


def test_the_command_trains_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scenes: list[HdrScene]
) -> None:
    io.write(tmp_path / "scene.exr", np.random.default_rng(1).random((128, 256, 3), np.float32))
    arguments = ("--data", tmp_path, "--held-out-every", 0, "--steps", 1, "--device", "cpu")
    done = headroom(capsys, "train", "singlehdr-linearize-image-small", *arguments, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    assert Path(json.loads(done.out)["weights"]).is_file()
    refused = headroom(
        capsys, "train", "singlehdr-joint-small", *arguments, "--out", tmp_path / "singlehdr-joint-small"
    )
    assert refused.code == 2
    assert "headroom train singlehdr-dequantize-small" in refused.err


def test_refinement_from_a_merged_bracket_by_the_commands_of_the_documentation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    rng = np.random.default_rng(4)
    light = np.kron(rng.random((8, 10, 3)) ** 3 * 6, np.ones((20, 16, 1)))
    frames = []
    for stops in (-2, 0, 2):
        code = np.asarray(srgb_encode((light * 2.0**stops).clip(0, 1)))
        frames.append(tmp_path / f"frame{stops:+d}.png")
        Image.fromarray(np.rint(code * 255).astype(np.uint8)).save(frames[-1])
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    merged = headroom(
        capsys, "merge", *frames, "--ev", "-2,0,2", "--align", "none", "--method", "inverse-variance", "--no-continue",
        "--to", "Linear Rec.709 (sRGB)", "--reference", frames[1], "-o", pairs / "room.exr",
    )  # fmt: skip
    assert merged.code == 0, merged.err
    shutil.copyfile(frames[1], pairs / "room.png")
    (pair,) = read_pairs(pairs)
    ratio = pair.light.float().clamp(max=1) / torch.from_numpy(light.transpose(2, 0, 1).clip(0, 1)).clamp(min=0.05)
    assert float((ratio[pair.light > 0.1] - 1).abs().max()) < 0.05
    assert float(pair.light.max()) > 2  # what the reference frame lost
    start = Path(__file__).parents[1] / "models" / "singlehdr-small" / "weights.safetensors"
    done = headroom(
        capsys, "train", "singlehdr-refine-small", "--data", pairs, "--start", start, "--steps", 1, "--device", "cpu",
        "--out", tmp_path / "refine",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "1 photographs with their merged brackets" in done.out
    network, facts = load_run(tmp_path / "refine" / "weights.safetensors")
    assert "refine" in facts["stages"].split(",")
    assert network.refinement is not None
