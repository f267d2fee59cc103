"""``headroom merge`` from files to files."""

from __future__ import annotations

import hashlib
import itertools
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headroom as package
from command import Said, headroom, headroom_process, one_line
from dng import write_dng
from exposed import codes, scene, write_bracket, write_jpeg
from headroom import io

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

CapSys = pytest.CaptureFixture[str]
LIGHT = scene()
REC709 = ("--to", "Linear Rec.709 (sRGB)")
PLAIN = ("--align", "none", "--method", "inverse-variance", *REC709)


def merge(capsys: CapSys, *arguments: Any) -> Said:
    return headroom(capsys, "merge", *arguments, "--device", "cpu")


def pixels(path: Path) -> np.ndarray:
    plate = io.read(path)
    return plate.rows(0, plate.height)


def attributes(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = io.header(path)["parts"][0]["attributes"]
    return found


def recorded(light: np.ndarray, evs: list[float]) -> np.ndarray:
    """Where the frames of these exposures know all channels well."""
    seen = [light * 2.0**ev for ev in evs]
    known: np.ndarray = np.any([((s > 0.03) & (s < 0.9)).all(axis=2) for s in seen], axis=0)
    return known


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    return write_bracket(tmp_path / "in", LIGHT, [2, -2, 0])


# ---- the picture


@pytest.mark.parametrize("method", ["inverse-variance", "debevec"])
def test_the_scene_comes_back_in_the_reference_frames_scale(
    frames: list[Path], tmp_path: Path, capsys: CapSys, method: str
) -> None:
    out = tmp_path / "out.exr"
    said = merge(capsys, *frames, "-o", out, "--align", "none", "--method", method, *REC709)
    assert said.code == 0 and said.out.startswith(str(out))
    known = recorded(LIGHT, [-2, 0, 2])
    error = np.abs(np.log2(pixels(out)[known] / LIGHT[known]))
    assert known.mean() > 0.8 and np.median(error) < 0.02 and np.quantile(error, 0.99) < 0.25
    facts = attributes(out)
    assert facts["headroom:method"] == method and facts["headroom:frames"] == "f1.jpg, f2.jpg, f0.jpg"
    assert facts["headroom:reference"] == "f2.jpg" and facts["headroom:evSource"] == "exif"
    assert facts["ExposureTime"] == pytest.approx(1 / 64)


def test_any_order_gives_the_same_bytes(frames: list[Path], tmp_path: Path, capsys: CapSys) -> None:
    digests = set()
    for number, order in enumerate(itertools.permutations(frames)):
        out = tmp_path / str(number) / "out.exr"
        assert merge(capsys, *order, "-o", out, *PLAIN, "--mask").code == 0
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_any_order_with_doubles_and_measured_exposures(tmp_path: Path, capsys: CapSys) -> None:
    paths = [
        write_jpeg(tmp_path / f"{k}.jpg", codes(LIGHT, ev, noise=0.02, seed=k)) for k, ev in enumerate((-2, 0, 0, 2))
    ]
    digests = set()
    for number, order in enumerate((paths, paths[::-1], [paths[k] for k in (2, 0, 3, 1)])):
        out = tmp_path / str(number) / "out.exr"
        assert merge(capsys, *order, "-o", out, *PLAIN, "--estimate-ev", "--response", "declared").code == 0
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(("reference", "ev"), [("middle", 0), ("1", -2), ("3", 2), ("f0.jpg", 2), ("f1", -2)])
def test_the_reference_sets_the_scale(
    frames: list[Path], tmp_path: Path, capsys: CapSys, reference: str, ev: int
) -> None:
    out = tmp_path / "out.exr"
    assert merge(capsys, *frames, "-o", out, *PLAIN, "--reference", reference).code == 0
    known = recorded(LIGHT, [-2, 0, 2])
    assert np.median(pixels(out)[known] / LIGHT[known]) == pytest.approx(2.0**ev, rel=0.02)


def test_the_best_recorded_frame_as_reference(tmp_path: Path, capsys: CapSys) -> None:
    frames = write_bracket(tmp_path / "in", LIGHT, [0, 4, 5])
    for reference, file in (("middle", "f1.jpg"), ("auto", "f0.jpg")):
        out = tmp_path / f"{reference}.exr"
        assert merge(capsys, *frames, "-o", out, *PLAIN, "--reference", reference).code == 0
        assert attributes(out)["headroom:reference"] == file


def test_sizes_of_a_pixel_and_odd_ones(tmp_path: Path, capsys: CapSys) -> None:
    for height, width in ((1, 1), (3, 1), (17, 31)):
        light = np.resize(LIGHT, (height, width, 3))
        paths = []
        for k, ev in enumerate((-1, 1)):
            Image.fromarray(codes(light, ev)).save(tmp_path / f"{height}x{width}_{k}.png")
            paths.append(tmp_path / f"{height}x{width}_{k}.png")
        out = tmp_path / f"{height}x{width}.exr"
        assert merge(capsys, *paths, "-o", out, *PLAIN, "--ev=-1,1").code == 0
        assert pixels(out).shape == (height, width, 3)


def test_what_every_frame_lost_is_continued_and_masked(frames: list[Path], tmp_path: Path, capsys: CapSys) -> None:
    on, off = tmp_path / "on.exr", tmp_path / "off.exr"
    said = merge(capsys, *frames, "-o", on, *PLAIN, "--mask", "--json")
    assert merge(capsys, *frames, "-o", off, *PLAIN, "--mask", "--no-continue").code == 0
    stack = json.loads(said.out)["stacks"][0]
    assert stack["continued"]["model"] == "headroom-1"
    lamp = LIGHT.max(axis=2) > 4.5
    plane = _channel(on, "headroom.mask")
    assert plane[lamp].min() > 0.9 and plane[LIGHT.max(axis=2) < 3.5].max() == 0
    np.testing.assert_array_equal(pixels(on)[plane == 0], pixels(off)[plane == 0])
    assert "headroom:continuedBy" in attributes(on) and "headroom:continuedBy" not in attributes(off)
    assert (pixels(off)[lamp].max(axis=1) > 3.4).all()  # about what the darkest frame's white proves


def _channel(path: Path, name: str) -> np.ndarray:
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        plane: np.ndarray = file.channels()[name].pixels
    return plane


# ---- what the frames are


@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_16_bit_and_float_frames(tmp_path: Path, capsys: CapSys, suffix: str) -> None:
    paths = []
    for k, ev in enumerate((-2.0, 0.0, 2.0)):
        path = tmp_path / f"{k}{suffix}"
        if suffix == ".exr":
            linear = (LIGHT * 2.0**ev).clip(0, 1)
            io.write(path, linear, depth="float", metadata={"ExposureTime": 2.0**ev, "FNumber": 8.0})
        elif suffix == ".png":
            _save_16(path, codes(LIGHT, ev, bits=16))
        else:
            _save_16(path, codes(LIGHT, ev, bits=16))
        paths.append(path)
    out = tmp_path / "out.exr"
    stated = () if suffix == ".exr" else ("--ev=-2,0,2",)
    assert merge(capsys, *paths, "-o", out, *PLAIN, *stated, "--no-continue", "--depth", "float").code == 0
    known = recorded(LIGHT, [-2, 0, 2])
    np.testing.assert_allclose(pixels(out)[known], LIGHT[known], rtol=5e-3)


def _save_16(path: Path, values: np.ndarray) -> None:
    import OpenImageIO

    height, width = values.shape[:2]
    output = OpenImageIO.ImageOutput.create(str(path))
    output.open(str(path), OpenImageIO.ImageSpec(width, height, 3, "uint16"))
    output.write_image(np.ascontiguousarray(values))
    output.close()


def test_log_plates_keep_their_scale(tmp_path: Path, capsys: CapSys) -> None:
    from headroom.colour.plan import plan

    encode = plan("Linear Rec.709 (sRGB)", to="ARRI LogC3 (EI800)", is_float=True)
    paths = []
    for k, ev in enumerate((-2.0, 0.0, 2.0)):
        codes16 = np.rint(encode.base(LIGHT * np.float32(2.0**ev)).clip(0, 1) * 65535).astype(np.uint16)
        _save_16(tmp_path / f"{k}.tif", codes16)
        paths.append(tmp_path / f"{k}.tif")
    out = tmp_path / "out.exr"
    assert merge(capsys, *paths, "-o", out, *PLAIN, "--ev=-2,0,2", "--from", "ARRI LogC3 (EI800)").code == 0
    known = recorded(LIGHT, [-2, 0, 2])
    np.testing.assert_allclose(pixels(out)[known], LIGHT[known], rtol=0.02)


def test_camera_raw(tmp_path: Path, capsys: CapSys) -> None:
    light = _smooth()
    for k, ev in enumerate((0.0, -3.0, 3.0)):
        write_dng(tmp_path / f"{k}.dng", light * 2.0**ev, seconds=2.0**ev / 64, taken=f"2026:05:01 12:00:0{k}")
    out = tmp_path / "out.exr"
    said = merge(capsys, tmp_path, "-o", out, *PLAIN, "--no-continue", "--json")
    assert said.code == 0, said.err
    stack = json.loads(said.out)["stacks"][0]
    assert stack["exposures"] == "exif" and [f["ev_stops"] for f in stack["frames"]] == pytest.approx(
        [-3, 0, 3], abs=1e-3
    )
    result = pixels(out)[4:-4, 4:-4]
    error = np.abs(result / light[4:-4, 4:-4] - 1)
    assert np.median(error) < 0.01 and np.quantile(error, 0.99) < 0.06


def _smooth(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / width
    level = 0.4 * 2.0 ** (3.5 * np.sin(3 * x + y))
    tint = np.stack([1.2 - 0.4 * x, np.ones_like(x), 0.7 + 0.5 * y], axis=-1)
    light: np.ndarray = (level[..., None] * tint).astype(np.float32)
    return light


def test_raw_needs_no_colour_space(tmp_path: Path, capsys: CapSys) -> None:
    for k in range(2):
        write_dng(tmp_path / f"{k}.dng", _smooth() * 2.0 ** (2 * k), seconds=2.0 ** (2 * k) / 64)
    raws = sorted(tmp_path.glob("*.dng"))
    said = merge(capsys, *raws, "-o", tmp_path / "out.exr", *PLAIN, "--from", "ACEScg")
    assert said.code == 2 and "leave it out" in said.err
    write_jpeg(tmp_path / "2.jpg", codes(_smooth(), 4), seconds=1 / 4)
    said = merge(capsys, *raws, tmp_path / "2.jpg", "-o", tmp_path / "out.exr", *PLAIN)
    assert said.code == 1 and "some are not" in said.err


def test_a_damaged_raw_is_one_line(tmp_path: Path, capsys: CapSys) -> None:
    for k in range(2):
        write_dng(tmp_path / f"{k}.dng", _smooth() * 2.0 ** (2 * k), seconds=2.0 ** (2 * k) / 64)
    (tmp_path / "1.dng").write_bytes((tmp_path / "1.dng").read_bytes()[:3000])
    said = merge(capsys, *sorted(tmp_path.glob("*.dng")), "-o", tmp_path / "out.exr", *PLAIN)
    assert said.code == 1 and "1.dng" in said.err and "Traceback" not in said.err
    assert not (tmp_path / "out.exr").exists()


def test_raws_of_a_bracket_share_a_white_balance(tmp_path: Path, capsys: CapSys) -> None:
    light = _smooth()
    for k, ev in enumerate((-2.0, 0.0, 2.0)):
        neutral = (0.5, 1.0, 0.625) if k < 2 else (0.6, 1.0, 0.5)
        write_dng(tmp_path / f"{k}.dng", light * 2.0**ev, seconds=2.0**ev / 64, neutral=neutral)
    said = merge(capsys, *sorted(tmp_path.glob("*.dng")), "-o", tmp_path / "out.exr", *PLAIN, "--no-continue")
    assert said.code == 0 and "white balances differ" in said.err


def test_raw_without_its_extra_names_it(tmp_path: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(2):
        write_dng(tmp_path / f"{k}.dng", _smooth() * 2.0 ** (2 * k))
    monkeypatch.setitem(sys.modules, "rawpy", None)
    said = merge(capsys, *sorted(tmp_path.glob("*.dng")), "-o", tmp_path / "out.exr", *PLAIN)
    assert said.code == 1 and one_line(said.err) and "headroom-hdr[raw]" in said.err


def test_a_raw_stands_for_the_jpeg_beside_it(tmp_path: Path, capsys: CapSys) -> None:
    light = _smooth()
    folder = tmp_path / "in"
    folder.mkdir()
    for k, ev in enumerate((-2.0, 0.0, 2.0)):
        write_dng(folder / f"IMG_{k}.dng", light * 2.0**ev, seconds=2.0**ev / 64)
        write_jpeg(folder / f"IMG_{k}.JPG", codes(light, ev), seconds=2.0**ev / 64)
    said = merge(capsys, folder, "-o", tmp_path / "out.exr", *PLAIN, "--no-continue", "--json")
    answer = json.loads(said.out)
    assert len(answer["stacks"][0]["frames"]) == 3 and len(answer["left_out"]) == 3


def test_alpha_is_ignored(tmp_path: Path, capsys: CapSys) -> None:
    for k, ev in enumerate((-1, 1)):
        rgba = np.dstack([codes(LIGHT, ev), np.full(LIGHT.shape[:2], 100 * k + 50, np.uint8)])
        Image.fromarray(rgba, "RGBA").save(tmp_path / f"{k}.png")
    said = merge(capsys, *sorted(tmp_path.glob("*.png")), "-o", tmp_path / "out.exr", *PLAIN, "--ev=-1,1")
    assert said.code == 0 and said.err.count("alpha is ignored") == 2
    assert list(io.header(tmp_path / "out.exr")["parts"][0]["channels"]) == ["R", "G", "B"]


def test_frames_of_two_colour_spaces_need_from(tmp_path: Path, capsys: CapSys) -> None:
    paths = []
    for name, space in (("a", "Linear Rec.709 (sRGB)"), ("b", "ACEScg")):
        hdr = package.merge(write_bracket(tmp_path / name, LIGHT, [-2, 0]), align="none", method="debevec", to=space)
        package.write(hdr, tmp_path / f"{name}.exr")
        paths.append(tmp_path / f"{name}.exr")
    said = merge(capsys, *paths, "-o", tmp_path / "out.exr", *PLAIN, "--ev=0,1")
    assert said.code == 1 and "--from" in said.err and "ACEScg" in said.err
    assert merge(capsys, *paths, "-o", tmp_path / "out.exr", *PLAIN, "--ev=0,1", "--from", "ACEScg").code == 0


# ---- several stacks


def test_a_folder_of_stacks_gives_one_picture_each(tmp_path: Path, capsys: CapSys) -> None:
    folder = tmp_path / "in"
    for number in range(3):
        write_bracket(folder, LIGHT * (1 + number), [-2, 0, 2], first=60.0 * number, stem=f"IMG_{number}")
    Image.fromarray(codes(LIGHT, 0)).save(folder / "map.png")
    (folder / "notes.txt").write_text("by hand")
    out = tmp_path / "out"
    said = merge(capsys, folder, "-o", out, *PLAIN)
    assert said.code == 0 and "3 of 3 stacks" in said.out and "left out" in said.err and "map.png" in said.err
    assert tree(out) == {f"IMG_{number}0-IMG_{number}2.exr" for number in range(3)}
    known = recorded(LIGHT, [-2, 0])
    ratio = pixels(out / "IMG_10-IMG_12.exr")[known] / pixels(out / "IMG_00-IMG_02.exr")[known]
    assert np.median(ratio) == pytest.approx(2, rel=0.02)
    one = merge(capsys, folder, "-o", tmp_path / "one.exr", *PLAIN)
    assert one.code == 2 and "3 stacks were found" in one.err and one_line(one.err)


def test_folders_in_a_folder_and_a_bad_one_among_them(tmp_path: Path, capsys: CapSys) -> None:
    write_bracket(tmp_path / "in" / "hall", LIGHT, [-2, 0, 2])
    bad = write_bracket(tmp_path / "in" / "yard", LIGHT, [-2, 0, 2])
    bad[1].write_bytes(bad[1].read_bytes()[:-800])
    out = tmp_path / "out"
    said = merge(capsys, tmp_path / "in", "-o", out, *PLAIN)
    assert said.code == 1 and "1 of 2 stacks" in said.out
    assert "yard.exr: failed" in said.err and "cut short" in said.err
    assert tree(out) == {"hall.exr"}


def test_stated_exposures_of_a_folder_of_stacks(tmp_path: Path, capsys: CapSys) -> None:
    for number in range(2):
        for k, ev in enumerate((-2, 0, 2)):
            path = tmp_path / "in" / f"s{number}{k}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(codes(LIGHT, ev)).save(path)
    out = tmp_path / "out"
    assert merge(capsys, tmp_path / "in", "-o", out, *PLAIN, "--ev", "-2,0,2").code == 0
    assert tree(out) == {"s00-s02.exr", "s10-s12.exr"}


def test_a_group_keeps_one_exposure(tmp_path: Path, capsys: CapSys) -> None:
    """A panorama's shots under automatic exposure: the same light has the same value in all of them."""
    folder = tmp_path / "in"
    for number, metered in enumerate((0.0, 1.0, -1.5)):
        evs = [metered + ev for ev in (-2, 0, 2)]
        write_bracket(folder, LIGHT, evs, first=60.0 * number, stem=f"s{number}")
    apart, together = tmp_path / "apart", tmp_path / "together"
    assert merge(capsys, folder, "-o", apart, *PLAIN).code == 0
    said = merge(capsys, folder, "-o", together, *PLAIN, "--group")
    assert said.code == 0 and "differ by 2.50 stops" in said.err
    known = recorded(LIGHT, [-2, -1, 0])
    for folder_, ratios in ((apart, (1, 2, 2**-1.5)), (together, (1, 1, 1))):
        results = [pixels(path) for path in sorted(folder_.glob("*.exr"))]
        for result, ratio in zip(results, ratios, strict=True):
            assert np.median(result[known] / LIGHT[known]) == pytest.approx(ratio, rel=0.03)
    scales = [attributes(path)["headroom:scale"] for path in sorted(together.glob("*.exr"))]
    assert sum("one scale for the group" in scale for scale in scales) == 2


def _with_contrast(light: np.ndarray, ev: float) -> np.ndarray:
    """Codes of a camera that adds contrast to sRGB, as they do."""
    code = codes(light, ev) / 255.0
    steep = code + 0.35 * (code - 0.45) * code * (1 - code) * 2.2
    return np.rint(steep.clip(0, 1) * 255).astype(np.uint8)


def test_a_cameras_own_curve_is_noticed_fitted_and_drawn(tmp_path: Path, capsys: CapSys) -> None:
    light = scene(160, 240)
    paths = [
        write_jpeg(tmp_path / f"{k}.jpg", _with_contrast(light, ev), seconds=2.0**ev / 64, quality=98)
        for k, ev in enumerate((-3, -1.5, 0, 1.5, 3))
    ]
    known = recorded(light, [-3, -1.5, 0, 1.5])
    spread = {}
    for response in ("auto", "declared"):
        out = tmp_path / f"{response}.exr"
        plot = tmp_path / f"{response}.png"
        said = merge(capsys, *paths, "-o", out, *PLAIN, "--response", response, "--response-plot", plot)
        assert said.code == 0 and ("so one was fitted" in said.err) == (response == "auto"), said.err
        with Image.open(plot) as drawn:
            assert drawn.width > 400
        stops = np.log2(pixels(out)[known] / light[known])
        spread[response] = np.median(np.abs(stops - np.median(stops)))
    assert attributes(tmp_path / "auto.exr")["headroom:response"] == "emor"
    assert spread["auto"] < 0.5 * spread["declared"], spread


def test_a_group_keeps_one_curve(tmp_path: Path, capsys: CapSys) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        light = scene(120, 180, seed=number)
        for k, ev in enumerate((-2, 0, 2)):
            write_jpeg(
                folder / f"s{number}{k}.jpg", _with_contrast(light, ev), seconds=2.0**ev / 64, taken=60 * number + k
            )
    said = merge(capsys, folder, "-o", tmp_path / "out", *PLAIN, "--group", "--response", "emor", "--json")
    stacks = json.loads(said.out)["stacks"]
    assert len(stacks) == 2 and stacks[0]["response"] == stacks[1]["response"]


def test_a_group_needs_known_exposures(tmp_path: Path, capsys: CapSys) -> None:
    folder = tmp_path / "in"
    write_bracket(folder, LIGHT, [-2, 0, 2], stem="a")
    write_bracket(folder, LIGHT, [-2, 0, 2], first=60, stem="b")
    said = merge(capsys, folder, "-o", tmp_path / "out", *PLAIN, "--group", "--estimate-ev")
    assert said.code == 2 and one_line(said.err) and "--ev" in said.err


# ---- what is wrong


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--ev", "0,1"), 2, "2 exposures for 3 frames"),
        (("--ev", "a,b,c"), 2, "-2,0,2"),
        (("--ev", "1,1,1"), 2, "all the same"),
        (("--ev=-2,0,2", "--estimate-ev"), 2, "--estimate-ev"),
        (("--method", "magic"), 2, "kalantari-we"),
        (("--response", "magic"), 2, "LUT"),
        (("--reference", "9"), 2, "1 (the darkest) to 3"),
        (("--reference", "other.jpg"), 2, "f0.jpg"),
        (("--align", "magic"), 2, "flow"),
        (("--per-stack", "2"), 2, "no whole number of stacks"),
        (("--from", "magic space"), 2, "magic space"),
        (("--response-plot", "plot.txt"), 2, ".png"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    frames: list[Path], tmp_path: Path, capsys: CapSys, arguments: tuple[str, ...], code: int, words: str
) -> None:
    before = tree(tmp_path)
    said = merge(capsys, *frames, "-o", tmp_path / "out.exr", *PLAIN, *arguments)
    assert said.code == code and words in said.err and "Traceback" not in said.err
    assert len([line for line in said.err.splitlines() if not line.endswith(" %")]) == 1
    assert tree(tmp_path) == before


@pytest.mark.parametrize("what", ["lone", "missing", "empty", "text", "folder", "itself", "suffix", "exists"])
def test_bad_inputs_and_outputs(frames: list[Path], tmp_path: Path, capsys: CapSys, what: str) -> None:
    inputs: list[Path] = list(frames)
    out = tmp_path / "out.exr"
    if what == "lone":
        inputs = frames[:1]
    elif what == "missing":
        inputs[1] = tmp_path / "nothing.jpg"
    elif what == "empty":
        inputs[1].write_bytes(b"")
    elif what == "text":
        inputs[1].write_text("not a picture")
    elif what == "folder":
        (tmp_path / "none").mkdir()
        inputs = [tmp_path / "none"]
    elif what == "itself":
        inputs[1].rename(tmp_path / "f.tif")
        inputs[1] = out = tmp_path / "f.tif"
    elif what == "suffix":
        out = tmp_path / "out.jpg"
    else:
        out.write_bytes(b"precious")
    before = tree(tmp_path)
    said = merge(capsys, *inputs, "-o", out, *PLAIN)
    assert said.code in (1, 2) and one_line(said.err), said.err
    assert tree(tmp_path) == before
    assert what != "exists" or out.read_bytes() == b"precious"


def test_json_is_one_object_even_for_an_error(frames: list[Path], tmp_path: Path, capsys: CapSys) -> None:
    answer = json.loads(merge(capsys, *frames, "-o", tmp_path / "out.exr", *PLAIN, "--json").out)
    stack = answer["stacks"][0]
    assert stack["status"] == "done" and stack["reference"] == 1 and answer["exit_code"] == 0
    assert [Path(frame["file"]).name for frame in stack["frames"]] == ["f1.jpg", "f2.jpg", "f0.jpg"]
    assert stack["frames"][2]["measured_ev_stops"] == pytest.approx(2, abs=0.05)
    assert stack["width"] == 96 and stack["method"] == "inverse-variance"
    error = json.loads(merge(capsys, *frames, "-o", tmp_path / "out.exr", *PLAIN, "--json").out)
    assert error["exit_code"] == 1 and "--overwrite" in error["error"]


def test_a_network_without_weights_names_its_recipe(frames: list[Path], tmp_path: Path, capsys: CapSys) -> None:
    said = merge(capsys, *frames, "-o", tmp_path / "out.exr", "--method", "kalantari-wie")
    assert said.code == 2 and one_line(said.err) and "headroom train kalantari-wie" in said.err


# ---- stopping


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path / "in", scene(600, 900), [-2, 0, 2])
    out = tmp_path / "out"
    process = headroom_process(
        "merge",
        *paths,
        "-o",
        out / "out.exr",
        *PLAIN,
        "--memory",
        "40MB",
        "--no-continue",
        env={"PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - start < 20
    assert said.strip().endswith("%") and "cancelled" in rest and "Traceback" not in rest
    assert not out.exists() or not list(out.iterdir())


def test_stopped_at_any_stage(frames: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headroom.errors import Cancelled
    from headroom.merge import maker
    from headroom.merge.job import MergeJob
    from headroom.merge.request import Merging, Request

    class Stopping:
        share = 0.0

        def started(self, name: str, number: int, count: int) -> None: ...

        def progress(self, share: float) -> None:
            assert share >= self.share
            self.share = share

        def finished(self, report: dict[str, Any]) -> None: ...

    monkeypatch.setattr(maker, "BAND_PIXELS", 96 * 4)  # many bands
    for stop_at in (0.04, 0.5, 0.9, 0.97):
        out = tmp_path / str(stop_at) / "out.exr"
        merging = Merging(align="none", method="inverse-variance", goes_on=False)
        job = MergeJob(Request(inputs=tuple(frames), output=out, merging=merging))
        watcher = Stopping()
        with pytest.raises(Cancelled):
            job.run(watcher, lambda watcher=watcher, at=stop_at: watcher.share >= at)
        assert not out.parent.exists() or not list(out.parent.iterdir())


# ---- memory and scripts


def test_windows_give_what_the_whole_frame_gives(tmp_path: Path, capsys: CapSys) -> None:
    paths = write_bracket(tmp_path / "in", scene(150, 210), [-2, 0, 2])
    whole, cut = tmp_path / "whole.exr", tmp_path / "cut.exr"
    said = [
        json.loads(merge(capsys, *paths, "-o", out, *PLAIN, "--no-continue", "--json", *memory).out)["stacks"][0]
        for out, memory in ((whole, ()), (cut, ("--memory", "5MB")))
    ]
    assert said[0]["tile_px"] >= 1024 and said[1]["tile_px"] <= 64
    np.testing.assert_array_equal(pixels(whole), pixels(cut))


def test_from_python(frames: list[Path], tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "out.exr"
    assert merge(capsys, *frames, "-o", out, *PLAIN, "--no-continue", "--mask").code == 0
    plain = {"align": "none", "method": "inverse-variance", "goes_on": False, "to": REC709[1]}
    plates = [frames[0], package.read(frames[1]), str(frames[2])]
    hdr = package.merge(plates, **plain)
    again = tmp_path / "again.exr"
    package.write(hdr, again, mask=True)
    np.testing.assert_array_equal(pixels(out), pixels(again))
    assert hdr.report["reference"] == 1 and attributes(again)["headroom:method"] == "inverse-variance"
    with pytest.raises(package.HeadroomError, match="headroom convert"):
        package.merge(frames[:1], **plain)


def test_the_options_are_a_promise() -> None:
    from headroom.cli.merge import command

    assert {flag for option in command.params for flag in option.opts if flag.startswith("--")} == {
        "--output", "--ev", "--estimate-ev", "--per-stack", "--same-exposure", "--reference", "--align", "--method",
        "--response", "--response-plot", "--group", "--no-continue", "--model", "--clip-level", "--from", "--to",
        "--ocio-config", "--mask", "--depth", "--compression", "--device", "--precision", "--memory", "--overwrite",
        "--json",
    }  # fmt: skip


def test_progress_on_standard_error_and_nothing_but_the_result_on_the_other(
    frames: list[Path], tmp_path: Path, capsys: CapSys
) -> None:
    said = merge(capsys, *frames, "-o", tmp_path / "out.exr", *PLAIN)
    assert "out.exr: 100 %" in said.err and "%" not in said.out.split("clipped")[0]
    assert "EV +2.00, measured" in said.out and "reference" in said.out
