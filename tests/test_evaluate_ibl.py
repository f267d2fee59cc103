"""The light of environment maps, measured where the answer is known on paper."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from command import headroom
from headroom import io
from headroom.errors import UsageError
from headroom.evaluate.ibl.benchmark import evaluate_ibl
from headroom.evaluate.ibl.kinds import SUN, kind_of, stated_kinds
from headroom.evaluate.ibl.light import TrueLight, directions, ibl_errors, key_light, prefiltered
from headroom.evaluate.ibl.report import ALL, IblRecord, IblReport
from headroom.evaluate.methods import BASE, Method, inverse_response
from headroom.metrics.lighting import irradiance, solid_angles

HEIGHT, WIDTH = 128, 256
SKY = 0.2
SUN_RADIANCE = 20_000.0


def toward(azimuth: float, elevation: float) -> np.ndarray:
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])


def sunny(radiance: float = SUN_RADIANCE, azimuth: float = 20.0, elevation: float = 40.0) -> np.ndarray:
    """A grey sphere with one bright cap of about a degree."""
    light = np.full((HEIGHT, WIDTH, 3), SKY, np.float32)
    light[directions(HEIGHT, WIDTH) @ toward(azimuth, elevation) > math.cos(math.radians(1.5))] = radiance
    return light


def sun_share(light: np.ndarray) -> float:
    """Of the flux that lies in pixels of the sun's radiance."""
    energy = light[..., 1].astype(float) * solid_angles(HEIGHT, WIDTH)[:, None]
    return float(energy[light[..., 1] > 1].sum() / energy.sum())


def test_a_perfect_map_has_no_error() -> None:
    found = ibl_errors(sunny(), TrueLight.of(sunny()))
    assert (found.diffuse, found.diffuse_stops, found.glossy_02, found.glossy_05) == (0, 0, 0, 0)
    assert (found.flux, found.sun_energy, found.shadow_stops) == (1, 1, 0)
    assert found.sun_degrees == pytest.approx(0, abs=1e-4)


def test_a_doubled_sun_is_measured() -> None:
    truth = sunny()
    found = ibl_errors(sunny(2 * SUN_RADIANCE), TrueLight.of(truth))
    share = sun_share(truth)
    assert found.flux == pytest.approx(1 + share, rel=1e-5)
    assert found.sun_energy == pytest.approx(2, rel=1e-3)
    alone = irradiance(truth) - irradiance(np.full_like(truth, SKY))
    expected = math.sqrt(np.square(alone).mean() / np.square(irradiance(truth)).mean())
    assert found.diffuse == pytest.approx(expected, rel=1e-4)


def test_half_of_all_light_is_half_of_everything() -> None:
    found = ibl_errors(sunny() / 2, TrueLight.of(sunny()))
    for error in (found.diffuse, found.glossy_02, found.glossy_05, found.flux, found.sun_energy):
        assert error == pytest.approx(0.5, rel=1e-5)
    assert found.diffuse_stops == pytest.approx(1, rel=1e-5)
    assert found.shadow_stops == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("degrees", [3.0, 30.0, 160.0])
def test_a_moved_sun_keeps_its_energy_and_says_how_far_it_went(degrees: float) -> None:
    truth = sunny(azimuth=0, elevation=0)
    found = ibl_errors(sunny(azimuth=degrees, elevation=0), TrueLight.of(truth))
    assert found.sun_degrees == pytest.approx(degrees, abs=0.5)
    assert found.sun_energy == pytest.approx(1, abs=0.05)


def test_without_the_sun_there_is_no_shadow() -> None:
    truth = sunny()
    toward_sun = key_light(truth).direction
    cosine = (directions(HEIGHT, WIDTH) @ toward_sun).clip(0)
    received = truth[..., 1].astype(float) * solid_angles(HEIGHT, WIDTH)[:, None] * cosine
    hidden = directions(HEIGHT, WIDTH) @ toward_sun >= math.cos(math.radians(10))
    depth = math.log2(received.sum() / received[~hidden].sum())
    flat = ibl_errors(np.full_like(truth, SKY), TrueLight.of(truth))
    # A uniform sky loses sin^2(10 degrees) of its irradiance to the blocker.
    assert flat.shadow_stops == pytest.approx(-math.log2(1 - math.sin(math.radians(10)) ** 2) - depth, abs=0.01)


@pytest.mark.parametrize("roughness", [0.2, 0.5])
def test_a_glossy_lobe_keeps_the_level_of_a_uniform_map(roughness: float) -> None:
    assert prefiltered(np.full((HEIGHT, WIDTH, 3), 3.0, np.float32), roughness) == pytest.approx(3.0, rel=1e-5)


def test_a_rougher_lobe_spreads_a_lamp_wider() -> None:
    sharp, rough = (prefiltered(sunny(), r)[:, 1] for r in (0.2, 0.5))
    assert sharp.max() > 3 * rough.max()
    assert (sharp > 2 * SKY).sum() < (rough > 2 * SKY).sum()


