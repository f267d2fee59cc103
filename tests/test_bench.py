"""Measures of this machine: the arithmetic that is counted, the shot that is made, and what the command says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from command import headroom
from headroom import io, weights
from headroom.bench.convolutions import Layer, convolution_rate, local_layers
from headroom.bench.files import decode_rates, encode_rates
from headroom.bench.gpu import GpuUse
from headroom.bench.shot import bench_shot
from headroom.bench.synthetic import SyntheticShot
from headroom.engine.run import Runner
from headroom.errors import PlateError, UsageError

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")
CapSys = pytest.CaptureFixture[str]


@pytest.fixture
def runner(tiny_headroom_1: Path) -> Runner:
    return Runner(weights.load(tiny_headroom_1).module, device="cpu")


def test_a_layer_counts_its_multiply_adds_twice() -> None:
    x, kernel = (2, 5, 9, 7), (11, 5, 3, 2)
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.conv2d(torch.zeros(x), torch.zeros(kernel), stride=(2, 1), padding=(1, 0))
    assert Layer(x, kernel, (2, 1), (1, 0), torch.float32, False).flop == counter.get_total_flops()


def test_the_layers_are_those_that_run(runner: Runner) -> None:
    layers = local_layers(runner, 64, 48)
    assert {layer.dtype for layer in layers} == {torch.float32}
    inputs = torch.full((1, 3, 48, 64), 0.5)
    features = runner.module.scene(torch.zeros(1, 6, 32, 32))
    place = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    with torch.no_grad(), FlopCounterMode(display=False, depth=None) as counter:
        runner.module.local(inputs, inputs, features, place, dequantize=False)
    counted = sum(flop for op, flop in counter.get_flop_counts()["Global"].items() if "conv" in str(op))
    assert sum(layer.flop * count for layer, count in layers.items()) == counted
    half = Runner(runner.module, device="cpu", precision="bf16")
    assert {layer.dtype for layer in local_layers(half, 64, 48)} == {torch.bfloat16}
    with pytest.raises(ValueError, match="multiple"):
        local_layers(runner, 60, 48)


def test_the_rate_is_arithmetic_over_time(runner: Runner) -> None:
    rate = convolution_rate(runner, 64, 48)
    assert rate.gflop_per_second > 0 and rate.gflop_per_core_second > 0
    flop = sum(layer.flop * count for layer, count in local_layers(runner, 64, 48).items())
    assert rate.gflop_per_megapixel == pytest.approx(flop / 1e9 / (64 * 48 / 1e6))
    assert 0 < sum(layer["share_of_time"] for layer in rate.slowest) <= 1.0001


def test_pixels_run_are_counted_with_their_halo(runner: Runner) -> None:
    from headroom.colour.plan import plan
    from headroom.plate import Plate
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(device="cpu")
    white = np.full((40, 50, 3), 255, np.uint8)
    list(reconstructor.bands(Plate(codes=white), plan(None)))
    assert reconstructor.runner.pixels_run == 48 * 64  # the frame in multiples of 16
    list(reconstructor.bands(Plate(codes=white // 2), plan(None)))
    assert reconstructor.runner.pixels_run == 48 * 64  # nothing clipped: nothing run


def test_the_synthetic_shot_is_the_same_each_time_and_moves(tmp_path: Path) -> None:
    shot = SyntheticShot(96, 54)
    assert shot.codes(3).tobytes() == SyntheticShot(96, 54).codes(3).tobytes()
    assert (shot.codes(0) != shot.codes(3)).any()
    for index in (0, 60):
        clipped = (shot.codes(index) == 255).any(axis=2).mean()
        assert 0.01 < clipped < 0.3
    assert shot.light(0).max() > 1.2
    pattern = shot.save(tmp_path, 3)
    assert pattern == tmp_path / "plate.####.jpg"
    plates = sorted(tmp_path.iterdir())
    assert [path.name for path in plates] == ["plate.1001.jpg", "plate.1002.jpg", "plate.1003.jpg"]
    assert np.abs(io.read(plates[1]).codes.astype(int) - shot.codes(1)).mean() < 3
    kept = plates[1].stat().st_mtime_ns
    shot.save(tmp_path, 3)
    assert plates[1].stat().st_mtime_ns == kept
    with pytest.raises(UsageError, match=".gif"):
        shot.save(tmp_path, 1, suffix=".gif")


def test_file_rates_leave_nothing_behind(tmp_path: Path) -> None:
    out = encode_rates(tmp_path, 48, 32, compressions=["zip", "none"], runs=1)
    assert [rate.name for rate in out] == ["zip", "none"]
    assert out[0].bytes < out[1].bytes
    assert out[1].megabytes_per_second == pytest.approx(48 * 32 * 3 * 2 / 1e6 * out[1].frames_per_second)
    assert [rate.name for rate in decode_rates(tmp_path, 48, 32, runs=1)] == ["jpg", "png", "exr"]
    assert not list(tmp_path.iterdir())


def test_a_gpu_that_is_not_there_is_said_to_be() -> None:
    with GpuUse(torch.device("cpu")) as gpu:
        pass
    assert gpu.mean is None and "no GPU" in str(gpu.as_dict()["why_absent"])


def test_a_shot_through_the_pipeline_is_measured_stage_by_stage() -> None:
    bench = bench_shot(None, size=(96, 54), frames="3", device="cpu", temporal="off")
    assert (bench.frames, bench.width, bench.height) == (3, 96, 54)
    assert {stage.name for stage in bench.times.stages} == {"decode", "network", "encode"}
    assert all(stage.frames == 3 for stage in bench.times.stages)
    assert bench.gflop == pytest.approx(3 * 64 * 96 / 1e6 * bench.convolution.gflop_per_megapixel)
    assert 0 < bench.convolution_share < bench.network_share
    shares = bench.shares(bench.stage("network"))
    assert 0 < shares["busy"] + shares["waiting"] <= 1.01
    assert bench.as_dict()["bottleneck"] in ("decode", "network", "encode")


def test_a_given_shot_with_a_damaged_frame_is_no_measure(tmp_path: Path) -> None:
    pattern = SyntheticShot(48, 32).save(tmp_path, 3)
    (tmp_path / "plate.1002.jpg").write_bytes(b"no picture")
    with pytest.raises(PlateError, match="plate.1002.jpg"):
        bench_shot(str(pattern), device="cpu", temporal="off")
    assert bench_shot(str(pattern), frames="1003", device="cpu", temporal="off").frames == 1


def test_the_command(capsys: CapSys) -> None:
    said = headroom(capsys, "bench", "--shot", "--size", "96x64", "--frames", 2, "--temporal", "off", "--device", "cpu")
    assert said.code == 0, said.err
    for word in ("2 frames of 96x64", "decode", "network", "encode", "bottleneck", "convolutions", "EXR out", "GPU"):
        assert word in said.out
    said = headroom(capsys, "bench", "--limits", "--size", "96x64", "--runs", 1, "--device", "cpu", "--json")
    answer = json.loads(said.out)
    assert {rate["name"] for rate in answer["encode"]} >= {"zip", "dwab", "none"}
    assert answer["convolution"]["gflop_per_second"] > 0
    assert headroom(capsys, "bench", "--frames", 3).code == 2
    assert headroom(capsys, "bench", "--shot", "--frames", "many").code == 2
