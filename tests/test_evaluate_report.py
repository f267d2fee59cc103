"""Statistics, the whole benchmark, and its tables."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from headroom import io
from headroom.errors import UsageError
from headroom.evaluate import Method, evaluate, model_methods, quick
from headroom.evaluate.columns import COLUMNS
from headroom.evaluate.methods import BASE, BEST_GAIN, inverse_response
from headroom.evaluate.report import ALL_SHARES
from headroom.evaluate.statistics import bootstrap, paired


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    for index in range(3):
        pixels = np.exp(rng.normal(-1.0, 1.6, (32, 64, 1))) * rng.uniform(0.8, 1.2, (32, 64, 3))
        io.write(tmp_path / f"scene{index}.exr", pixels.astype(np.float32), depth="float")
    return tmp_path


def brighter(code: np.ndarray, declared: object, is_jpeg: bool) -> np.ndarray:
    light = inverse_response(code, None)
    return np.where(code == 1.0, light * np.float32(1.5), light)


def test_bootstrap_of_equal_values_has_no_width() -> None:
    found = bootstrap([2.0, 2.0, math.nan, 2.0])
    assert (found.mean, found.low, found.high, found.median, found.scenes) == (2.0, 2.0, 2.0, 2.0, 3)


def test_bootstrap_covers_the_mean_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(0.0, 1.0, 400)
    found = bootstrap(values.tolist())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20.0, rel=0.12)
    assert found.low < values.mean() < found.high


def test_bootstrap_of_nothing() -> None:
    assert math.isnan(bootstrap([]).mean)


def test_paired_by_hand() -> None:
    found = paired({"a": 3.0, "b": 5.0, "c": 1.0}, {"a": 2.0, "b": 2.0, "d": 9.0}, higher_is_better=True)
    assert (found.mean, found.worst, found.worst_scene, found.scenes) == (2.0, 1.0, "a", 2)
    assert found.is_better
    found = paired({"a": 3.0}, {"a": 2.0}, higher_is_better=False)
    assert (found.mean, found.is_better) == (-1.0, False)


def test_what_is_best_near_zero_or_one_is_compared_by_distance() -> None:
    by_name = {column.name: column for column in COLUMNS}
    assert by_name["clip_bias"].merit(-0.3) == pytest.approx(0.3)
    assert by_name["light_energy"].merit(0.8) == pytest.approx(0.2)
    assert by_name["pu21_psnr"].merit(-3.0) == -3.0


def test_benchmark_end_to_end(folder: Path, tmp_path: Path) -> None:
    told: list[float] = []
    report = evaluate(
        folder,
        [Method("brighter", brighter)],
        suites=("srgb", "unknown"),
        shares=(0.05, 0.15),
        measures=("pu21", "ssim", "log", "psnr", "corrected", "lighting"),
        peers=tmp_path / "none",
        progress=lambda share, name: told.append(share),
    )
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert report.suites == ["srgb", "unknown"]
    # 3 scenes x 2 shares x (1 method, 6 baselines, 3 oracles), and the true-curve oracle where it is not declared.
    assert len(report.records) == 3 * 2 * (10 + 11)
    column = {column.name: column for column in COLUMNS}["clip_rmse"]
    assert report.paired("srgb", 0.05, "brighter", BASE, column).is_better
    assert report.paired("srgb", ALL_SHARES, "brighter", BEST_GAIN, column).mean <= 0.0
    text = report.markdown()
    assert "5 % clipped" in text
    assert "| brighter | " in text
    files = report.write(tmp_path / "out")
    content = json.loads(files[0].read_text())
    assert len(content["records"]) == len(report.records)
    assert {row["share"] for row in content["summary"]} == {0.05, 0.15, "all"}
    assert files[1].read_text() == text


def test_two_methods_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="same name"):
        evaluate(folder, [Method("a", brighter), Method("a", brighter)], suites=("srgb",))


def test_an_unknown_measure_and_a_wrong_shape_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="lighting"):
        evaluate(folder, [], suites=("srgb",), measures=("beauty",))
    with pytest.raises(UsageError, match="answered"):
        quick(lambda code, declared, is_jpeg: code[1:], folder)


def test_quick_table(folder: Path) -> None:
    table = quick(brighter, folder, shares=(0.05,), name="mine")
    rows = {str(row["method"]): row for row in table.summary()}
    assert list(rows) == [BASE, "mine", BEST_GAIN]
    assert rows[BEST_GAIN]["clip_rmse"] < rows["mine"]["clip_rmse"] < rows[BASE]["clip_rmse"]  # type: ignore[operator]
    assert rows[BASE]["worst_gain_db"] == 0.0
    assert "| 5 % | mine |" in table.markdown()


@pytest.mark.usefixtures("tiny_headroom_1")
def test_a_model_leaves_recorded_pixels_and_obeys_the_stated_curve(folder: Path) -> None:
    report = evaluate(folder, model_methods(device="cpu"), suites=("srgb", "gamma"), shares=(0.05,), measures=("log",))
    for suite in report.suites:
        base = report.by_scene(suite, 0.05, BASE, "outside_rmse")
        ours = report.by_scene(suite, 0.05, "headroom-1", "outside_rmse")
        assert ours == pytest.approx(base, rel=1e-3)


def test_jod_is_ten_for_no_difference_and_less_for_a_clip() -> None:
    pytest.importorskip("einops")
    from headroom.metrics.jod import jod

    truth = np.exp(np.random.default_rng(0).normal(-1.0, 1.5, (64, 64, 3))).astype(np.float32)
    assert jod(truth, truth) == pytest.approx(10.0)
    assert jod(truth.clip(0, 0.5), truth) < 9.5
