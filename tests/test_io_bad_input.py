"""Whatever is wrong with a file, it is one clear line: no traceback, no crash, no huge allocation."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from headroom.errors import PlateError
from headroom.io import header, read
from headroom.io.pixels import make_finite

DATA = Path(__file__).parent / "data"
FULL_SET = Path(os.environ.get("HEADROOM_DATA", DATA.parents[2] / "shared" / "data")) / "damaged"
if not FULL_SET.is_dir():
    FULL_SET = DATA / "damaged"


def refused(path: Path) -> str:
    with pytest.raises(PlateError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < 400 + len(str(path))
    return message


@pytest.mark.parametrize("path", sorted(FULL_SET.glob("*")), ids=lambda p: p.name[-24:])
def test_damaged_exr(path: Path) -> None:
    refused(path)


@pytest.mark.parametrize("path", sorted((DATA / "damaged").glob("*")), ids=lambda p: p.name[-24:])
def test_header_of_damaged_exr(path: Path) -> None:
    try:
        header(path)
    except PlateError as error:
        assert "\n" not in str(error)


def test_missing_folder_empty_and_text(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.png")
    assert "folder" in refused(tmp_path)
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("this is no picture\n")
    assert "empty" in refused(empty)
    assert "not a picture" in refused(text)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.03, 0.5])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole)
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    refused(cut)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_truncated_exr(tmp_path: Path, share: float) -> None:
    whole = (DATA / "autoshop_01_crop.exr").read_bytes()
    path = tmp_path / "cut.exr"
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


def test_zero_pixels(tmp_path: Path) -> None:
    ppm = tmp_path / "zero.ppm"
    ppm.write_bytes(b"P6\n0 0\n255\n")
    refused(ppm)
    png = tmp_path / "zero.png"
    png.write_bytes(png_of(0, 0))
    refused(png)


def test_a_claim_the_file_cannot_hold_is_refused_before_allocating(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(40_000, 40_000))
    refused(path)
    path.write_bytes(png_of(2**20, 2**20))
    refused(path)


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def test_heic_without_a_reader_is_named(tmp_path: Path) -> None:
    path = tmp_path / "phone.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64)
    assert "HEIC" in refused(path)


def test_tiff_in_lab_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    Image.new("LAB", (4, 4)).save(path)
    assert "L*a*b*" in refused(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 13_000), value=st.integers(0, 255), length=st.integers(1, 8))
def test_flipped_bytes_never_crash(tmp_path: Path, position: int, value: int, length: int) -> None:
    data = bytearray((DATA / "autoshop_01_crop.exr").read_bytes())
    data[position : position + length] = bytes([value]) * length
    path = tmp_path / "flipped.exr"
    path.write_bytes(data)
    try:
        plate = read(path)
    except PlateError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(plate.codes).all()


# ---- NaN and Inf ------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_nan_and_inf_are_replaced_and_counted(tmp_path: Path, kind: type) -> None:
    pixels = np.full((300, 4, 4), 0.5, kind)
    pixels[0, 0] = (7, 0.5, 0.5, 0.5)
    pixels[1, 1, :3] = np.nan
    pixels[299, 2, 0] = np.inf
    pixels[299, 3, 1] = -np.inf
    pixels[5, 1, 3] = np.nan
    path = tmp_path / "bad.exr"
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGBA": pixels}) as file:
        file.write(str(path))
    plate = read(path)
    assert plate.alpha is not None
    assert np.isfinite(plate.codes).all()
    assert np.isfinite(plate.alpha).all()
    np.testing.assert_array_equal(plate.codes[1, 1], 0)
    assert plate.codes[299, 2, 0] == 7
    assert plate.codes[299, 3, 1] == 0.5
    assert "3 NaN, 1 +Inf, 1 -Inf" in plate.warnings[0]
    assert "alpha" in plate.warnings[1]


def test_a_channel_without_a_finite_value() -> None:
    codes = np.full((2, 2, 3), np.inf, np.float32)
    codes[0, 0, 1] = np.nan
    assert make_finite(codes) == {"NaN": 1, "+Inf": 11, "-Inf": 0}
    assert codes[0, 0].tolist() == [1.0, 0.0, 1.0]


def test_integers_are_left_alone() -> None:
    codes = np.full((2, 2, 3), 255, np.uint8)
    assert not any(make_finite(codes).values())
