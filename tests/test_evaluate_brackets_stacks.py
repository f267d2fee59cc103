"""Real stacks in the bracket benchmark: frames that agree with their merge, and frames that do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from command import headroom
from exposed import write_jpeg
from headroom import io
from headroom.bracket.mergers import merger
from headroom.camera import Response, shoot
from headroom.errors import UsageError
from headroom.evaluate.brackets.report import BracketReport
from headroom.evaluate.brackets.stacks import StackFound, find_stacks, measure_stack, read_stack, stacks_table

HEIGHT, WIDTH = 120, 160
STOPS = (-2.0, 0.0, 2.0)


def write_stack(
    folder: Path, response: Response, *, wrong: float = 1.0, quality: int = 100, told: tuple[float, ...] = STOPS
) -> Path:
    """Three JPEGs of a still place, noise of their own, EXIF times; the darkest's light times ``wrong`` in one half."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    stops = -3.2 + 2.2 * np.sin(x / 19) + 1.4 * np.cos(y / 13)
    light = 2.0 ** (stops[..., None] + np.repeat(np.repeat(rng.normal(0, 0.3, (15, 20, 3)), 8, 0), 8, 1))
    for number, ev in enumerate(STOPS):
        own = light * 2.0**ev
        if number == 0:
            own[:, : WIDTH // 2] *= wrong
        code = shoot(own.astype(np.float32), response, shot_noise=0.01, read_noise=0.001, rng=rng)
        write_jpeg(
            folder / f"frame{number}.jpg",
            np.rint(code * 255).astype(np.uint8),
            seconds=2.0 ** told[number] / 64,
            quality=quality,
        )
    return folder


def found(folder: Path, response: str = "declared") -> StackFound:
    return measure_stack(folder.name, *read_stack(folder), response, merger("inverse-variance"), how="none")


def test_a_still_stack_agrees_with_its_merge_within_its_noise(tmp_path: Path) -> None:
    stack = found(write_stack(tmp_path / "still", Response.srgb()))
    assert (stack.source, stack.moved) == ("exif", False)
    assert 0.93 < stack.within < 0.975
    assert 0.85 < stack.sigmas < 1.15
    assert [frame.file for frame in stack.frames] == ["frame0.jpg", "frame1.jpg", "frame2.jpg"]
    assert [frame.ev_stops for frame in stack.frames] == list(STOPS)
    assert all(abs(frame.bias_stops) < 0.03 for frame in stack.frames)


@pytest.mark.parametrize(("quality", "least", "most"), [(98, 0.94, 0.975), (95, 0.88, 0.97), (92, 0.93, 0.97)])
def test_what_jpeg_leaves_is_counted_and_no_more(tmp_path: Path, quality: int, least: float, most: float) -> None:
    """The measure's own calibration: known noise, known curve, real compression; noise alone has 95.4 %."""
    stack = found(write_stack(tmp_path / "still", Response.srgb(), quality=quality))
    assert least < stack.within < most
    assert 0.85 < stack.sigmas < 1.2


def test_a_wrong_exposure_shows(tmp_path: Path) -> None:
    stack = found(write_stack(tmp_path / "told", Response.srgb(), told=(-2.0, 0.0, 2.25)))
    assert stack.within < 0.8
    assert stack.sigmas > 1.5


def test_a_frame_that_shows_something_else_does_not_agree(tmp_path: Path) -> None:
    good = found(write_stack(tmp_path / "still", Response.srgb()))
    bad = found(write_stack(tmp_path / "changed", Response.srgb(), wrong=1.6))
    assert bad.frames[0].within < good.frames[0].within - 0.2


def test_another_response_than_the_stated_one_shows_and_a_fitted_one_mends_it(tmp_path: Path) -> None:
    folder = write_stack(tmp_path / "contrasty", Response.picture_style(0.7))
    stated, fitted = found(folder), found(folder, "emor")
    assert stated.within < 0.6 < fitted.within
    assert fitted.apart_stops < 0.5 * stated.apart_stops


def test_stacks_go_into_the_report_and_come_back(tmp_path: Path) -> None:
    stack = found(write_stack(tmp_path / "still", Response.srgb()))
    report = BracketReport([], stacks=[stack])
    again = BracketReport.from_dict(json.loads(json.dumps(report.as_dict())))
    assert again.stacks == [stack]
    assert stacks_table([stack]) in again.markdown()
    assert "frame2.jpg" in again.markdown()


def test_folders_without_brackets_are_refused_before_anything_is_staged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes, empty = tmp_path / "scenes", tmp_path / "empty"
    scenes.mkdir()
    empty.mkdir()
    io.write(scenes / "place.exr", np.ones((64, 128, 3), np.float32), depth="float")
    with pytest.raises(UsageError, match="no brackets"):
        find_stacks(empty)
    said = headroom(capsys, "evaluate", scenes, "--brackets", "--stacks", empty)
    assert said.code == 2
    assert "no folder in it holds two pictures" in said.err


def test_a_folder_of_pictures_is_a_stack_itself(tmp_path: Path) -> None:
    folder = write_stack(tmp_path / "still", Response.srgb())
    assert find_stacks(folder) == find_stacks(tmp_path) == [folder]
