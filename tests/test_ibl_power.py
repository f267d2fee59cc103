"""Powers of a panorama's lights: where they may change it, that they keep what they say, and how they are learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from headroom import weights
from headroom.errors import UsageError
from headroom.metrics.lighting import irradiance, solid_angles
from headroom.metrics.linear import luminance
from headroom.networks.light_power import (
    LIKELY_BELOW,
    LIKELY_STEP,
    Config,
    LightPower,
    Prediction,
    strength_of,
    sun_strengths,
)
from headroom.panorama.clip_features import REGION_FEATURES, SCENE_FEATURES, above_log2, features
from headroom.panorama.clip_regions import VIEW_COLUMNS, VIEW_ROWS, ClipRegions, PowerView
from headroom.panorama.power import predict_power
from headroom.panorama.sphere import directions
from headroom.panorama.sun_disc import compact, disc_fits, disc_pixels, split_sun, sun_in
from headroom.train.light_power import LIGHT_RECIPES, Views, fit, measure, train_lights
from headroom.train.light_views import LightView, Photography
from headroom.train.publish_lights import publish_lights
from headroom.train.scenes import HdrScene

HEIGHT, WIDTH = 256, 512


def panorama(height: int = HEIGHT, width: int = WIDTH, *, column: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A sky over a ground with a reconstructed sun, and a lamp below: (H, W, 3) and mask."""
    toward = directions(height, width)
    up = toward[..., 1]
    light = np.where(up[..., None] > 0, [0.3, 0.4, 0.6], [0.2, 0.18, 0.15]).astype(np.float32)
    mask = np.zeros((height, width), np.float32)
    for place, elevation, radius, stops in ((column, 50, 6.0, 9.0), (column + 0.4, -10, 3.0, 3.0)):
        angle, rise = (0.5 - place) * 2 * np.pi, np.radians(elevation)
        centre = np.array([np.cos(rise) * np.sin(angle), np.sin(rise), np.cos(rise) * np.cos(angle)])
        away = np.degrees(np.arccos((toward @ centre).clip(-1, 1)))
        depth = (1 - away / radius).clip(0).astype(np.float32)
        inside = depth > 0
        mask[inside] = (4 * depth[inside]).clip(0, 1)
        light[inside] = np.exp2(stops * depth[inside])[:, None] * np.float32([1.0, 0.98, 0.95])
    return light, mask


@pytest.fixture(scope="module")
def changed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    light, mask = panorama()
    return light, mask, predict_power(light, mask).apply(light, mask)


def test_recorded_pixels_stay_as_they_are_to_the_bit(changed: tuple[np.ndarray, ...]) -> None:
    light, mask, out = changed
    assert np.array_equal(out[mask == 0], light[mask == 0])
    assert not np.array_equal(out[mask > 0], light[mask > 0])
    assert np.isfinite(out).all()


def test_the_map_holds_the_power_that_is_said(changed: tuple[np.ndarray, ...]) -> None:
    light, mask, out = changed
    powers = predict_power(light, mask)
    energy = luminance(out.astype(np.float64)) * solid_angles(HEIGHT, WIDTH)[:, None]
    before = luminance(light.astype(np.float64)) * solid_angles(HEIGHT, WIDTH)[:, None]
    grown = energy.sum() - before.sum()
    said = sum(region.predicted - region.reconstructed for region in powers.regions)
    assert grown == pytest.approx(said, rel=5e-3)  # cells of 1.4 degrees
    assert len(powers.regions) == 2
    assert powers.regions[0].direction[1] == pytest.approx(np.sin(np.radians(50)), abs=0.02)
    assert all(region.spread_stops > 0 for region in powers.regions)


def test_more_gain_never_comes_out_darker_and_the_rim_has_no_step(changed: tuple[np.ndarray, ...]) -> None:
    light, mask, _ = changed
    powers = predict_power(light, mask)
    assert powers.disc is not None
    out = replace(powers, disc=None).apply(light, mask)
    sun = (mask > 0) & (directions(HEIGHT, WIDTH)[..., 1] > 0)
    order = np.argsort(light[sun][:, 1])
    assert (np.diff(out[sun][order][:, 1].astype(np.float64)) >= -1e-4 * out[sun][order][1:, 1]).all()
    faint = sun & (light[..., 1] < 1.02)
    assert faint.any()
    assert (out[faint] < 1.5).all()


