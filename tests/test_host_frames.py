from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.host import frames
from headroom.host.frames import FrameError, frame_of, frame_path, parse_range, pattern_of
from headroom.host.protocol import ProtocolError, decode, encode, jsonable
from headroom.host.stamp import is_stale, read_stamp, record, stale_frames, stamp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [7]),
        ("1001-1010x2,1020", [1001, 1003, 1005, 1007, 1009, 1020]),
        ("1001-1010:3", [1001, 1004, 1007, 1010]),
        (" 1 - 3 ", None),
        ("1 5\t7;9", [1, 5, 7, 9]),
        ("3-1", [3, 2, 1]),
        ("5-1x2", [5, 3, 1]),
        ("-5--3,-1-1", [-5, -4, -3, -1, 0, 1]),
        ("2,1,2,1-3", [2, 1, 3]),
        ("4-4x9", [4]),
    ],
)
def test_ranges(text: str, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(FrameError, match="'-' is not a frame range"):
            parse_range(text)
    else:
        assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", " , ", "a", "1-", "-", "1-2x", "1-2x0", "1.5", "1-9999999", "١-٣x", "1--"])
def test_no_ranges(text: str) -> None:
    with pytest.raises(FrameError) as raised:
        parse_range(text)
    assert "\n" not in str(raised.value)


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=60))
def test_a_range_written_out_reads_back(numbers: list[int]) -> None:
    assert parse_range(frames.format_range(numbers)) == sorted(set(numbers))


def test_ranges_are_written_as_a_person_would() -> None:
    assert frames.format_range([1, 2, 3, 5, 7, 9, 20]) == "1-3,5-9x2,20"
    assert frames.format_range([1, 5]) == "1,5"
    assert frames.format_range([1, 2]) == "1-2"
    assert frames.format_range(range(1001, 1101)) == "1001-1100"


@pytest.mark.parametrize(
    ("pattern", "frame", "path"),
    [
        ("/p/a.####.exr", 7, "/p/a.0007.exr"),
        ("/p/a.####.exr", 12345, "/p/a.12345.exr"),
        ("/p/a.%04d.exr", 1001, "/p/a.1001.exr"),
        ("/p/a.%d.exr", 7, "/p/a.7.exr"),
        ("/p/a_$F4.exr", 7, "/p/a_0007.exr"),
        ("/p/a_$F.exr", 7, "/p/a_7.exr"),
        ("/p/a@@@@@.exr", 7, "/p/a00007.exr"),
        ("/p/a.#.exr", 7, "/p/a.7.exr"),
        ("/p/a.####.exr", -5, "/p/a.-005.exr"),
        ("/show#2/%d/a@2x.###.exr", 7, "/show#2/%d/a@2x.007.exr"),
        ("C:\\show\\a.####.exr", 7, "C:\\show\\a.0007.exr"),
        ("\\\\server\\share\\####\\a.##.exr", 7, "\\\\server\\share\\####\\a.07.exr"),
        ("//server/share/写真 ä/a.##.exr", 7, "//server/share/写真 ä/a.07.exr"),
    ],
)
def test_patterns_both_ways(pattern: str, frame: int, path: str) -> None:
    assert frame_path(pattern, frame) == path
    assert frame_of(pattern, path) == frame
    assert frames.has_token(pattern)


@pytest.mark.parametrize("path", ["/p/a.exr", "/p/a#1.exr", "/p/a@2x.exr", "/p/100%done.exr", "/p/####/a.exr"])
def test_a_name_without_token_stands_for_itself(path: str) -> None:
    assert frame_path(path, 7) == path and not frames.has_token(path) and frame_of(path, path) is None


@pytest.mark.parametrize(
    "path", ["/p/a.7.exr", "/p/a.00007.exr", "/p/b.0007.exr", "/p/a.0007.jpg", "/p/a..exr", "/q/a.0007.exr"]
)
def test_other_files_are_not_frames(path: str) -> None:
    assert frame_of("/p/a.####.exr", path) is None


@pytest.mark.parametrize(
    ("path", "pattern", "frame"),
    [
        ("/p/a.1001.exr", "/p/a.####.exr", 1001),
        ("/p/a_v002.0099.exr", "/p/a_v002.####.exr", 99),
        ("/p/IMG_4711.jpg", "/p/IMG_####.jpg", 4711),
        ("/p/shot-1001.exr", "/p/shot-####.exr", 1001),
        ("/p/a.-005.exr", "/p/a.####.exr", -5),
        ("/p/7.png", "/p/%d.png", 7),
        ("C:\\p\\a.0007.exr", "C:\\p\\a.####.exr", 7),
    ],
)
def test_the_pattern_of_a_frame(path: str, pattern: str, frame: int) -> None:
    assert pattern_of(path) == (pattern, frame)
    assert frame_path(pattern, frame) == path


@pytest.mark.parametrize("path", ["/p/a.exr", "/p.1001/a.exr", "/p/1001", "/p/a1.b.exr"])
def test_no_number_no_pattern(path: str) -> None:
    assert pattern_of(path) is None


