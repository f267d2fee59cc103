"""The benchmark of merged brackets, on brackets whose answer is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from command import headroom
from headroom import io
from headroom.bracket.network_merge import NetworkMerger
from headroom.camera import Response
from headroom.errors import Cancelled, UsageError
from headroom.evaluate.brackets import BracketMethod, BracketReport, Size, evaluate_brackets, plan_brackets
from headroom.evaluate.brackets.frames import Frames, frames_of
from headroom.evaluate.brackets.ground import survey
from headroom.evaluate.brackets.methods import bracket_baselines, reference_alone, right_samples
from headroom.evaluate.brackets.names import (
    DEFAULT,
    MERTENS,
    OPENCV_DEBEVEC,
    OPENCV_ROBERTSON,
    OPENCV_TOLD,
    ORACLE,
    REFERENCE,
)
from headroom.evaluate.brackets.ours import bracket_methods
from headroom.evaluate.brackets.report import BracketRecord
from headroom.evaluate.brackets.score import score_bracket
from headroom.evaluate.brackets.speed import Speed, Timed, measure_speeds
from headroom.evaluate.brackets.table import goals
from headroom.networks.merge1 import Config, MergeOne
from headroom.staging import StagedBracket

HEIGHT, WIDTH = 64, 96
STOPS = (-3.0, 0.0, 3.0)
LIGHT = ("psnr", "pu21", "log")


def scene(seed: int = 0) -> np.ndarray:
    """Smooth light of 10 stops with texture, a part of it above 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    stops = -4 + 3 * np.sin(x / 17) + 2 * np.cos(y / 11) + 4 * np.exp(-((x - 70) ** 2 + (y - 20) ** 2) / 150)
    texture = rng.normal(0, 0.25, (HEIGHT, WIDTH, 3))
    return (2.0 ** (stops[..., None] + texture)).astype(np.float32)


def staged(frames: list[np.ndarray] | None = None, response: Response | None = None) -> StagedBracket:
    """Three photographs without noise of ``frames``' light, or of one scene."""
    light = frames or [scene()] * 3
    response = response or Response.srgb()
    codes = [
        np.rint(response.forward((own * np.float32(2.0**ev)).clip(0, 1)) * 255) / 255
        for own, ev in zip(light, STOPS, strict=True)
    ]
    moving = np.zeros((HEIGHT, WIDTH), bool)
    for own in light:
        moving |= (own != light[1]).any(-1)
    return StagedBracket(
        scene="made", seed=0, kind="moving" if moving.any() else "still", frames=np.stack(codes).astype(np.float32),
        ev_stops=STOPS, reference=1, response=response, shot_noise=0.0, read_noise=0.0, truth=light[1], moving=moving,
    )  # fmt: skip


def with_a_thing_in(light: np.ndarray, x: int) -> np.ndarray:
    """A grey square at column ``x``."""
    light = light.copy()
    light[24:44, x : x + 14] = 0.3
    return light


def passing() -> StagedBracket:
    return staged([with_a_thing_in(scene(), x) for x in (8, 34, 60)])


def test_the_truth_has_no_error_at_any_scale() -> None:
    ground = survey(passing())
    for scale in (1.0, 7.0):
        found = score_bracket(ground.truth * np.float32(scale), ground, LIGHT)
        assert found["scale"] == pytest.approx(1 / scale, rel=1e-5)
        assert found["mu_psnr_moving"] > 120
        assert found["ghost"] == pytest.approx(0, abs=1e-5)
        assert found["log_rmse"] == pytest.approx(0, abs=1e-5)


def test_a_ghost_is_an_error_where_something_moves_that_the_reference_recorded() -> None:
    ground = survey(passing())
    area = ground.moving & ground.recorded
    assert area.sum() > 400
    ghosted = ground.truth.copy()
    ghosted[area] *= 2
    found = score_bracket(ghosted, ground, LIGHT)
    assert found["ghost"] == pytest.approx(1, abs=1e-4)
    assert found["mu_psnr_rest"] > 120
    assert found["mu_psnr_moving"] < 40
    elsewhere = ground.truth.copy()
    elsewhere[~ground.moving & ~ground.recorded] *= 2
    assert score_bracket(elsewhere, ground, LIGHT)["ghost"] == pytest.approx(0, abs=1e-5)


