"""Synthetic shots: what they promise about themselves, and measures whose right answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headroom import io
from headroom.errors import PlateError, UsageError
from headroom.evaluate.scenes import Scene, find_scenes
from headroom.evaluate.shots import KINDS, QUICK, ShotMethod, ShotSpec, Size, SyntheticShot, plan_shots
from headroom.evaluate.shots.benchmark import run_method
from headroom.evaluate.shots.expandnet import smooth_in_time
from headroom.evaluate.shots.geometry import Pose, hit, look, pixel_grid, project, turned
from headroom.evaluate.shots.ghosts import swept
from headroom.evaluate.shots.ground import SLOW_LAG, Ground, survey
from headroom.evaluate.shots.methods import inverse
from headroom.evaluate.shots.movers import MOVERS
from headroom.evaluate.shots.score import score_shot

FRAMES = 8
CAMERAS = tuple(kind for kind in KINDS if kind not in MOVERS)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A lat-long with soft lights all around: smooth enough that interpolation says little."""
    folder = tmp_path_factory.mktemp("scenes")
    y, x = np.mgrid[0:128, 0:256]
    light = np.full((128, 256, 3), 0.1)
    rng = np.random.default_rng(7)
    for _ in range(24):
        row, column, stops = rng.uniform(30, 90), rng.uniform(0, 256), rng.uniform(2, 6)
        across = np.minimum(np.abs(x - column), 256 - np.abs(x - column))
        blob = np.exp(-((y - row) ** 2 + across**2) / (2 * rng.uniform(4, 9) ** 2))
        light += (2.0**stops * blob)[..., None] * rng.uniform(0.7, 1.0, 3)
    io.write(folder / "lights.exr", light.astype(np.float32), depth="float")
    return find_scenes(folder)[0]


