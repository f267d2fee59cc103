"""Oracles, baselines and the peer networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import io
from headroom.camera import Response
from headroom.errors import WeightsError
from headroom.evaluate.baselines import baselines, clip_mask
from headroom.evaluate.bilateral import cross_bilateral
from headroom.evaluate.expandnet import find_peers
from headroom.evaluate.exposures import Case, Exposure, expose
from headroom.evaluate.methods import BASE, best_log_gain, energy_gain, inverse_response, true_curve, true_highlights
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.score import score
from headroom.metrics import log_errors
from headroom.metrics.lighting import solid_angles
from headroom.networks.expandnet import ExpandNet


@pytest.fixture
def exposure(tmp_path: Path) -> Exposure:
    return shot(tmp_path, "srgb")


def shot(folder: Path, response: str) -> Exposure:
    rng = np.random.default_rng(8)
    pixels = np.exp(rng.normal(-1.0, 1.6, (64, 128, 1))) * rng.uniform(0.8, 1.2, (64, 128, 3))
    io.write(folder / "sky.exr", pixels.astype(np.float32), depth="float")
    return expose(Case(find_scenes(folder)[0], 0.05, response, "srgb"))


def clip_rmse(light: np.ndarray, exposure: Exposure) -> float:
    return log_errors(light, exposure.truth, exposure.truth >= 1.0).rmse


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.3])
def test_no_other_constant_gain_has_a_smaller_log_error(exposure: Exposure, factor: float) -> None:
    best = best_log_gain(exposure)
    other = np.where(exposure.truth >= 1.0, best * np.float32(factor), best)
    assert clip_rmse(other, exposure) > clip_rmse(best, exposure)
    assert abs(score(best, exposure)["clip_bias"]) < 1e-5


def test_energy_gain_gives_the_energy_of_the_clip_by_solid_angle(exposure: Exposure) -> None:
    weights = solid_angles(64, 128)[:, None, None] * (exposure.truth >= 1.0)
    ratio = (energy_gain(exposure) * weights).sum() / (exposure.truth * weights).sum()
    assert ratio == pytest.approx(1.0, rel=1e-3)


def test_true_highlights_leave_only_the_quantisation(exposure: Exposure) -> None:
    found = score(true_highlights(exposure), exposure)
    assert found["clip_rmse"] == 0.0
    assert found["pu21_psnr"] > 45.0


def test_the_true_curve_mends_what_a_wrong_one_costs(tmp_path: Path) -> None:
    unknown = shot(tmp_path, "emor-2")
    wrong = score(inverse_response(unknown.code, unknown.declared), unknown)["outside_rmse"]
    right = score(true_curve(unknown), unknown)["outside_rmse"]
    assert right < 0.05 < wrong


def test_oracles_touch_nothing_that_was_recorded(exposure: Exposure) -> None:
    base = score(inverse_response(exposure.code, exposure.declared), exposure)
    for oracle in (best_log_gain, energy_gain, true_highlights):
        assert score(oracle(exposure), exposure)["outside_rmse"] == pytest.approx(base["outside_rmse"], rel=1e-4)


def test_a_scale_is_no_merit_and_no_fault(exposure: Exposure) -> None:
    base = inverse_response(exposure.code, exposure.declared)
    one, three = score(base, exposure), score(base * 3, exposure)
    assert three["pu21_psnr"] == pytest.approx(one["pu21_psnr"], abs=1e-3)
    assert three["scale"] == pytest.approx(one["scale"] / 3)


def test_nonfinite_samples_are_counted_and_cost(exposure: Exposure) -> None:
    light = inverse_response(exposure.code, exposure.declared)
    light[0, 0] = np.nan, np.inf, -np.inf
    found = score(light, exposure)
    assert found["nonfinite"] == 3
    assert np.isfinite(found["pu21_psnr"])


def test_baselines_are_finite_and_keep_the_shape_on_any_plate() -> None:
    plates = [np.full((5, 7, 3), value, np.float32) for value in (0.0, 0.5, 1.0)]
    plates.append(np.random.default_rng(0).uniform(0, 1, (1, 1, 3)).astype(np.float32))
    for method in baselines():
        for plate in plates:
            light = method.run(plate, Response.srgb(), False)
            assert light.shape == plate.shape
            assert np.isfinite(light).all()


def test_clip_mask_begins_at_95_percent() -> None:
    code = np.array([[[0.2, 0.95, 0.0], [0.975, 0.1, 0.1], [1.0, 0.0, 0.0]]], np.float32)
    assert clip_mask(code)[0, :, 0] == pytest.approx([0.0, 0.5, 1.0], abs=1e-5)


def test_constant_gain_multiplies_by_four_where_all_is_clipped() -> None:
    by_name = {method.name: method for method in baselines()}
    white = np.ones((2, 2, 3), np.float32)
    assert by_name["constant gain x4"].run(white, None, False) == pytest.approx(4.0)
    assert by_name[BASE].run(white, None, False) == pytest.approx(1.0)


def test_bilateral_filter_smooths_within_and_not_across_an_edge_of_the_guide() -> None:
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1.0
    noisy = guide + np.random.default_rng(0).normal(0, 0.1, guide.shape)
    smooth = cross_bilateral(noisy, guide, 5.0, 0.05)
    assert np.abs(smooth - guide).max() < 0.1
    assert cross_bilateral(np.full((9, 9), 3.0), noisy[:9, :9], 4.0, 0.1) == pytest.approx(3.0)


def test_expandnet_in_patches_is_expandnet() -> None:
    network = ExpandNet().eval()
    plate = torch.rand(1, 3, 50, 71, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(network(plate), network.by_patches(plate, 24), atol=1e-5)


def test_expandnet_has_the_names_and_shapes_of_the_release(data: Path) -> None:
    peers = find_peers(data)
    if peers is None:
        pytest.skip("ExpandNet's released weights are not beside the data")
    names = [method.name for method in baselines(peers)]
    assert names[-2:] == ["ExpandNet", "ExpandNet in the clip only"]
    plate = np.full((16, 16, 3), 0.5, np.float32)
    plate[4:8, 4:8] = 1.0
    light = baselines(peers)[-1].run(plate, None, False)
    recorded = plate[..., 0] < 0.95
    assert (light[recorded] == inverse_response(plate, None)[recorded]).all()
    assert (light >= inverse_response(plate, None)).all()


def test_foreign_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "expandnet").mkdir()
    (tmp_path / "expandnet" / "weights.pth").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match=r"weights\.pth") as caught:
        baselines(tmp_path)
    assert "\n" not in str(caught.value)
