from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import headroom, save_picture
from headroom import io
from headroom.colour.plan import plan

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

CapSys = pytest.CaptureFixture[str]


def attributes(path: Path) -> dict[str, object]:
    found: dict[str, object] = io.header(path)["parts"][0]["attributes"]
    return found


def test_tells_what_it_found_and_did(repository: Path, tmp_path: Path, capsys: CapSys) -> None:
    said = headroom(capsys, "convert", repository / "examples/hangar.jpg", "-o", tmp_path / "w.exr")
    assert said.code == 0
    assert said.err == ""
    first, *rows = said.out.splitlines()
    assert first.startswith(str(repository / "examples/hangar.jpg")) and "960x640" in first and first.endswith(" s")
    assert [row.split()[0] for row in rows] == ["clipped", "curve", "added", "spaces", "model"]
    assert (tmp_path / "w.exr").is_file()


def test_recorded_pixels_are_their_exact_linearisation(tmp_path: Path, capsys: CapSys) -> None:
    source = save_picture(tmp_path / "a.png", width=131, height=67)
    target = tmp_path / "a.exr"
    assert headroom(capsys, "convert", source, "-o", target, "--depth", "float", "--memory", "3MB").code == 0
    plate, result = io.read(source), io.read(target)
    exact = plan(None).base(plate.rows(0, plate.height))
    recorded = (plate.codes < 0.95 * 255).all(axis=-1)
    assert 0.5 < recorded.mean() < 0.95
    assert np.array_equal(result.codes[recorded], exact[recorded])
    assert np.isfinite(result.codes).all()
    assert (result.codes[~recorded].sum(-1) >= exact[~recorded].sum(-1) * 0.999).all()


def test_json_is_the_only_thing_on_standard_output(tmp_path: Path, capsys: CapSys) -> None:
    source = save_picture(tmp_path / "a.png")
    said = headroom(capsys, "convert", source, tmp_path / "no.png", "-o", tmp_path / "out", "--json")
    answer = json.loads(said.out)
    assert said.code == 1 == answer["exit_code"]
    assert (answer["done"], answer["failed"], answer["skipped"]) == (1, 1, 0)
    good, bad = answer["files"]
    assert good["status"] == "done" and bad["status"] == "failed" and "no.png" in bad["error"]
    for key in ("clipped_share", "clip_level", "gain_stops_peak", "colour", "curve", "weights_sha256", "seconds"):
        assert key in good


def test_options_reach_the_file(tmp_path: Path, capsys: CapSys) -> None:
    source = save_picture(tmp_path / "a.png")
    target = tmp_path / "deep/er/a.exr"
    said = headroom(
        capsys, "convert", source, "-o", target, "--mask", "--gain", "--depth", "float", "--compression", "piz",
        "--to", "ACES2065-1", "--clip-level", 250, "--tau", 0.9, "--strength", 0.5,
    )  # fmt: skip
    assert said.code == 0, said.err
    part = io.header(target)["parts"][0]
    assert part["channels"] == dict.fromkeys(("R", "G", "B", "headroom.mask", "headroom.gain"), "float")
    assert part["compression"] == "piz"
    assert part["attributes"]["headroom:space"] == "ACES2065-1"
    options = json.loads(str(part["attributes"]["headroom:options"]))
    assert (options["tau"], options["strength"]) == (0.9, 0.5)


def test_every_result_says_what_made_it(tmp_path: Path, capsys: CapSys, tiny_headroom_1: Path) -> None:
    import headroom as package

    source = save_picture(tmp_path / "a.png")
    assert headroom(capsys, "convert", source, "-o", tmp_path / "a.exr").code == 0
    made = attributes(tmp_path / "a.exr")
    assert made["headroom:version"] == package.__version__
    assert str(made["headroom:weights"]) in (tiny_headroom_1 / "card.toml").read_text()
    assert made["headroom:model"] == "headroom-1 0"
    assert made["headroom:source"] == "a.png"
    assert "Rec.709" in str(made["headroom:sourceSpace"])
    assert made["headroom:space"] == "ACEScg"
    assert made["headroom:config"] and made["headroom:configCacheId"] and made["headroom:options"]
    assert made["chromaticities"]


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys: CapSys) -> None:
    source, target = save_picture(tmp_path / "a.png"), tmp_path / "a.exr"
    target.write_bytes(b"mine")
    said = headroom(capsys, "convert", source, "-o", target)
    assert said.code == 1 and "--overwrite" in said.err and target.read_bytes() == b"mine"
    assert headroom(capsys, "convert", source, "-o", target, "--resume").code == 1
    assert target.read_bytes() == b"mine"
    assert headroom(capsys, "convert", source, "-o", target, "--overwrite").code == 0
    assert io.read(target).width == 48


