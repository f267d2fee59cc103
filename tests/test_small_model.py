"""headroom-1-small as it is shipped: found by its own name, and whatever headroom-1 does, it does."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from headroom import io, weights
from headroom.colour.names import LINEAR_REC709
from headroom.colour.plan import plan
from headroom.describe import describe
from headroom.panorama.reconstruct import reconstruct_sphere
from headroom.plate import Plate
from headroom.reconstruct import Options, Reconstructor
from headroom.torchscript import export
from headroom.torchscript.knobs import SPACES

NAME = "headroom-1-small"


@pytest.fixture(scope="module")
def small() -> Reconstructor:
    return Reconstructor(NAME, device="cpu")


@pytest.fixture(scope="module")
def plate(repository: Path) -> Plate:
    hangar = io.read(repository / "examples" / "hangar.jpg")
    return Plate(codes=np.ascontiguousarray(hangar.codes[128:320, 352:608]))


def test_each_is_found_by_its_own_name() -> None:
    assert [weights.find(name).name for name in ("headroom-1", NAME)] == ["headroom-1", NAME]
    listed = {model["name"]: model for model in describe()["models"]}
    assert listed[NAME]["verified"] and "a megapixel" in listed[NAME]["summary"]
    assert describe()["default_model"] == "headroom-1"


def test_it_costs_a_quarter(small: Reconstructor) -> None:
    assert small.runner.contract.gflop_per_mp < 0.25 * weights.load("headroom-1").module.contract.gflop_per_mp


def test_light_comes_back_and_what_was_recorded_stays(small: Reconstructor, plate: Plate) -> None:
    results = {light: small(plate, Options(light=light)) for light in ("median", "mean", "bold")}
    result = results["median"]
    recorded, exact = result.mask == 0, plan(None).base(plate.rows(0, plate.height))
    assert 0.02 < (~recorded).mean() < 0.9
    assert np.array_equal(result.pixels[recorded], exact[recorded])
    assert result.pixels.max() > 1.5 and not result.report["warnings"]
    sums = [float(results[light].pixels.sum(dtype=np.float64)) for light in ("median", "mean", "bold")]
    assert sums == sorted(sums) and sums[0] < sums[1]


def test_a_sphere_has_no_seam(small: Reconstructor) -> None:
    height, width = 32, 64
    x = np.arange(width) / width * 2 * np.pi
    light = np.clip(0.4 + 0.9 * np.cos(x)[None, :, None] * np.ones((height, 1, 3)), 0, 1)
    codes = np.rint(255 * light ** (1 / 2.2)).astype(np.uint8)
    colour = plan(None, to=LINEAR_REC709)
    turned = [
        reconstruct_sphere(small, Plate(codes=np.roll(codes, turn, axis=1)), colour).read(0, height).pixels
        for turn in (0, 24)
    ]
    assert turned[0].max() > 1.2
    assert np.allclose(np.roll(turned[0], 24, axis=1), turned[1], rtol=1e-4)


def test_its_torchscript_says_the_same(small: Reconstructor, plate: Plate, tmp_path: Path) -> None:
    path = export(NAME, tmp_path / "small.pt").path
    codes = plan(None, to=LINEAR_REC709).base(plate.rows(0, plate.height)).astype(np.float32)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(path))
        module.working_space = SPACES.index(LINEAR_REC709)
        found = module(torch.from_numpy(codes.transpose(2, 0, 1).copy())[None])[0]
    wanted = small(Plate(codes=codes, is_float=True, bits=32), frm=LINEAR_REC709, to=LINEAR_REC709).pixels
    assert np.allclose(found.numpy().transpose(1, 2, 0)[..., :3], wanted, rtol=1e-3, atol=1e-6)
