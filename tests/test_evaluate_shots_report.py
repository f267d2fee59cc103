"""The whole benchmark on shots: run, cancel, statistics, tables."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from command import headroom, one_line
from headroom import io
from headroom.errors import Cancelled, UsageError
from headroom.evaluate.expandnet import find_peers
from headroom.evaluate.methods import inverse_response
from headroom.evaluate.shots import ShotMethod, ShotReport, ShotSpec, Size, SyntheticShot, evaluate_shots
from headroom.evaluate.shots.benchmark import run_method
from headroom.evaluate.shots.expandnet import expandnet_shot_methods
from headroom.evaluate.shots.methods import BASE, BEST_GAIN, TRUE_HIGHLIGHTS
from headroom.evaluate.shots.report import SHOT_COLUMNS, ShotRecord
from headroom.io.frames import FrameSource

SMALL = Size(frames=4, width=64, height=48, shots_per_scene=2)
COLUMN = {column.name: column for column in SHOT_COLUMNS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(5)
    for index in range(3):
        coarse = np.exp(rng.normal(-1.0, 1.6, (8, 16, 1))) * rng.uniform(0.8, 1.2, (8, 16, 3))
        io.write(path / f"scene{index}.exr", coarse.repeat(8, 0).repeat(8, 1).astype(np.float32), depth="float")
    return path


def brighter(source: FrameSource) -> Iterator[np.ndarray]:
    for frame in source.frames:
        plate = source.read(frame)
        light = inverse_response(plate.rows(0, plate.height), None)
        yield np.where(light == 1.0, np.float32(1.5), light)


def flickering(source: FrameSource) -> Iterator[np.ndarray]:
    for frame, light in zip(source.frames, brighter(source), strict=True):
        yield np.where(light > 1.0, light * np.float32(2.0 ** (0.2 * (frame % 2))), light)


@pytest.fixture(scope="module")
def report(folder: Path) -> ShotReport:
    methods = [ShotMethod("brighter", brighter), ShotMethod("flickering", flickering)]
    return evaluate_shots(folder, methods, size=SMALL, measures=("motion", "quality"), peers=folder / "none")


def test_every_method_meets_every_shot(report: ShotReport) -> None:
    assert report.names("method") == ["brighter", "flickering"]
    assert report.names("baseline", "oracle") == [BASE, BEST_GAIN, TRUE_HIGHLIGHTS]
    assert len(report.records) == 3 * 2 * 5
    assert all(record.ways > 0 and record.clipped_share > 0 for record in report.records)
    assert report.nonfinite("brighter") == 0


def test_flicker_costs_and_the_oracles_bound(report: ShotReport) -> None:
    assert report.paired("brighter", "flickering", COLUMN["excess"]).is_better
    share = report.ratio("brighter", "flickering", "excess")
    assert share.low <= share.ratio <= share.high < 1.0
    assert report.ratio("brighter", "brighter", "excess").ratio == pytest.approx(1.0)
    for name in ("excess", "clip_rmse"):
        assert report.interval(TRUE_HIGHLIGHTS, name).mean < report.interval("brighter", name).mean
    assert report.interval(BEST_GAIN, "clip_bias").mean == pytest.approx(0.0, abs=1e-3)


def test_report_as_tables_and_json(report: ShotReport, tmp_path: Path) -> None:
    text = report.markdown()
    assert "| brighter | " in text
    assert "brighter against flickering" in text
    assert "pan: the camera turns" in text
    paths = report.write(tmp_path / "out")
    content = json.loads(paths[0].read_text())
    assert paths[1].read_text() == text
    assert len(content["records"]) == len(report.records)
    row = next(row for row in content["paired"] if (row["method"], row["than"]) == ("brighter", "flickering"))
    assert row["better_by"]["excess"]["low"] > 0
    assert row["ratio"]["excess"]["ratio"] < 1
    kinds = {row["kind"] for row in content["summary"]}
    assert kinds == {"all", *report.kinds}


def record(method: str, scene: str, kind: str, **values: float) -> ShotRecord:
    return ShotRecord(
        scene=scene, kind=kind, share=0.05, jpeg_quality=None, clipped_share=0.05, headroom=2.0, ways=9,
        role="method", method=method, seconds=0.0, values=values,
    )  # fmt: skip


def test_a_method_that_ran_on_some_shots_is_compared_on_those_alone() -> None:
    report = ShotReport(
        [
            record("all", "a", "pan", excess=0.2),
            record("all", "a", "zoom", excess=0.8),
            record("all", "b", "pan", excess=0.4),
            record("some", "a", "pan", excess=0.1),
        ]
    )
    assert report.interval("all", "excess").mean == pytest.approx((0.5 + 0.4) / 2)
    assert report.ratio("some", "all", "excess").ratio == pytest.approx(0.5)
    assert report.paired("some", "all", COLUMN["excess"]).mean == pytest.approx(0.1)
    assert report.paired("some", "all", COLUMN["excess"]).scenes == 1
    assert "some (1 of 3 shots)" in report.markdown()
    assert math.isnan(report.ratio("some", "none", "excess").ratio)


def test_progress_is_told_and_cancelling_stops_within_a_frame(folder: Path) -> None:
    told: list[float] = []
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    with pytest.raises(Cancelled, match="cancelled"):
        evaluate_shots(
            folder,
            [ShotMethod("brighter", brighter)],
            size=SMALL,
            measures=("motion",),
            peers=folder / "none",
            progress=lambda share, name: told.append(share),
            cancelled=cancelled,
        )
    assert asked == 7
    assert told == sorted(told)


def test_what_makes_no_sense_is_refused(folder: Path) -> None:
    twice = [ShotMethod("a", brighter), ShotMethod("a", brighter)]
    with pytest.raises(UsageError, match="same name"):
        evaluate_shots(folder, twice, size=SMALL, peers=folder / "none")
    with pytest.raises(UsageError, match="beauty"):
        evaluate_shots(folder, [], size=SMALL, measures=("beauty",), peers=folder / "none")

    def short(source: FrameSource) -> Iterator[np.ndarray]:
        yield next(brighter(source))

    with pytest.raises(UsageError, match="answered"):
        evaluate_shots(folder, [ShotMethod("short", short)], size=SMALL, peers=folder / "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick"], "--quick belongs to --shots"),
        (["--shots", "--suite", "somersault"], "no kind of shot 'somersault'; there are: pan, handheld"),
        (["--shots", "--measure", "ssim"], "no measure 'ssim'; there are: motion"),
        (["--shots", "--no-estimate"], "--no-estimate has no meaning with --shots"),
    ],
)
def test_wrong_requests_end_in_one_line(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = headroom(capsys, "evaluate", folder, *arguments)
    assert said.code == 2
    assert message in said.err
    assert one_line(said.err)


@pytest.mark.usefixtures("tiny_headroom_1")
def test_a_model_is_measured_frame_by_frame_and_as_a_shot(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    shutil.copy(folder / "scene0.exr", scenes)
    chosen = ("--shots", "--quick", "--suite", "lamp", "--measure", "motion", "--no-baselines", "--device", "cpu")
    said = headroom(capsys, "evaluate", scenes, *chosen, "--json", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"shots.json", "shots.md"}
    records = json.loads(said.out)["records"]
    assert {record["kind"] for record in records} == {"lamp"}
    excess = {record["method"]: record["values"]["excess"] for record in records}
    assert list(excess) == ["headroom-1 temporal", "headroom-1 per frame", BASE, BEST_GAIN, TRUE_HIGHLIGHTS]
    outside = {record["method"]: record["values"]["outside_excess"] for record in records}
    assert outside["headroom-1 temporal"] == outside["headroom-1 per frame"], "recorded pixels are their plate's"
    assert "0%" in said.err and "100%" in said.err


def test_jod_of_a_shot_counts_flicker() -> None:
    pytest.importorskip("einops")
    from headroom.metrics.jod import jod_of_shot

    truth = np.exp(np.random.default_rng(0).normal(-1.0, 1.0, (1, 48, 64, 3))).astype(np.float32)
    truth = np.broadcast_to(truth, (8, 48, 64, 3))
    gain = np.float32(2.0) ** (0.2 * (-1.0) ** np.arange(8, dtype=np.float32))[:, None, None, None]
    assert jod_of_shot(truth, truth, 24.0) == pytest.approx(10.0)
    assert jod_of_shot(truth * gain, truth, 24.0) < jod_of_shot(truth * np.float32(2.0**0.2), truth, 24.0) - 0.1


def test_expandnet_on_shots_is_its_answer_bent_to_smooth_percentiles(data: Path, folder: Path) -> None:
    peers = find_peers(data)
    if peers is None:
        pytest.skip("ExpandNet's released weights are not beside the data")
    from headroom.evaluate.scenes import find_scenes

    shot = SyntheticShot(ShotSpec(find_scenes(folder)[0], "static", 0.15, 4, 48, 32))
    per_frame, smoothed, blended = (run_method(method, shot) for method in expandnet_shot_methods(peers))
    assert per_frame.max() == 1.0
    assert per_frame.min() == 0.0
    tops = np.percentile(smoothed.reshape(4, -1), 99, axis=1)
    assert np.ptp(tops) <= np.ptp(np.percentile(per_frame.reshape(4, -1), 99, axis=1))
    code = shot.code(1002)
    recorded = code.max(-1) < 0.94
    assert (blended[1][recorded] == inverse_response(code, None)[recorded]).all()
