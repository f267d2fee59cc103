"""Movies as shots: every frame is itself in any order, what is wrong is named, the rest comes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from headroom import io
from headroom.errors import PlateError, UsageError
from headroom.io.movie import MovieSource, is_movie
from headroom.io.timecode import Timecode
from movies import number_of, numbered, write_movie

GOPS: dict[str, dict[str, Any]] = {
    "h264 with B frames": {"codec": "libx264", "suffix": "mp4", "options": {"g": "12", "bf": "3", "preset": "fast"}},
    "h264, open groups": {
        "codec": "libx264", "suffix": "mov", "options": {"g": "10", "bf": "2", "x264-params": "open-gop=1"},
    },
    "h264 in Matroska": {"codec": "libx264", "suffix": "mkv", "options": {"g": "9", "bf": "2"}},
    "h264 in MPEG-TS": {"codec": "libx264", "suffix": "ts", "options": {"g": "9", "bf": "2"}},
    "h264, bare stream": {"codec": "libx264", "suffix": "h264", "options": {"g": "12", "bf": "2"}},
    "h265 with B frames": {
        "codec": "libx265", "suffix": "mp4", "pixels": "yuv420p10le",
        "options": {"x265-params": "keyint=12:bframes=3:log-level=none", "preset": "ultrafast"},
    },
    "h265, open groups": {
        "codec": "libx265", "suffix": "mov",
        "options": {"x265-params": "keyint=10:open-gop=1:bframes=4:log-level=none", "preset": "superfast"},
    },
    "MPEG-4 in AVI": {"codec": "mpeg4", "suffix": "avi", "options": {"g": "8", "bf": "2"}},
    "MPEG-2": {"codec": "mpeg2video", "suffix": "mpg", "options": {"g": "9", "bf": "2"}},
    "ProRes": {"codec": "prores_ks", "suffix": "mov", "pixels": "yuv422p10le", "options": {"profile": "proxy"}},
    "DNxHR in MXF": {"codec": "dnxhd", "suffix": "mxf", "pixels": "yuv422p", "options": {"profile": "dnxhr_lb"}},
    "FFV1": {"codec": "ffv1", "suffix": "mkv", "options": {"g": "5"}},
    "Motion JPEG": {"codec": "mjpeg", "suffix": "mov", "pixels": "yuvj420p", "tags": (2, 5, 1, 1)},
}  # fmt: skip


def movie(folder: Path, kind: str = "h264 with B frames", frames: int = 40, **other: Any) -> Path:
    chosen = {"pixels": "yuv420p", "size": (256, 128), **GOPS[kind], **other}
    path = folder / f"clip.{chosen.pop('suffix')}"
    picture = chosen.pop("picture", None) or numbered(*chosen["size"], bits=10 if "10" in chosen["pixels"] else 8)
    return write_movie(path, picture, frames=frames, **chosen)


@pytest.mark.parametrize("kind", GOPS)
def test_frame_k_is_frame_k_in_any_order(tmp_path: Path, kind: str) -> None:
    source = MovieSource(movie(tmp_path, kind), first_frame=1001)
    assert source.frames == tuple(range(1001, 1041))
    in_order = {frame: source.read(frame).codes for frame in source.frames}
    assert [number_of(codes) for codes in in_order.values()] == list(range(40))
    source.close()
    order = [1040, 1001, 1039, 1040, *source.frames, *reversed(source.frames)]
    random.Random(3).shuffle(order)
    for frame in order:
        plate = source.read(frame)
        assert plate.frame == frame and plate.path == source.path(frame)
        assert np.array_equal(plate.codes, in_order[frame]), frame
    source.close()
    source.close()


def test_reading_in_order_decodes_each_frame_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = MovieSource(movie(tmp_path))
    source.close()
    seeks: list[int] = []
    decoder = type(source._decoder)
    sought = decoder._seek
    monkeypatch.setattr(decoder, "_seek", lambda self, start: (seeks.append(start), sought(self, start))[1])
    for frame in source.frames:
        source.read(frame)
    for frame in (38, 40, 37, 39):  # threads that read ahead are a little out of order
        source.read(frame)
    assert seeks == [0]


def test_threads_get_their_frames(tmp_path: Path) -> None:
    source = MovieSource(movie(tmp_path))
    wrong: list[Any] = []

    def work(start: int) -> None:
        for frame in source.frames[start::4]:
            if number_of(source.read(frame).codes) != frame - 1 or not source.identity(frame):
                wrong.append(frame)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_edit_list_hides_frames(tmp_path: Path) -> None:
    """A QuickTime edit that starts in the middle of a group of pictures: its frames alone are the shot."""
    whole = movie(tmp_path, options={"g": "12", "bf": "2"})
    cut = tmp_path / "cut.mov"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        begin = 17 * 512  # ticks of 1/12288: frame 17
        for packet in source.demux(stream):
            if packet.size:
                # Times before zero become an edit list: what lies there is decoded and not shown.
                packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
                packet.stream = copy
                target.mux(packet)
    shot = MovieSource(cut)
    numbers = [number_of(shot.read(frame).codes) for frame in shot.frames]
    assert numbers == list(range(40 - len(numbers), 40)) and len(numbers) < 40
    shot.close()
    assert number_of(shot.read(shot.frames[-1]).codes) == 39
    assert number_of(shot.read(shot.frames[0]).codes) == numbers[0]


def damaged(path: Path, packet: int, *, keep: int = 0) -> Path:
    """The bytes of one packet overwritten, or (``keep``) the file cut off within it."""
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    offset, size = places[packet]
    data = bytearray(path.read_bytes())
    if keep:
        data = data[: offset + size // 2]
    else:
        data[offset + size // 8 : offset + size] = random.Random(4).randbytes(size - size // 8)
    hurt = path.with_name(f"hurt{path.suffix}")
    hurt.write_bytes(data)
    return hurt


def noisy(k: int, bits: int = 8) -> list[Any]:
    rng = np.random.default_rng(k)
    scale = 1 << (bits - 8)
    return [rng.integers(30, 220, (128, 256)) * scale, 128 * scale, 128 * scale]


def results(source: MovieSource) -> dict[int, str | None]:
    told: dict[int, str | None] = {}
    for frame in source.frames:
        try:
            source.read(frame)
            told[frame] = None
        except PlateError as error:
            told[frame] = str(error)
    return told


@pytest.mark.parametrize("kind", ["ProRes", "DNxHR in MXF"])
def test_a_damaged_frame_is_named_and_the_others_come(tmp_path: Path, kind: str) -> None:
    bits = 10 if kind == "ProRes" else 8
    whole = movie(tmp_path, kind, frames=8, picture=lambda k: noisy(k, bits))
    hurt = MovieSource(damaged(whole, 5), first_frame=1)
    told = results(hurt)
    assert [frame for frame, error in told.items() if error] == [6]
    assert told[6] and told[6].startswith(f"frame 6: cannot read {hurt.name}: its data are damaged; copy or export")
    # Only the damaged frame changes its identity: mended, it alone is done again.
    sound = MovieSource(whole, first_frame=1)
    assert [f for f in sound.frames if sound.identity(f) != hurt.identity(f)] == [6]


def test_frames_predicted_from_a_damaged_one_are_named_too(tmp_path: Path) -> None:
    whole = movie(tmp_path, frames=36, picture=noisy, options={"g": "12", "bf": "0", "sc_threshold": "0"})
    hurt = damaged(whole, 15)
    expected = [frame for frame in range(1, 37) if not 16 <= frame <= 24]
    source = MovieSource(hurt)
    told = results(source)
    assert [frame for frame, error in told.items() if not error] == expected
    assert "its data are damaged" in str(told[16])
    assert "predicted from" in str(told[17]) and "frame 17:" in str(told[17])
    # The same from a chunk that begins behind the damage, and backwards.
    for order in (range(18, 37), range(36, 0, -1)):
        again = MovieSource(hurt)
        come = []
        for frame in order:
            try:
                come.append((frame, again.read(frame).codes.sum()))
            except PlateError:
                continue
        assert sorted(frame for frame, _ in come) == [f for f in expected if f in order]
        assert all(total == source.read(frame).codes.sum() for frame, total in come)
    sound = MovieSource(whole)
    changed = [f for f in sound.frames if sound.identity(f) != MovieSource(hurt).identity(f)]
    assert changed == list(range(16, 25))


@pytest.mark.parametrize("kind", ["ProRes", "h264 with B frames"])
def test_a_movie_cut_short_says_so_and_gives_what_it_has(tmp_path: Path, kind: str) -> None:
    whole = movie(tmp_path, kind, container_options={"movflags": "faststart"})
    source = MovieSource(damaged(whole, 25, keep=1))
    told = results(source)
    assert len(told) == 40
    good = [frame for frame, error in told.items() if not error]
    assert good[:20] == list(range(1, 21)) and 30 not in good and told[40] and "cut short" in told[40]
    assert all(number_of(source.read(frame).codes) == frame - 1 for frame in good)
    with pytest.raises(PlateError, match="frame 40.*cut short"):
        source.identity(40)


def test_a_movie_without_its_index_is_named(tmp_path: Path) -> None:
    whole = movie(tmp_path, "ProRes")
    with pytest.raises(PlateError, match="without its index.*cut short, or still being written.*copy or export"):
        MovieSource(damaged(whole, 25, keep=1))


def test_notes_in_any_encoding(tmp_path: Path) -> None:
    path = movie(tmp_path, "ProRes", frames=2, metadata={"title": "Caf*"})
    path.write_bytes(path.read_bytes().replace(b"Caf*", "Café".encode("latin-1")))
    assert number_of(MovieSource(path).read(2).codes) == 1


def test_what_is_no_movie_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.mov").write_bytes(b"")
    (tmp_path / "text.mov").write_text("no movie at all, only text\n" * 50)
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
    for name, words in (
        ("none.mov", "no such file"), ("empty.mov", "is empty"), ("text.mov", "no movie"),
        ("sound.mov", "no picture in it, only audio"), (".", "is a folder"),
    ):  # fmt: skip
        with pytest.raises(PlateError, match=words):
            MovieSource(tmp_path / name)
    with pytest.raises(UsageError, match="no video stream 3; there are 1"):
        MovieSource(movie(tmp_path), part=3)
    with pytest.raises(PlateError, match="there is no frame 99; there are 1-40"):
        MovieSource(tmp_path / "clip.mp4").read(99)


def test_time_code_and_rate_reach_the_header_of_an_exr(tmp_path: Path) -> None:
    path = movie(tmp_path, "ProRes", frames=3, rate=Fraction(24000, 1001), metadata={"timecode": "01:00:00:22"})
    source = MovieSource(path)
    assert source.rate == Fraction(24000, 1001)
    assert source.frames[0] == 86422
    plate = source.read(86424)
    io.write(tmp_path / "out.exr", np.zeros((plate.height, plate.width, 3), np.float32), metadata=plate.metadata)
    attributes = io.header(tmp_path / "out.exr")["parts"][0]["attributes"]
    assert attributes["smpte:TimeCode"] == "01:00:01:00"
    assert attributes["framesPerSecond"] == "24000/1001"
    assert MovieSource(path, first_frame=1).frames == (1, 2, 3)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_rates_of_rough_clocks_are_put_right(tmp_path: Path, rate: Fraction) -> None:
    for kind in ("h264 in Matroska", "h265 with B frames"):  # the second one came through Matroska
        source = MovieSource(movie(tmp_path, kind, rate=rate, frames=90))
        assert source.rate == rate and not source.warnings


def test_a_variable_rate_is_reported(tmp_path: Path) -> None:
    late = [0, 10, 20, 45, 50, 71, 80, 90]
    path = movie(tmp_path, frames=8, rate=100, times=late.__getitem__)
    source = MovieSource(path)
    assert [number_of(source.read(frame).codes) for frame in source.frames] == list(range(8))
    assert len(source.warnings) == 1
    assert "variable frame rate (a frame lasts 50.0 to 250.0 ms" in source.warnings[0]
    assert source.read(3).warnings == list(source.warnings)
    assert not MovieSource(movie(tmp_path)).warnings


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, turn: int) -> None:
    def corner(k: int) -> list[Any]:
        luma = np.full((48, 64), 40)
        luma[:12, :16] = 220  # top left
        return [luma, 128, 128]

    path = movie(
        tmp_path, frames=2, size=(64, 48), picture=corner, prepare=lambda stream: stream.set_display_rotation(turn)
    )
    with av.open(str(path)) as container:
        stated = next(container.decode(video=0)).rotation
    source = MovieSource(path)
    plate = source.read(1)
    expected = np.rot90(
        MovieSource(movie(tmp_path, frames=2, size=(64, 48), picture=corner)).read(1).codes, stated // 90
    )
    assert stated % 360 in (turn, 360 - turn) and plate.codes.shape == expected.shape
    np.testing.assert_array_equal(plate.codes, expected)
    assert "turned upright" in source.warnings[0]


def test_interlaced_is_flagged(tmp_path: Path) -> None:
    path = movie(tmp_path, frames=3, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    assert "interlaced" in MovieSource(path).warnings[0]


@pytest.mark.parametrize(("width", "height"), [(65, 47), (17, 9), (2, 2)])
def test_odd_sizes_keep_every_pixel(tmp_path: Path, width: int, height: int) -> None:
    path = movie(tmp_path, "FFV1", frames=2, size=(width, height), picture=lambda k: [40 + k, 128, 128])
    plate = MovieSource(path).read(2)
    assert plate.codes.shape == (height, width, 3)
    assert plate.codes[-1, -1, 0] == pytest.approx((41 - 16) / 219)


def test_stretched_pixels_are_carried(tmp_path: Path) -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    plate = MovieSource(movie(tmp_path, frames=1, prepare=wide)).read(1)
    assert plate.metadata["PixelAspectRatio"] == 2.0


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_movies_are_refused_unless_named(tmp_path: Path, transfer: int, name: str) -> None:
    path = movie(tmp_path, "h265 with B frames", frames=2, tags=(1, 9, 9, transfer))
    with pytest.raises(UsageError, match=f"clip.mp4 is {name}"):
        MovieSource(path)
    assert MovieSource(path, from_space=f"Rec.2100-{name}").read(1).space == f"Rec.2100-{name} - Display"


def test_inspect_tells_of_a_movie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from command import headroom

    path = movie(tmp_path, "ProRes", metadata={"timecode": "00:00:10:00"})
    said = headroom(capsys, "inspect", path)
    assert said.code == 0, said.err
    assert "frames   240-279, 24 (24) a second, time code 00:00:10:00; below: frame 260" in said.out
    assert "stored   yuv422p10le, limited range, matrix 709" in said.out and "10-bit movie" in said.out
    assert "space    Camera Rec.709" in said.out


def test_suffixes() -> None:
    assert is_movie("A001.MOV") and is_movie(Path("x/y.mxf")) and not is_movie("plate.####.exr")


def test_movies_are_read_without_being_imported_early() -> None:
    import subprocess
    import sys

    script = "import sys, headroom.io.movie; sys.exit(any(name in sys.modules for name in ('av', 'torch', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("rate", "begin", "steps"),
    [
        (Fraction(30000, 1001), "00:00:59;28", ["00:00:59;28", "00:00:59;29", "00:01:00;02"]),
        (Fraction(30000, 1001), "00:09:59;29", ["00:09:59;29", "00:10:00;00", "00:10:00;01"]),
        (Fraction(60000, 1001), "01:00:59;59", ["01:00:59;59", "01:01:00;04", "01:01:00;05"]),
        (Fraction(25), "23:59:59:24", ["23:59:59:24", "00:00:00:00", "00:00:00:01"]),
        (Fraction(24000, 1001), "01:00:00:23", ["01:00:00:23", "01:00:01:00", "01:00:01:01"]),
    ],
)
def test_time_codes_count(rate: Fraction, begin: str, steps: list[str]) -> None:
    code = Timecode.of(begin, rate)
    assert code is not None
    assert [code.text(k) for k in range(3)] == steps
    assert all(Timecode.of(text, rate).start % (24 * 3600 * 30) >= 0 for text in steps)  # type: ignore[union-attr]


def test_drop_frame_counts_are_what_the_standard_says() -> None:
    rate = Fraction(30000, 1001)
    count: Callable[[str], int] = lambda text: Timecode.of(text, rate).start  # type: ignore[union-attr]  # noqa: E731
    assert count("00:01:00;02") == 1800 and count("00:10:00;00") == 17982 and count("01:00:00;00") == 107892


def test_time_codes_that_make_no_sense_are_none() -> None:
    assert Timecode.of("01:00:00:24", Fraction(24)) is None
    assert Timecode.of("25:00:00:00", Fraction(24)) is None
    assert Timecode.of("noon", Fraction(24)) is None
    assert Timecode.of("01:00:00:00", None) is None


def test_fast_time_codes_count_pairs() -> None:
    code = Timecode.of("00:00:01:47", Fraction(50))
    assert code is not None
    word, user = code.packed(0)
    assert (word & 0x3F, word >> 15 & 1, user) == (0x23, 1, 0)  # pair 23, its second frame