def test_bands_give_the_same_bits_as_the_whole(changed: tuple[np.ndarray, ...]) -> None:
    light, mask, whole = changed
    view = PowerView(HEIGHT, WIDTH)
    for y0, y1 in ((100, HEIGHT), (0, 37), (37, 100)):
        view.add(light[y0:y1], mask[y0:y1], y0)
    powers = predict_power(view.done(), height=HEIGHT, width=WIDTH)
    bands = [powers.apply(light[y0:y1], mask[y0:y1], y0) for y0, y1 in ((0, 11), (11, 200), (200, HEIGHT))]
    assert np.concatenate(bands) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("turn", [2, 131, WIDTH // 2 + 1])
def test_turning_the_panorama_turns_the_result(changed: tuple[np.ndarray, ...], turn: int) -> None:
    light, mask, out = changed
    light, mask = np.roll(light, turn, 1), np.roll(mask, turn, 1)
    again = np.roll(predict_power(light, mask).apply(light, mask), -turn, 1)
    # Whole cells of the view: the same numbers; in between the cells' means differ a little.
    tolerance = 1e-5 if turn % (WIDTH // VIEW_COLUMNS) == 0 else 0.05
    assert irradiance(again) == pytest.approx(irradiance(out), rel=tolerance)


def test_left_and_right_do_not_matter(changed: tuple[np.ndarray, ...]) -> None:
    light, mask, out = changed
    again = predict_power(light[:, ::-1], mask[:, ::-1]).apply(np.ascontiguousarray(light[:, ::-1]), mask[:, ::-1])
    assert again[:, ::-1] == pytest.approx(out, rel=1e-4)


def test_a_light_across_the_seam_or_over_the_pole_is_one_region() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[100:110, :6] = mask[100:110, -6:] = 1.0
    mask[:4, 10:20] = mask[:4, 200:210] = 1.0
    light = np.where(mask[..., None] > 0, np.float32(4), np.float32(0.2)) * np.ones(3, np.float32)
    assert ClipRegions.of(PowerView.of(light, mask)).count == 2


def test_where_nothing_clipped_nothing_changes() -> None:
    light = np.full((64, 128, 3), 0.4, np.float32)
    powers = predict_power(light, np.zeros((64, 128), np.float32))
    assert powers.regions == ()
    assert np.array_equal(powers.apply(light, np.zeros((64, 128), np.float32)), light)


@pytest.mark.parametrize(("height", "width"), [(1, 2), (3, 6), (100, 200), (300, 600)])
def test_any_size(height: int, width: int) -> None:
    light, mask = np.full((height, width, 3), 3.0, np.float32), np.ones((height, width), np.float32)
    out = predict_power(light, mask).apply(light, mask)
    assert out.shape == light.shape
    assert (out >= 1).all()


def test_the_clip_level_scales_everything() -> None:
    light, mask = panorama()
    half = predict_power(light / 2, mask, level=0.5)
    whole = predict_power(light, mask)
    assert half.apply(light / 2, mask) * 2 == pytest.approx(whole.apply(light, mask), rel=1e-4)
    assert half.regions[0].predicted * 2 == pytest.approx(whole.regions[0].predicted, rel=1e-4)


def test_numbers_hardly_depend_on_the_size() -> None:
    small, large = (
        features(ClipRegions.of(PowerView.of(*panorama(height, 2 * height))))
        for height in (VIEW_ROWS * 2, VIEW_ROWS * 4)
    )
    assert large.scene == pytest.approx(small.scene, abs=0.1)
    near = np.abs(large.region[0] - small.region[0])
    assert dict(zip(REGION_FEATURES, near, strict=True)) == pytest.approx(dict.fromkeys(REGION_FEATURES, 0), abs=0.6)
    assert len(small.scene) == len(SCENE_FEATURES)


def test_wild_numbers_give_bounded_answers() -> None:
    network = LightPower().eval()
    region, scene = torch.full((3, 25), 1e6), torch.full((1, 30), -1e6)
    with torch.inference_mode():
        found = network(region, scene, torch.zeros(3, dtype=torch.long))
    assert (found.scale_log2.abs() <= 3).all()
    assert ((found.extra_log2 >= -12.01) & (found.extra_log2 <= 6.01)).all()
    light = torch.exp2(found.colour_log2) @ torch.tensor([0.2126, 0.7152, 0.0722])
    assert light == pytest.approx(1, abs=1e-5)


def test_a_model_for_other_work_is_refused() -> None:
    light, mask = panorama(64, 128)
    with pytest.raises(UsageError, match="headroom-1.*does other work"):
        predict_power(light, mask, model="headroom-1")
    with pytest.raises(UsageError, match="headroom-ibl-1.*does other work"):
        weights.load("headroom-ibl-1")
    assert "headroom-ibl-1" not in weights.names(weights.PLATES)
    assert "headroom-ibl-1" in weights.names()


def scene(name: str, radiance: float) -> HdrScene:
    light, mask = panorama(64, 128)
    light[mask > 0.9] *= radiance
    return HdrScene(name, torch.from_numpy(light.transpose(2, 0, 1).copy()).half(), True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("run")
    return folder, train_lights(tiny(), [scene("a", 3.0), scene("b", 20.0)], [scene("c", 8.0)], folder)


def tiny() -> object:
    recipe = LIGHT_RECIPES["headroom-ibl-1"]()
    photography = Photography(half_size=0.0, clipped_share=(0.01, 0.02))
    return replace(
        recipe, views_each=2, members=2, steps=8, batch=4, width=8, suns=2, sun_width=8, sun_steps=8,
        likely_suns=2, likely_sun_steps=8, photography=photography,
    )  # fmt: skip


def test_a_run_goes_on_where_it_stopped(run: tuple[Path, Path]) -> None:
    folder, path = run
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.npz")}
    assert len(before) == 6
    first = load_file(path)
    (folder / "member-1.safetensors").unlink()
    assert train_lights(tiny(), [scene("a", 3.0), scene("b", 20.0)], [scene("c", 8.0)], folder) == path  # type: ignore[arg-type]
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.npz")} == before
    again = load_file(path)
    assert all(torch.equal(again[key], first[key]) for key in first)


def test_a_run_becomes_a_model(run: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"items": [{"file": "a.exr", "projection": "latlong", "licence": "CC0-1.0"}]}')
    folder = tmp_path / "models" / "mine"
    card = publish_lights(run[1], folder, version="0.0.1", hardware="none", manifest=manifest)
    assert card.facts["training_scenes"] == {"CC0-1.0": ["a"]}
    assert weights.load(folder, network=weights.LIGHTS).module.config == Config(
        width=8, members=2, suns=2, sun_width=8, likely_suns=2
    )
    light, mask = panorama(64, 128)
    assert np.isfinite(predict_power(light, mask, model=folder).apply(light, mask)).all()


def test_likely_suns_are_learnt_beside_dull_places_under_drawn_skies(tmp_path: Path) -> None:
    assert LIGHT_RECIPES["headroom-ibl-1-suns"]().sunny_places > 2
    recipe = replace(tiny(), sunny_places=2, sunny_photography=Photography(half_size=0.0, clipped_share=(0.05, 0.1)))
    scenes = [scene("arboretum", 3.0), scene("b", 20.0)]
    with_places = load_file(train_lights(recipe, scenes, [], tmp_path / "with"))
    assert len(list((tmp_path / "with" / "suns").glob("*.npz"))) == 4
    without = load_file(train_lights(replace(recipe, sunny_places=0), scenes, [], tmp_path / "without"))
    assert all(torch.equal(with_places[key], without[key]) for key in without if key.startswith("members"))
    assert not torch.equal(with_places["sun_mean"], without["sun_mean"])


def test_the_strength_taken_has_so_much_of_the_likelihood_below_it() -> None:
    strengths = sun_strengths()
    sure = torch.eye(len(strengths))
    assert strength_of(sure).numpy() == pytest.approx(strengths.numpy() + (LIKELY_BELOW - 0.5) * LIKELY_STEP)
    rng = np.random.default_rng(2)
    likely = torch.from_numpy(rng.dirichlet(np.ones(len(strengths)), 5).astype(np.float32))
    for shares, taken in zip(likely, strength_of(likely), strict=True):
        assert np.interp(taken, strengths + LIKELY_STEP / 2, shares.cumsum(0)) == pytest.approx(LIKELY_BELOW, abs=1e-4)


def test_the_sun_is_the_mean_of_both_ways_and_models_may_have_but_one() -> None:
    torch.manual_seed(4)
    both = LightPower(Config(suns=1, likely_suns=1)).eval()
    alone = LightPower(Config(suns=1)).eval()
    assert alone.load_state_dict(both.state_dict(), strict=False).missing_keys == []
    seen = torch.randn(5, 25), torch.randn(1, 30), torch.zeros(5, dtype=torch.long), torch.randn(5, 4)
    with torch.no_grad():
        likely = both.likely_suns[0](both.scaled_sun(torch.cat([seen[0], seen[1][seen[2]], seen[3]], 1))).softmax(1)
        assert both.sun_log2(*seen).numpy() == pytest.approx((alone.sun_log2(*seen) + strength_of(likely)).numpy() / 2)


def test_relighting_with_true_powers_is_the_true_light() -> None:
    light, mask = panorama()
    truth = light.astype(np.float64)
    view = PowerView.of(light, mask)
    photograph = LightView.of(view, view.clipped + view.extra, 0.05)
    views = Views.of([photograph])
    count = len(photograph.region)
    as_is = Prediction(torch.zeros(count), torch.full((count,), -torch.inf), torch.zeros(count, 3), torch.zeros(count))
    for kernel in ("diffuse", "glossy"):
        assert views.relit(as_is, kernel)[0].numpy() == pytest.approx(
            views.per_view[f"{kernel}_true"][0].numpy(), rel=1e-4
        )
    assert views.power(as_is).sum() == pytest.approx(
        float(views.per_region["true_light"].sum(0) @ torch.tensor([0.2126, 0.7152, 0.0722])), rel=1e-4
    )
    # The same mean irradiance as the benchmark's: a quarter of the flux.
    flux = (truth * solid_angles(HEIGHT, WIDTH)[:, None, None]).sum((0, 1))
    assert views.per_view["diffuse_true"][0].mean(0).numpy() == pytest.approx(flux / 4, rel=0.05)


def test_learning_brings_the_light_nearer() -> None:
    rng = np.random.default_rng(3)
    taken = []
    for _ in range(24):
        light, mask = panorama(64, 128, column=float(rng.random()))
        view = PowerView.of(light, mask)
        taken.append(LightView.of(view, view.clipped + 4 * view.extra, 0.05))
    views = Views.of(taken)
    recipe = replace(
        LIGHT_RECIPES["headroom-ibl-1"](), members=1, steps=150, batch=16, width=16, dropout=0.0, suns=1, sun_steps=150,
        likely_suns=1, likely_sun_steps=150, sun_dropout=0.0,
    )  # fmt: skip
    network = fit(recipe, views, None)
    found = measure(network, views)
    assert found["with powers"] < 0.5 * found["headroom-1"]
    skies = views.skies()
    assert len(skies.rows) == 24  # the sun of each; the lamp below the horizon is none
    with torch.no_grad():
        said = views.sun_log2(network)[skies.rows]
    assert (said - skies.near.log2()).abs().max() < 0.3


@pytest.mark.parametrize("size", [(256, 512), (512, 1024), (125, 250)])
@pytest.mark.parametrize("centre", [(0.1, 0.5, -0.9), (0.0, 1.0, 0.0), (1e-4, 0.3, -1.0), (0.02, 0.9999, 0.01)])
def test_a_disc_holds_its_power_wherever_it_lies(size: tuple[int, int], centre: tuple[float, float, float]) -> None:
    toward = np.array(centre) / np.linalg.norm(centre)
    disc = disc_pixels(toward, *size)
    pixels, ones = np.zeros((*size, 3), np.float32), np.ones(size, np.float32)
    disc.add(pixels, ones, 0, np.array([3.0, 2.0, 1.0]))
    energy = pixels.astype(np.float64) * solid_angles(*size)[:, None, None]
    assert energy.sum((0, 1)) == pytest.approx([3, 2, 1], rel=1e-5)
    middle = (directions(*size) * energy[..., :1]).sum((0, 1))
    assert middle @ toward / np.linalg.norm(middle) > np.cos(np.radians(180 / size[0]))


def test_a_sun_in_a_clipped_sky_is_a_disc_and_one_in_an_overcast_room_is_not() -> None:
    light, mask = panorama()
    up = directions(HEIGHT, WIDTH)[..., 1]
    wide = (up > 0.4) & (mask == 0)
    light[wide], mask[wide] = 1.02, 1.0
    light[(up < 0) & (mask == 0)] = (0.05, 0.045, 0.04)
    regions = ClipRegions.of(PowerView.of(light, mask))
    found = sun_in(regions, np.array([0.5] + [0.0] * (regions.count - 1)))
    assert found is not None
    angle, rise = (0.5 - 0.3) * 2 * np.pi, np.radians(50)
    sun = np.array([np.cos(rise) * np.sin(angle), np.sin(rise), np.cos(rise) * np.cos(angle)])
    assert found[1] @ sun > np.cos(np.radians(1.5))
    assert sun_in(regions, np.full(regions.count, 0.01)) is None
    indoors = light.copy()
    indoors[up < 0] = 0.9
    indoors[mask == 0] = 0.9
    assert sun_in(ClipRegions.of(PowerView.of(indoors, mask)), np.full(2, 0.5)) is None


def test_the_light_near_a_peak_is_what_a_cap_of_5_degrees_holds() -> None:
    toward = directions(HEIGHT, WIDTH).reshape(-1, 3)
    cell = np.repeat(solid_angles(HEIGHT, WIDTH), WIDTH)
    sun = np.array([0.48, 0.6, 0.64])
    away = np.degrees(np.arccos((toward @ sun).clip(-1, 1)))
    energy = np.where(away < 20, 1.0, 0.0) * cell + 50 * (away < 1) * cell
    assert compact(energy, toward) == pytest.approx(energy[away < 5].sum(), rel=0.02)
    assert compact(energy, toward) < 0.25 * energy.sum()


def test_a_sky_with_a_sun_holds_the_sun_that_is_said_and_keeps_its_power() -> None:
    scale, concentrated = np.array([2.0, 2.0, 0.5]), np.array([0.1, 0.1, 0.0])
    sun, glow, near = np.array([0.5, 4.0, 0.001]), np.array([0.4, 0.4, 0.4]), np.array([0.05, 0.05, 0.05])
    factor, disc = split_sun(scale, concentrated, sun, glow, near)
    assert factor[0] * glow[0] + disc[0] == pytest.approx(0.9, rel=0.1)  # what it was: 2 x 0.4 + 0.1
    assert (factor * near + disc)[:2] == pytest.approx(sun[:2])
    assert factor[1] == 1.0  # more sun than all light before: the glow stays as headroom-1 had it
    assert disc[2] == 0.0  # the glow alone is more
    assert (disc >= 0).all()


def test_only_large_regions_in_the_sky_outdoors_take_a_disc() -> None:
    light, mask = panorama()
    regions = ClipRegions.of(PowerView.of(light, mask))
    up = regions.sums(directions(VIEW_ROWS, VIEW_COLUMNS))[:, 1] > 0
    assert list(disc_fits(regions)) == list(up)
    assert up.any()
    assert not up.all()


def test_a_sun_in_the_map_has_the_power_that_its_own_network_says() -> None:
    light, mask = panorama()
    view = PowerView.of(light, mask)
    regions = ClipRegions.of(view)
    numbers = features(regions)
    module = weights.load("headroom-ibl-1", network=weights.LIGHTS).module
    assert isinstance(module, LightPower)
    region, scene, peak = (torch.as_tensor(part, dtype=torch.float32) for part in numbers)
    with torch.inference_mode():
        said = module.sun_log2(region, scene[None], torch.zeros(regions.count, dtype=torch.long), peak)
    n = int(np.argmax(disc_fits(regions)))
    flux = (luminance(view.clipped) * np.repeat(solid_angles(VIEW_ROWS, VIEW_COLUMNS)[:, None], VIEW_COLUMNS, 1)).sum()
    out = predict_power(light, mask).apply(light, mask).astype(np.float64)
    toward, cell = directions(HEIGHT, WIDTH), solid_angles(HEIGHT, WIDTH)[:, None]
    added = luminance((out - light.clip(None, 1)).clip(0)) * cell * (toward[..., 1] > 0)
    near = compact(added.ravel(), toward.reshape(-1, 3))
    assert near / flux == pytest.approx(2.0 ** (float(said[n]) + float(above_log2(numbers.scene))), rel=0.1)