def test_light_above_the_white_of_every_frame_is_told_apart() -> None:
    light = scene()
    light[10:30, 60:80] = 20.0  # the darkest frame's white is at 8
    ground = survey(staged([light] * 3))
    clipped = np.minimum(light, 8)
    found = score_bracket(clipped, ground, LIGHT)
    assert found["burnt_rmse"] == pytest.approx(math.log2(2.5), abs=1e-5)
    assert found["burnt_bias"] == pytest.approx(-math.log2(2.5), abs=1e-5)
    assert found["dark_rmse"] == pytest.approx(0, abs=1e-6)
    assert 0 < found["clip_rmse"] < found["burnt_rmse"]


def test_samples_that_are_not_finite_are_counted() -> None:
    ground = survey(staged())
    broken = ground.truth.copy()
    broken[0, :5] = np.nan
    assert score_bracket(broken, ground, LIGHT)["nonfinite"] == 15


def test_what_is_asked_for_must_be_known_and_fit() -> None:
    ground = survey(staged())
    with pytest.raises(UsageError, match="beauty.*choose among psnr"):
        score_bracket(ground.truth, ground, ["beauty"])
    with pytest.raises(UsageError, match="answered"):
        score_bracket(ground.truth[1:], ground, LIGHT)


def baseline(name: str) -> BracketMethod:
    return next(method for method in bracket_baselines() if method.name == name)


def test_opencv_comes_nearer_to_the_truth_when_it_is_told_the_response() -> None:
    bracket = staged(response=Response.gamma(1.8))
    ground, frames = survey(bracket), frames_of(bracket)
    found = {
        name: score_bracket(baseline(name).run(frames), ground, LIGHT)["log_rmse"]
        for name in (OPENCV_TOLD, OPENCV_DEBEVEC, OPENCV_ROBERTSON)
    }
    assert found[OPENCV_TOLD] < 0.15
    assert found[OPENCV_TOLD] < min(found[OPENCV_DEBEVEC], found[OPENCV_ROBERTSON])


@pytest.mark.parametrize("reference", [0, 1, 2])
def test_opencv_frames_are_shifted_onto_the_reference_whichever_it_is(reference: int) -> None:
    bracket = staged()
    codes = np.rint(bracket.frames * 255).astype(np.uint8)
    shifted = np.stack([np.roll(code, (2 * k, -3 * k), (0, 1)) for k, code in enumerate(codes)])
    ev_stops = tuple(ev - STOPS[reference] for ev in STOPS)
    merged = baseline(OPENCV_TOLD).run(Frames(shifted, ev_stops, reference, bracket.response))
    still = baseline(OPENCV_TOLD).run(Frames(codes, ev_stops, reference, bracket.response))
    expected = np.roll(still, (2 * reference, -3 * reference), (0, 1))
    inner = np.s_[12:-12, 12:-12]
    assert np.median(np.abs(np.log2(merged[inner] / expected[inner]))) < 0.02


def test_fusion_is_measured_as_a_picture_only(report: BracketReport) -> None:
    values = next(r for r in report.records if r.method == MERTENS).values
    assert "pu21_psnr" in values
    assert not {"mu_psnr", "ghost", "log_rmse"} & set(values)


def test_the_reference_alone_has_no_ghosts_and_no_highlights() -> None:
    bracket = passing()
    ground, frames = survey(bracket), frames_of(bracket)
    alone = reference_alone(frames)
    assert score_bracket(alone, ground, LIGHT)["ghost"] < 0.03
    assert alone.max() == pytest.approx(1)


def test_the_oracle_keeps_what_is_right_and_leaves_out_the_rest() -> None:
    bracket = passing()
    ground, frames = survey(bracket), frames_of(bracket)
    plain = next(method for method in bracket_methods(["inverse-variance"]))
    ghosts = {
        name: score_bracket(light, ground, LIGHT)
        for name, light in (("oracle", right_samples(frames, ground)), ("plain", plain.run(frames)))
    }
    assert ghosts["oracle"]["ghost"] < 0.15 < 0.5 < ghosts["plain"]["ghost"]
    assert ghosts["oracle"]["clip_rmse"] < 0.2


