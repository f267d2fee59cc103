from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command import headroom, save_picture

CapSys = pytest.CaptureFixture[str]


def save_hdr(path: Path, seed: int, *, width: int = 128) -> Path:
    import OpenEXR

    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0.05, 1.0, (width // 2, width, 3)).astype(np.float32)
    pixels[5:9, 20 * seed : 20 * seed + 6] = 40.0
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": pixels}).write(str(path))
    return path


def test_inspect(tmp_path: Path, capsys: CapSys) -> None:
    said = headroom(capsys, "inspect", save_picture(tmp_path / "a.png", clipped=0.25))
    assert said.code == 0
    assert "48x32, 8-bit integer RGB" in said.out
    assert "sRGB" in said.out and "assumed" in said.out and "25.00% of the pixels at code value 1" in said.out


def test_inspect_json(tmp_path: Path, capsys: CapSys) -> None:
    path = save_hdr(tmp_path / "a.exr", 1)
    answer = json.loads(headroom(capsys, "inspect", path, "--json").out)
    (told,) = answer["files"]
    assert told["light"]["max"] == 40.0
    assert told["light"]["peak_stops"] == pytest.approx(np.log2(40), abs=1e-3)
    assert told["light"]["share_above_white"] == pytest.approx(24 / (128 * 64))
    assert told["plate"]["float"] and told["plate"]["kind"] == "linear"


def test_inspect_goes_on_after_a_bad_file(tmp_path: Path, capsys: CapSys) -> None:
    said = headroom(capsys, "inspect", tmp_path / "no.png", save_picture(tmp_path / "a.png"), "--json")
    answer = json.loads(said.out)
    assert said.code == 1 == answer["exit_code"]
    assert len(answer["files"]) == 1 and "no.png" in answer["failed"][0]["error"]


def test_models(capsys: CapSys, tiny_headroom_1: Path) -> None:
    said = headroom(capsys, "models", "list")
    assert said.code == 0 and said.out.startswith("headroom-1  0  headroom1  CC0-1.0")
    said = headroom(capsys, "models", "show", "headroom-1")
    assert said.code == 0 and "random weights" in said.out and "scene_widths" in said.out
    assert json.loads(headroom(capsys, "models", "show", "headroom-1", "--json").out)["licence"] == "CC0-1.0"
    assert headroom(capsys, "models", "verify").code == 0
    assert headroom(capsys, "models", "show", "nothing").code == 2


def test_models_verify_finds_a_changed_file(
    tmp_path: Path, tiny_headroom_1: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copytree(tiny_headroom_1, tmp_path / "headroom-1")
    with (model / "weights.safetensors").open("ab") as file:
        file.write(b"more")
    monkeypatch.setenv("HEADROOM_MODELS", str(tmp_path))
    said = headroom(capsys, "models", "verify", "headroom-1")
    assert said.code == 1 and "sha256" in said.err
    answer = json.loads(headroom(capsys, "models", "verify", "headroom-1", "--json").out)
    assert [result["ok"] for result in answer["models"]] == [False]


def test_the_shipped_models_are_whole(capsys: CapSys) -> None:
    said = headroom(capsys, "models", "verify", "--json")
    answer = json.loads(said.out)
    assert said.code == 0 and "headroom-1" in [result["name"] for result in answer["models"]]


@pytest.mark.usefixtures("tiny_headroom_1")
def test_bench(capsys: CapSys) -> None:
    said = headroom(capsys, "bench", "--size", "96x64", "--runs", 1, "--device", "cpu", "--json")
    answer = json.loads(said.out)
    assert said.code == 0
    assert (answer["width"], answer["height"]) == (96, 64) and answer["megapixels_per_second"] > 0
    assert headroom(capsys, "bench", "--size", "96").code == 2


def test_train(tmp_path: Path, capsys: CapSys) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for seed in (1, 2, 3):
        save_hdr(scenes / f"{seed}.exr", seed)
    arguments = ("train", "tiny", "--data", scenes, "--out", tmp_path / "run", "--held-out-every", 3, "--device", "cpu")
    said = headroom(capsys, *arguments, "--steps", 2, "--json")
    assert said.code == 0, said.err
    assert Path(json.loads(said.out)["weights"]).is_file()
    said = headroom(capsys, *arguments, "--steps", 3)
    assert said.code == 0 and "weights:" in said.out
    assert headroom(capsys, *arguments, "--time-budget", "soon").code == 2
    said = headroom(capsys, "train", "no-recipe", "--data", scenes)
    assert said.code == 2 and "headroom-1" in said.err


def test_version_and_help(capsys: CapSys) -> None:
    import headroom as package

    assert package.__version__ in headroom(capsys, "--version").out
    for command in ("convert", "inspect", "models", "evaluate", "bench", "train"):
        assert headroom(capsys, command, "--help").code == 0
    assert headroom(capsys, "no-such-command").code == 2


def test_the_options_of_convert_are_a_promise(capsys: CapSys) -> None:
    from headroom.cli.convert import command

    assert {name for option in command.params for name in option.opts if name.startswith("--")} == {
        "--output", "--model", "--from", "--to", "--ocio-config", "--curve", "--boost", "--scaling", "--clip-level",
        "--tau", "--peak-stops", "--strength", "--light", "--dequantize", "--refine", "--mask", "--gain", "--depth",
        "--compression", "--part",
        "--device", "--precision", "--memory", "--overwrite", "--resume", "--json", "--frames", "--missing",
        "--temporal", "--analysis", "--analyse-only", "--preview-movie", "--preview-exposure", "--first-frame",
        "--levels", "--matrix", "--stages", "--curve-out", "--curve-plot",
    }  # fmt: skip


@pytest.mark.usefixtures("tiny_headroom_1")
def test_evaluate(tmp_path: Path, capsys: CapSys) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for seed in (1, 2):
        save_hdr(scenes / f"{seed}.exr", seed)
    quick = ("--suite", "srgb", "--shares", "5", "--measure", "pu21", "--measure", "log", "--no-baselines")
    said = headroom(capsys, "evaluate", scenes, *quick, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "| headroom-1 |" in said.out and "oracle" in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", "evaluation.md"}
    said = headroom(capsys, "evaluate", scenes, *quick, "--no-estimate", "--json")
    answer = json.loads(said.out)
    assert said.code == 0 and {row["scene"] for row in answer["records"]} == {"1", "2"}
    assert headroom(capsys, "evaluate", scenes, "--suite", "best").code == 2
    assert headroom(capsys, "evaluate", scenes, "--shares", "all").code == 2
    assert headroom(capsys, "evaluate", tmp_path / "nothing").code == 2
