"""The preview movie: what it shows, how it is tagged, and that it is complete or absent."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from headroom import io
from headroom.errors import Cancelled, PlateError, UsageError, WriteError
from headroom.io.movie import MovieSource
from headroom.jobs.preview_movie import KNEE, WHITE, make_preview, tone_curve

AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
REC709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)


def shot(folder: Path, frames: int = 6, size: tuple[int, int] = (96, 64), **other: Any) -> list[tuple[int, Path]]:
    made = []
    for frame in range(1001, 1001 + frames):
        light = np.full((size[1], size[0], 3), (0.2, 0.3, 0.1), np.float32)
        light[10:20, 10 + frame - 1001 : 40] = 40.0
        path = folder / f"hdr.{frame}.exr"
        io.write(path, light, **{"chromaticities": REC709, **other})
        made.append((frame, path))
    return made


def rec709(light: Any) -> Any:
    light = np.asarray(light, np.float64)
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)


@pytest.mark.parametrize(("suffix", "bits", "codec"), [("mp4", 8, "h264"), ("mov", 10, "prores")])
def test_it_shows_the_light_and_says_what_it_is(tmp_path: Path, suffix: str, bits: int, codec: str) -> None:
    movie = tmp_path / f"out/look.{suffix}"
    seen: list[float] = []
    make_preview(shot(tmp_path), movie, rate=Fraction(24000, 1001), progress=seen.append)
    assert seen == [pytest.approx(n / 6) for n in range(1, 7)]
    assert [path.name for path in movie.parent.iterdir()] == [movie.name]
    with av.open(str(movie)) as container:
        context = container.streams.video[0].codec_context
        assert context.name == codec
        tags = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
        assert [int(tag) for tag in tags] == [1, 1, 1, 1]
    source = MovieSource(movie)
    assert source.rate == Fraction(24000, 1001) and len(source.frames) == 6 and not source.warnings
    for frame in source.frames:
        plate = source.read(frame)
        assert plate.bits == bits and plate.space == "Camera Rec.709"
        # Below the knee the movie holds the plate's own light, in every frame alike.
        still = plate.codes[40:60, 60:90]
        np.testing.assert_allclose(still, np.broadcast_to(rec709((0.2, 0.3, 0.1)), still.shape), atol=0.012)
        bright = plate.codes[13:17, 30:36].mean()
        assert bright == pytest.approx(rec709(tone_curve(np.float32([40.0])))[0], abs=0.012)


def test_exposure_counts_in_stops_and_other_spaces_are_converted(tmp_path: Path) -> None:
    grey = [(1, tmp_path / "grey.exr")]
    io.write(grey[0][1], np.full((32, 32, 3), 0.1, np.float32), chromaticities=AP1)
    make_preview(grey, tmp_path / "a.mov", exposure_stops=1.5)
    plate = MovieSource(tmp_path / "a.mov").read(1)
    np.testing.assert_allclose(plate.codes[8:24, 8:24], rec709(0.1 * 2**1.5), atol=0.004)


def test_odd_sizes_are_filled_up_not_resampled(tmp_path: Path) -> None:
    make_preview(shot(tmp_path, 2, (95, 63)), tmp_path / "odd.mp4")
    plate = MovieSource(tmp_path / "odd.mp4").read(1)
    assert (plate.width, plate.height) == (96, 64)
    corner = plate.codes[40:, 80:]
    np.testing.assert_allclose(corner, np.broadcast_to(rec709((0.2, 0.3, 0.1)), corner.shape), atol=0.012)


def test_the_curve_is_straight_then_rolls_off_to_white() -> None:
    light = np.linspace(0, 100, 200_001, dtype=np.float32)
    shown = tone_curve(light)
    assert np.array_equal(shown[light <= KNEE], light[light <= KNEE])
    assert (np.diff(shown[light < WHITE]) > 0).all() and shown.max() == 1.0
    assert tone_curve(np.float32([WHITE]))[0] == pytest.approx(1.0)
    slopes = np.diff(shown) / np.diff(light)
    at = int(np.searchsorted(light, KNEE))
    assert slopes[at + 1] == pytest.approx(1.0, abs=0.02)  # no corner
    assert tone_curve(np.float32([-0.5]))[0] == 0.0


def test_the_first_frames_time_code_is_carried(tmp_path: Path) -> None:
    from headroom.io.timecode import Timecode

    code = Timecode.of("10:11:12:13", Fraction(24))
    assert code is not None
    make_preview(shot(tmp_path, 2, metadata={"timeCode": code.packed(0)}), tmp_path / "tc.mov")
    source = MovieSource(tmp_path / "tc.mov")
    assert source.timecode is not None and source.timecode.text() == "10:11:12:13"


def test_it_is_complete_or_absent(tmp_path: Path) -> None:
    frames = shot(tmp_path)
    movie = tmp_path / "look.mp4"
    with pytest.raises(UsageError, match="look.avi: a preview is .mp4"):
        make_preview(frames, tmp_path / "look.avi")
    with pytest.raises(UsageError, match="no frame"):
        make_preview([], movie)
    calls = iter([False, False, True])
    with pytest.raises(Cancelled):
        make_preview(frames, movie, cancelled=lambda: next(calls))
    frames[3][1].write_bytes(frames[3][1].read_bytes()[:200])
    with pytest.raises(PlateError, match="frame 1004: cannot read"):
        make_preview(frames, movie)
    io.write(frames[3][1], np.zeros((8, 8, 3), np.float32), chromaticities=REC709)
    with pytest.raises(PlateError, match="frame 1004: .* is 8x8, the shot's first frame 96x64"):
        make_preview(frames, movie)
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        make_preview(frames[:2], tmp_path / "file" / "look.mp4")
    assert not [path for path in tmp_path.iterdir() if "look" in path.name]
