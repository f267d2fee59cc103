"""What is written: complete or absent, typed, finite, and half only where half is enough."""

from __future__ import annotations

import os
import resource
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.errors import UsageError, WriteError
from headroom.io import HalfOverflow, open_writer, read, write
from headroom.io.writing import _rounded_rgbe
from headroom.plate import Window

RNG = np.random.default_rng(3)
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)


def light(height: int = 20, width: int = 30, top: float = 40.0) -> np.ndarray:
    return (RNG.random((height, width, 3)) * top - 0.5).astype(np.float32)


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if "partial" in p.name]


def head_of(path: Path) -> dict[str, object]:
    with OpenEXR.File(str(path), header_only=True) as file:
        return dict(file.header())


@pytest.mark.parametrize("compression", ["zip", "zips", "piz", "none"])
def test_lossless_exr_holds_the_nearest_half(tmp_path: Path, compression: str) -> None:
    pixels = light()
    report = write(tmp_path / "new" / "out.exr", pixels, compression=compression)
    assert report.depth == "half"
    assert report.compression == compression
    assert report.bytes == (tmp_path / "new" / "out.exr").stat().st_size
    np.testing.assert_array_equal(read(tmp_path / "new" / "out.exr").codes, pixels.astype(np.float16))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("compression", ["dwaa", "dwab", "dwaa:200"])
def test_dwa_is_close(tmp_path: Path, compression: str) -> None:
    y, x = np.mgrid[0:64, 0:64] / 64
    pixels = np.stack([x, y, x * y], axis=-1).astype(np.float32) * 10
    write(tmp_path / "out.exr", pixels, compression=compression)
    assert np.abs(read(tmp_path / "out.exr").codes.astype(np.float32) - pixels).max() < 0.5


def test_everything_an_exr_states(tmp_path: Path) -> None:
    path = tmp_path / "out.exr"
    alpha = RNG.random((20, 30)).astype(np.float32)
    report = write(
        path,
        light(),
        alpha=alpha,
        mask=alpha,
        gain=alpha * 9,
        chromaticities=AP1,
        attributes={
            "headroom:model": "headroom-1",
            "headroom:passes": 3,
            "headroom:boost": 0.5,
            "headroom:big": 2**40,
        },
        metadata={
            "timeCode": (0x01020304, 7),
            "framesPerSecond": (24000, 1001),
            "Make": "Maker",
            "PixelAspectRatio": 2.0,
        },
        data_window=Window(x=-3, y=5, width=30, height=20),
        display_window=Window(width=64, height=48),
    )
    assert report.channels == ("R", "G", "B", "A", "headroom.mask", "headroom.gain")
    head = head_of(path)
    assert [c.name for c in head["channels"]] == ["A", "B", "G", "R", "headroom.gain", "headroom.mask"]
    assert head["chromaticities"] == pytest.approx(AP1)
    assert head["headroom:model"] == "headroom-1"
    assert head["headroom:passes"] == 3
    assert head["headroom:boost"] == 0.5
    assert head["headroom:big"] == str(2**40)
    assert head["framesPerSecond"] == Fraction(24000, 1001)
    code = head["timeCode"]
    assert (code.hours, code.minutes, code.seconds, code.frame) == (1, 2, 3, 4)
    assert head["pixelAspectRatio"] == 2.0
    assert "capDate" not in head
    assert [list(map(int, v)) for v in head["dataWindow"]] == [[-3, 5], [26, 24]]
    assert [list(map(int, v)) for v in head["displayWindow"]] == [[0, 0], [63, 47]]
    plate = read(path)
    assert plate.space == "ACEScg"
    assert plate.metadata["timeCode"] == (0x01020304, 7)
    assert plate.metadata["framesPerSecond"] == (24000, 1001)
    assert plate.metadata["Make"] == "Maker"


def test_metadata_makes_the_round_trip(tmp_path: Path) -> None:
    first, second = tmp_path / "a.exr", tmp_path / "b.exr"
    stated = {
        "timeCode": (1, 2),
        "framesPerSecond": (25, 1),
        "ExposureTime": 0.01,
        "FNumber": 2.8,
        "owner": "me",
    }
    write(
        first,
        light(),
        metadata={**stated, "worldToCamera": tuple(float(v) for v in range(16)), "shots": (1, 2, 3)},
    )
    plate = read(first)
    write(second, light(), metadata=plate.metadata)
    assert read(second).metadata == plate.metadata
    one, two = head_of(first), head_of(second)
    assert one.keys() == two.keys()