def test_frames_on_disk(tmp_path: Path) -> None:
    for name in (
        "a.0003.exr",
        "a.0001.exr",
        "a.0002.jpg",
        "a.1.exr",
        "b.0004.exr",
        "a.-001.exr",
        "a.0009.exr.partial-3",
    ):
        (tmp_path / name).write_text("")
    assert frames.find_frames(str(tmp_path / "a.####.exr")) == [-1, 1, 3]
    assert frames.find_frames(str(tmp_path / "no" / "a.####.exr")) == []
    assert frames.find_frames(str(tmp_path / "a.exr")) == []


def test_a_settings_key_names_what_shapes_a_result() -> None:
    key = frames.settings_key({"boost": 2.0, "model": "headroom-1"})
    assert len(key) == 8 and int(key, 16) >= 0
    assert key == frames.settings_key({"model": "headroom-1", "boost": 2, "to_space": None, "resume": True})
    assert key != frames.settings_key({"model": "headroom-1", "boost": 2.5})
    assert key == "4e045338"  # frozen: another value would orphan every cache


def test_where_results_lie(tmp_path: Path) -> None:
    assert frames.cached_frame("/c", "plate", "ab12", 1001) == Path("/c/plate_ab12/plate.1001.exr")
    assert frames.cached_frame("/c", "plate", "ab12", None) == Path("/c/plate_ab12/plate.exr")
    there = frames.cached_frame(tmp_path, "p", "v", 2)
    there.parent.mkdir()
    there.write_text("")
    assert frames.missing_frames(tmp_path, "p", "v", [1, 2, None]) == [1, None]


# ---- the sidecar -----------------------------------------------------------------------------------------------


def test_stale_is_said_with_its_reason(tmp_path: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "out/a.exr"
    source.write_text("plate")
    target.parent.mkdir()
    item = {"frame": 7, "source": str(source), "target": target}
    settings = {"boost": 2.0, "resume": True}

    def why(chosen: dict[str, object] = settings, **named: str) -> str | None:
        stale = stale_frames([item], settings=chosen, **named)
        assert set(stale) <= {7}
        return stale.get(7)

    assert why() == "it was not made yet"
    target.write_text("result")
    assert why() == "nothing says what it was made from"
    record(stamp_path(target), [item], settings=settings, worker_version="0.1.0", model_sha256="abc")
    assert why() is None and why({"boost": 2.0}) is None
    assert why(worker_version="0.1.0", model_sha256="abc") is None
    assert why({"boost": 3.0}) == "the settings have changed"
    assert why(worker_version="0.2.0") == "it was made by headroom 0.1.0"
    assert why(model_sha256="abd") == "the model's weights have changed"
    os.utime(target, ns=(1, 1))
    assert why() == "the file was changed by someone else"
    record(stamp_path(target), [item], settings=settings, worker_version="0.1.0")
    source.write_text("other plate")
    assert why() == "the source has changed"
    source.unlink()
    assert why() is None
    assert {path.name for path in target.parent.iterdir()} == {"a.exr", "headroom.json"}


def test_frames_recorded_before_are_kept(tmp_path: Path) -> None:
    for number in (1, 2):
        for kind in ("png", "exr"):
            (tmp_path / f"{number}.{kind}").write_text(kind)
        item = {"frame": number, "source": tmp_path / f"{number}.png", "target": tmp_path / f"{number}.exr"}
        record(tmp_path / "headroom.json", [item], settings={}, worker_version="0.1.0")
    content = read_stamp(tmp_path / "headroom.json")
    assert content is not None and set(content["frames"]) == {"1.exr", "2.exr"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99, "frames": {}}', '{"format": 1, "frames": 3}', "{", "[" * 99999]
)
def test_a_damaged_sidecar_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "headroom.json").write_text(text)
    (tmp_path / "a.exr").write_text("")
    assert read_stamp(tmp_path / "headroom.json") is None
    item = {"frame": 1, "source": "/a.png", "target": tmp_path / "a.exr"}
    assert is_stale(None, item, settings={}) == "nothing says what it was made from"


# ---- lines -----------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_a_message_is_one_line_and_comes_back(message: dict[str, object]) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()
    assert decode(line) == message


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_an_error(line: bytes) -> None:
    try:
        assert isinstance(decode(line), dict)
    except ProtocolError as error:
        assert len(str(error)) < 200


def test_what_json_cannot_hold() -> None:
    import numpy as np

    with pytest.raises(ProtocolError):
        encode({"x": float("inf")})
    with pytest.raises(ProtocolError):
        encode({"x": object()})
    assert json.loads(encode({"path": Path("/a b/ä.exr"), "bytes": os.fsdecode(b"\xff")})) == {
        "path": "/a b/ä.exr",
        "bytes": "\udcff",
    }
    plain = jsonable({1: np.float32(0.5), "a": [np.arange(2), (np.nan, float("inf"))], "b": np.bool_(True)})
    assert plain == {"1": 0.5, "a": [[0, 1], [None, None]], "b": True}
