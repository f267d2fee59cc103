"""Training: scenes in, batches that mean what their names say, a loop that stops, resumes and shares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import io, weights
from headroom.camera import Response
from headroom.colour.curves import srgb_decode, srgb_encode
from headroom.curve import LOOKS, estimated_curve, light_of, looked_at
from headroom.errors import PlateError, UsageError, WeightsError
from headroom.networks.curve_lines import FrameLines, cell_lines
from headroom.networks.curve_net import Curve, CurveNet, Lines
from headroom.networks.headroom1 import HeadroomOne
from headroom.train import curve_stage
from headroom.train.batches import BatchMaker, Frame, Shooting
from headroom.train.curve_lines import Album, LineShooting, Photographer
from headroom.train.loop import train
from headroom.train.losses import hue, losses
from headroom.train.publish import publish
from headroom.train.recipes import RECIPES, recipe
from headroom.train.scenes import HdrScene, load, pack, split_by_scene
from headroom.train.views import SceneBank, latlong_rays, moved_grid, rotations, sample_latlong

CPU = torch.device("cpu")


def scene(name: str, seed: int, *, latlong: bool = True) -> HdrScene:
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.lognormal(-1, 1.5, (1, 3, 16, 32)).astype(np.float32))
    pixels = torch.nn.functional.interpolate(coarse, (512, 1024) if latlong else (150, 200), mode="bilinear")[0]
    return HdrScene(name, pixels.half(), latlong)


@pytest.fixture(scope="module")
def scenes() -> list[HdrScene]:
    return [scene("a", 1), scene("b", 2), scene("c", 3, latlong=False)]


@pytest.fixture(scope="module")
def bank(scenes: list[HdrScene]) -> SceneBank:
    return SceneBank(scenes, torch.device("cpu"))


def maker(bank: SceneBank, frame: Frame, seed: int = 1, **changes: object) -> BatchMaker:
    shooting = replace(Shooting(frames=(frame,), responses=8), **changes)  # type: ignore[arg-type]
    return BatchMaker(bank, shooting, scene_px=1024, scene_multiple=32, seed=seed)


def test_shards_give_back_every_bit(tmp_path: Path, scenes: list[HdrScene]) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for item in scenes:
        io.write(folder / f"{item.name}.exr", item.pixels.float().numpy().transpose(1, 2, 0))
    assert len(pack(folder, tmp_path / "shards")) == 1
    from_images, from_shards = load(folder), load(tmp_path / "shards")
    assert [s.name for s in from_shards] == ["a", "b", "c"]
    assert [s.latlong for s in from_shards] == [True, True, False]
    for image, shard, source in zip(from_images, from_shards, scenes, strict=True):
        assert torch.equal(image.pixels, shard.pixels)
        assert torch.equal(shard.pixels, source.pixels)
    with pytest.raises(PlateError, match=r"no \*.shard.npz"):
        load(tmp_path)


def test_split_is_by_scene(scenes: list[HdrScene]) -> None:
    kept, held = split_by_scene(scenes, every=3)
    assert {s.name for s in kept} | {s.name for s in held} == {"a", "b", "c"}
    assert not {s.name for s in kept} & {s.name for s in held}


def test_looking_straight_ahead_gives_the_panorama_itself(bank: SceneBank) -> None:
    rays = latlong_rays(256, 512, torch.device("cpu"))
    source = bank.latlongs_half[:1].float()
    torch.testing.assert_close(sample_latlong(source, rays[None]), source, rtol=2e-3, atol=2e-3)


def test_a_turn_is_a_shift_across_the_seam(bank: SceneBank) -> None:
    rays = latlong_rays(256, 512, torch.device("cpu"))
    quarter, zero = torch.tensor([torch.pi / 2]), torch.zeros(1)
    turned = torch.einsum("bij,hwj->bhwi", rotations(quarter, zero, zero), rays)
    source = bank.latlongs_half[:1].float()
    expected = source.roll(-128, 3)
    torch.testing.assert_close(sample_latlong(source, turned), expected, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("kind", ["latlong", "view", "still"])
def test_a_batch_means_what_its_names_say(bank: SceneBank, kind: str) -> None:
    frame = Frame(kind=kind, height=64, width=96, batch=6, share=1)
    batch = maker(bank, frame, noisy_share=0.0, jpeg_share=0.0)()
    assert batch.x_srgb.shape == batch.truth_lin.shape == (6, 3, 64, 96)
    share = (batch.truth_lin.amax(1) >= 1).float().mean((1, 2))
    assert (share > 0.0005).all()
    assert (share < 0.35).all()
    unclipped = batch.truth_lin < 0.9
    error = (batch.lin - batch.truth_lin)[unclipped].abs()
    assert error.max() < 0.03  # half a code of 8 bits, through the steepest curve
    assert (batch.alpha[batch.truth_lin >= 1] == 1).all()
    assert (batch.alpha[batch.x_srgb < 0.95] == 0).all()
    codes = torch.linspace(0, 1, 256)
    stated = batch.inverse[batch.stated == 1]
    expected = torch.from_numpy(Response.srgb().inverse(codes.numpy()))
    torch.testing.assert_close(stated, expected.expand_as(stated), rtol=1e-4, atol=1e-5)


def test_pairs_are_one_scene_moved_a_little(bank: SceneBank) -> None:
    frame = Frame(kind="view", height=64, width=96, batch=3, share=1)
    batch = maker(bank, frame, pairs=True, pair_stops=0.0, noisy_share=0.0, jpeg_share=0.0)()
    assert batch.x_srgb.shape == (6, 3, 64, 96)
    assert batch.moved is not None
    first, second = batch.truth_lin.chunk(2)
    expected = torch.nn.functional.grid_sample(first, batch.moved, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(second, expected)
    assert not torch.equal(first, second)
    assert torch.equal(batch.inverse[:3], batch.inverse[3:])
    still = moved_grid(5, 7, torch.zeros(1, 2), torch.zeros(1), torch.ones(1))
    picture = torch.rand(1, 3, 5, 7)
    torch.testing.assert_close(torch.nn.functional.grid_sample(picture, still, align_corners=False), picture)


def test_coherence_counts_what_the_network_changes_and_not_what_the_scene_does(bank: SceneBank) -> None:
    frame = Frame(kind="view", height=64, width=64, batch=3, share=1)
    batch = maker(bank, frame, pairs=True, noisy_share=0.0, jpeg_share=0.0)()
    chosen = recipe("tiny")
    weights = replace(chosen.weights, coherence=1.0)
    network = HeadroomOne(chosen.network)
    features, local = network(batch.scene_srgb, batch.x_srgb, batch.alpha, torch.tensor([[0.0, 0, 1, 1]]).expand(6, -1))
    target = (batch.truth_lin.clamp(min=1e-5) / batch.lin.clamp(min=1e-5)).log2().clamp(-0.5, 16)
    right = target / batch.alpha.clamp(min=1e-3)

    def coherence(gain: torch.Tensor) -> float:
        return float(losses(features, local._replace(gain_log2=gain), batch, weights)["coherence"])

    assert coherence(right) < 1e-3
    steadily_wrong = torch.where(batch.alpha > 0, (target + 1) / batch.alpha.clamp(min=1e-3), 0)
    assert coherence(steadily_wrong) < 1e-3
    flicker = right + torch.tensor([0.0, 0, 0, 1, 1, 1])[:, None, None, None]
    assert coherence(flicker) > 0.3
    assert "coherence" not in losses(features, local, batch, chosen.weights)


def test_a_seed_gives_the_same_stream(bank: SceneBank) -> None:
    frame = Frame(kind="view", height=32, width=32, batch=2, share=1)
    one, two = maker(bank, frame, seed=5), maker(bank, frame, seed=5)
    for _ in range(2):
        assert torch.equal(one().x_srgb, two().x_srgb)
    first = one()
    one.restart(9)
    again = one()
    one.restart(9)
    assert torch.equal(one().x_srgb, again.x_srgb)
    assert not torch.equal(first.x_srgb, again.x_srgb)


def test_a_perfect_answer_has_no_loss(bank: SceneBank) -> None:
    batch = maker(bank, Frame(kind="view", height=64, width=64, batch=4, share=1), noisy_share=0.0, jpeg_share=0.0)()
    network = HeadroomOne(recipe("tiny").network)
    place = torch.tensor([[0.0, 0, 1, 1]]).expand(4, -1)
    with torch.no_grad():
        features, local = network(batch.scene_srgb, batch.x_srgb, batch.alpha, place)
    true_gain = (batch.truth_lin.clamp(min=1e-5) / batch.lin.clamp(min=1e-5)).log2() / batch.alpha.clamp(min=1e-3)
    perfect = losses(features, local._replace(gain_log2=true_gain), batch, recipe("tiny").weights)
    guessed = losses(features, local, batch, recipe("tiny").weights)
    for term in ("log", "low_pass", "gradient", "energy", "stops_rmse"):
        assert float(perfect[term]) < 0.02 < float(guessed[term]) + 0.02, term
    assert float(perfect["pu21"]) < float(guessed["pu21"])


def test_the_loop_learns_stops_and_goes_on(tmp_path: Path, scenes: list[HdrScene]) -> None:
    chosen = replace(recipe("tiny"), steps=6)
    path = train(chosen, scenes, scenes[:1], tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 6
    train(replace(chosen, steps=9), scenes, scenes[:1], tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 9
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert any("held_out_log" in line for line in lines)
    assert (tmp_path / "curves.png").stat().st_size > 5000
    assert list(tmp_path.glob("validation-*.png"))
    card = publish(path, None, tmp_path / "model", version="0", hardware="test")
    model = weights.load(card.folder)
    assert model.module.config == chosen.network


def test_a_run_starts_from_given_weights(tmp_path: Path, scenes: list[HdrScene]) -> None:
    chosen = replace(recipe("tiny"), steps=2)
    first = train(chosen, scenes, [], tmp_path / "first")
    # One step at no learning rate, averaged as far as the weights themselves: what comes out is what went in.
    still = replace(chosen, steps=1, learning_rate=0.0, weight_decay=0.0, ema=0.0)
    second = train(still, scenes, [], tmp_path / "second", start_weights=first)
    before, after = weights_of(first), weights_of(second)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    with pytest.raises(WeightsError, match="not weights of this recipe"):
        train(recipe("headroom-1-narrow"), scenes, [], tmp_path / "third", start_weights=first)


def test_hue_counts_only_what_tells_channels_apart() -> None:
    mask = torch.ones(2, 3, 16, 16)
    assert float(hue(torch.full_like(mask, 1.5), mask)) == 0
    tinted = torch.zeros_like(mask)
    tinted[:, 2] = -1.0
    assert float(hue(tinted, mask)) == pytest.approx(1 / 3)
    assert float(hue(tinted, mask * torch.tensor([1.0, 1.0, 0.0]).view(1, 3, 1, 1))) == 0


def test_two_processes_share_their_gradients(tmp_path: Path, scenes: list[HdrScene]) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for item in scenes:
        io.write(folder / f"{item.name}.exr", item.pixels.float().numpy().transpose(1, 2, 0))
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "headroom", "train", "tiny", "--data", str(folder), "--out", str(tmp_path / "run")),
        *("--held-out-every", "3", "--steps", "3", "--device", "cpu"),
    ]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 3


def test_a_frame_gives_the_same_lines_however_it_is_cut() -> None:
    frame = np.random.default_rng(0).random((777, 1234, 3), np.float32) * np.float32(0.9)
    whole = FrameLines(777, 1234)
    whole.see(frame)
    cut, y = FrameLines(777, 1234), 0
    for rows in (100, 3, 1, 5, 300, 368):
        cut.see(frame[y : y + rows])
        y += rows
    one, other = whole.lines(), cut.lines()
    assert one.x_srgb.shape[1] > 20_000
    assert torch.equal(one.x_srgb, other.x_srgb)
    assert torch.equal(one.stride, other.stride)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (4, 4), (5, 5), (17, 3)])
def test_tiny_frames_have_few_lines_and_keep_the_stated_curve(size: tuple[int, int]) -> None:
    gathered = FrameLines(*size)
    gathered.see(np.random.default_rng(1).random((*size, 3), np.float32) * np.float32(0.9))
    lines = gathered.lines()
    assert lines.x_srgb.shape[2:] == (5, 3)
    with torch.no_grad():
        curve = CurveNet().eval()(lines)
    assert torch.isfinite(torch.cat([curve.coefficients.flatten(), curve.log2_error, curve.stated_logit])).all()
    assert estimated_curve(curve, light_of(curve), lines=0).keeps_stated


def test_lines_stay_inside_their_cells() -> None:
    cells = torch.arange(6.0).view(1, 1, 2, 3) / 8
    sheet = cells.repeat_interleave(32, 2).repeat_interleave(32, 3).expand(2, 3, 64, 96)
    ramp = sheet + torch.linspace(0, 0.1, 32).repeat(3)
    lines = cell_lines(ramp, 32, 500, torch.Generator().manual_seed(0))
    shown = lines.x_srgb[lines.stride > 0]
    assert len(shown) > 300
    # Across a border the step would be 0.125; along a cell's ramp 16 pixels are 0.052.
    assert float((shown.amax(1) - shown.amin(1)).max()) < 0.06


def ramp_photographer() -> Photographer:
    """In a scene whose light rises and falls evenly along its rows."""
    light = (0.1 + (torch.arange(1024) % 128 - 64).abs() / 64).expand(3, 512, 1024).half()
    frames = (Frame(kind="cells", height=64, width=64, batch=4, share=1),)
    sheets = Shooting(
        frames=frames, clipped_share=(0.05, 0.2), contrast=(1.0, 1.0), noisy_share=0.0, jpeg_quality=(97, 98),
        responses=20,
    )  # fmt: skip
    return Photographer([HdrScene("ramp", light, True)], LineShooting(sheets=sheets, plain=8), 200, CPU, 1)


def test_lines_and_curves_are_of_the_same_photograph() -> None:
    shot = ramp_photographer()()
    assert shot.lines.x_srgb.shape == (12, 200, 5, 3)
    assert shot.codes.sum(1) == pytest.approx(torch.ones(12))
    seen = shot.lines.stride > 0
    assert seen.sum(1).min() > 20
    for index in range(12):
        codes = shot.lines.x_srgb[index][seen[index]].double().numpy()
        light = np.interp(codes, np.linspace(0, 1, 256), shot.curves[index].double().numpy())
        # Even steps of light, but for the rounding of codes.
        bend = np.abs(light[:, 0] + light[:, 4] - 2 * light[:, 2]) / np.ptp(light, axis=1)
        assert np.median(bend) < 0.1, index


def test_the_curve_that_is_learnt_is_the_curve_that_is_used() -> None:
    coefficients = torch.randn(6, 11, generator=torch.Generator().manual_seed(1)) * torch.tensor([2.0] * 3 + [0.3] * 8)
    for row in coefficients:
        curve = Curve(row[None], torch.zeros(1), torch.zeros(1))
        table = estimated_curve(curve, light_of(curve), lines=1000).table
        used = np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(table)), table)
        error, weight = curve_stage.curve_error(row[None], torch.from_numpy(used)[None], torch.ones(1, 256))
        assert float((error.abs() * weight).sum()) < 0.01
        # Where nothing was learnt, in the toe, the stated curve goes on.
        toe = used[1:26] / srgb_decode(np.linspace(0, 1, 256))[1:26]
        np.testing.assert_allclose(toe, toe[-1], rtol=2e-3)
        assert used[0] == 0
        assert (np.diff(table) >= 0).all()


def test_each_look_at_the_lines_goes_through_the_curve_that_was_seen_before() -> None:
    """A network that sees half of what is to be seen: three looks leave an eighth, and the first verdict stands."""
    codes = torch.rand(1, 50, 5, 3, generator=torch.Generator().manual_seed(1)) * 0.7 + 0.15
    shown = []

    def look(frames: Sequence[Lines]) -> Curve:
        shown.append(frames[0].x_srgb)
        size = 0.4 / 2 ** len(shown)
        return Curve(torch.tensor([[size] + [0.0] * 10]), torch.zeros(1), torch.tensor([float(len(shown))]))

    first, light = looked_at(look, [Lines(codes, torch.ones(1, 50, dtype=torch.long))])
    assert len(shown) == LOOKS
    assert float(first.stated_logit) == 1
    assert torch.equal(shown[0], codes)
    knots = np.linspace(0, 1, 256)
    decode = srgb_decode(knots)
    for number in range(1, LOOKS):
        part = light_of(Curve(torch.tensor([[0.4 / 2**number] + [0.0] * 10]), torch.zeros(1), torch.zeros(1)))
        # What the next look is shown decodes, by the stated curve, to the light of this one's answer.
        again = np.interp(shown[number].numpy(), knots, decode)
        np.testing.assert_allclose(again, np.interp(shown[number - 1].numpy(), knots, part), atol=2e-4)
    composed = codes.numpy()
    for number in range(1, LOOKS + 1):
        part = light_of(Curve(torch.tensor([[0.4 / 2**number] + [0.0] * 10]), torch.zeros(1), torch.zeros(1)))
        composed = srgb_encode(np.interp(composed, knots, part))
    np.testing.assert_allclose(srgb_encode(np.interp(codes.numpy(), knots, light)), composed, atol=1e-3)


def test_an_album_shows_photographs_again_as_they_were() -> None:
    album = Album(ramp_photographer(), 3, 1)
    seen = [album().lines.x_srgb for _ in range(8)]
    again = [any(torch.allclose(x, y, atol=1e-6) for y in seen[:i]) for i, x in enumerate(seen)]
    assert 2 <= sum(again) <= 7
    always_new = Album(ramp_photographer(), 1, 1)
    assert not torch.equal(always_new().lines.x_srgb, always_new().lines.x_srgb)


def test_what_a_bent_line_says_reaches_the_curve() -> None:
    """Averages add up over frames: a picture's lines in two halves give the sums of the whole."""
    torch.manual_seed(0)
    network = CurveNet().eval()
    x = torch.rand(1, 400, 5, 3) * 0.9
    stride = torch.tensor([1, 2, 4, 0]).repeat(100)[None]
    sums, count = network.averages(Lines(x, stride))
    halves = [network.averages(Lines(x[:, part], stride[:, part])) for part in (slice(200), slice(200, 400))]
    torch.testing.assert_close(halves[0][0] + halves[1][0], sums, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(halves[0][1] + halves[1][1], count)
    assert float(count.sum()) == pytest.approx(300, rel=1e-4)


def test_the_curve_stage_learns_a_curve(tmp_path: Path, scenes: list[HdrScene]) -> None:
    frames = (Frame(kind="cells", height=64, width=64, batch=4, share=1),)
    sheets = Shooting(
        frames=frames, srgb_share=0.0, emor_share=0.0, style_share=0.0, sigmoid_share=1.0, responses=40,
        noisy_share=0.0,
    )  # fmt: skip
    shooting = LineShooting(sheets=sheets, plain=12)
    chosen = replace(curve_stage.headroom_1_curve(), shooting=shooting, lines=128, width=32, dropout=0.0, ema=0.9)
    path = curve_stage.train_curve(chosen, scenes, scenes[:1], tmp_path, steps=120)
    learnt = [json.loads(line) for line in (tmp_path / "curve-log.jsonl").read_text().splitlines()][-1]
    assert learnt["other"] < 0.6 * learnt["other_if_stated"]
    assert set(weights_of(path)) == set(CurveNet(chosen.width).state_dict())
    again = curve_stage.train_curve(
        replace(chosen, learning_rate=0.0, ema=0.0), scenes, [], tmp_path / "b", steps=2, start_weights=path
    )
    assert all(torch.equal(value, weights_of(again)[key]) for key, value in weights_of(path).items())
    with pytest.raises(UsageError, match="time-budget"):
        curve_stage.train_curve(chosen, scenes, [], tmp_path)
    with pytest.raises(WeightsError, match="not weights of the curve"):
        curve_stage.train_curve(chosen, scenes, [], tmp_path, steps=1, start_weights=tmp_path / "none")


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def test_recipes_are_what_the_design_promises() -> None:
    for name in RECIPES:
        assert recipe(name).network.local_widths
    with pytest.raises(UsageError, match="headroom-1"):
        recipe("no-such")
    network = HeadroomOne()
    assert sum(p.numel() for p in network.parameters()) < 6e6
    keys = set(network.state_dict())
    assert {"scene_net.stem.weight", "local_net.head.weight", "curve_net.head.bias"} <= keys
