"""The issue's list of bad input, through the real command line: one clear line, the right exit code, no leftovers."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import headroom, headroom_process, one_line, save_picture
from headroom import io

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

CapSys = pytest.CaptureFixture[str]


def test_a_folder_of_20_with_3_bad_files(tmp_path: Path, capsys: CapSys) -> None:
    plates, out = tmp_path / "plates", tmp_path / "out"
    plates.mkdir()
    for number in range(17):
        save_picture(plates / f"good{number:02d}.{'jpg' if number % 2 else 'png'}")
    whole = (plates / "good00.png").read_bytes()
    (plates / "cut.png").write_bytes(whole[: len(whole) // 2])
    (plates / "empty.jpg").write_bytes(b"")
    (plates / "text.tif").write_text("no picture")
    said = headroom(capsys, "convert", plates, "-o", out)
    assert said.code == 1
    assert "17 converted, 3 failed of 20" in said.out
    assert len(list(out.iterdir())) == 17 == len(list(out.glob("good*.exr")))
    failures = [line for line in said.err.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 3 and "Traceback" not in said.err
    for name in ("cut.png", "empty.jpg", "text.tif"):
        assert sum(name in line for line in failures) == 1


def missing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is no picture, whatever its name says")


def truncated(path: Path) -> None:
    save_picture(path, width=300, height=200)
    path.write_bytes(path.read_bytes()[:700])


def no_pixels(path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("make", [missing, empty, text, truncated, no_pixels])
def test_no_picture(make: Callable[[Path], None], tmp_path: Path, capsys: CapSys) -> None:
    source = tmp_path / "plate.png"
    make(source)
    said = headroom(capsys, "convert", source, "-o", tmp_path / "out.exr")
    assert said.code == 1
    assert one_line(said.err) and "plate.png" in said.err
    assert not list(tmp_path.glob("*.exr*"))
    assert one_line(headroom(capsys, "inspect", source).err)


def test_every_damaged_file(data: Path, tmp_path: Path, capsys: CapSys) -> None:
    files = sorted((data / "damaged").iterdir())
    said = headroom(capsys, "convert", *files, "-o", tmp_path / "out", "--json", "--memory", "500MB")
    answer = json.loads(said.out)
    assert said.code == 1 and len(answer["files"]) == len(files)
    for report in answer["files"]:
        assert report["status"] == "failed", report
        assert "\n" not in report["error"] and "unexpected" not in report["error"]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (67, 131), (100_000, 3)])
def test_odd_sizes(size: tuple[int, int], tmp_path: Path, capsys: CapSys) -> None:
    source = save_picture(tmp_path / "a.png", width=size[0], height=size[1])
    said = headroom(capsys, "convert", source, "-o", tmp_path / "a.exr", "--memory", "300MB")
    assert said.code == 0, said.err
    result = io.read(tmp_path / "a.exr")
    assert (result.width, result.height) == size
    assert np.isfinite(result.codes).all()


@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_frame(value: int, tmp_path: Path, capsys: CapSys) -> None:
    Image.fromarray(np.full((40, 50, 3), value, np.uint8)).save(tmp_path / "a.png")
    said = headroom(capsys, "convert", tmp_path / "a.png", "-o", tmp_path / "a.exr", "--mask")
    assert said.code == 0, said.err
    assert np.isfinite(io.read(tmp_path / "a.exr").codes).all()


def test_nan_and_inf_never_leave(tmp_path: Path, capsys: CapSys) -> None:
    import OpenEXR

    pixels = np.linspace(0, 1, 30 * 20 * 3, dtype=np.float32).reshape(20, 30, 3)
    pixels[3, 4], pixels[5, 6] = np.nan, np.inf
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": pixels}).write(str(tmp_path / "a.exr"))
    said = headroom(capsys, "convert", tmp_path / "a.exr", "-o", tmp_path / "b.exr")
    assert said.code == 0 and "NaN" in said.err
    assert np.isfinite(io.read(tmp_path / "b.exr").codes).all()


def test_light_beyond_half_is_written_as_float(tmp_path: Path, capsys: CapSys) -> None:
    import OpenEXR

    pixels = np.full((20, 30, 3), 1e5, np.float32)
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": pixels}).write(str(tmp_path / "a.exr"))
    said = headroom(capsys, "convert", tmp_path / "a.exr", "-o", tmp_path / "b.exr")
    assert said.code == 0 and "32-bit" in said.err
    assert io.header(tmp_path / "b.exr")["parts"][0]["channels"]["R"] == "float"


def test_tampered_weights(tmp_path: Path, tiny_headroom_1: Path, capsys: CapSys) -> None:
    model = shutil.copytree(tiny_headroom_1, tmp_path / "model")
    content = bytearray((model / "weights.safetensors").read_bytes())
    content[-5] ^= 1
    (model / "weights.safetensors").write_bytes(content)
    source = save_picture(tmp_path / "a.png")
    said = headroom(capsys, "convert", source, "-o", tmp_path / "a.exr", "--model", model)
    assert said.code == 1 and one_line(said.err) and "sha256" in said.err
    assert not (tmp_path / "a.exr").exists()
    (model / "weights.safetensors").unlink()
    said = headroom(capsys, "convert", source, "-o", tmp_path / "a.exr", "--model", model)
    assert said.code == 1 and one_line(said.err) and "weights.safetensors" in said.err


@pytest.mark.parametrize("target", ["/proc/headroom/a.exr", "{tmp}/file/a.exr", "{tmp}/folder.exr"])
def test_a_place_that_cannot_be_written(target: str, tmp_path: Path, capsys: CapSys) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = Path(target.format(tmp=tmp_path))
    source = save_picture(tmp_path / "a.png")
    if place.name == "folder.exr":
        place.mkdir()
        (place / "a.exr").mkdir()
    said = headroom(capsys, "convert", source, "-o", place, "--overwrite")
    assert said.code == 1 and one_line(said.err) and "Traceback" not in said.err


def test_a_full_disk(tmp_path: Path, capsys: CapSys) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        said = headroom(capsys, "convert", tmp_path / "a.png", "-o", tmp_path / "a.exr")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert said.code == 1 and one_line(said.err) and "a.exr" in said.err
    assert not list(tmp_path.glob("*.exr*"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_cancel_leaves_nothing(how: signal.Signals, tmp_path: Path, tiny_models: Path) -> None:
    plates, out = tmp_path / "plates", tmp_path / "out"
    plates.mkdir()
    rng = np.random.default_rng(1)
    for name in "abc":
        Image.fromarray(rng.integers(180, 255, (1500, 3000, 3), np.uint8), "RGB").save(plates / f"{name}.tif")
    env = {"HEADROOM_MODELS": str(tiny_models)}
    with headroom_process("convert", plates, "-o", out, "--memory", "40MB", env=env) as process:
        deadline = time.monotonic() + 60
        while not list(out.glob("*.partial-*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "cancelled" in err
    assert not list(out.glob("*.partial-*"))
    assert len(list(out.iterdir())) < 3


def test_a_reader_that_goes_away(repository: Path, tmp_path: Path, tiny_models: Path) -> None:
    env = {"HEADROOM_MODELS": str(tiny_models)}
    with headroom_process("models", "show", "headroom-1", env=env) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)
    assert err == ""