def test_resume_redoes_only_what_is_not_there_or_was_made_otherwise(tmp_path: Path, capsys: CapSys) -> None:
    plates, out = tmp_path / "in", tmp_path / "out"
    plates.mkdir()
    for name in "abc":
        save_picture(plates / f"{name}.png")
    assert headroom(capsys, "convert", plates, "-o", out).code == 0
    (out / "b.exr").unlink()
    before = {name: (out / f"{name}.exr").stat().st_mtime_ns for name in "ac"}
    said = headroom(capsys, "convert", plates, "-o", out, "--resume")
    assert said.code == 0 and "1 converted, 2 skipped of 3" in said.out
    assert before == {name: (out / f"{name}.exr").stat().st_mtime_ns for name in "ac"}

    save_picture(plates / "a.png", clipped=0.4)
    said = headroom(capsys, "convert", plates, "-o", out, "--resume")
    assert said.code == 1 and "a.exr" in said.err and "2 skipped, 1 failed" in said.out
    said = headroom(capsys, "convert", plates, "-o", out, "--resume", "--overwrite")
    assert said.code == 0 and "1 converted, 2 skipped" in said.out
    said = headroom(capsys, "convert", plates, "-o", out, "--resume", "--overwrite", "--strength", 0.5)
    assert said.code == 0 and "3 converted" in said.out


@pytest.mark.parametrize("suffix", [".hdr", ".tif"])
def test_other_formats(tmp_path: Path, capsys: CapSys, suffix: str) -> None:
    source = save_picture(tmp_path / "a.png")
    assert headroom(capsys, "convert", source, "-o", tmp_path / f"a{suffix}").code == 0
    assert io.read(tmp_path / f"a{suffix}").codes.shape == (32, 48, 3)


def test_alpha_is_carried_through(tmp_path: Path, capsys: CapSys) -> None:
    rgba = np.full((16, 20, 4), 200, np.uint8)
    rgba[..., 3] = np.arange(20, dtype=np.uint8) * 13
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert headroom(capsys, "convert", tmp_path / "a.png", "-o", tmp_path / "a.exr", "--depth", "float").code == 0
    result = io.read(tmp_path / "a.exr")
    assert result.alpha is not None
    assert np.array_equal(result.alpha, rgba[..., 3].astype(np.float32) / np.float32(255))


def test_nothing_clipped_is_said_and_exact(tmp_path: Path, capsys: CapSys) -> None:
    codes = np.random.default_rng(1).integers(0, 200, (20, 30, 3), np.uint8)
    Image.fromarray(codes).save(tmp_path / "a.png")
    said = headroom(capsys, "convert", tmp_path / "a.png", "-o", tmp_path / "a.exr", "--depth", "float")
    assert said.code == 0 and "nothing" in said.out
    exact = plan(None).base(codes.astype(np.float32) / np.float32(255))
    assert np.array_equal(io.read(tmp_path / "a.exr").codes, exact)


def test_config_from_the_environment(tmp_path: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4")
    source = save_picture(tmp_path / "a.png")
    assert headroom(capsys, "convert", source, "-o", tmp_path / "a.exr").code == 0
    assert attributes(tmp_path / "a.exr")["headroom:config"] == "cg-config-v2.2.0_aces-v1.3_ocio-v2.4"


def test_a_curve_from_a_file(tmp_path: Path, capsys: CapSys) -> None:
    source = save_picture(tmp_path / "a.png")
    lut = tmp_path / "square.spi1d"
    rows = "\n".join(f"{(i / 255) ** 2:.8f}" for i in range(256))
    lut.write_text(f"Version 1\nFrom 0.0 1.0\nLength 256\nComponents 1\n{{\n{rows}\n}}\n")
    target = tmp_path / "a.exr"
    linear = ("--to", "Linear Rec.709 (sRGB)", "--depth", "float", "--curve", lut)
    said = headroom(capsys, "convert", source, "-o", target, *linear)
    assert said.code == 0 and "square.spi1d" in said.out
    codes = io.read(source).rows(0, 32)
    recorded = (codes < 0.94).all(axis=-1)
    assert io.read(target).codes[recorded] == pytest.approx(codes[recorded] ** 2, abs=1e-5)
    bad = tmp_path / "bad.spi1d"
    bad.write_text("no LUT")
    said = headroom(capsys, "convert", source, "-o", target, "--curve", bad, "--overwrite")
    assert said.code == 1 and "bad.spi1d" in said.err and said.err.count("\n") == 1


def test_a_model_by_its_folder(tmp_path: Path, capsys: CapSys, tiny_headroom_1: Path) -> None:
    source = save_picture(tmp_path / "a.png")
    assert headroom(capsys, "convert", source, "-o", tmp_path / "a.exr", "--model", tiny_headroom_1).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "-o"),
        (["-o", "a.exr", "--nonsense"], "--nonsense"),
        (["-o", "a.jpg"], ".exr"),
        (["-o", "a.exr", "--memory", "much"], "4GB"),
        (["-o", "a.exr", "--tau", "1.5"], "--tau"),
        (["-o", "a.exr", "--clip-level", "300"], "--clip-level"),
        (["-o", "a.exr", "--boost", "-1"], "--boost"),
        (["-o", "a.exr", "--curve", "guess"], "declared"),
        (["-o", "a.exr", "--compression", "rar"], "dwaa"),
        (["-o", "a.exr", "--device", "abacus"], "cuda"),
        (["-o", "a.exr", "--model", "headroom-99"], "headroom-1"),
        (["-o", "a.exr", "--from", "sRGBB"], "sRGB"),
        (["-o", "a.exr", "--to", "ACEScgg"], "ACEScg"),
        (["-o", "plate.png"], "plate.png"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_picture(tmp_path / "plate.png")
    said = headroom(capsys, "convert", "plate.png", *arguments)
    assert said.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1 and says in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["plate.png"]
