"""What the generator of training views does outside Blender: its plans, its light, its lens, its files."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import render_views  # noqa: E402
from views.files import Manifest, ManifestError, find_skies, write_exr  # noqa: E402
from views.lens import Lens, with_glare  # noqa: E402
from views.light import (  # noqa: E402
    SUN_DEGREES,
    air_mass,
    blackbody,
    disc_luminance,
    sky_klx,
    sphere_luminance,
    sun_colour,
    sun_klx,
    sun_luminance,
)
from views.picture import HALF_MAX, balanced, facts_of, rescaled  # noqa: E402
from views.plan import held_out, plan  # noqa: E402

SKIES = ["a.exr", "b.exr", "c.exr"]


def described(number: int, seed: int = 1) -> dict[str, Any]:
    return plan(seed, number, SKIES, SKIES[:2], (512, 384))


def test_a_seed_gives_the_same_bytes_and_every_view_another_place() -> None:
    texts = [json.dumps(described(number), sort_keys=True) for number in range(40)]
    assert texts == [json.dumps(described(number), sort_keys=True) for number in range(40)]
    assert len(set(texts)) == 40
    assert json.dumps(described(3, seed=2), sort_keys=True) != texts[3]
    # The same on every machine: nothing here may hang on a Python's or a library's version.
    first = described(0)
    assert (first["kind"], first["hour"], first["sky"]["file"], first["sky"]["turn"]) == PINNED


PINNED = ("street", "night", "a.exr", 181.425)


def test_plans_hold_together() -> None:
    kinds, hours, suns = set(), set(), 0
    for number in range(120):
        view = described(number)
        kinds.add(view["kind"])
        hours.add(view["hour"])
        assert len(view["things"]) >= 4
        for thing in view["things"]:
            assert 0 <= thing["material"] < len(view["materials"])
            assert min(thing["size"]) > 0
            assert all(math.isfinite(v) for v in (*thing["at"], *thing["size"]))
        for material in view["materials"]:
            if material["kind"] == "surface":
                assert all(0 < channel <= 0.95 for colour in material["colours"] for channel in colour)
        assert view["sky"]["klx"] > 0
        assert view["sky"]["file"] in SKIES[: 3 if view["hour"] == "panorama" else 2]
        if view["sky"]["sun"]:
            suns += 1
            assert view["hour"] == "day"
            assert 0 < view["sky"]["sun"]["klx"] < 134
        assert view["lens"]["bloom"] + view["lens"]["veil"] < 0.1
    assert kinds == {"room", "street", "table"}
    assert hours == {"day", "dusk", "night", "panorama"}
    assert suns > 20
    assert [number for number in range(20) if held_out(number)] == [7, 15]
    assert {plan(1, number, SKIES, [], (64, 64))["hour"] for number in range(9)} == {"panorama"}


def test_sun_and_sky_are_those_of_daylight() -> None:
    assert air_mass(90) == pytest.approx(1, abs=1e-3)
    assert air_mass(30) == pytest.approx(1.994, abs=0.005)
    assert 30 < air_mass(0.0) < 40
    assert 100 < sun_klx(60, "clear") < 110  # a clear summer's noon: about 100 klx
    assert sun_klx(60, "overcast") == 0 == sun_klx(-1, "clear")
    assert 10 < sky_klx(60, "clear") < 20 < sky_klx(60, "partly cloudy") < 50
    assert sun_luminance(100) == pytest.approx(1.5e6, rel=0.05)  # kcd/m2
    disc = 2 * math.pi * (1 - math.cos(math.radians(SUN_DEGREES / 2)))
    assert sun_luminance(100) * disc == pytest.approx(100)
    low, high = sun_colour(3), sun_colour(60)
    assert low[0] / low[2] > 3 > high[0] / high[2] > 1


def test_lamps_are_as_bright_as_their_lumens() -> None:
    # 800 lm out of a bulb of 6 cm: pi times luminance times its surface.
    assert sphere_luminance(800, 0.03) * 1000 * math.pi * 4 * math.pi * 0.03**2 == pytest.approx(800)
    assert disc_luminance(3600, 0.36) * 1000 == pytest.approx(3183, rel=1e-3)
    for kelvin in (2000, 2700, 4000, 6500):
        colour = blackbody(kelvin)
        assert np.dot(colour, (0.2126, 0.7152, 0.0722)) == pytest.approx(1)
    assert blackbody(6500) == pytest.approx((1, 1, 1), abs=0.06)
    ratios = [blackbody(kelvin)[0] / blackbody(kelvin)[2] for kelvin in (2200, 2700, 4000, 6500)]
    assert ratios == sorted(ratios, reverse=True)


@pytest.mark.parametrize("at", [(20, 30), (0, 0), (47, 63)])
def test_a_lens_moves_light_and_keeps_it(at: tuple[int, int]) -> None:
    light = np.full((48, 64, 3), 0.1, np.float32)
    light[at] = (5e4, 2e4, 1e4)
    lens = Lens(bloom=0.04, core=0.004, exponent=1.4, veil=0.01)
    seen = with_glare(light, lens)
    np.testing.assert_allclose(seen.sum((0, 1), np.float64), light.sum((0, 1), np.float64), rtol=1e-6)
    assert seen.min() >= 0.095 * 0.99
    assert 0.95 * 5e4 <= seen[at][0] < 5e4
    plain = with_glare(np.full((9, 14, 3), 2, np.float32), lens)
    np.testing.assert_allclose(plain, 2, rtol=1e-6)  # what is even stays as it is


def test_bloom_falls_off_as_stated() -> None:
    light = np.zeros((257, 257, 3), np.float32)
    light[128, 128] = 1e6
    lens = Lens(bloom=0.05, core=2 / 257, exponent=1.5, veil=0.0)
    seen = with_glare(light, lens)[128, 128:, 0]
    stated = ((1 + (10 / 2) ** 2) / (1 + (30 / 2) ** 2)) ** 1.5
    assert seen[30] / seen[10] == pytest.approx(stated, rel=0.03)


def test_the_scale_fits_half_floats_where_it_can() -> None:
    light = np.full((20, 20, 3), 4, np.float32)
    light[0, 0] = 1e4
    scaled, factor = rescaled(light)
    assert np.median(scaled) == pytest.approx(0.18)
    assert factor == pytest.approx(0.18 / 4)
    light[0, 0] = 6e6  # 270000 at a median of 0.18
    scaled, _ = rescaled(light)
    assert scaled.max() == pytest.approx(HALF_MAX, rel=1e-5)
    light[0, 0] = 1e9
    scaled, factor = rescaled(light)
    assert np.median(scaled) == pytest.approx(0.01)
    assert scaled.max() == pytest.approx(1e9 * factor)  # not cut
    facts = facts_of(scaled)
    assert facts["max"] == pytest.approx(2.5e6)


def test_balance_takes_a_lamps_colour_away_by_its_share() -> None:
    rng = np.random.default_rng(1)
    light = rng.uniform(0.5, 1, (40, 40, 1)).astype(np.float32) * np.array([2, 1, 0.3], np.float32)
    for share, left in ((1.0, 1.0), (0.5, (2 / 0.3) ** 0.5), (0.0, 2 / 0.3)):
        seen = balanced(light, share)
        assert seen[..., 0].mean() / seen[..., 2].mean() == pytest.approx(left, rel=0.02)


def skies(folder: Path, **more: Any) -> Path:
    folder.mkdir()
    for name in ("a.exr", "b.exr"):
        write_exr(folder / name, np.ones((4, 8, 3), np.float32))
    items = [
        {"file": "b.exr", "projection": "latlong", "licence": "CC0-1.0"},
        {"file": "a.exr", "projection": "still", "licence": "CC0-1.0"},
        {"file": "gone.exr", "projection": "latlong", "licence": "CC0-1.0"},
    ]
    (folder / "manifest.json").write_text(json.dumps({"items": items, **more}))
    return folder


def test_skies_are_the_folders_panoramas_and_never_validations(tmp_path: Path) -> None:
    assert [sky.file.name for sky in find_skies(skies(tmp_path / "train", split="train"))] == ["b.exr"]
    with pytest.raises(ManifestError, match="kept for validation"):
        find_skies(skies(tmp_path / "validation", split="validation"))
    with pytest.raises(ManifestError, match="not there"):
        find_skies(tmp_path)


def test_a_folder_of_views_goes_on_and_is_told_apart(tmp_path: Path) -> None:
    from headroom.train.scenes import load

    choices = {"seed": 1, "samples": 8}
    manifest = Manifest.open(tmp_path, choices, "test")
    bright = np.full((70, 90, 3), 0.5, np.float32)
    bright[0, 0] = 2 * HALF_MAX
    write_exr(tmp_path / "view-1-00000.exr", bright)
    manifest.add({"file": "view-1-00000.exr", "projection": "still"})
    (tmp_path / "view-1-00001.exr.partial").write_bytes(b"cut off")
    again = Manifest.open(tmp_path, choices, "test")
    assert again.has("view-1-00000.exr")
    assert not again.has("view-1-00001.exr")
    assert not list(tmp_path.glob("*.partial"))
    with pytest.raises(ManifestError, match="begun with other samples"):
        Manifest.open(tmp_path, {"seed": 1, "samples": 9}, "test")
    (scene,) = load(tmp_path)
    assert not scene.latlong
    assert float(scene.pixels.max()) == HALF_MAX  # 32 bits in the file, cut in training


@pytest.mark.parametrize("wrong", ["--size 8x8", "--size 5", "--size 64x64..32x32", "--count 0", "--seed x"])
def test_wrong_usage_is_one_line(wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        render_views._parse(["--skies", str(tmp_path), "--out", str(tmp_path), *wrong.split()])
    assert ended.value.code == 2
    assert wrong.split()[0] in capsys.readouterr().err.splitlines()[-1]
