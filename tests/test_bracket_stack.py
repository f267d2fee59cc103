"""Stacks: exposures out of EXIF and out of pictures, folders told apart, doubles, and any order."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from exposed import codes, scene, write_bracket, write_jpeg
from headroom import io
from headroom.bracket.estimate import estimate_stops
from headroom.bracket.exposure import Stated, stated, stated_stops
from headroom.bracket.reading import Exposed, Exposing, expose, read_plates
from headroom.bracket.shot import Shot, by_name, read_shot
from headroom.bracket.split import stacks_in
from headroom.bracket.stack import Bracket
from headroom.colour.plan import plan
from headroom.errors import HeadroomError, PlateError, UsageError
from headroom.plate import FloatArray

LIGHT = scene()


def decode(pixels: FloatArray) -> FloatArray:
    return plan(None).to_lin709(pixels)


def exposed(paths: list[Path], how: Exposing | None = None) -> Exposed:
    shots = [read_shot(path) for path in paths]
    return expose(shots, read_plates(shots)[0], how or Exposing(), decode)


def refused(paths: list[Path], how: Exposing | None = None) -> str:
    with pytest.raises(HeadroomError) as caught:
        exposed(paths, how)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 400
    return line


# ---- what files state


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"ExposureTime": 0.008, "FNumber": 5.6, "Exif:PhotographicSensitivity": 400}, "1/125 s f/5.6 ISO 400"),
        ({"ExposureTime": 2.0, "Exif:ISOSpeedRatings": (100, 100)}, "2 s ISO 100"),
        ({"expTime": 0.5, "aperture": 8.0, "isoSpeed": 200.0}, "0.5 s f/8 ISO 200"),
        ({"Exif:ShutterSpeedValue": 6.0, "Exif:ApertureValue": 6.0}, "1/64 s f/8"),
        ({"ExposureTime": 0.0, "FNumber": 0.0, "Exif:PhotographicSensitivity": 0}, "nothing"),
        ({"ExposureTime": float("nan"), "FNumber": "8"}, "nothing"),
        ({}, "nothing"),
    ],
)
def test_what_a_file_states(metadata: dict, text: str) -> None:
    assert stated(metadata).text == text


def test_the_dial_is_rounded_and_apex_says_what_was_meant() -> None:
    assert stated({"ExposureTime": 1 / 30, "Exif:ShutterSpeedValue": 5.0}).seconds == 1 / 32
    assert stated({"ExposureTime": 1 / 60, "Exif:ShutterSpeedValue": 5.907}).seconds == 1 / 60
    assert stated({"ExposureTime": 1 / 60, "Exif:ShutterSpeedValue": 3.0}).seconds == 1 / 60


def test_time_aperture_and_iso_count() -> None:
    stops, notes = stated_stops(
        [
            Stated(seconds=1 / 64, f_number=8.0, iso=100),
            Stated(seconds=1 / 32, f_number=8.0, iso=200),
            Stated(seconds=1 / 64, f_number=4.0, iso=100),
        ]
    )
    assert stops is not None and not notes
    np.testing.assert_allclose(np.array(stops) - stops[0], [0, 2, 2])


def test_a_lens_without_contacts_states_no_f_number() -> None:
    stops, notes = stated_stops([Stated(seconds=1.0), Stated(seconds=4.0)])
    assert stops is not None and stops[1] - stops[0] == 2 and len(notes) == 2
    assert stated_stops([Stated(seconds=1.0, f_number=8), Stated(seconds=4.0)])[0] is None
    assert stated_stops([Stated(seconds=1.0), Stated()])[0] is None


def test_real_files_state_their_exposures(data: Path) -> None:
    for name, stops in (("room_static", [9, 7, 5, 3, 1, -2, -4]), ("frobisher_static", [-3, 0, 3])):
        shots = [read_shot(path) for path in sorted((data / "brackets" / name).glob("*.jpg"))]
        found, _ = stated_stops([shot.stated for shot in shots])
        assert found is not None
        # exact thirds of stops, although EXIF rounds 1/32 s to 1/30 s
        np.testing.assert_allclose(np.diff(found), np.diff(stops), atol=1e-6)
        assert all(shot.taken for shot in shots)


# ---- any order


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_gives_the_same_bracket(tmp_path: Path, order: tuple[int, ...]) -> None:
    paths = write_bracket(tmp_path, LIGHT, [2, -2, 0])
    bracket = exposed([paths[k] for k in order]).bracket
    np.testing.assert_allclose(bracket.ev_stops, [-2, 0, 2], atol=1e-4)
    assert [plate.path.name for plate in bracket.plates if plate.path] == ["f1.jpg", "f2.jpg", "f0.jpg"]
    assert bracket.reference == 1 and bracket.source == "exif"
    np.testing.assert_allclose(bracket.exposures, [0.25, 1, 4], rtol=1e-4)


def test_any_order_gives_the_same_where_exposures_are_measured(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    found = [exposed(list(order), Exposing(estimate=True)).bracket for order in itertools.permutations(paths)]
    assert len({(b.ev_stops, tuple(plate.path for plate in b.plates), b.sigma_stops) for b in found}) == 1


def test_stated_stops_follow_the_files_as_given(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [2, -2, 0])
    for order in itertools.permutations(range(3)):
        ev = tuple([2.0, -2.0, 0.0][k] for k in order)
        bracket = exposed([paths[k] for k in order], Exposing(ev_stops=ev)).bracket
        assert bracket.ev_stops == (-2, 0, 2) and bracket.source == "stated"
        assert bracket.plates[0].path == paths[1]


@given(st.lists(st.floats(-6, 6), min_size=2, max_size=7), st.randoms())
def test_a_bracket_ascends_through_its_reference(stops: list[float], chance: object) -> None:
    from headroom.bracket.stack import sorted_bracket
    from headroom.plate import Plate

    plates = [Plate(codes=np.full((2, 2, 3), k, np.uint8)) for k in range(len(stops))]
    bracket = sorted_bracket(plates, stops, source="stated")
    assert list(bracket.ev_stops) == sorted(bracket.ev_stops) and bracket.ev_stops[bracket.reference] == 0
    shuffled = list(range(len(stops)))
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    again = sorted_bracket([plates[k] for k in shuffled], [stops[k] for k in shuffled], source="stated")
    assert again.ev_stops == bracket.ev_stops
    assert [p.codes[0, 0, 0] for p in again.plates] == [p.codes[0, 0, 0] for p in bracket.plates] or len(
        set(stops)
    ) < len(stops)
    for reference in range(len(stops)):
        assert bracket.seen_from(reference).ev_stops[reference] == 0


def test_even_brackets_take_the_darker_middle(tmp_path: Path) -> None:
    bracket = exposed(write_bracket(tmp_path, LIGHT, [-3, -1, 1, 3])).bracket
    assert bracket.reference == 1


# ---- measured


@pytest.mark.parametrize("evs", [(-2, 0, 2), (-4, 0, 3), (-1, -0.3, 0.5, 1), (0, 1)])
def test_measured_exposures_are_right_within_what_is_said(tmp_path: Path, evs: tuple[float, ...]) -> None:
    plates = []
    for k, ev in enumerate(evs):
        Image.fromarray(codes(LIGHT, ev, noise=0.02, seed=k)).save(tmp_path / f"{k}.png")
        plates.append(io.read(tmp_path / f"{k}.png"))
    found = estimate_stops(plates, decode)
    error = np.array(found.stops) - (np.array(evs) - evs[0])
    assert np.abs(error).max() < 0.03
    assert np.abs(error).max() < 4 * max(found.sigma_stops)
    assert max(found.sigma_stops) < 0.1


def test_a_moved_camera_widens_the_doubt_not_the_error(tmp_path: Path) -> None:
    large = scene(200, 300)
    still, moved = (
        estimate_stops([_plate(codes(large, -1)), _plate(codes(np.roll(large, shift, (0, 1)), 1))], decode)
        for shift in (0, 6)
    )
    assert abs(moved.stops[1] - 2) < 0.1
    assert moved.sigma_stops[1] > still.sigma_stops[1]


def _plate(pixels: np.ndarray):  # type: ignore[no-untyped-def]
    from headroom.plate import Plate

    return Plate(codes=pixels, bits=8)


def test_frames_that_share_nothing_cannot_be_measured(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT.clip(0.05, 0.2), [-6, 6])
    assert "--ev" in refused(paths, Exposing(estimate=True))


def test_pictures_are_heard_where_exif_is_wrong(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    write_jpeg(paths[2], codes(LIGHT, 2), seconds=1 / 32, taken=2)  # says +1
    found = exposed(paths)
    assert any("f2.jpg" in note and "--estimate-ev" in note for note in found.bracket.notes)
    assert exposed(paths, Exposing(estimate=True)).bracket.ev_stops[2] == pytest.approx(2, abs=0.05)


def test_exposures_in_the_wrong_order_are_noticed(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    notes = exposed(paths, Exposing(ev_stops=(2, 0, -2))).bracket.notes
    assert any("wrong order" in note for note in notes)
    assert not any("wrong order" in note for note in exposed(paths).bracket.notes)


def test_a_camera_curve_shows_as_a_factor(data: Path) -> None:
    paths = sorted((data / "brackets" / "frobisher_static").glob("*.jpg"))
    found = exposed(paths)
    assert found.curve_factor is not None and 1.1 < found.curve_factor < 1.5
    assert found.bracket.ev_stops == pytest.approx((-3, 0, 3))


# ---- what is wrong with a stack


def test_a_lone_frame_goes_to_convert(tmp_path: Path) -> None:
    assert "headroom convert" in refused(write_bracket(tmp_path, LIGHT, [0]))


def test_sizes_must_agree(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    write_jpeg(paths[1], codes(LIGHT[:-2], 0), seconds=1 / 64)
    line = refused(paths)
    assert "f1.jpg is 96x62" in line and "96x64" in line


def test_missing_exposures_name_both_ways_on(tmp_path: Path) -> None:
    paths = [
        write_jpeg(tmp_path / f"{k}.jpg", codes(LIGHT, ev), bias=ev, f_number=None, iso=None)
        for k, ev in enumerate((-2, 0, 2))
    ]
    line = refused(paths)
    assert "--ev" in line and "--estimate-ev" in line and "--ev -2,0,2" in line
    assert exposed(paths, Exposing(estimate=True)).bracket.ev_stops == pytest.approx((-2, 0, 2), abs=0.05)
    assert exposed(paths, Exposing(ev_stops=(-2, 0, 2))).bracket.ev_stops == (-2, 0, 2)


def test_one_frame_without_its_time_is_named(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    Image.fromarray(codes(LIGHT, 0)).save(paths[1])
    assert refused(paths).startswith(str(paths[1]))


def test_too_few_stated_stops(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    with pytest.raises(UsageError, match="2 exposures for 3 frames"):
        exposed(paths, Exposing(ev_stops=(0, 1)))


def test_two_frames_of_one_exposure(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    extra = write_jpeg(tmp_path / "again.jpg", codes(LIGHT, 0, noise=0.05), seconds=1 / 64)
    kept = exposed([*paths, extra]).bracket
    assert len(kept.plates) == 4 and any("same exposure" in note for note in kept.notes)
    averaged = exposed([*paths, extra], Exposing(doubles="average")).bracket
    assert len(averaged.plates) == 3 and averaged.plates[1].bits == 16
    both = [io.read(path).rows(0, 64) for path in (paths[1], extra)]
    np.testing.assert_allclose(averaged.plates[1].rows(0, 64), np.mean(both, axis=0), atol=1 / 65535)
    assert "same exposure" in refused([*paths, extra], Exposing(doubles="error"))


def test_frames_that_all_have_one_exposure_are_no_bracket(tmp_path: Path) -> None:
    paths = [write_jpeg(tmp_path / f"{k}.jpg", codes(LIGHT, 0, noise=0.02, seed=k), seconds=1 / 64) for k in range(3)]
    assert "--same-exposure keep" in refused(paths)
    assert len(exposed(paths, Exposing(doubles="keep")).bracket.plates) == 3
    assert "one frame is left" in refused(paths, Exposing(doubles="average"))


def test_a_copy_is_left_out(tmp_path: Path) -> None:
    paths = write_bracket(tmp_path, LIGHT, [-2, 0, 2])
    copy = tmp_path / "f1 copy.jpg"
    copy.write_bytes(paths[1].read_bytes())
    bracket = exposed([copy, *paths]).bracket
    assert len(bracket.plates) == 3 and any("again: left out" in note for note in bracket.notes)
    assert "same picture" in refused([copy, *paths], Exposing(ev_stops=(5, -2, 0, 2)))


def test_alpha_is_ignored_with_a_note(tmp_path: Path) -> None:
    paths = []
    for k, ev in enumerate((-1, 1)):
        rgba = np.dstack([codes(LIGHT, ev), np.full(LIGHT.shape[:2], 40, np.uint8)])
        Image.fromarray(rgba, "RGBA").save(tmp_path / f"{k}.png")
        paths.append(tmp_path / f"{k}.png")
    shots = [read_shot(path) for path in paths]
    plates, notes = read_plates(shots)
    assert all(plate.alpha is None for plate in plates) and sum("alpha is ignored" in note for note in notes) == 2
    np.testing.assert_array_equal(plates[0].codes, codes(LIGHT, -1))


def test_frames_are_turned_upright(tmp_path: Path) -> None:
    upright = write_bracket(tmp_path / "a", LIGHT, [-1, 1])
    lying = [
        write_jpeg(tmp_path / f"{k}.jpg", np.rot90(codes(LIGHT, ev)), seconds=2.0**ev, orientation=6)
        for k, ev in enumerate((-1, 1))
    ]
    assert read_shot(lying[0]).size == read_shot(upright[0]).size == (96, 64)
    plates = [exposed(paths).bracket.plates[0].rows(0, 64) for paths in (upright, lying)]
    assert np.abs(plates[0] - plates[1]).max() < 0.05


# ---- stacks in a folder


def shot(name: str, ev: float | None, taken: float | None, size: tuple[int, int] = (96, 64), camera: str = "c") -> Shot:
    said = Stated() if ev is None else Stated(seconds=2.0**ev / 64, f_number=8.0, iso=100)
    return Shot(path=Path(f"{name}.jpg"), size=size, taken=taken, stated=said, camera=camera)


def run(*frames: tuple[float | None, float | None]) -> list[Shot]:
    return [shot(f"IMG_{k + 1}", ev, taken) for k, (ev, taken) in enumerate(frames)]


def names(shots: list[Shot], **how: object) -> list[list[str]]:
    stacks, _ = stacks_in(shots, **how)  # type: ignore[arg-type]
    return [[s.path.stem.removeprefix("IMG_") for s in stack] for stack in stacks]


def test_a_pause_parts_two_stacks() -> None:
    shots = run((-2, 0), (0, 0.5), (2, 1), (-2, 20), (0, 20.5), (2, 21))
    assert names(shots) == [["1", "2", "3"], ["4", "5", "6"]]
    assert names(list(reversed(shots))) == names(shots)


def test_a_pattern_that_repeats_parts_stacks_without_a_pause() -> None:
    assert names(run(*((ev, k) for k, ev in enumerate((0, -2, 2) * 3)))) == [list("123"), list("456"), list("789")]


def test_the_pattern_may_move_as_the_light_does() -> None:
    evs = (0, -2, 2, 1, -1, 3, -0.7, -2.7, 1.3)
    assert names(run(*((ev, k) for k, ev in enumerate(evs)))) == [list("123"), list("456"), list("789")]


def test_one_long_rise_is_one_stack() -> None:
    assert names(run(*((2 * k - 4, k) for k in range(6)))) == [list("123456")]
    assert names(run(*((ev, k) for k, ev in enumerate((0, -1, 1, -2, 2, -3))))) == [list("123456")]


def test_one_slow_stack_by_hand_stays_one() -> None:
    shots = run((6, 0), (4, 20), (2, 35), (0, 51), (-2, 66), (-5, 88), (-7, 101))
    assert names(shots) == [list("1234567")]


def test_without_times_or_exposures_a_folder_is_one_stack() -> None:
    assert names(run((None, None), (None, None), (None, None))) == [list("123")]


def test_an_interrupted_sequence_ends_where_an_exposure_comes_back() -> None:
    assert names(run((-2, 0), (0, 1), (2, 2), (-2, 3), (0, 4))) == [list("123"), list("45")]


def test_strays_are_left_out_with_a_reason() -> None:
    shots = [
        *run((0, 0), (-2, 30), (0, 31), (2, 32)),
        shot("IMG_9", 0, 33, size=(50, 50)),
        shot("scan", None, None, camera=""),
    ]
    stacks, left_out = stacks_in(shots)
    assert [[s.path.stem for s in stack] for stack in stacks] == [["IMG_2", "IMG_3", "IMG_4"]]
    assert {s.path.stem for other in left_out for s in other.shots} == {"IMG_1", "IMG_9", "scan"}
    assert all("headroom convert" in other.why for other in left_out)


def test_a_burst_is_no_bracket() -> None:
    stacks, left_out = stacks_in(run((0, 0), (0, 0.2), (0, 0.4)))
    assert not stacks and "same exposure" in left_out[0].why


def test_two_cameras_do_not_mix() -> None:
    shots = [
        shot(f"{camera}{k}", ev, k + 0.3 * number, camera=camera)
        for number, camera in enumerate("ab")
        for k, ev in enumerate((-2, 0, 2))
    ]
    stacks, _ = stacks_in(shots)
    assert [[s.path.stem for s in stack] for stack in stacks] == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_the_user_may_say_how_many() -> None:
    shots = run(*((0, k) for k in range(6)))
    assert names(shots, per_stack=3) == [list("123"), list("456")]
    assert names(shots, frames=2, by_exposure=False) == [list("12"), list("34"), list("56")]
    with pytest.raises(UsageError, match="--per-stack 4"):
        stacks_in(shots, per_stack=4)


@given(st.lists(st.integers(2, 5), min_size=1, max_size=5), st.integers(2, 4), st.floats(10, 1000))
def test_bursts_of_brackets_are_found_whatever_their_pauses(sizes: list[int], step: int, pause: float) -> None:
    shots, moment, expected = [], 0.0, []
    for size in sizes:
        expected.append(size)
        for k in range(size):
            shots.append(shot(f"IMG_{len(shots)}", -step + k * step, moment))
            moment += 0.4
        moment += pause
    stacks, left_out = stacks_in(shots)
    assert [len(stack) for stack in stacks] == expected and not left_out


def test_numbers_sort_as_numbers() -> None:
    paths = [Path(f"IMG_{k}.jpg") for k in (10, 9, 100, 1)]
    assert [path.stem for path in sorted(paths, key=by_name)] == ["IMG_1", "IMG_9", "IMG_10", "IMG_100"]


def test_a_bracket_that_does_not_ascend_is_refused() -> None:
    from headroom.plate import Plate

    plates = tuple(Plate(codes=np.zeros((2, 2, 3), np.uint8)) for _ in range(2))
    with pytest.raises(ValueError, match="ascend"):
        Bracket(plates=plates, ev_stops=(0.0, -1.0), reference=0, source="stated")
    with pytest.raises(PlateError, match="one size"):
        Bracket(
            plates=(plates[0], Plate(codes=np.zeros((3, 2, 3), np.uint8))), ev_stops=(0.0, 1.0), reference=0,
            source="stated",
        )  # fmt: skip
