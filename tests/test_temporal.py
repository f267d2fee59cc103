"""Shots: steady in time, the same in any order, and never across a cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from headroom import io
from headroom.blend import Band
from headroom.colour.plan import ColourPlan, plan
from headroom.errors import AnalysisError, Cancelled, PlateError
from headroom.plate import Plate
from headroom.reconstruct import Options, Reconstructor
from headroom.temporal import RADIUS, Analysis, Stabiliser, analyse

EXAMPLE = Path(__file__).parents[1] / "examples" / "hangar.jpg"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
HEIGHT, WIDTH = 96, 144

Codes = npt.NDArray[np.uint8]


class Shot:
    """Plates in memory, as a source of frames; ``damaged`` ones cannot be read."""

    name = "shot.####.png"
    rate = Fraction(24)

    def __init__(self, codes: list[Codes], first: int = 1001, damaged: tuple[int, ...] = ()) -> None:
        self.codes = {first + n: code for n, code in enumerate(codes)}
        self.frames = tuple(self.codes)
        self.damaged = damaged
        self.reads: list[int] = []

    def read(self, frame: int) -> Plate:
        self.reads.append(frame)
        if frame in self.damaged:
            raise PlateError(f"shot.{frame}.png: damaged")
        return Plate(codes=self.codes[frame], path=self.path(frame), frame=frame)

    def path(self, frame: int) -> Path:
        return Path(f"shot.{frame}.png")

    def identity(self, frame: int) -> str:
        return hashlib.sha256(self.codes[frame].tobytes()).hexdigest()

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> Reconstructor:
    return Reconstructor(device="cpu")


@pytest.fixture(scope="module")
def picture() -> Codes:
    codes: Codes = io.read(EXAMPLE).codes
    return codes


@pytest.fixture(scope="module")
def colour() -> ColourPlan:
    return plan(SRGB, to="Linear Rec.709 (sRGB)")


def noisy(code: Codes, seed: int, sigma: float = 1.0) -> Codes:
    noise = np.random.default_rng(seed).normal(0, sigma, code.shape)
    return np.where(code == 255, 255, (code + noise).round().clip(0, 255)).astype(np.uint8)


def pan(picture: Codes, frames: int, *, y: int = 190, x: int = 70, step: int = 3) -> list[Codes]:
    return [picture[y : y + HEIGHT, x + step * n : x + step * n + WIDTH].copy() for n in range(frames)]


def whole(bands: list[Band]) -> npt.NDArray[np.float32]:
    return np.concatenate([band.pixels for band in bands])


class Run:
    """A stabiliser with all that it needs."""

    def __init__(self, model: Reconstructor, shot: Shot, colour: ColourPlan, options: Options | None = None) -> None:
        self.colour_of: Callable[[Plate], ColourPlan] = lambda plate: colour
        self.analysis = analyse(shot, shot.frames, model, self.colour_of, options)
        self.stabiliser = Stabiliser(model, self.analysis, options, self.colour_of, shot.read)

    def frame(self, number: int, report: dict[str, object] | None = None) -> npt.NDArray[np.float32]:
        return whole(list(self.stabiliser.bands(number, report=report)))


@pytest.mark.parametrize(
    "options", [Options(), Options(dequantize=True, boost=1.3, strength=0.8, peak_stops=4, light="mean")]
)
def test_a_still_camera_gives_the_still_to_the_bit(
    model: Reconstructor, picture: Codes, colour: ColourPlan, options: Options
) -> None:
    code = pan(picture, 1)[0]
    run = Run(model, Shot([code] * 6), colour, options)
    report: dict[str, object] = {}
    still_report: dict[str, object] = {}
    still = whole(list(model.bands(Plate(codes=code), colour, options, report=still_report)))
    for number in (1001, 1003, 1006):
        assert run.frame(number, report).tobytes() == still.tobytes()
    assert report["temporal"] == {"window": [1002, 1003, 1004, 1005, 1006], "used": [1002, 1003, 1004, 1005, 1006],
                                  "unreadable": []}  # fmt: skip
    for same in ("clip_level", "clip_level_source", "gain_stops_peak", "masked_share", "confidence_mean", "curve"):
        assert report[same] == still_report[same], same


def test_a_curve_of_a_still_shot_is_the_stills(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    code = picture[190:390, 70:370]
    options = Options(curve="estimate")
    run = Run(model, Shot([code] * 9), colour, options)
    still: dict[str, object] = {}
    list(model.bands(Plate(codes=code), colour, options, report=still))
    report: dict[str, object] = {}
    run.frame(1005, report)
    assert report["curve"] == still["curve"]
    pooled = run.analysis.segments[0].curve
    assert pooled is not None
    assert len(pooled.frames) == 7
    assert run.analysis.shaping(1005)["curve"] is not None


def test_recorded_pixels_are_their_exact_linearisation(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    shot = Shot([noisy(code, n) for n, code in enumerate(pan(picture, 7))])
    run = Run(model, shot, colour)
    bands = list(run.stabiliser.bands(1004))
    recorded = np.concatenate([band.mask for band in bands]) == 0
    assert 0.2 < recorded.mean() < 0.98
    exact = colour.base(Plate(codes=shot.codes[1004]).rows(0, HEIGHT))
    assert whole(bands)[recorded].tobytes() == exact[recorded].tobytes()


def test_noise_and_motion_flicker_less_than_frame_by_frame(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    shot = Shot([noisy(code, n, 1.5) for n, code in enumerate(pan(picture, 12, step=3))])
    run = Run(model, shot, colour)
    steady = np.log2(np.stack([run.frame(n) for n in shot.frames])[..., 1].clip(1e-3))
    alone = np.log2(
        np.stack([model(Plate(codes=c), colour=colour).pixels for c in shot.codes.values()])[..., 1].clip(1e-3)
    )
    white = np.stack([(c == 255).all(axis=2) for c in shot.codes.values()])

    def change(light_log2: npt.NDArray[np.float32]) -> float:
        kept = white[1:, :, :-3] & white[:-1, :, 3:]
        return float(np.sqrt(np.square((light_log2[1:, :, :-3] - light_log2[:-1, :, 3:])[kept]).mean()))

    assert white.mean() > 0.02
    assert change(steady) < 0.5 * change(alone)


def test_any_order_gives_the_same_bits_and_ascending_runs_the_network_once_a_frame(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    shot = Shot([noisy(code, n) for n, code in enumerate(pan(picture, 11))])
    ascending = Run(model, shot, colour)
    before = model.runner.pixels_run
    one_by_one = {n: ascending.frame(n).tobytes() for n in shot.frames}
    assert model.runner.pixels_run - before == len(shot.frames) * HEIGHT * WIDTH
    jumping = Run(model, shot, colour)
    for number in (1011, 1002, 1007, 1001, 1008):
        assert jumping.frame(number).tobytes() == one_by_one[number]
    # A stabiliser that never saw the rest, and an analysis that came from a file.
    assert Run(model, shot, colour).frame(1006).tobytes() == one_by_one[1006]


def test_what_is_kept_does_not_grow_with_the_shot(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    held = []
    for length in (2 * RADIUS + 1, 4 * RADIUS + 2):
        shot = Shot([noisy(code, n) for n, code in enumerate(pan(picture, length, step=1))])
        run = Run(model, shot, colour)
        for number in shot.frames:
            run.frame(number)
        held.append(run.stabiliser.most_bytes)
        run.stabiliser.close()
    assert held[1] <= 1.1 * held[0]


def test_nothing_crosses_a_cut(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    other = np.ascontiguousarray(picture[::-1, ::-1])
    before, after = pan(picture, 7, step=2), pan(other, 7, y=270, x=180, step=2)
    assert any((code == 255).any() for code in after)
    shot = Shot([*before, *after])
    run = Run(model, shot, colour)
    assert [(s.first, s.last) for s in run.analysis.segments] == [(1001, 1007), (1008, 1014)]
    assert run.stabiliser.window(1007) == (1003, 1004, 1005, 1006, 1007)
    assert run.stabiliser.window(1008) == (1008, 1009, 1010, 1011, 1012)
    lone = Run(model, Shot(after, first=1008), colour)
    for number in (1008, 1010):
        assert run.frame(number).tobytes() == lone.frame(number).tobytes()


def test_a_flash_is_no_cut_and_nobody_looks_at_it(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    codes = pan(picture, 11, step=1)
    codes[5] = (codes[5].astype(np.float32) * 0.4 + 153).astype(np.uint8)
    run = Run(model, Shot(codes), colour)
    assert len(run.analysis.segments) == 1
    assert run.analysis.alone == {1006}
    assert run.stabiliser.window(1006) == (1006,)
    assert run.stabiliser.window(1005)[-1] == 1005
    assert run.stabiliser.window(1007)[0] == 1007


def test_a_plate_that_cannot_be_read_ends_the_window_and_is_told(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    codes = [noisy(code, n) for n, code in enumerate(pan(picture, 10))]
    shot = Shot(codes, damaged=(1005,))
    run = Run(model, shot, colour)
    assert run.analysis.unreadable == (1005,)
    assert run.analysis.made_from[1005] is None
    with pytest.raises(PlateError, match="1005"):
        run.frame(1005)
    # It breaks after the shot was looked at: the same, and said.
    whole_shot = Shot(codes)
    later = Run(model, whole_shot, colour)
    whole_shot.damaged = (1005,)
    report: dict[str, object] = {}
    assert later.frame(1003, report).tobytes() == run.frame(1003).tobytes()
    assert report["temporal"] == {"window": [1001, 1002, 1003, 1004, 1005, 1006, 1007],
                                  "used": [1001, 1002, 1003, 1004], "unreadable": [1005]}  # fmt: skip
    assert any("1005" in warning for warning in report["warnings"])  # type: ignore[attr-defined]
    with pytest.raises(PlateError, match="damaged"):
        analyse(Shot(codes[:2], damaged=(1001, 1002)), (1001, 1002), model, lambda plate: colour)


def test_missing_numbers_end_a_window_and_steps_do_not(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    code = pan(picture, 1)[0]

    def windows(numbers: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
        shot = Shot([code] * (max(numbers) - min(numbers) + 1), first=min(numbers))
        analysis = analyse(shot, numbers, model, lambda plate: colour)
        stabiliser = Stabiliser(model, analysis, None, lambda plate: colour, shot.read)
        return {number: stabiliser.window(number) for number in numbers}

    assert windows((-2, -1, 0, 2, 3))[0] == (-2, -1, 0)
    assert windows((2, 4, 6, 8, 10))[6] == (2, 4, 6, 8, 10)


def test_a_frame_with_nothing_clipped_costs_nothing(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    dim = [(code * 0.6).astype(np.uint8) for code in pan(picture, 4)]
    run = Run(model, Shot(dim), colour)
    before = model.runner.pixels_run
    still = model(Plate(codes=dim[1]), colour=colour)
    assert run.frame(1002).tobytes() == still.pixels.tobytes()
    assert model.runner.pixels_run == before


def test_a_moving_light_leaves_no_trail(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    """A disc over a wall that is clipped too: where it was a frame ago, there is what frame by frame puts there."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    base = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    base[20:70] = 255
    base += (rows[..., None] % 7 + columns[..., None] % 5).clip(0, 8).astype(np.uint8) * (base < 200)

    def disc(n: int) -> npt.NDArray[np.bool_]:
        return np.hypot(rows - 75, columns - 20 - 9 * n) < 14

    codes = []
    for n in range(11):
        code = base.copy()
        code[disc(n)] = 255
        codes.append(code)
    run = Run(model, Shot(codes), colour)
    n = 5
    steady = np.log2(run.frame(1001 + n)[..., 1])
    alone = np.log2(model(Plate(codes=codes[n]), colour=colour).pixels[..., 1])
    left = (disc(n - 1) | disc(n - 2) | disc(n + 1)) & ~disc(n)
    unclipped = left & (codes[n] < 230).all(axis=2)
    assert unclipped.sum() > 200
    assert (steady[unclipped] == alone[unclipped]).all()
    wall = left & (codes[n] == 255).all(axis=2)
    assert abs(float((steady - alone)[wall].mean())) < 0.25


