"""Methods by name; networks over windows of any size and any number of frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import weights
from headroom.bracket.classical import merge_inverse_variance
from headroom.bracket.frames import FrameRows
from headroom.bracket.mergers import DEFAULT, METHODS, available, merger
from headroom.bracket.network_merge import NetworkMerger, noise_tensor, triples_of
from headroom.bracket.noise import NoiseModel
from headroom.engine import tiles
from headroom.errors import UsageError
from headroom.networks.table import NETWORKS
from merge_stacks import KINDS, photographed, publish, scene, small

STOPS = [-2.0, 0.0, 2.0]


def frames_of(height: int, width: int, stops: list[float], reference: int, top: float = 3.0) -> list[FrameRows]:
    stack = photographed(scene(height, width, top), stops, reference, noise=0.002)
    linear, clipped = (part[0].permute(0, 2, 3, 1).numpy() for part in (stack.linear, stack.clipped))
    valid = stack.valid[0, :, 0].numpy()
    return [FrameRows(*parts) for parts in zip(linear, clipped, valid, strict=True)]


def exposures_of(stops: list[float], reference: int) -> np.ndarray:
    return np.exp2(np.array(stops) - stops[reference])


def ready(kind: str) -> NetworkMerger:
    return NetworkMerger(small(kind), name=kind, device="cpu")


def test_the_methods_are_these() -> None:
    assert list(METHODS) == [
        "headroom-merge-1", "ahdrnet", "ahdrnet-small", "wu-resnet", "wu-resnet-small", "wu-unet", "wu-unet-small",
        "kalantari-we", "kalantari-we-small", "kalantari-direct", "kalantari-direct-small", "kalantari-wie",
        "kalantari-wie-small", "debevec", "inverse-variance",
    ]  # fmt: skip
    assert all(method.network in NETWORKS for method in METHODS.values() if method.network)
    assert DEFAULT in METHODS


def test_each_network_without_weights_names_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "model_folders", lambda: [tmp_path])
    assert available() == ["debevec", "inverse-variance"]
    for name, method in METHODS.items():
        if method.network:
            with pytest.raises(UsageError, match=f"headroom train {name} --data SCENES"):
                merger(name)


def test_unknown_methods_and_models_of_another_kind_are_refused(tiny_headroom_1: Path) -> None:
    with pytest.raises(UsageError, match="there is no such method; there are: headroom-merge-1, ahdrnet"):
        merger("photomatix")
    with pytest.raises(UsageError, match="merges nothing"):
        merger(tiny_headroom_1)


@pytest.mark.parametrize("kind", ["merge1", "ahdrnet", "kalantari-wie", "wu-unet"])
def test_an_installed_model_is_found_by_name_or_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"merge1": "headroom-merge-1"}.get(kind, kind)
    expected = ready(kind)(frames_of(40, 48, STOPS, 1), exposures_of(STOPS, 1), 1)
    publish(kind, tmp_path / name)
    monkeypatch.setenv("HEADROOM_MODELS", str(tmp_path))
    assert name in available()
    for found in (merger(name, device="cpu"), merger(tmp_path / name, device="cpu")):
        assert found.name == name and found.card is not None
        light = found(frames_of(40, 48, STOPS, 1), exposures_of(STOPS, 1), 1)
        np.testing.assert_allclose(light.radiance, expected.radiance, atol=0.02)  # half floats are stored


def test_reading_the_table_needs_no_torch() -> None:
    code = "import sys, headroom.bracket.mergers as m; m.available(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("frames", "reference", "triples"),
    [
        (2, 0, [(0, 0, 1)]),
        (2, 1, [(0, 1, 1)]),
        (3, 1, [(0, 1, 2)]),
        (3, 0, [(0, 0, 1), (0, 0, 2)]),
        (4, 1, [(0, 1, 2), (0, 1, 3)]),
        (5, 2, [(1, 2, 3), (0, 2, 4)]),
    ],
)
def test_triples_run_from_the_inside_out(frames: int, reference: int, triples: list[tuple[int, int, int]]) -> None:
    assert triples_of(frames, reference) == triples


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 33)])
@pytest.mark.parametrize(("stops", "reference"), [([0.0, 3.0], 0), ([-4.0, -2.0, 0.0, 2.0, 4.0], 2)])
def test_any_size_and_any_number_of_frames(
    kind: str, height: int, width: int, stops: list[float], reference: int
) -> None:
    light = ready(kind)(frames_of(height, width, stops, reference), exposures_of(stops, reference), reference)
    assert light.radiance.shape == (height, width, 3) and light.doubt.shape == (height, width)
    assert light.radiance.dtype == np.float32 and np.isfinite(light.radiance).all()
    assert light.doubt.min() >= 0 and light.doubt.max() <= 1


@pytest.mark.parametrize("kind", ["merge1", "ahdrnet", "kalantari-we", "wu-resnet"])
@pytest.mark.parametrize("stops", [STOPS, [-4.0, -2.0, 0.0, 2.0, 4.0]])
def test_tiles_give_what_the_whole_gives(kind: str, stops: list[float]) -> None:
    network = ready(kind)
    height, width, reference = 45, 2 * network.halo_px + 150, len(stops) // 2
    frames, exposures = frames_of(height, width, stops, reference), exposures_of(stops, reference)
    frames[0].linear[:] = frames[0].linear[::-1]
    whole = network(frames, exposures, reference)
    cut = tiles.plan(
        width, height, tile_px=-(-48 // network.multiple_of) * network.multiple_of,
        halo_px=tiles.padded(network.halo_px, network.multiple_of), multiple=network.multiple_of,
    )  # fmt: skip
    for tile in cut[0][:2] + cut[-1][-2:]:
        window, core = tile.window, tile.core
        y1, x1 = min(window.y1, height), min(window.x1, width)
        part = [frame.crop(window.y0, y1, window.x0, x1) for frame in frames]
        inside = network(part, exposures, reference).crop(
            core.y0 - window.y0, core.y1 - window.y0, core.x0 - window.x0, core.x1 - window.x0
        )
        expected = whole.crop(core.y0, core.y1, core.x0, core.x1)
        np.testing.assert_allclose(inside.radiance, expected.radiance, atol=5e-5, rtol=5e-5)
        np.testing.assert_allclose(inside.doubt, expected.doubt, atol=5e-5)


def test_more_frames_reach_further_up_and_down_than_their_inner_triple() -> None:
    network = ready("kalantari-we")
    with torch.no_grad():  # the dark frame of each triple is taken
        network.module.conv4.weight.zero_()  # type: ignore[union-attr, operator]
        network.module.conv4.bias.copy_(torch.tensor([20.0] * 3 + [-20.0] * 6))  # type: ignore[union-attr, operator]
    stops = [-4.0, -2.0, 0.0, 2.0, 4.0]
    frames, exposures = frames_of(64, 64, stops, 2, top=30.0), exposures_of(stops, 2)
    light = network(frames, exposures, 2)
    inner = network(frames[1:4], exposures[1:4], 1)
    bright = (frames[1].clipped.min(axis=2) > 0) & (frames[0].clipped.max(axis=2) == 0)
    truth = frames[0].linear[bright] / exposures[0]
    assert bright.any() and np.allclose(inner.radiance[bright].max(), 4.0, rtol=0.01)
    np.testing.assert_allclose(light.radiance[bright], truth, rtol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_frame_lost_is_at_least_the_darkest_frames_white(kind: str) -> None:
    frames = frames_of(24, 24, STOPS, 1)
    for frame in frames:
        frame.linear[8:16, 8:16], frame.clipped[8:16, 8:16] = 1, 1
    light = ready(kind)(frames, exposures_of(STOPS, 1), 1)
    assert (light.doubt[8:16, 8:16] == 1).all()
    assert light.radiance[8:16, 8:16].min() > 3.98  # 1 / 0.25


def test_networks_and_classical_merges_share_the_noise() -> None:
    noise = NoiseModel(shot=0.02, read=0.01, step=np.full((3, 16), 0.001, np.float32))
    np.testing.assert_allclose(noise_tensor(noise).numpy(), [[4e-4 + 1e-6, 1e-4]], rtol=1e-5)
    default = NoiseModel()
    np.testing.assert_allclose(noise_tensor(None).numpy(), [[default.shot**2, default.read**2]], rtol=1e-5)


def test_a_still_bracket_of_the_untrained_default_is_the_classical_merge() -> None:
    frames, exposures = frames_of(48, 64, STOPS, 1, top=2.5), exposures_of(STOPS, 1)
    light = ready("merge1")(frames, exposures, 1)
    expected = merge_inverse_variance(frames, exposures, 1)
    recorded = frames[1].clipped.max(axis=2) == 0
    error = np.abs(light.radiance - expected.radiance)[recorded] / (expected.radiance[recorded] + 0.02)
    assert error.mean() < 5e-3


def test_frames_that_do_not_fit_their_exposures_are_refused() -> None:
    with pytest.raises(UsageError, match="3 frames, 2 exposures"):
        ready("merge1")(frames_of(8, 8, STOPS, 1), [1.0, 4.0], 0)
