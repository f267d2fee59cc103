"""HDRCNN's training: what its camera and losses are said to be, and a run that begins, goes on and ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from command import headroom
from headroom import io, weights
from headroom.errors import PlateError, UsageError
from headroom.networks.hdrcnn import EPSILON, HDRCNN, Config
from headroom.reconstruct import Reconstructor
from headroom.train import hdrcnn_losses
from headroom.train.hdrcnn_camera import CameraRanges, Shots, VirtualCamera, shift_hue_and_saturation, sigmoid_curve
from headroom.train.hdrcnn_loop import move_grid, train_hdrcnn
from headroom.train.hdrcnn_photographs import linearised, photographs
from headroom.train.hdrcnn_recipes import HDRCNN_RECIPES, hdrcnn_tiny
from headroom.train.publish_single import HDRCNN_SMALL_LIMITS, publish_single
from headroom.train.scenes import HdrScene
from headroom.train.views import SceneBank


def scene(name: str, seed: int, *, latlong: bool) -> HdrScene:
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.lognormal(-1, 1.5, (1, 3, 16, 32)).astype(np.float32))
    pixels = functional.interpolate(coarse, (512, 1024) if latlong else (180, 240), mode="bilinear")[0]
    return HdrScene(name, pixels.half(), latlong)


@pytest.fixture(scope="module")
def scenes() -> list[HdrScene]:
    return [scene("a", 1, latlong=True), scene("b", 2, latlong=False)]


@pytest.fixture(scope="module")
def bank(scenes: list[HdrScene]) -> SceneBank:
    return SceneBank(scenes, torch.device("cpu"))


def shots(bank: SceneBank, **ranges: object) -> Shots:
    return VirtualCamera(bank, CameraRanges(**ranges), size_px=64, batch=12, seed=5)()  # type: ignore[arg-type]


def test_the_camera_clips_the_share_of_values_that_the_paper_says(bank: SceneBank) -> None:
    taken = shots(bank, hue_std_degrees=0.0, saturation_std=0.0, noise=(0.0, 0.0))
    assert taken.x_srgb.shape == taken.truth_lin.shape == (12, 3, 64, 64)
    clipped = (taken.truth_lin >= 1).float().mean((1, 2, 3))
    assert (clipped > 0.045).all() and (clipped < 0.155).all()
    codes = taken.x_srgb * 255
    assert torch.equal(codes, codes.round())
    assert (taken.x_srgb[taken.truth_lin >= 1] == 1).all()


def test_a_seed_gives_one_stream(bank: SceneBank) -> None:
    first, second = (VirtualCamera(bank, CameraRanges(), size_px=32, batch=3, seed=9) for _ in range(2))
    a = first()
    assert torch.equal(a.x_srgb, second().x_srgb)
    assert not torch.equal(a.x_srgb, first().x_srgb)
    first.restart(9)
    assert torch.equal(a.x_srgb, first().x_srgb)


def test_jpeg_leaves_marks_in_the_codes_alone(bank: SceneBank) -> None:
    clean, lossy = shots(bank), shots(bank, jpeg_quality=(30.0, 40.0))
    assert torch.equal(clean.truth_lin, lossy.truth_lin)
    assert (clean.x_srgb - lossy.x_srgb).abs().mean() > 0.002


def test_no_scene_is_an_error() -> None:
    with pytest.raises(UsageError, match="no scenes"):
        VirtualCamera(SceneBank([], torch.device("cpu")), CameraRanges(), size_px=32, batch=1, seed=1)


def test_the_mean_curve_and_its_inverse() -> None:
    light = torch.linspace(0, 1, 101)
    code = sigmoid_curve(light, torch.tensor(0.9), torch.tensor(0.6))
    assert code[0] == 0 and code[-1] == 1
    assert (code.diff() > 0).all()
    np.testing.assert_allclose(linearised(code.numpy()), light.numpy(), atol=1e-5)


def test_hue_turns_and_comes_back() -> None:
    rgb = torch.rand(4, 3, 8, 8) * 5
    nothing = torch.zeros(4)
    torch.testing.assert_close(shift_hue_and_saturation(rgb, nothing, nothing), rgb, rtol=1e-4, atol=1e-5)
    turned = shift_hue_and_saturation(rgb, nothing + 120, nothing)
    torch.testing.assert_close(turned, rgb.roll(1, 1), rtol=1e-4, atol=1e-4)
    grey = shift_hue_and_saturation(rgb, nothing, nothing - 1)
    torch.testing.assert_close(grey, rgb.amax(1, keepdim=True).expand_as(rgb))
    white = torch.full((1, 3, 2, 2), 3.0)
    torch.testing.assert_close(shift_hue_and_saturation(white, torch.ones(1), torch.ones(1)), white)


# ---- losses -----------------------------------------------------------------------------------------------------


def flat(light: float) -> Shots:
    truth = torch.full((2, 3, 64, 64), light)
    return Shots(truth.clamp(max=1), truth)


def test_the_kernel_is_the_release_s_not_the_paper_s() -> None:
    """Notes of the release: fits a Gaussian of 4.21 px, and is 3.19 px wide where it is cut off."""
    kernel = np.array(hdrcnn_losses._kernel())
    assert len(kernel) == 13
    assert kernel.sum() == pytest.approx(1)
    places = np.arange(13) - 6
    assert np.sqrt((kernel * places**2).sum()) == pytest.approx(3.19, abs=0.01)
    fitted = np.sqrt(-1 / (2 * np.polyfit(places**2, np.log(kernel), 1)[0]))
    assert fitted == pytest.approx(4.21, abs=0.05)


def test_the_right_answer_costs_nothing_and_both_terms_count(bank: SceneBank) -> None:
    taken = shots(bank)
    right = (taken.truth_lin + EPSILON).log()
    for per_clip in (False, True):
        terms = hdrcnn_losses.reconstruction(right, taken, lam=0.5, per_clip=per_clip)
        assert set(terms) == {"illumination", "reflectance"}
        assert all(term < 1e-9 for term in terms.values())
    # A wrong level is the illumination's; far from borders nothing of it is left to reflectance.
    level = hdrcnn_losses.reconstruction((flat(4.0).truth_lin + EPSILON).log() + 1, flat(4.0), lam=0.5, per_clip=True)
    assert level["illumination"] > 5 * level["reflectance"]
    noise = torch.randn(2, 3, 64, 64)
    fine = hdrcnn_losses.reconstruction(
        (flat(4.0).truth_lin + EPSILON).log() + noise, flat(4.0), lam=0.5, per_clip=True
    )
    assert fine["reflectance"] > 10 * fine["illumination"]
    assert fine["reflectance"] == pytest.approx(0.5, rel=0.1)


def test_only_what_clipped_counts() -> None:
    dark = flat(0.5)
    wrong = (dark.truth_lin + EPSILON).log() + 3
    assert hdrcnn_losses.reconstruction(wrong, dark, lam=None, per_clip=False)["log"] == 0
    bright = flat(2.0)
    off = (bright.truth_lin + EPSILON).log() + 3
    for per_clip in (False, True):
        found = hdrcnn_losses.reconstruction(off, bright, lam=None, per_clip=per_clip)
        assert found["log"] == pytest.approx(9, rel=1e-4)


def test_temporal_terms_are_zero_where_the_answer_moves_with_the_picture(bank: SceneBank) -> None:
    chance = torch.Generator().manual_seed(2)
    taken = shots(bank)
    grid = move_grid(taken.x_srgb, chance)
    right = (taken.truth_lin + EPSILON).log()
    moved = functional.grid_sample(right, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    mask = hdrcnn_losses.truth_mask(taken.truth_lin)
    assert hdrcnn_losses.coherence(moved, right, grid, mask) < 1e-9
    assert hdrcnn_losses.coherence(moved + 1, right, grid, mask) > 0.02
    light = functional.grid_sample(taken.truth_lin, grid, padding_mode="reflection", align_corners=False)
    right_moved = (light.clamp(min=0) + EPSILON).log()
    assert hdrcnn_losses.sparse_jacobian(right_moved, right, taken.truth_lin, grid) < 1e-9
    # An error that stays the same does not flicker.
    assert hdrcnn_losses.sparse_jacobian(right_moved + 2, right + 2, taken.truth_lin, grid) < 1e-6
    assert hdrcnn_losses.sparse_jacobian(right_moved + 1, right, taken.truth_lin, grid) > 0.02


def test_moves_are_small() -> None:
    still = functional.affine_grid(torch.eye(2, 3)[None].expand(50, 2, 3), [50, 3, 96, 128], align_corners=False)
    grid = move_grid(torch.zeros(50, 3, 96, 128), torch.Generator().manual_seed(1))
    px = (grid - still) * torch.tensor([64.0, 48.0])
    assert 1 < px.abs().max() < 8  # 2 px of shift, and what turning, shearing and zooming do at the corner
    assert px[:, 48, 64].abs().max() < 2.2


# ---- photographs ------------------------------------------------------------------------------------------------


def test_photographs_that_saturate_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    good = rng.integers(0, 250, (80, 100, 3)).astype(np.uint8)
    blown = good.copy()
    blown[:9, :9] = 255
    (tmp_path / "deep").mkdir()
    Image.fromarray(good).save(tmp_path / "deep" / "good.png")
    Image.fromarray(blown).save(tmp_path / "blown.png")
    Image.fromarray(good[:20]).save(tmp_path / "small.png")
    Image.fromarray(rng.integers(0, 250, (300, 2048, 3)).astype(np.uint8)).save(tmp_path / "wide.png")
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    found = {item.name: item for item in photographs(tmp_path)}
    assert set(found) == {"deep/good.png", "wide.png"}
    assert found["wide.png"].pixels.shape == (3, 150, 1024)
    np.testing.assert_allclose(
        found["deep/good.png"].pixels.permute(1, 2, 0).numpy(), linearised(good / np.float32(255)), atol=1e-3
    )
    with pytest.raises(PlateError, match="well-exposed"):
        photographs(_only(tmp_path, "blown.png"))


def _only(folder: Path, name: str) -> Path:
    alone = folder / "alone"
    alone.mkdir()
    (folder / name).rename(alone / name)
    return alone


# ---- runs -------------------------------------------------------------------------------------------------------


def held_out(run: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(list(found.values())).all()
    return found


def test_a_run_learns_what_clipped(tmp_path: Path, scenes: list[HdrScene]) -> None:
    errors = []
    for steps in (1, 16):
        train_hdrcnn(replace(hdrcnn_tiny(), steps=steps), scenes, scenes, tmp_path / str(steps))
        errors.append(held_out(tmp_path / str(steps))["held_out_illumination"])
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("temporal", ["coherence", "jacobian"])
def test_the_temporal_legs_run(tmp_path: Path, scenes: list[HdrScene], temporal: str) -> None:
    recipe = replace(hdrcnn_tiny(), steps=2, temporal=temporal)  # type: ignore[arg-type]
    train_hdrcnn(recipe, scenes, [], tmp_path / "run")
    first = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    assert {temporal, "illumination", "reflectance"} < set(first)


def test_a_run_goes_on_becomes_a_model_and_converts(tmp_path: Path, scenes: list[HdrScene]) -> None:
    run, recipe = tmp_path / "run", replace(hdrcnn_tiny(), steps=2)
    first = weights.load_run(train_hdrcnn(recipe, scenes, [], run))[1]
    path = train_hdrcnn(replace(recipe, steps=4), scenes, [], run)
    both = weights.load_run(path)[1]
    for clock in ("seconds", "processor_seconds"):
        assert 0 < float(first[clock]) < float(both[clock])  # both legs
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1]
    (tmp_path / "manifest.json").write_text(
        json.dumps({"items": [{"file": "a.exr", "licence": "CC0-1.0", "projection": "latlong"}]})
    )
    card = publish_single(
        path, tmp_path / "models" / "hdrcnn-small", version="0.1.0", hardware="a test", minutes=1,
        manifest=tmp_path / "manifest.json", limits=HDRCNN_SMALL_LIMITS, speed="0.1 s a megapixel",
        config={"error_stops": 1.25},
    )  # fmt: skip
    assert card.facts["training_steps"] == 4
    assert card.facts["hardware"] == "a test, 1 minutes of the processor"
    assert card.config["error_stops"] == 1.25
    assert "Speed" in (card.folder / "README.md").read_text()
    module = weights.load(card.folder, network="hdrcnn").module
    assert isinstance(module, HDRCNN) and module.config == Config(width=0.0625, error_stops=1.25)
    plate = io.read(_picture(tmp_path / "a.png"))
    hdr = Reconstructor(card.folder, device="cpu")(plate)
    assert np.isfinite(hdr.pixels).all()


def test_what_half_floats_cannot_hold_is_published_whole(tmp_path: Path) -> None:
    """Variances of features of hundreds are beyond 65504."""
    network = HDRCNN(Config(width=0.0625))
    network.bottom[1].running_var.fill_(3e5)
    header = {"network": "hdrcnn", "config": json.dumps({"width": 0.0625}), "recipe": "none", "step": "1"}
    save_file(network.state_dict(), tmp_path / "trained.safetensors", metadata=header)
    facts = {"name": "m", "version": "0", "licence": "none", "training_data": "none", "hardware": "none"}
    weights.save(tmp_path / "m", tmp_path / "trained.safetensors", facts)
    back = weights.load(tmp_path / "m", network="hdrcnn").module
    assert float(back.bottom[1].running_var[0]) == 3e5


def _picture(path: Path) -> Path:
    codes = np.random.default_rng(0).integers(0, 330, (40, 50, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(codes).save(path)
    return path


def test_the_camera_of_headroom_1_can_stand_in(tmp_path: Path, scenes: list[HdrScene]) -> None:
    ours = HDRCNN_RECIPES["hdrcnn-small-camera"]()
    frames = tuple(replace(f, height=32, width=32, batch=2) for f in ours.camera.frames)  # type: ignore[union-attr]
    recipe = replace(hdrcnn_tiny(), steps=1, camera=replace(ours.camera, frames=frames, responses=8))  # type: ignore[type-var]
    assert train_hdrcnn(recipe, scenes, [], tmp_path / "run").is_file()


def test_every_recipe_has_its_own_name_and_the_paper_s_numbers() -> None:
    found = {name: make() for name, make in HDRCNN_RECIPES.items()}
    assert all(recipe.name == name for name, recipe in found.items())
    full = found["hdrcnn"]
    assert (full.network.width, full.size_px, full.batch, full.illumination, full.learning_rate) == (
        1,
        320,
        8,
        0.5,
        5e-5,
    )
    assert found["hdrcnn-pretrain"].source == "photographs"
    assert found["hdrcnn-jpeg"].camera.jpeg_quality == (30, 100)  # type: ignore[union-attr]
    assert found["hdrcnn-log"].illumination is None
    assert found["hdrcnn-steady"].temporal_share == 0.95


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], scenes: list[HdrScene]) -> None:
    data = tmp_path / "scenes"
    data.mkdir()
    for item in scenes:
        small = item.pixels[:, ::4, ::4].float().numpy().transpose(1, 2, 0)
        io.write(data / f"{item.name}.exr", np.ascontiguousarray(small))
    said = headroom(
        capsys, "train", "hdrcnn-tiny", "--data", data, "--out", tmp_path / "run", "--steps", 2, "--held-out-every", 0,
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert Path(json.loads(said.out)["weights"]).is_file()
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.full((90, 90, 3), 99, np.uint8)).save(photos / "grey.png")
    none = headroom(capsys, "train", "hdrcnn-small-pretrain", "--data", data, "--out", tmp_path / "other", "--steps", 1)
    assert none.code == 1
    assert "photographs" in none.err