def test_an_analysis_is_one_file_that_says_what_is_wrong_with_it(
    model: Reconstructor, picture: Codes, colour: ColourPlan, tmp_path: Path
) -> None:
    shot = Shot(pan(picture, 6))
    run = Run(model, shot, colour)
    path = tmp_path / "shot.headroom.json"
    run.analysis.save(path)
    again = Analysis.load(path)
    assert again == run.analysis
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.json", "shot.headroom.json"]
    assert again.shaping(1002) == run.analysis.shaping(1002)
    assert again.covers((1001, 1006))
    assert not again.covers((1006, 1007))
    with pytest.raises(AnalysisError, match="frame 1007 is not in the shot"):
        again.clip_level(1007)
    for wrong in ("", "{}", path.read_text()[:200], '{"format": "headroom shot analysis", "version": 1}',
                  path.read_text().replace('"version": 1', '"version": 99')):  # fmt: skip
        path.write_text(wrong)
        with pytest.raises(AnalysisError, match=r"analyse-only"):
            Analysis.load(path)
    with pytest.raises(AnalysisError, match="cannot read"):
        Analysis.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("asked", "words"), [(Options(clip_level=250), "--clip-level"), (Options(curve="estimate"), "--curve")]
)
def test_an_analysis_made_with_other_options_is_refused(
    model: Reconstructor, picture: Codes, colour: ColourPlan, asked: Options, words: str
) -> None:
    shot = Shot(pan(picture, 2))
    analysis = analyse(shot, shot.frames, model, lambda plate: colour)
    with pytest.raises(AnalysisError, match=words):
        Stabiliser(model, analysis, asked, lambda plate: colour, shot.read)