def test_same_input_same_bytes(tmp_path: Path) -> None:
    pixels = light()
    for name in ("a.exr", "b.exr"):
        write(tmp_path / name, pixels, attributes={"headroom:model": "m"})
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_alpha_round_trip(tmp_path: Path) -> None:
    pixels, alpha = light(), RNG.random((20, 30)).astype(np.float32)
    alpha[0] = 0
    alpha[1] = 1
    write(tmp_path / "out.exr", pixels, alpha=alpha, depth="float")
    plate = read(tmp_path / "out.exr")
    assert plate.premultiplied
    np.testing.assert_array_equal(plate.alpha, alpha)
    np.testing.assert_array_equal(plate.codes[0], 0)
    np.testing.assert_array_equal(plate.codes[1], pixels[1])
    np.testing.assert_allclose(plate.rows(0, 20)[2:], pixels[2:], rtol=1e-5)


def test_glow_without_alpha_survives_the_round_trip(tmp_path: Path) -> None:
    pixels, alpha = light(), np.zeros((20, 30), np.float32)
    write(tmp_path / "out.exr", pixels, alpha=alpha, depth="float", keep_glow=True)
    np.testing.assert_array_equal(read(tmp_path / "out.exr").rows(0, 20), pixels)


@pytest.mark.parametrize("top", [65504.0, 65505.0, 70000.0, 3e38])
def test_half_until_it_would_overflow(tmp_path: Path, top: float) -> None:
    pixels = light()
    pixels[3, 4, 1] = top
    report = write(tmp_path / "sun.exr", pixels)
    assert report.depth == ("half" if top <= 65504 else "float")
    assert report.peak == np.float32(top)
    plate = read(tmp_path / "sun.exr")
    assert plate.codes[3, 4, 1] == np.float32(top)


def test_dwa_never_turns_a_sun_into_inf(tmp_path: Path) -> None:
    for level in ("dwaa", "dwaa:100000", "dwab:10000"):
        pixels = np.zeros((64, 64, 3), np.float32)
        pixels[20:30, 20:33] = 20_000
        pixels[40:50:3, 40:50:2] = 30_000
        report = write(tmp_path / "sun.exr", pixels, compression=level)
        with OpenEXR.File(str(tmp_path / "sun.exr")) as file:
            stored = file.channels()["RGB"].pixels
        assert np.isfinite(stored).all()
        assert (report.depth == "float") == ("stored as float32" in " ".join(report.warnings))
        assert report.depth == ("float" if level == "dwaa:100000" else "half")


def test_streaming_equals_whole(tmp_path: Path) -> None:
    pixels = light(600, 17)
    write(tmp_path / "whole.exr", pixels)
    with open_writer(tmp_path / "bands.exr", 17, 600) as writer:
        for y in range(0, 600, 37):
            writer.write_rows(y, pixels[y : y + 37])
        assert not (tmp_path / "bands.exr").exists()
    np.testing.assert_array_equal(read(tmp_path / "bands.exr").codes, read(tmp_path / "whole.exr").codes)


def test_streaming_half_overflow_is_a_signal_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HalfOverflow), open_writer(tmp_path / "a.exr", 4, 2) as writer:
        writer.write_rows(0, np.full((1, 4, 3), 1, np.float32))
        writer.write_rows(1, np.full((1, 4, 3), 1e6, np.float32))
    assert list(tmp_path.iterdir()) == []


