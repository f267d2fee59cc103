"""The bundle that `headroom farm` writes: read back, checked by the real tool, refused where it makes no sense."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command import headroom, one_line, save_picture
from headroom.farm.ranges import frames_option, listed_chunks, openjd_range
from headroom.farm.yaml import to_yaml

CapSys = pytest.CaptureFixture[str]


def shot(folder: Path, frames: range = range(1001, 1011)) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        save_picture(folder / f"plate.{frame}.png")
    return str(folder / "plate.####.png")


def read(path: Path) -> Any:
    yaml = pytest.importorskip("yaml", reason="openjd-cli brings PyYAML; install the test extra")
    return yaml.safe_load(path.read_text("utf-8"))


def openjd(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("openjd.cli", reason="openjd-cli is not installed; install the test extra")
    command = [sys.executable, "-W", "ignore", "-m", "openjd", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_the_bundle_says_what_convert_would_do(tmp_path: Path, capsys: CapSys) -> None:
    plate, job = shot(tmp_path / "plates"), tmp_path / "job"
    lut = tmp_path / "curve.spi1d"
    lut.write_text("Version 1\nFrom 0 1\nLength 2\nComponents 1\n{\n0\n1\n}\n")
    said = headroom(
        capsys, "farm", "--bundle", job, "--chunk", 4, "--gpu", "--program", "rez-env headroom -- headroom", plate,
        "-o", tmp_path / "out" / "hdr.####.exr", "--frames", "1001-1009x2", "--to", "ACEScg", "--mask",
        "--peak-stops", "6", "--curve", lut, "--preview-movie", tmp_path / "look.mp4",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "5 frames in 2 tasks of up to 4" in said.out and f"deadline bundle submit {job}" in said.out
    values = {item["name"]: item["value"] for item in read(job / "parameter_values.yaml")["parameterValues"]}
    assert values["Plate"] == plate and values["Output"] == str(tmp_path / "out" / "hdr.####.exr")
    assert (values["Frames"], values["ChunkSize"], values["Headroom"]) == ("1001-1009:2", 4, "rez-env")
    assert values["Curve"] == str(lut) and values["PreviewMovie"] == str(tmp_path / "look.mp4")
    assert read(job / "parameters.yaml") == values
    template = read(job / "template.yaml")
    assert {p["name"]: p["default"] for p in template["parameterDefinitions"]} == values
    convert = next(step for step in template["steps"] if step["name"] == "Convert")
    (frames,) = convert["parameterSpace"]["taskParameterDefinitions"]
    assert frames["type"] == "CHUNK[INT]" and frames["chunks"]["rangeConstraint"] == "NONCONTIGUOUS"
    assert convert["hostRequirements"]["amounts"] == [{"name": "amount.worker.gpu", "min": 1}]
    run = convert["script"]["actions"]["onRun"]
    assert run["args"][:4] == ["headroom", "--", "headroom", "farm-session"]
    told = run["args"][run["args"].index("convert") :]
    assert told[:4] == ["convert", "{{Param.Plate}}", "-o", "{{Param.Output}}"]
    assert {"--to=ACEScg", "--mask", "--peak-stops=6.0"} <= set(told)
    assert told[told.index("--curve") + 1] == "{{Param.Curve}}" and "--device" not in " ".join(told)
    assert [step["name"] for step in template["steps"]] == ["Analyse", "Convert", "Preview"]
    assert convert["dependencies"] == [{"dependsOn": "Analyse"}]
    assert values["Analysis"] == str(tmp_path / "out" / "hdr.headroom.json")
    analyse = template["steps"][0]["script"]["actions"]["onRun"]["args"]
    assert analyse[-1] == "--analyse-only" and told[-2:] == ["--analysis", "{{Param.Analysis}}"]
    assets = read(job / "asset_references.yaml")["assetReferences"]
    plates = [str(tmp_path / "plates" / f"plate.{frame}.png") for frame in range(1001, 1011)]  # neighbours count too
    assert assets["inputs"]["filenames"] == sorted([*plates, str(lut)])
    assert assets["outputs"]["directories"] == sorted({str(tmp_path / "out"), str(tmp_path)})


@pytest.mark.parametrize("listed", [False, True])
def test_the_real_tool_accepts_it(tmp_path: Path, capsys: CapSys, listed: bool) -> None:
    plate, job = shot(tmp_path / "pla tes, {odd}"), tmp_path / "job"
    more = ["--listed-chunks"] if listed else []
    said = headroom(capsys, "farm", "--bundle", job, "--chunk", 3, *more, plate, "-o", tmp_path / "o:ut", "--json")
    assert said.code == 0 and json.loads(said.out)["tasks"] == 4
    checked = openjd("check", job / "template.yaml")
    assert checked.returncode == 0 and "passes validation" in checked.stdout, checked.stdout + checked.stderr
    told = openjd("summary", job / "template.yaml", "-p", f"file://{job / 'parameters.yaml'}")
    assert told.returncode == 0 and "Convert" in told.stdout
    if listed:
        step = next(step for step in read(job / "template.yaml")["steps"] if step["name"] == "Convert")
        (frames,) = step["parameterSpace"]["taskParameterDefinitions"]
        assert frames["range"] == ["1001-1003", "1004-1006", "1007-1009", "1010"]
        assert "extensions" not in read(job / "template.yaml")


def test_frames_that_are_independent_need_no_analysis(tmp_path: Path, capsys: CapSys) -> None:
    plate, job = shot(tmp_path / "plates"), tmp_path / "job"
    said = headroom(
        capsys, "farm", "--bundle", job, plate, "-o", tmp_path / "out", "--frames", "1002-1004", "--temporal", "off"
    )
    assert said.code == 0
    template = read(job / "template.yaml")
    assert [step["name"] for step in template["steps"]] == ["Convert"]
    assert "--temporal=off" in template["steps"][0]["script"]["actions"]["onRun"]["args"]
    inputs = read(job / "asset_references.yaml")["assetReferences"]["inputs"]["filenames"]
    assert [Path(path).name for path in inputs] == [f"plate.{frame}.png" for frame in (1002, 1003, 1004)]


def test_relative_paths_become_absolute(tmp_path: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch) -> None:
    shot(tmp_path / "plates")
    monkeypatch.chdir(tmp_path)
    assert headroom(capsys, "farm", "--bundle", "job", "plates/plate.####.png", "-o", "out").code == 0
    values = read(tmp_path / "job" / "parameters.yaml")
    assert values["Plate"] == str(tmp_path / "plates" / "plate.####.png")
    assert values["Output"] == str(tmp_path / "out" / "plate.####.exr")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["PLATE"], "no output"),
        (["PLATE", "-o", "out", "--boost", "-1"], "--boost"),
        (["PLATE", "-o", "out", "--no-such-option"], "--no-such-option"),
        (["PLATE", "-o", "out", "--frames", "1-5"], "frames 1-5 are not there"),
        (["STILL", "-o", "out"], "a bundle is for one shot"),
        (["PLATE", "-o", "out", "--chunk", "0"], "--chunk"),
        (["PLATE", "-o", "out", "--program", " "], "--program is empty"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: CapSys, arguments: list[str], words: str
) -> None:
    plate = shot(tmp_path / "plates", range(1001, 1003))
    names = {"PLATE": plate, "STILL": str(tmp_path / "plates" / "plate.1001.png")}
    said = headroom(capsys, "farm", "--bundle", tmp_path / "job", *(names.get(a, a) for a in arguments))
    assert said.code in (1, 2) and words in said.err and one_line(said.err)
    assert not (tmp_path / "job").exists()


def test_more_chunks_than_can_be_listed(tmp_path: Path, capsys: CapSys) -> None:
    plate = shot(tmp_path / "plates", range(1, 3))
    for frame in range(3, 1200):
        (tmp_path / "plates" / f"plate.{frame:04d}.png").touch()
    for frame in (1, 2):
        (tmp_path / "plates" / f"plate.{frame}.png").rename(tmp_path / "plates" / f"plate.{frame:04d}.png")
    said = headroom(
        capsys, "farm", "--bundle", tmp_path / "job", "--listed-chunks", "--chunk", 1, plate, "-o", tmp_path
    )
    assert said.code == 2 and "1199 chunks, 1024 can be listed; give --chunk 2" in said.err


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: CapSys) -> None:
    (tmp_path / "job").write_text("a file")
    said = headroom(capsys, "farm", "--bundle", tmp_path / "job", shot(tmp_path / "p"), "-o", tmp_path / "out")
    assert said.code == 1 and f"cannot write {tmp_path / 'job'}" in said.err


def test_frames_in_the_schedulers_spelling() -> None:
    assert openjd_range([1001, 1003, 1005, 1010]) == "1001-1005:2,1010"
    assert frames_option("1001-1005:2,1010") == "1001-1005x2,1010"
    assert frames_option("-5-5") == "-5-5" and frames_option("7") == "7"
    assert listed_chunks(range(-2, 5), 3) == ["-2-0", "1-3", "4"]
    assert listed_chunks([1, 2, 9, 10], 3) == ["1-2,9", "10"]


def test_yaml_is_read_back_as_it_was() -> None:
    yaml = pytest.importorskip("yaml", reason="openjd-cli brings PyYAML; install the test extra")
    content = {
        "plain": "word", "odd": ["yes", "No", "null", "1.0", "", " a: b # c", "{{Param.X}}", "ü\n", "-", "x,y"],
        "numbers": [1, 2.5, True, None], "empty": [[], {}], "nested": [{"a": [{"b": "c"}, "d"], "e": {"f": 1}}],
        "text": "one\n  two\nthree: 3\n",
    }  # fmt: skip
    assert yaml.safe_load(to_yaml(content, "a\ncomment: here")) == content