def test_one_clip_level_a_segment_whatever_single_frames_show(
    model: Reconstructor, picture: Codes, colour: ColourPlan
) -> None:
    codes = [np.minimum(code, 250) for code in pan(picture, 8)]
    codes[3] = codes[3] // 2  # nothing clipped in it: by itself it would be taken to clip at 255
    codes[5] = codes[5].copy()
    codes[5][:2, :2] = 255
    run = Run(model, Shot(codes), colour)
    assert {run.analysis.clip_level(n) for n in run.analysis.frames} == {250 / 255}
    assert run.analysis.segments[0].clip_source == "detected"
    asked = Run(model, Shot(codes), colour, Options(clip_level=200))
    assert {asked.analysis.clip_level(n) for n in asked.analysis.frames} == {200 / 255}


def test_a_fade_keeps_its_own_level(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    full = pan(picture, 1)[0]
    codes = [full] * 6 + [(full * share).round().astype(np.uint8) for share in (0.95, 0.9, 0.85)]
    run = Run(model, Shot(codes), colour)
    assert len(run.analysis.segments) == 1
    levels = [run.analysis.clip_level(n) for n in run.analysis.frames]
    assert levels[:6] == [1.0] * 6
    np.testing.assert_allclose(levels[6:], [0.95, 0.9, 0.85], atol=0.004)


def test_cancelling_stops_and_progress_ends_at_one(model: Reconstructor, picture: Codes, colour: ColourPlan) -> None:
    shot = Shot(pan(picture, 5))
    seen: list[float] = []
    with pytest.raises(Cancelled):
        analyse(shot, shot.frames, model, lambda plate: colour, cancelled=lambda: True)
    run = Run(model, shot, colour)
    list(run.stabiliser.bands(1003, progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    fresh = Run(model, shot, colour)
    with pytest.raises(Cancelled):
        list(fresh.stabiliser.bands(1002, cancelled=lambda: True))
    assert fresh.frame(1002).tobytes() == run.frame(1002).tobytes()