PLANES = [("exr", n) for n in ("pixels", "alpha", "mask", "gain")] + [("tif", "pixels"), ("hdr", "pixels")]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("suffix", "where"), PLANES)
def test_non_finite_is_refused(tmp_path: Path, bad: float, suffix: str, where: str) -> None:
    planes = {name: np.ones((4, 5), np.float32) for name in ("alpha", "mask", "gain")}
    pixels = np.ones((4, 5, 3), np.float32)
    {"pixels": pixels, **planes}[where][2, 3] = bad
    with pytest.raises(WriteError, match="NaN or Inf"):
        write(tmp_path / f"out.{suffix}", pixels, **planes)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_or_missing_rows_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.exr"
    write(path, light())
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), open_writer(path, 30, 20) as writer:
        writer.write_rows(0, light(5))
        raise KeyboardInterrupt
    with pytest.raises(WriteError, match="5 of 20 rows"), open_writer(path, 30, 20) as writer:
        writer.write_rows(0, light(5))
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == []


def test_rows_out_of_order_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not follow"), open_writer(tmp_path / "o.exr", 30, 20) as writer:
        writer.write_rows(3, light(5))
    assert list(tmp_path.iterdir()) == []


# ---- places that cannot be written ------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["exr", "tif", "hdr"])
@pytest.mark.parametrize("limit", [0, 10, 400, 30_000])
def test_full_disk(tmp_path: Path, suffix: str, limit: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    pixels = light(128, 128)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with pytest.raises(WriteError) as caught:
            write(tmp_path / f"out.{suffix}", pixels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert "MB free" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_places(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    for path in (file / "out.exr", Path("/proc/headroom/out.exr"), tmp_path / ("n" * 300 + ".exr")):
        with pytest.raises(WriteError, match="cannot write") as caught:
            write(path, light())
        assert "\n" not in str(caught.value)
    (tmp_path / "folder.exr").mkdir()
    with pytest.raises(WriteError, match="folder"):
        write(tmp_path / "folder.exr", light())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.exr"]


def test_wrong_requests(tmp_path: Path) -> None:
    for path, options in (("a.jpg", {}), ("a.exr", {"compression": "lzw"}), ("a.exr", {"depth": "16"})):
        with pytest.raises(UsageError):
            write(tmp_path / path, light(), **options)
    assert list(tmp_path.iterdir()) == []


def test_no_file_of_another_process_is_touched(tmp_path: Path) -> None:
    other = tmp_path / f"out.exr.partial-{os.getpid() + 1}"
    other.write_bytes(b"x")
    write(tmp_path / "out.exr", light())
    assert other.read_bytes() == b"x"


# ---- the other formats ------------------------------------------------------------


def test_float_tiff(tmp_path: Path) -> None:
    pixels, alpha = light(), np.full((20, 30), 0.25, np.float32)
    report = write(tmp_path / "out.tif", pixels, alpha=alpha)
    plate = read(tmp_path / "out.tif")
    assert report.depth == "float"
    assert not plate.premultiplied
    np.testing.assert_array_equal(plate.codes, pixels)
    np.testing.assert_array_equal(plate.alpha, alpha)


def test_16_bit_tiff_clips_and_says_so(tmp_path: Path) -> None:
    pixels = light()
    report = write(tmp_path / "out.tiff", pixels, depth="half")
    assert report.depth == "uint16"
    assert "clipped" in report.warnings[0]
    expected = np.rint(np.clip(pixels, 0, 1) * np.float32(65535)).astype(np.uint16)
    np.testing.assert_array_equal(read(tmp_path / "out.tiff").codes, expected)


def test_radiance(tmp_path: Path) -> None:
    pixels = np.abs(light(50, 40, 90_000))
    report = write(tmp_path / "out.hdr", pixels, alpha=np.ones((50, 40), np.float32), chromaticities=AP1)
    assert "alpha" in report.warnings[0]
    assert "Rec.709" in report.warnings[1]
    stored = read(tmp_path / "out.hdr").codes
    assert (np.abs(stored - pixels) / pixels.max(axis=-1, keepdims=True)).max() <= 1 / 255
    assert abs(float((stored / pixels).mean()) - 1) < 0.01


@settings(deadline=None)
@given(st.lists(st.floats(0, 2.0**99, width=32), min_size=3, max_size=3))
def test_shared_exponent_rounding(values: list[float]) -> None:
    pixel = np.array([[values]], np.float32)
    rounded = _rounded_rgbe(pixel)
    step = float(pixel.max()) / 128
    assert np.abs(rounded.astype(np.float64) - pixel).max() <= max(step / 2 * 1.001, 1e-38)
