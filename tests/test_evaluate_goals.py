"""The table of goals: each limit from both sides, bounds, and what a run did not measure."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from headroom import io
from headroom.camera import Response
from headroom.evaluate import Method, Report, evaluate
from headroom.evaluate.goals import Goal, goals
from headroom.evaluate.methods import BASE, BEST_GAIN, CURVE_ESTIMATE, LIGHT_MEAN, inverse_response, told_the_curve
from headroom.evaluate.report import ALL_SHARES, Record
from headroom.evaluate.statistics import ratio

OURS = "ours"
SHARE = 0.05


def records(suite: str, method: str, values: dict[str, float], scenes: int = 3) -> list[Record]:
    return [
        Record(
            suite=suite, scene=f"scene{n}", share=SHARE, response="srgb" if suite == "srgb" else "emor-1",
            declared="srgb", jpeg_quality=None, headroom=2.0, kind="method", method=method, seconds=0.0, values=values,
        )
        for n in range(scenes)
    ]  # fmt: skip


def report(better: float) -> Report:
    """Everything meets its goal by a little (``better`` 1) or misses it by a little (-1)."""
    little = 0.01 * better
    found = [
        *records("srgb", OURS, {"pu21_psnr": 31.5 + little, "clip_rmse": 0.85 - little, "jod": 8 + little,
                                "clip_bias": 0.15 - little}),
        *records("srgb", BASE, {"pu21_psnr": 32.5, "jod": 8.0}),
        *records("srgb", BEST_GAIN, {"pu21_psnr": 30.0, "clip_rmse": 1.0, "light_diffuse": 0.5}),
        *records("srgb", OURS + LIGHT_MEAN, {"light_energy_clipped": 0.8 + little, "light_diffuse": 0.4 - little}),
        *records("srgb", OURS + CURVE_ESTIMATE, {"pu21_psnr": 31.2 + 2 * little}),
        *records("unknown", OURS + CURVE_ESTIMATE, {"pu21_psnr": 28.0 + little, "outside_rmse": 0.2 - little}),
        *records("unknown", BASE, {"pu21_psnr": 20.0}),
        *records("unknown", told_the_curve(OURS), {"pu21_psnr": 28.0 + little}),
    ]  # fmt: skip
    return Report(found)


def test_every_goal_is_met_just_inside_its_limit_and_missed_just_outside() -> None:
    inside, outside = goals(report(1.0), OURS), goals(report(-1.0), OURS)
    assert [goal.title for goal in inside] == [goal.title for goal in outside]
    assert len(inside) == 11
    for good, bad in zip(inside, outside, strict=True):
        bound = "oracle" in good.title and not good.limit
        assert good.verdict == ("goal within reach" if bound else "met"), good
        assert bad.verdict == ("goal out of reach" if bound else "missed"), bad


def test_a_bias_counts_to_either_side() -> None:
    def verdict(bias: float) -> str:
        found = Report(records("srgb", OURS, {"clip_bias": bias}))
        return next(goal.verdict for goal in goals(found, OURS) if "bias" in goal.title)

    assert [verdict(bias) for bias in (-0.16, -0.14, 0.14, 0.16)] == ["missed", "met", "met", "missed"]


def test_the_worst_photograph_is_named_and_unknown_curves_have_no_say_in_it() -> None:
    found = Report(
        [
            *records("srgb", OURS, {"pu21_psnr": 30.0}, scenes=2),
            *records("srgb", BASE, {"pu21_psnr": 29.0}, scenes=1),
            *records("srgb", BASE, {"pu21_psnr": 32.0}, scenes=2)[1:],
            *records("unknown", OURS, {"pu21_psnr": 10.0}),
            *records("unknown", BASE, {"pu21_psnr": 20.0}),
        ]
    )
    worst = [goal for goal in goals(found, OURS) if goal.share == ALL_SHARES]
    assert [(goal.suite, goal.reached, goal.verdict) for goal in worst] == [("srgb", "-2.00 (scene1)", "missed")]


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = goals(Report(records("srgb", OURS, {"clip_bias": 0.0})), OURS)
    assert {goal.verdict for goal in found if "bias" not in goal.title} == {""}
    assert {goal.reached for goal in found if "bias" not in goal.title} == {""}


def test_ratio_is_of_means_and_its_interval_draws_scenes() -> None:
    found, low, high = ratio({"a": 1.0, "b": 3.0, "c": math.nan}, {"a": 2.0, "b": 2.0, "c": 1.0, "d": 5.0})
    assert (found, low, high) == (1.0, 0.5, 1.5)
    assert all(math.isnan(value) for value in ratio({"a": 1.0}, {"a": 0.0}))


def test_the_benchmark_tells_a_method_the_true_curve(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for index in range(2):
        pixels = np.exp(rng.normal(-1.0, 1.6, (32, 64, 1))) * rng.uniform(0.8, 1.2, (32, 64, 3))
        io.write(tmp_path / f"scene{index}.exr", pixels.astype(np.float32), depth="float")
    asked: list[str] = []

    def run(code: np.ndarray, declared: Response | None, is_jpeg: bool) -> np.ndarray:
        asked.append("srgb" if declared is None or declared.name == "sRGB" else "true")
        return inverse_response(code, declared)

    found = evaluate(
        tmp_path, [Method(OURS, run, follows_curve=True)], suites=("srgb", "unknown"), shares=(0.05,),
        measures=("pu21", "log"), with_baselines=False,
    )  # fmt: skip
    assert asked.count("true") == 2  # unknown plates alone
    told = found.by_scene("unknown", 0.05, told_the_curve(OURS), "pu21_psnr")
    assert told == found.by_scene("unknown", 0.05, "oracle: true curve", "pu21_psnr")
    bound = next(goal for goal in found.goals(OURS) if goal.suite == "unknown" and not goal.limit)
    assert bound.verdict in ("goal within reach", "goal out of reach")
    text = found.markdown()
    assert "## Goals: ours" in text
    assert "| not measured |" in text  # JOD
    row = next(row for row in found.as_dict()["goals"] if row["suite"] == "srgb" and row["share"] == "all")
    assert row["method"] == OURS
    assert Goal(**{**{k: v for k, v in row.items() if k != "method"}, "share": ALL_SHARES}) in found.goals(OURS)


def test_runs_are_joined_and_what_both_measured_counts_once(tmp_path: Path) -> None:
    first = Report(records("srgb", OURS, {"pu21_psnr": 30.0, "jod": math.nan}), ["one"])
    second = Report(
        [*records("srgb", OURS, {"pu21_psnr": 10.0, "clip_bias": 0.1}), *records("unknown", OURS, {"pu21_psnr": 20.0})],
        ["one", "two"],
    )
    paths = [report.write(tmp_path, name)[0] for report, name in ((first, "a"), (second, "b"))]
    joined = Report.read(*paths)
    assert joined.notes == ["one", "two"]
    assert joined.suites == ["srgb", "unknown"]
    assert len(joined.records) == 6
    assert set(joined.by_scene("srgb", SHARE, OURS, "pu21_psnr").values()) == {30.0}
    assert set(joined.by_scene("srgb", SHARE, OURS, "clip_bias").values()) == {0.1}
    assert not joined.by_scene("srgb", SHARE, OURS, "jod")
