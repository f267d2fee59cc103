"""Scenes and virtual photographs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headroom import io
from headroom.errors import PlateError, UsageError
from headroom.evaluate.exposures import RESPONSES, SHARES, Case, expose, response_named
from headroom.evaluate.scenes import find_scenes, load_scene
from headroom.evaluate.suites import SUITES, cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    for name, size in (("dusk", (32, 64)), ("desk", (40, 50))):
        pixels = np.exp(rng.normal(-1.0, 1.6, (*size, 1))) * rng.uniform(0.8, 1.2, (*size, 3))
        io.write(tmp_path / f"{name}.exr", pixels.astype(np.float32), depth="float")
    return tmp_path


def test_projection_is_by_shape_or_as_the_manifest_says(folder: Path) -> None:
    assert {scene.name: scene.projection for scene in find_scenes(folder)} == {
        "dusk": "latlong",
        "desk": "perspective",
    }
    items = [{"file": "dusk.exr", "projection": "perspective"}]
    (folder / "manifest.json").write_text(json.dumps({"items": items}))
    assert not any(scene.is_latlong for scene in find_scenes(folder))


def test_a_folder_without_scenes_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no HDR images"):
        find_scenes(tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        find_scenes(tmp_path / "missing")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="not a manifest"):
        find_scenes(tmp_path)


def test_a_black_scene_is_refused(tmp_path: Path) -> None:
    io.write(tmp_path / "black.exr", np.zeros((8, 16, 3), np.float32))
    with pytest.raises(PlateError, match="nothing in this image"):
        load_scene(tmp_path / "black.exr")


@pytest.mark.parametrize("share", SHARES)
def test_the_share_of_clipped_pixels_is_the_one_asked_for(folder: Path, share: float) -> None:
    for scene in find_scenes(folder):
        exposure = expose(Case(scene, share))
        clipped = (exposure.truth >= 1.0).any(axis=-1)
        assert clipped.mean() == pytest.approx(share, abs=1.5 / clipped.size)
        assert (exposure.code[exposure.truth >= 1.0] == 1.0).all()


def test_codes_are_eight_bit(folder: Path) -> None:
    exposure = expose(Case(find_scenes(folder)[0], 0.05))
    steps = exposure.code * 255.0
    assert np.abs(steps - np.rint(steps)).max() < 1e-4


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_rise_and_their_inverse_is_one(name: str) -> None:
    response = response_named(name)
    light = np.linspace(0, 1, 257, dtype=np.float32)
    code = response.forward(light)
    assert (np.diff(code) > 0).all()
    assert np.abs(response.inverse(code) - light).max() < 2e-3


def test_the_five_draws_are_fixed_and_differ() -> None:
    grey = np.array([0.18], np.float32)
    codes = [float(response_named(name).forward(grey)[0]) for name in RESPONSES if name.startswith("emor")]
    assert len({round(code, 4) for code in codes}) == 5


def test_an_unknown_response_and_suite_list_what_there_is(folder: Path) -> None:
    with pytest.raises(UsageError, match="sigmoid"):
        response_named("film")
    with pytest.raises(UsageError, match="mixed-unknown"):
        cases(find_scenes(folder), SHARES, "film")


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_shows_every_scene_at_every_share(folder: Path, suite: str) -> None:
    scenes = find_scenes(folder)
    plan = cases(scenes, SHARES, suite)
    assert {(case.scene.name, case.share) for case in plan} == {(s.name, share) for s in scenes for share in SHARES}
    declared = {case.declared for case in plan if case.declared != case.response}
    assert declared == ({"srgb"} if "unknown" in suite else set())


def test_noise_and_jpeg_change_the_plate_the_same_way_each_time(folder: Path) -> None:
    scene = find_scenes(folder)[0]
    plain = expose(Case(scene, 0.05)).code
    for suite in ("srgb-noise", "srgb-jpeg"):
        case = cases([scene], [0.05], suite)[0]
        assert (expose(case).code == expose(case).code).all()
        assert (expose(case).code != plain).any()