def test_the_key_light_is_where_it_was_put_also_at_a_pole_and_across_the_seam() -> None:
    for azimuth, elevation in ((20, 40), (180, 5), (0, 90), (90, -88)):
        found = key_light(sunny(azimuth=azimuth, elevation=elevation))
        assert found.direction @ toward(azimuth, elevation) > math.cos(math.radians(1))


def test_places_are_told_apart() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), SKY, np.float32)
    assert kind_of("noon_grass", grey) == SUN  # by name: a scene of the benchmark
    assert kind_of("old_town_night_02", sunny()) == "night"
    assert kind_of("small_studio", sunny()) == "studio"
    assert kind_of("wine_cellar", sunny()) == "interior"
    assert kind_of("meadow", sunny()) == SUN
    assert kind_of("meadow", grey) == "overcast"


def test_a_manifest_may_state_the_classes(tmp_path: Path) -> None:
    assert stated_kinds(tmp_path) == {}
    items = [{"file": "a.exr", "projection": "latlong", "class": "studio"}, {"file": "b.exr", "projection": "latlong"}]
    (tmp_path / "manifest.json").write_text(json.dumps({"items": items}))
    assert stated_kinds(tmp_path) == {"a": "studio"}
    items[1]["class"] = "space"
    (tmp_path / "manifest.json").write_text(json.dumps({"items": items}))
    with pytest.raises(UsageError, match="space.*b is not one of sun outdoors"):
        stated_kinds(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    io.write(folder / "meadow.exr", sunny(5000.0), depth="float")
    window = np.full((HEIGHT, WIDTH, 3), SKY, np.float32)
    window[50:70, 10:50] = np.linspace(4, 20, 40)[:, None]
    io.write(folder / "dining_room.exr", window, depth="float")
    io.write(folder / "flat.exr", np.full((60, 80, 3), SKY, np.float32), depth="float")
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> IblReport:
    brighter = Method("twice as bright a clip", lambda code, declared, is_jpeg: _doubled(code))
    return evaluate_ibl(folder, [Method("same as clipped", inverse_response), brighter], shares=(0.02,))


def _doubled(code: np.ndarray) -> np.ndarray:
    light = inverse_response(code, None)
    return np.asarray(np.where(code >= 1, 2 * light, light), np.float32)


def test_the_benchmark_measures_panoramas_alone(report: IblReport) -> None:
    assert {record.scene for record in report.records} == {"meadow", "dining_room"}
    assert report.kinds == [SUN, "interior"]


def test_equal_methods_have_equal_rows_and_true_highlights_no_error(report: IblReport) -> None:
    for column in ("diffuse", "glossy_05", "flux", "shadow_stops"):
        same, base = (report.by_scene("srgb", 0.02, name, column) for name in ("same as clipped", BASE))
        assert same == base
    assert report.median("srgb", 0.02, "oracle: true highlights", "diffuse") < 0.01
    twice, base = (
        report.by_scene("srgb", 0.02, name, "diffuse")["meadow"] for name in ("twice as bright a clip", BASE)
    )
    assert twice < base


def test_suns_are_counted_where_there_are_suns(report: IblReport) -> None:
    assert report.sun_hits("srgb", ALL, "oracle: true highlights") == (1, 1)
    assert report.sun_hits("srgb", ALL, BASE) == (0, 1)
    assert all(("sun_energy" in record.values) == (record.kind == SUN) for record in report.records)


def test_json_and_markdown_say_the_same(report: IblReport, tmp_path: Path) -> None:
    json_path, page = report.write(tmp_path / "out")
    again = IblReport.from_dict(json.loads(json_path.read_text()))
    assert again.markdown() == report.markdown() == page.read_text()
    assert "half of the clipped map's" in page.read_text()
    row = next(r for r in json.loads(json_path.read_text())["paired"] if r["class"] == "all")
    assert set(row["better_by"]["diffuse"]) >= {"mean", "low", "high"}


def test_goals_are_judged() -> None:
    def record(method: str, role: str, diffuse: float, sun: float) -> IblRecord:
        return IblRecord("srgb", "a", SUN, 0.05, role, method, {"diffuse": diffuse, "sun_energy": sun})

    def page(ours: float, sun: float) -> str:
        rows = [record("ours", "method", ours, sun), record(BASE, "baseline", 0.8, 0.1)]
        return IblReport([*rows, record("oracle: best constant gain", "oracle", 0.5, 0.3)]).markdown()

    assert "missed" not in page(0.39, 1.9)
    assert page(0.45, 1.9).count("missed") == 1  # more than half of the clipped map's
    assert page(0.9, 2.1).count("missed") == 5


def test_same_names_and_empty_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    twice = [Method("a", inverse_response), Method("a", inverse_response)]
    with pytest.raises(UsageError, match="same name"):
        evaluate_ibl(folder, twice)
    io.write(tmp_path / "still.exr", np.ones((4, 4, 3), np.float32))
    with pytest.raises(UsageError, match="no lat-long"):
        evaluate_ibl(tmp_path, [])


def test_the_command_refuses_what_does_not_go_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = headroom(capsys, "evaluate", folder, "--ibl", "--shots")
    assert said.code == 2
    assert "--ibl" in said.err