def test_the_global_alignment_is_what_the_flow_is_laid_upon() -> None:
    shifted = staged([np.roll(scene(), shift, 1) for shift in (3, 0, -2)])
    first, apart = frames_of(shifted), frames_of(shifted)
    first.aligned("flow")
    for derived, found in zip(first.window("global"), apart.window("global"), strict=True):
        assert derived.linear == pytest.approx(found.linear)
        assert (derived.valid == found.valid).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for number in range(2):
        light = np.concatenate([scene(number), scene(number)[:, ::-1]], 1)
        io.write(folder / f"place{number}.exr", np.concatenate([light, light[:32]], 0), depth="float")
    return folder


TINY = Size(64, 96, (0,))


def twice(frames: Frames) -> np.ndarray:
    return 2 * reference_alone(frames)


@pytest.fixture(scope="module")
def report(folder: Path) -> BracketReport:
    methods = [BracketMethod("twice the reference", twice), *bracket_methods(["inverse-variance"])]
    return evaluate_brackets(folder, methods, size=TINY, measures=LIGHT)


def test_every_method_runs_on_every_bracket(report: BracketReport) -> None:
    assert report.kinds == ["moving", "still"]
    for name in report.names():
        assert [(r.scene, r.kind) for r in report.records if r.method == name] == [
            ("place0", "moving"), ("place1", "moving"), ("place0", "still"), ("place1", "still"),
        ]  # fmt: skip
    assert report.names("oracle") == [ORACLE]
    assert all(record.moving_share > 0 for record in report.records if record.kind == "moving")


def test_a_result_at_another_scale_is_the_same_result(report: BracketReport) -> None:
    for column in ("mu_psnr", "pu21_psnr", "log_rmse"):
        same, base = (report.by_scene("still", name, column) for name in ("twice the reference", REFERENCE))
        assert same == pytest.approx(base, rel=1e-4)


def test_brackets_are_the_same_every_time_and_seeds_differ(folder: Path) -> None:
    size = replace(TINY, seeds=(0, 3))
    specs, surroundings = plan_brackets(folder, ["moving"], size)
    first, again = (specs[0].stage(surroundings) for _ in range(2))
    other = specs[1].stage(surroundings)
    assert (first.frames == again.frames).all()
    assert (first.truth == again.truth).all()
    assert not (first.frames == other.frames).all()


def test_json_and_markdown_say_the_same(report: BracketReport, tmp_path: Path) -> None:
    json_path, page = report.write(tmp_path / "out")
    assert (json_path.name, page.name) == ("evaluation-brackets.json", "evaluation-brackets.md")
    again = BracketReport.from_dict(json.loads(json_path.read_text()))
    assert again.markdown() == report.markdown() == page.read_text()
    assert "mu-PSNR in motion" in page.read_text()
    row = next(r for r in json.loads(json_path.read_text())["paired"] if r["than"] == REFERENCE)
    assert set(row["better_by"]["mu_psnr"]) >= {"mean", "low", "high"}


def test_a_run_can_be_stopped(folder: Path) -> None:
    seen: list[str] = []
    with pytest.raises(Cancelled):
        evaluate_brackets(
            folder, [], size=TINY, measures=["log"], progress=lambda _, name: seen.append(name),
            cancelled=lambda: len(seen) >= 3,
        )  # fmt: skip
    assert len(seen) == 3


def test_times_are_ratios_and_what_is_slow_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    now = [0.0]

    def takes(name: str, seconds: float) -> None:
        ran.append(name)
        now[0] += seconds

    monkeypatch.setattr("headroom.evaluate.brackets.speed.time.perf_counter", lambda: now[0])
    entries = [
        Timed("a", lambda: takes("a", 0.5), 0.1),
        Timed("b", lambda: takes("b", 1.0), 0.1, gflop_per_mp=3.0),
        Timed("slow", lambda: takes("slow", 9.0), 0.1),
    ]
    found = {speed.method: speed for speed in measure_speeds(entries, rounds=2)}
    assert [found[name].ratio for name in ("a", "b", "slow")] == pytest.approx([1, 2, 18])
    assert found["b"].seconds_per_mp == pytest.approx(10)
    assert ran == ["a", "b", "slow", "a", "b", "a", "b"]


