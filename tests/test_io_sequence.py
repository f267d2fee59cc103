from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import save_picture
from headroom import io
from headroom.errors import PlateError, UsageError
from headroom.io.frames import frames_of_range, gaps, gaps_text, nearest, range_text
from headroom.io.pattern import FramePattern, is_pattern
from headroom.io.sequence import SequenceSource


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("pattern", "file"),
    [
        ("plate.####.jpg", "plate.0012.jpg"),
        ("plate.%04d.jpg", "plate.0012.jpg"),
        ("plate.$F4.jpg", "plate.0012.jpg"),
        ("plate.@@@@.jpg", "plate.0012.jpg"),
        ("plate.#.jpg", "plate.0012.jpg"),
        ("plate.##@@.jpg", "plate.0012.jpg"),
        ("plate.######.jpg", "plate.000012.jpg"),
        ("plate.@.jpg", "plate.12.jpg"),
        ("plate.%d.jpg", "plate.12.jpg"),
        ("plate.$F.jpg", "plate.12.jpg"),
        ("%05d.dpx", "00012.dpx"),
        ("sh010_v003.2k.####.exr", "sh010_v003.2k.0012.exr"),
        ("shot 7 (wide)_####.tif", "shot 7 (wide)_0012.tif"),
        ("plate_####_left.exr", "plate_0012_left.exr"),
        ("Bühne.####.png", "Bühne.0012.png"),
    ],
)
def test_patterns_as_the_field_writes_them(pattern: str, file: str, tmp_path: Path) -> None:
    assert is_pattern(tmp_path / pattern)
    parsed = FramePattern.of(tmp_path / pattern)
    assert parsed.path(12).name == file
    assert parsed.frame_of(file) == 12
    touch(tmp_path, file, "other.0012.jpg", "plate.0012.jpg~")
    source = SequenceSource(tmp_path / pattern)
    assert source.frames == (12,)
    assert source.path(12) == tmp_path / file


@given(frame=st.integers(-99999, 9_999_999), width=st.integers(1, 7))
def test_a_frame_is_found_under_the_name_it_is_given(frame: int, width: int) -> None:
    pattern = FramePattern.of(f"a.{'@' * width}.exr")
    assert pattern.frame_of(pattern.path(frame).name) == frame


def test_files_that_are_no_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "odd ####.jpg")
    for name in ("plate.jpg", "plate.1001.jpg", "photo@2x.png", "odd ####.jpg", "dir#1/plate.jpg"):
        assert not is_pattern(tmp_path / name), name
    with pytest.raises(UsageError, match="more than one place"):
        FramePattern.of("a.%04d.%04d.jpg")
    with pytest.raises(UsageError, match="no place"):
        FramePattern.of("plate.jpg")


def test_padding_in_a_folders_name_is_not_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path / "take#1 %04d", "plate.0001.jpg", "plate.0002.jpg")
    assert SequenceSource(tmp_path / "take#1 %04d" / "plate.####.jpg").frames == (1, 2)


def test_numbers_longer_than_the_padding_and_below_zero(tmp_path: Path) -> None:
    touch(tmp_path, "p.9999.png", "p.10000.png", "p.010001.png", "p.-002.png", "p.-0003.png", "p.12.png")
    source = SequenceSource(tmp_path / "p.####.png")
    assert source.frames == (-3, -2, 9999, 10000)
    assert source.path(-3).name == "p.-0003.png" and source.path(-2).name == "p.-002.png"
    assert source.path(-4).name == "p.-004.png"


def test_a_pattern_without_a_width_reads_any(tmp_path: Path) -> None:
    touch(tmp_path, "p.1.png", "p.0002.png", "p.10.png")
    for pattern in ("p.#.png", "p.@.png", "p.%d.png", "p.$F.png"):
        assert SequenceSource(tmp_path / pattern).frames == (1, 2, 10), pattern
    assert SequenceSource(tmp_path / "p.####.png").frames == (2,)
    touch(tmp_path, "p.01.png")
    with pytest.raises(PlateError, match=r"frame 1 is there twice, as p\.01\.png and p\.1\.png"):
        SequenceSource(tmp_path / "p.#.png")


def test_a_range_in_or_beside_the_name(tmp_path: Path) -> None:
    touch(tmp_path, *(f"p.{n}.png" for n in range(1001, 1011)))
    assert SequenceSource(tmp_path / "p.1003-1009x3####.png").frames == (1003, 1006, 1009)
    assert SequenceSource(tmp_path / "p.####.png 1002-1004,1010").frames == (1002, 1003, 1004, 1010)
    with pytest.raises(PlateError, match=r"none of the frames 1-5 is there; there are 1001-1010"):
        SequenceSource(tmp_path / "p.####.png 1-5")