def made(scene: Scene, kind: str, frames: int = FRAMES, **more: object) -> SyntheticShot:
    return SyntheticShot(ShotSpec(scene, kind, 0.15, frames, 96, 64, **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def grounds(scene: Scene) -> dict[str, Ground]:
    return {kind: survey(made(scene, kind)) for kind in KINDS}


def scored(result: np.ndarray, ground: Ground) -> dict[str, float]:
    return score_shot(result.astype(np.float32), ground)


def test_projection_inverts_looking_from_any_place() -> None:
    pose = Pose(turned(0.7, -0.2, 0.1), np.array([0.1, -0.05, 0.3]), 0.9)
    grid = pixel_grid(24, 32)
    assert project(pose, look(pose, grid, 24, 32), 24, 32) == pytest.approx(grid, abs=1e-9)
    assert np.linalg.norm(hit(pose.place, np.array([[0.3, 0.2, -1.0]])), axis=-1) == pytest.approx(1.0)
    assert np.isnan(project(pose, np.array([-pose.turn[:, 2]]), 24, 32)).all()


@pytest.mark.parametrize("kind", CAMERAS)
def test_following_a_point_and_back_returns(scene: Scene, kind: str) -> None:
    shot = made(scene, kind)
    grid = pixel_grid(64, 96)
    there, seen = shot.follow(1001, 1004, grid)
    back, _ = shot.follow(1004, 1001, there)
    assert seen.mean() > 0.5
    assert back[seen] == pytest.approx(grid[seen], abs=1e-6)
    if kind not in ("static", "ramp"):
        assert np.abs(there - grid)[seen].max() > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_carried_along_its_motion_is_the_truth(grounds: dict[str, Ground], kind: str) -> None:
    """Change of exposure apart; with everything that moves, whatever carries it."""
    ground = grounds[kind]
    errors = np.concatenate([pair.truth_change - pair.exposure_change for pair in ground.ways])
    assert errors.size > 1000
    assert np.sqrt(np.mean(errors**2)) < 0.03
    inside = sum(int((a & b).sum()) for a, b in zip(ground.clipped, ground.clipped[1:], strict=False))
    assert errors.size > 0.6 * inside, "the ways cover most of what is clipped"


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_result_has_no_excess_and_no_ghost(grounds: dict[str, Ground], kind: str) -> None:
    ground = grounds[kind]
    found = scored(ground.truth, ground)
    for name in ("excess", "excess_slow", "excess_fixed", "outside_excess", "clip_rmse", "outside_rmse"):
        assert found[name] == pytest.approx(0.0, abs=1e-5), name
    if kind in MOVERS:
        assert found["ghost_clip"] == pytest.approx(0.0, abs=1e-5)


def test_a_steady_gain_is_no_change_and_is_seen_as_a_bias(grounds: dict[str, Ground]) -> None:
    ground = grounds["pan"]
    inside = ground.clipped[..., None]
    found = scored(np.where(inside, ground.truth * 2.0**0.7, ground.truth), ground)
    assert found["excess"] == pytest.approx(0.0, abs=1e-5)
    # A clipped pixel's unclipped channels are raised too, and are outside by the still benchmark's count.
    assert found["clip_bias"] == pytest.approx(0.7, abs=1e-5)


@pytest.mark.parametrize("kind", ["static", "dolly", "lamp"])
def test_flicker_is_measured_as_its_amplitude(grounds: dict[str, Ground], kind: str) -> None:
    ground = grounds[kind]
    flicker = 0.1 * (-1.0) ** np.arange(FRAMES)[:, None, None, None]
    found = scored(np.where(ground.clipped[..., None], ground.truth * 2.0**flicker, ground.truth), ground)
    assert found["excess"] == pytest.approx(0.2, rel=1e-3)
    assert found["excess_slow"] == pytest.approx(0.0, abs=1e-5), "it is back after an even number of frames"
    assert found["outside_excess"] == pytest.approx(0.0, abs=1e-5)


def test_slow_drift_shows_over_several_frames(grounds: dict[str, Ground]) -> None:
    ground = grounds["handheld"]
    drift = 0.02 * np.arange(FRAMES)[:, None, None, None]
    found = scored(np.where(ground.clipped[..., None], ground.truth * 2.0**drift, ground.truth), ground)
    assert found["excess"] == pytest.approx(0.02, rel=1e-3)
    assert found["excess_slow"] == pytest.approx(0.02 * SLOW_LAG, rel=1e-3)


def test_a_shot_has_one_scale_so_that_pumping_is_not_aligned_away(grounds: dict[str, Ground]) -> None:
    ground = grounds["static"]
    pumping = 2.0 ** (0.15 * (-1.0) ** np.arange(FRAMES)[:, None, None, None])
    found = scored(ground.truth * pumping, ground)
    assert found["excess"] == pytest.approx(0.3, rel=1e-3)
    assert found["outside_excess"] == pytest.approx(0.3, rel=1e-3)


def test_holding_still_loses_where_the_truth_changes(grounds: dict[str, Ground]) -> None:
    """Under a change of exposure a plate's clipped pixels stay at 1: steadier than the truth, and that is an error."""
    ground = grounds["ramp"]
    still = scored(np.minimum(ground.truth, 1.0), ground)
    steps = np.array([pair.exposure_change for pair in ground.ways])
    counts = np.array([pair.truth_change.size for pair in ground.ways])
    assert still["excess"] == pytest.approx(np.sqrt((steps**2 * counts).sum() / counts.sum()), rel=0.2)
    assert still["warping"] == pytest.approx(still["excess"], rel=0.2)


def test_smoothing_in_time_without_motion_is_no_win(grounds: dict[str, Ground]) -> None:
    ground = grounds["pan"]
    padded = np.concatenate([ground.truth[:1], ground.truth, ground.truth[-1:]])
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    found = scored(smooth, ground)
    assert found["clip_rmse"] > 0.05
    assert found["excess"] > 0.01


@pytest.mark.parametrize("kind", ["lamp", "blink"])
def test_a_trail_is_a_ghost_and_light_left_behind_is_too_bright(grounds: dict[str, Ground], kind: str) -> None:
    ground = grounds[kind]
    for step in (1, -1):
        ghostly = ground.truth.copy()
        neighbour = ghostly[:-1].copy() if step == 1 else ghostly[1:].copy()
        part = ghostly[1:] if step == 1 else ghostly[:-1]
        np.maximum(part, neighbour, out=part)
        found = scored(ghostly, ground)
        assert found["ghost_clip"] > 0.2, "behind it and ahead of it"
        assert found["ghost_bias"] > 0.02
    still = scored(grounds["static"].truth, grounds["static"])
    assert np.isnan(still["ghost_clip"]), "nothing moves on its own there"


def test_swept_pixels_are_those_just_left_or_soon_entered() -> None:
    covered = np.zeros((12, 1, 3), np.float32)
    covered[4:6, 0, 1] = 1.0
    covered[:, 0, 2] = 0.5
    around, inside = swept(covered)
    assert around[:, 0, 1].tolist() == [False] + [True] * 3 + [False] * 2 + [True] * 3 + [False] * 3
    assert inside[:, 0, 1].tolist() == [False] * 4 + [True] * 2 + [False] * 6
    assert not around[:, 0, 0].any()
    assert not (around | inside)[:, 0, 2].any()


def test_points_on_a_mover_go_with_it_and_what_it_hides_is_not_seen(grounds: dict[str, Ground]) -> None:
    shot = grounds["lamp"].shot
    assert shot.mover is not None
    centre, later = shot.mover.centres[3], shot.mover.centres[5]
    there, seen = shot.follow(1004, 1006, np.stack([centre, later])[None])
    assert seen[0].tolist() == [True, False], "the lamp stands where the second point's background was"
    assert there[0, 0] == pytest.approx(later)


def test_a_shot_is_the_same_each_time_and_its_noise_is_not(scene: Scene) -> None:
    one, two = made(scene, "static"), made(scene, "static")
    for frame in (1008, 1001):
        assert (one.read(frame).codes == two.read(frame).codes).all()
        assert one.identity(frame) == two.identity(frame)
    assert (one.truth(1001) == one.truth(1002)).all()
    assert (one.code(1001) != one.code(1002)).mean() > 0.1
    assert one.read(1003).frame == 1003
    with pytest.raises(PlateError, match=r"frame 1009 is not in 1001-1008"):
        one.read(1009)


@pytest.mark.parametrize("kind", ["pan", "zoom", "ramp"])
def test_the_stated_share_clips(grounds: dict[str, Ground], kind: str) -> None:
    assert grounds[kind].clipped.mean() == pytest.approx(0.15, abs=0.05)


def test_exposure_ramps_by_more_than_a_stop_and_smoothly(grounds: dict[str, Ground]) -> None:
    ev = grounds["ramp"].shot.ev_stops
    assert np.ptp(ev) > 0.9
    assert np.abs(np.diff(ev)).max() < 0.5


def test_jpeg_plates_say_so(scene: Scene) -> None:
    plate = made(scene, "static", frames=2, jpeg_quality=90).read(1001)
    assert plate.is_jpeg
    assert plate.codes.dtype == np.uint8


def test_a_still_is_a_scene_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    light = np.exp(rng.normal(-1.0, 1.0, (12, 16, 1))) * np.ones((1, 1, 3))
    light = light.repeat(8, 0).repeat(8, 1)
    io.write(tmp_path / "window.exr", light.astype(np.float32), depth="float")
    scene = find_scenes(tmp_path)[0]
    assert not scene.is_latlong
    shot = made(scene, "pan", frames=3)
    assert shot.truth(1003).shape == (64, 96, 3)
    assert 0.05 < (shot.truth(1002).max(-1) >= 1).mean() < 0.3


def test_doing_nothing_is_steady_and_too_dark(grounds: dict[str, Ground]) -> None:
    ground = grounds["zoom"]
    found = scored(run_method(ShotMethod("nothing", inverse), ground.shot), ground)
    assert found["excess"] < 0.05
    assert found["clip_bias"] < -0.3


def test_a_plan_takes_every_kind_and_both_shares() -> None:
    scenes = [Scene(f"s{i:02d}", Path(f"s{i:02d}.exr"), "latlong") for i in range(16)]
    specs = plan_shots(scenes)
    assert len(specs) == 32
    assert {spec.kind for spec in specs} == set(KINDS)
    assert {spec.share for spec in specs} == {0.05, 0.15}
    assert len({spec.seed for spec in specs}) == 32
    assert 6 <= sum(spec.jpeg_quality is not None for spec in specs) <= 10
    counts = [sum(spec.kind == kind for spec in specs) for kind in KINDS]
    assert min(counts) >= 2
    assert len(plan_shots(scenes, size=QUICK)) == 10
    assert {spec.kind for spec in plan_shots(scenes, kinds=("lamp",))} == {"lamp"}
    assert len(plan_shots(scenes, kinds=("lamp",), shares=(0.1,))) == 16, "none twice"
    with pytest.raises(UsageError, match="somersault"):
        plan_shots(scenes, kinds=("somersault",))
    with pytest.raises(UsageError, match="2 frames"):
        plan_shots(scenes, size=Size(frames=1))


def test_percentiles_are_smoothed_over_the_shot_and_not_shifted() -> None:
    constant = np.full((5, 2), 3.0)
    assert smooth_in_time(constant) == pytest.approx(constant)
    bump = np.zeros((61, 1))
    bump[30] = 1.0
    smooth = smooth_in_time(bump)[:, 0]
    assert smooth.argmax() == 30
    assert smooth.sum() == pytest.approx(1.0)
    assert smooth == pytest.approx(smooth[::-1])
    assert smooth_in_time(np.ones((1, 3))) == pytest.approx(1.0)
