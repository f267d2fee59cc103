"""What happens to photographs after the camera, as the benchmark does it: codes and the light that they stand for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command import headroom
from headroom import io
from headroom.camera import Response, expose_for_clipped_share
from headroom.evaluate.handling import HANDLINGS, VIDEO_WHITE, WEB_SHARE, handled
from headroom.evaluate.suites import GROUPS, SUITES
from headroom.plate import FloatArray

SHARE = 0.1
EXACT = ("letterboxed", "captioned", "one-channel")


@pytest.fixture(scope="module")
def light() -> FloatArray:
    """Soft shapes, a tenth of them clipped."""
    y, x = np.mgrid[:128, :192] / 128
    lin = np.exp(2.2 * np.sin(5 * x) * np.cos(4 * y) - 1)[..., None] * np.array([1.0, 0.9, 0.8])
    return np.asarray(lin * expose_for_clipped_share(lin.astype(np.float32), SHARE), np.float32)


@pytest.mark.parametrize("way", HANDLINGS)
def test_codes_of_8_bits_stand_for_the_light(light: FloatArray, way: str) -> None:
    code, seen = handled(light, way)
    share = WEB_SHARE if way == "web" else 1
    assert code.shape == seen.shape == (128 // share, 192 // share, 3) and code.dtype == seen.dtype == np.float32
    np.testing.assert_allclose(code * 255, np.rint(code * 255), atol=1e-3)
    assert code.min() >= 0 and code.max() <= 1
    recorded = (code > 0.2) & (code < 0.85)
    stops = np.log2(np.asarray(Response.srgb().inverse(code))[recorded] / seen[recorded])
    assert (
        abs(np.median(stops) - (np.log2(Response.srgb().inverse(np.float64(VIDEO_WHITE))) if way == "white-235" else 0))
        < 0.02
    )
    if way in EXACT:
        assert np.abs(stops).max() < 0.05


def test_each_way_does_what_it_says(light: FloatArray) -> None:
    assert round(float(handled(light, "white-235")[0].max()) * 255) == 235
    code, seen = handled(light, "one-channel")
    clipped = (seen >= 1).mean(axis=(0, 1))
    assert (seen.max(axis=2) >= 1).mean() == pytest.approx(SHARE, abs=0.002) and clipped[0] > 3 * clipped[2]
    code, seen = handled(light, "letterboxed")
    assert (code[:15] == 0).all() and (seen[-15:] == 0).all() and (seen[20:-20] == light[20:-20]).all()
    code, seen = handled(light, "captioned")
    written = (seen != light).any(axis=2)
    assert 0.01 < written.mean() < 0.2 and set(np.unique(seen[written])) == {0.0, 1.0} and (code[seen == 1] == 1).all()
    plain = np.asarray(Response.srgb().forward(light))
    errors = {way: np.abs(handled(light, way)[0] - plain).mean() for way in ("jpeg-100", "jpeg-75", "jpeg-50", "noisy")}
    assert errors["jpeg-100"] < errors["jpeg-75"] < errors["jpeg-50"] and errors["noisy"] > errors["jpeg-100"]


def test_one_name_runs_them_all(light: FloatArray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    io.write(tmp_path / "scene.exr", light, depth="float")
    said = headroom(
        capsys, "evaluate", tmp_path, "--suite", "handled", "--shares", 10, "--measure", "pu21", "--light", "median",
        "--light", "mean", "--no-baselines", "--no-estimate", "--device", "cpu", "--json",
    )  # fmt: skip
    assert said.code == 0
    records = json.loads(said.out)["records"]
    assert [r["suite"] for r in records if r["method"] == "headroom-1"] == list(GROUPS["handled"])
    assert set(GROUPS["handled"]) == set(HANDLINGS) and set(HANDLINGS) < set(SUITES)
    by = {(r["suite"], r["method"]): r["values"]["pu21_psnr"] for r in records}
    assert all(by[way, "headroom-1"] != by[way, "headroom-1 --light mean"] for way in HANDLINGS)
