"""The papers' claims: photographs whose every step is known, a grid where one was put, verdicts either way."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from command import headroom
from headroom import io
from headroom.errors import UsageError
from headroom.evaluate.papers import PapersReport, evaluate_papers
from headroom.evaluate.papers.claims import CLAIMS
from headroom.evaluate.papers.grid import FLAT_PX, flattened, grid_stops
from headroom.evaluate.papers.measure import Record
from headroom.evaluate.papers.runs import find_runs
from headroom.evaluate.papers.shots import shots
from headroom.evaluate.scenes import find_scenes
from headroom.networks.singlehdr.system import Config
from headroom.train.batches import Shooting
from headroom.train.scenes import load
from headroom.train.singlehdr_loop import train_singlehdr
from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES, SingleHdrRecipe

CLAIM = {claim.name: claim for claim in CLAIMS}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(2)
    for name in ("a", "b"):
        light = np.kron(rng.random((8, 16, 3)) ** 5 * 30 + 0.01, np.ones((10, 10, 1))).astype(np.float32)
        io.write(folder / f"{name}.exr", light, depth="float")
    return folder


@pytest.fixture(scope="module")
def runs(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    loaded = load(scenes)
    names = (
        "dequantize", "linearize", "linearize-image", "hallucinate", "hallucinate-transposed", "joint", "end-to-end"
    )  # fmt: skip
    for name in names:
        recipe = SINGLEHDR_RECIPES[f"singlehdr-{name}-small"]
        assert isinstance(recipe, SingleHdrRecipe)
        kept = {key: getattr(recipe.config, key) for key in ("edges", "histogram", "monotone", "upsample", "signed")}
        config = Config(
            dequantize_widths=(2, 2, 3, 3, 4),
            linearize_width=2,
            hallucinate_widths=(3, 3, 4, 4, 4),
            norm_decay=0.5,
            **kept,
        )
        curves = Shooting(frames=(), srgb_share=0, emor_share=1, style_share=0, sigmoid_share=0, responses=5)
        camera = replace(recipe.camera, crop_px=64, batch=2, responses=curves)
        train_singlehdr(replace(recipe, config=config, camera=camera, steps=1), loaded, [], folder / recipe.name)
    return folder


def test_every_step_of_a_photograph_is_known(scenes: Path) -> None:
    taken = list(shots(find_scenes(scenes), (0.05, 0.2)))
    assert [(shot.scene, shot.share) for shot in taken] == [("a", 0.05), ("b", 0.05), ("a", 0.2), ("b", 0.2)]
    assert len({shot.response for shot in taken}) == 3  # another camera each time, in turn
    for shot in taken:
        assert shot.light.shape == (64, 160, 3)
        share = (shot.light >= 1).any(axis=2).mean()
        assert abs(share - shot.share) < 0.1
        np.testing.assert_array_equal(shot.clipped, shot.light.clip(0, 1))
        assert np.abs(shot.x_srgb - shot.code).max() <= 0.5 / 255 + 1e-6
        light = np.interp(shot.code, np.linspace(0, 1, 1024), shot.curve)
        assert np.abs(light - shot.clipped).max() < 5e-3


def test_a_grid_is_found_where_one_was_put_and_only_there() -> None:
    y, x = np.mgrid[:320, :320]
    smooth = 2.0 + 0.002 * x + 0.001 * y + 0.3 * np.sin(x / 45)
    noise = np.random.default_rng(1).normal(0, 0.05, (320, 320))
    flat = np.repeat((2.0**smooth)[..., None], 3, axis=2).astype(np.float32)
    assert grid_stops(flat) < 2e-4
    noisy = np.repeat(2.0 ** (smooth + noise)[..., None], 3, axis=2).astype(np.float32)
    assert grid_stops(noisy) < 5e-3
    for period, wave in ((2, (-1.0) ** x), (4, np.where(x % 4 < 2, 1.0, -1.0)), (8, np.cos(2 * np.pi * (x + y) / 8))):
        put = 0.03 * wave
        gridded = np.repeat(2.0 ** (smooth + noise + put)[..., None], 3, axis=2).astype(np.float32)
        rms = math.sqrt(np.mean(put**2))
        assert grid_stops(gridded) == pytest.approx(rms, rel=0.12), period
    assert math.isnan(grid_stops(np.ones((100, 320, 3), np.float32)))
    square = flattened(np.zeros((300, 400, 3), np.float32))
    assert square.sum() == FLAT_PX**2 * 3


def test_all_claims_are_measured_from_one_command(
    scenes: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = headroom(capsys, "evaluate", scenes, "--papers", runs, "--no-baselines", "--device", "cpu", "-o", tmp_path)
    assert said.code == 0, said.err
    facts = json.loads((tmp_path / "papers.json").read_text())
    measured = {claim["claim"]: [row["variant"] for row in claim["variants"]] for claim in facts["claims"]}
    assert measured == {
        "dequantization": ["(plain)", "dequantize"],
        "dequantization-jpeg": ["(plain)", "dequantize"],
        "linearization": ["(srgb)", "linearize-image", "linearize"],
        "hallucination": ["(nothing)", "hallucinate-transposed", "hallucinate"],
        "checkerboard": [],  # the scenes hold no flat square of 256 px
        "training": ["(srgb)", "end-to-end", "(stages)", "joint"],
    }
    assert facts["systems"] == []
    assert {run["recipe"] for run in facts["runs"]} == {path.name for path in runs.iterdir()}
    page = (tmp_path / "papers.md").read_text()
    assert "| Linearization-Net" not in page.split("## Linearization")[0]
    assert "Small variants" in page
    assert "Stage by stage" in page
    assert str(runs) not in page


def report(better: float, spread: float) -> PapersReport:
    rng = np.random.default_rng(3)
    records = []
    for scene in range(12):
        base, gain = rng.normal(30, 3), rng.normal(better, spread)
        values = {"(plain)": base, "dequantize": base + gain}
        records += [
            Record("dequantization", variant, f"scene {scene}", 0.05, "srgb", {"codes_psnr": value})
            for variant, value in values.items()
        ]
    return PapersReport(records)


@pytest.mark.parametrize(
    ("better", "spread", "text"),
    [(2.0, 0.5, "found again"), (-2.0, 0.5, "the other way round"), (0.05, 3.0, "not decided"), (0.01, 1e-3, "a tie")],
)
def test_a_verdict_follows_the_interval_of_the_paired_differences(better: float, spread: float, text: str) -> None:
    (verdict,) = report(better, spread).verdicts(CLAIM["dequantization"])
    assert verdict.text == text
    assert verdict.better == "Dequantization-Net"
    assert text in report(better, spread).markdown()


def test_an_order_is_a_chain_or_all_against_the_whole() -> None:
    records = [
        Record(claim, variant, scene, 0.05, "srgb", {"linear_psnr": 30.0 + n, "pu21_psnr": 30.0 + n, "clip_rmse": 1.0})
        for claim in ("linearization", "hallucination")
        for n, (variant, _) in enumerate(CLAIM[claim].variants)
        for scene in "ab"
    ]
    found = PapersReport(records)
    chain = [(v.than, v.better) for v in found.verdicts(CLAIM["linearization"])]
    assert chain[0] == ("sRGB's curve for all", "picture alone")
    assert chain[-1] == ("+ histograms", "+ monotone: Linearization-Net")
    against = list(found.verdicts(CLAIM["hallucination"]))
    assert {v.better for v in against} == {"Hallucination-Net"}
    assert [v.by.mean for v in against] == [3, 2, 1]


def test_runs_are_found_by_their_headers(runs: Path, tmp_path: Path) -> None:
    found = find_runs(runs)
    assert found["linearize-image"].steps == 1
    assert found["joint"].stages == ("dequantize", "linearize", "hallucinate")
    assert all(run.is_small for run in found.values())
    assert all(0 < (run.processor_seconds or 0) < 60 and run.seconds > 0 for run in found.values())
    older = tmp_path / "older"
    older.mkdir()
    with safe_open(found["linearize"].path, "pt") as file:
        facts = {key: value for key, value in file.metadata().items() if not key.endswith("seconds")}
    save_file(load_file(found["linearize"].path), older / "weights.safetensors", metadata=facts)
    (older / "log.jsonl").write_text('{"step": 1, "seconds": 7.5}\n{"step": 1, "held_out_linear_db": 20.0}\n')
    again = find_runs(older)["linearize"]
    assert (again.seconds, again.processor_seconds) == (7.5, None)
    assert "| 0.1 | not kept |" in PapersReport([], [again.as_dict()]).markdown()
    (older / "weights.safetensors").unlink()
    with pytest.raises(UsageError, match="no run of SingleHDR here; make some: headroom train singlehdr-small"):
        find_runs(tmp_path)


def test_papers_stands_alone(scenes: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = headroom(capsys, "evaluate", scenes, "--papers", runs, "--shots")
    assert said.code == 2
    assert "--papers takes neither" in said.err


def test_systems_stand_beside_each_other(scenes: Path, runs: Path) -> None:
    model = Path(__file__).parents[1] / "models" / "headroom-1"
    found = evaluate_papers(scenes, runs, models=[str(model)], device="cpu")
    assert found.systems("systems-told") == ["inverse of the declared curve", "headroom-1"]
    assert found.systems("systems-untold")[-1] == "headroom-1 --curve estimate"
    told, untold = (
        found.by_scene(claim, "inverse of the declared curve", "outside_rmse")["b"]
        for claim in ("systems-told", "systems-untold")
    )
    assert told < untold  # an EMoR draw, undone by itself and by sRGB
    page = found.markdown()
    assert "## The systems beside each other" in page
    assert "headroom-1 --curve estimate" in page
    assert list(found.budgets) == ["headroom-1"]
    assert found.budgets["headroom-1"]["data"].startswith("95 HDR scenes")
    assert "| headroom-1 | 95 HDR scenes" in page