def test_speeds_stand_beside_each_other_and_untrained_networks_are_timed_only(folder: Path) -> None:
    module = MergeOne(Config(widths=(8, 8, 8)))
    unready = replace(network_method(module), gflop_per_mp=12.5, trained=False)
    found = evaluate_brackets(
        folder, bracket_methods(["inverse-variance"]), kinds=["still"], size=replace(TINY, scenes=1),
        measures=["speed"], with_baselines=False, also_timed=[unready],
    )  # fmt: skip
    speeds = {speed.method: speed for speed in found.speeds}
    assert list(speeds) == ["inverse-variance", "a network", f"{REFERENCE}, all of it", "aligning by flow"]
    assert speeds["inverse-variance"].ratio == 1
    assert speeds["a network"].gflop_per_mp == 12.5
    assert speeds["a network"].seconds_per_mp > speeds["inverse-variance"].seconds_per_mp > 0
    assert "a network (no weights here)" in found.markdown()
    assert "a network" not in found.names()


def network_method(module: MergeOne) -> BracketMethod:
    made = NetworkMerger(module, name="a network", device="cpu")

    def run(frames: Frames) -> np.ndarray:
        return made(frames.window("flow"), frames.exposures, frames.reference).radiance

    return BracketMethod("a network", run, "flow")


def record(method: str, kind: str, moving: float, whole: float, scene: str = "a") -> BracketRecord:
    values = {"mu_psnr": whole, "mu_psnr_rest": whole}
    if kind == "moving":
        values["mu_psnr_moving"] = moving
    return BracketRecord(
        scene=scene, kind=kind, seed=0, ev_stops=[-2, 0, 2], clipped_share=0.1, burnt_share=0.0, moving_share=0.2,
        role="baseline" if method.startswith("OpenCV") else "method", method=method, values=values,
    )  # fmt: skip


def judged(ours: tuple[float, float], rival: tuple[float, float] = (33, 40), seconds: float = 1.0) -> str:
    """The goals where the best aligned merges have 30 dB in motion and 40 dB on still brackets."""
    rows = {
        DEFAULT: ours, "inverse-variance": (29, 40), OPENCV_DEBEVEC: (30, 36), "ahdrnet-small": rival,
        "inverse-variance --align none": (99, 99),
    }  # fmt: skip
    records = [record(name, kind, *values) for name, values in rows.items() for kind in ("moving", "still")]
    speeds = [Speed(DEFAULT, seconds, 1.0), Speed("ahdrnet-small", 2.0, 2.0 / seconds)]
    return goals(BracketReport(records, speeds=speeds))


def test_goals_are_judged_against_the_best_aligned_merge_and_the_rival() -> None:
    assert judged((33.5, 40.5)).count("| met |") == 6
    assert f"classical merge with alignment ({OPENCV_DEBEVEC})" in judged((33.5, 40.5))
    assert judged((32.9, 40.5)).count("**missed**") == 2  # 3 dB in motion, and below the rival there
    assert judged((33.5, 40.5), seconds=1.1).count("**missed**") == 1
    assert judged((33.5, 39.0)).count("**missed**") == 3  # still against both, and the rival on whole moving ones


def test_what_differs_by_less_than_the_scenes_do_is_called_level() -> None:
    records = []
    for scene, ours in (("a", 41.0), ("b", 38.0)):
        for name, whole in ((DEFAULT, ours), ("inverse-variance", 40.0)):
            records.append(record(name, "still", math.nan, whole, scene))
    assert "level: within the interval" in goals(BracketReport(records))


def test_same_names_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="same name"):
        evaluate_brackets(folder, [BracketMethod(REFERENCE, reference_alone)], size=TINY)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("--brackets", "--shots"), "--brackets takes neither"),
        (("--brackets", "--shares", "5"), "--brackets takes neither"),
        (("--stacks", "."), "--stacks belongs to --brackets"),
        (("--brackets", "--suite", "dancing"), "kind of bracket 'dancing'; there are: still, moving"),
        (("--brackets", "--measure", "beauty"), "no measure 'beauty'"),
        (("--brackets", "--model", "wishes"), "wishes"),
    ],
)
def test_the_command_refuses_what_does_not_go_together(
    folder: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], says: str
) -> None:
    said = headroom(capsys, "evaluate", folder, *asked)
    assert said.code == 2
    assert says in said.err
