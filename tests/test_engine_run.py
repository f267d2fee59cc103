"""The engine: frames that go through the network together, and a plan that does not change with the hour."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import weights
from headroom.bench.synthetic import SyntheticShot
from headroom.colour.plan import plan as plan_colour
from headroom.curve import stated_curve
from headroom.engine import device, run
from headroom.engine.memory import KeptMemory
from headroom.engine.run import BandInput, BandOutput, FrameRow, Runner
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor

WIDTH, HEIGHT = 150, 90


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> Reconstructor:
    return Reconstructor(tiny_models / "headroom-1", device="cpu")


def frame_rows(model: Reconstructor, count: int) -> list[FrameRow]:
    """The first row of tiles of ``count`` different frames."""
    shot, colour, rows = SyntheticShot(WIDTH, HEIGHT), plan_colour(None), []
    for index in range(count):
        prepared = model.prepare(Plate(codes=shot.codes(20 * index)), colour)
        tiles = model.runner.plan(WIDTH, HEIGHT).rows[0]
        seen = prepared.rows(0, min(tiles[0].window.y1, HEIGHT))
        features = model.runner.look(prepared.whole, stated_curve().table)
        rows.append(FrameRow(tiles, BandInput(0, seen.x_srgb, seen.alpha), (WIDTH, HEIGHT), features))
    return rows


def alone(runner: Runner, row: FrameRow, *, dequantize: bool = False) -> BandOutput:
    return runner.band(
        row.tiles, row.band, row.size, row.features, dequantize=dequantize, batch=1, on_tile=lambda: None
    )


@pytest.mark.parametrize("tile", [64, 2048])
@pytest.mark.parametrize("dequantize", [False, True])
def test_frames_that_go_together_give_what_each_gives_alone(
    model: Reconstructor, tile: int, dequantize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TILE_PX_LARGEST", tile)
    rows, told = frame_rows(model, 3), []
    together = model.runner.bands(rows, dequantize=dequantize, batch=4, on_tile=lambda: told.append(1))
    assert len(told) == sum(len(row.tiles) for row in rows)
    assert together[0].gain_log2.max() > 0.1
    assert (together[0].gain_log2 != together[2].gain_log2).any()
    for row, found in zip(rows, together, strict=True):
        expected = alone(model.runner, row, dequantize=dequantize)
        for name in ("gain_log2", "spread_log2", "dequantize")[: 3 if dequantize else 2]:
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-5)


def test_a_batch_that_does_not_fit_is_run_piece_by_piece(model: Reconstructor, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, sizes, whole = frame_rows(model, 3), [], model.runner._local

    def scarce(x: torch.Tensor, *others: torch.Tensor, dequantize: bool) -> object:
        sizes.append(len(x))
        if len(x) > 1:
            raise torch.OutOfMemoryError
        return whole(x, *others, dequantize=dequantize)

    monkeypatch.setattr(model.runner, "_local", scarce)
    together = model.runner.bands(rows, dequantize=False, batch=4, on_tile=lambda: None)
    assert sizes == [3, 1, 1, 1]
    assert together[1].gain_log2.tobytes() == alone(model.runner, rows[1]).gain_log2.tobytes()


def test_the_plan_does_not_depend_on_what_is_free_at_the_moment(
    model: Reconstructor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tile_with(free: int) -> int:
        monkeypatch.setattr(device, "_free_ram", lambda: free)
        return model.runner.plan(4096, 2160).tile_px

    assert tile_with(64 << 30) == tile_with(5 << 30) == tile_with(2 << 30 | 1 << 28)
    assert tile_with(1 << 30) < tile_with(64 << 30)  # too little to plan with as usual


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_gives_what_the_cpu_gives(tiny_headroom_1: Path, gpu: str, compiled: bool) -> None:
    module = weights.load(tiny_headroom_1).module
    cpu = Reconstructor(device="cpu")
    rows = frame_rows(cpu, 3)
    there = Runner(module, device=gpu, precision="fp32", compile_network=compiled)
    moved = [FrameRow(row.tiles, row.band, row.size, row.features.to(gpu)) for row in rows]
    for _ in range(2):  # the second time from captured graphs
        together = there.bands(moved, dequantize=False, batch=4, on_tile=lambda: None)
        for row, found in zip(rows, together, strict=True):
            np.testing.assert_allclose(found.gain_log2, alone(cpu.runner, row).gain_log2, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library's allocator")
def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for _ in range(4):
            np.full(16 << 20, 1.0, np.uint8)
        return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before

    pages = (16 << 20) // resource.getpagesize()
    with KeptMemory():
        with KeptMemory():
            np.full(16 << 20, 1.0, np.uint8)
        assert faults() < pages  # the inner end gave nothing back
    with KeptMemory(wanted=False):
        assert KeptMemory._depth == 0