def test_nothing_that_matches_names_what_is_there(tmp_path: Path) -> None:
    touch(tmp_path, *(f"sh010_plate.{n}.jpg" for n in (1001, 1002, 1004)), "Plate.0001.JPG", "notes.txt")
    with pytest.raises(PlateError) as told:
        SequenceSource(tmp_path / "plate.####.jpg")
    assert "sh010_plate.####.jpg (1001-1002,1004)" in str(told.value)
    assert "Plate.####.JPG (1)" in str(told.value)
    assert "\n" not in str(told.value)
    with pytest.raises(PlateError, match=f"there is no folder {tmp_path / 'gone'}"):
        SequenceSource(tmp_path / "gone" / "plate.####.jpg")
    with pytest.raises(PlateError, match="no numbered pictures"):
        SequenceSource(touch(tmp_path / "empty") / "plate.####.jpg")


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001-1005", (1001, 1002, 1003, 1004, 1005)),
        ("1001-1010x3,1300", (1001, 1004, 1007, 1010, 1300)),
        ("-3-2", (-3, -2, -1, 0, 1, 2)),
        ("-5--3", (-5, -4, -3)),
        (" 5, 3-4 ,3 ", (3, 4, 5)),
        ("0007", (7,)),
        ("10-8", (8, 9, 10)),
    ],
)
def test_frame_ranges(text: str, frames: tuple[int, ...]) -> None:
    assert frames_of_range(text) == frames


@pytest.mark.parametrize("text", ["", ",", "a", "1-", "1..5", "1-10x0", "1.5-3", "1-1e9", "1-90000000", "1-3000000"])
def test_what_is_no_frame_range_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="--frames") as told:
        frames_of_range(text)
    assert "1001-1240" in str(told.value) and "\n" not in str(told.value)


@given(st.sets(st.integers(-300, 300), min_size=1, max_size=40))
def test_a_range_reads_back(frames: set[int]) -> None:
    assert set(frames_of_range(range_text(frames))) == frames


@given(st.sets(st.integers(-100, 100), min_size=1, max_size=30))
def test_gaps_fill_up_to_an_even_step(frames: set[int]) -> None:
    there = sorted(frames)
    holes = [frame for hole in gaps(there) for frame in hole]
    assert not set(holes) & frames
    steps = [b - a for a, b in zip(there, there[1:], strict=False)]
    if all(step % min(steps, default=1) == 0 for step in steps):
        whole = sorted(frames | set(holes))
        assert whole == list(range(whole[0], whole[-1] + 1, min(steps, default=1)))


def test_gaps_are_ranges_however_long() -> None:
    assert gaps_text(gaps((1, 2, 5, 6, 10))) == "3-4,7-9"
    assert gaps((1001, 1003, 1005)) == ()
    assert gaps_text(gaps((1001, 1003, 1009))) == "1005-1007x2"
    assert gaps_text(gaps((1, 2, 10**12))) == "3-999999999999"
    assert [nearest((1, 5, 9), n) for n in (-4, 3, 4, 7, 100)] == [1, 1, 5, 5, 9]


def test_plates_carry_their_number_and_know_when_their_file_changes(tmp_path: Path) -> None:
    for number in (1001, 1002):
        save_picture(tmp_path / f"p.{number}.png", clipped=0.1 * (number - 1000))
    source = SequenceSource(tmp_path / "p.####.png")
    plate = source.read(1002)
    assert plate.frame == 1002 and plate.path == tmp_path / "p.1002.png"
    assert np.array_equal(plate.codes, io.read(tmp_path / "p.1002.png").codes)
    first = source.identity(1002)
    assert first == source.identity(1002) != source.identity(1001)
    save_picture(tmp_path / "p.1002.png", clipped=0.4)
    os.utime(tmp_path / "p.1002.png", ns=(1, 1))
    assert source.identity(1002) != first
    with pytest.raises(PlateError, match="there is no frame 1003; there are 1001-1002"):
        source.read(1003)
    (tmp_path / "p.1001.png").write_bytes(b"no picture at all")
    with pytest.raises(PlateError, match=r"frame 1001: .*p\.1001\.png"):
        source.read(1001)
    (tmp_path / "p.1001.png").unlink()
    with pytest.raises(PlateError, match="frame 1001"):
        source.identity(1001)


def test_the_rate_comes_from_the_first_files_header(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    for number in (1, 2):
        io.write(tmp_path / f"p.{number}.exr", pixels, metadata={"framesPerSecond": (24000, 1001)})
    assert SequenceSource(tmp_path / "p.#.exr").rate == Fraction(24000, 1001)
    save_picture(tmp_path / "q.1.png")
    assert SequenceSource(tmp_path / "q.#.png").rate is None
