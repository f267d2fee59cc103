"""Every method through ``headroom merge``, and hand-held frames through alignment and network."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from command import headroom, one_line
from exposed import codes, scene, write_bracket, write_jpeg
from headroom import io
from headroom.bracket.mergers import METHODS
from merge_stacks import publish

CapSys = pytest.CaptureFixture[str]
REC709 = ("--to", "Linear Rec.709 (sRGB)", "--device", "cpu", "--no-continue")
KINDS = {
    "headroom-merge-1": "merge1",
    "ahdrnet": "ahdrnet",
    "wu-resnet": "wu-resnet",
    "wu-unet": "wu-unet",
    "kalantari-we": "kalantari-we",
    "kalantari-direct": "kalantari-direct",
    "kalantari-wie": "kalantari-wie",
}


def pixels(path: Path) -> np.ndarray:
    plate = io.read(path)
    return plate.rows(0, plate.height)


@pytest.mark.parametrize("method", KINDS)
@pytest.mark.parametrize("evs", [(-2, 0, 2), (-3, -1, 0, 1, 3)])
def test_each_network_merges(
    method: str, evs: tuple[int, ...], tmp_path: Path, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(KINDS[method], tmp_path / "models" / method)
    monkeypatch.setenv("HEADROOM_MODELS", str(tmp_path / "models"))
    frames = write_bracket(tmp_path / "in", scene(50, 70), [float(ev) for ev in evs])
    out = tmp_path / "out.exr"
    said = headroom(capsys, "merge", *frames, "-o", out, "--method", method, "--align", "none", *REC709, "--json")
    assert said.code == 0, said.err
    stack = json.loads(said.out)["stacks"][0]
    assert stack["method"] == method and len(stack["weights_sha256"]) == 64
    header = io.header(out)["parts"][0]["attributes"]
    assert header["headroom:weights"] == stack["weights_sha256"] and header["headroom:method"] == method
    result = pixels(out)
    assert result.shape == (50, 70, 3) and np.isfinite(result).all() and result.max() > 0


def test_each_network_of_the_table_is_tried() -> None:
    networks = {name.removesuffix("-small") for name, method in METHODS.items() if method.network}
    assert networks == set(KINDS)


def test_a_model_that_is_no_merger(tmp_path: Path, capsys: CapSys, tiny_headroom_1: Path) -> None:
    frames = write_bracket(tmp_path / "in", scene(), [-2, 0, 2])
    said = headroom(capsys, "merge", *frames, "-o", tmp_path / "out.exr", "--method", tiny_headroom_1)
    assert said.code == 2 and one_line(said.err) and "merges nothing" in said.err


@pytest.fixture(scope="module")
def hand_held(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], np.ndarray]:
    """Three frames, each a few pixels and a little turned from the middle one, and the middle one's light."""
    folder = tmp_path_factory.mktemp("hand-held")
    height, width = 240, 320
    light = cv2.GaussianBlur(scene(height + 40, width + 40), (0, 0), 0.8)
    paths, seen = [], light[20:-20, 20:-20]
    for k, (ev, dx, dy, turn) in enumerate(((-2, 4.3, -2.6, 0.5), (0, 0, 0, 0), (2, -5.4, 3.2, -0.4))):
        matrix = cv2.getRotationMatrix2D((width / 2 + 20, height / 2 + 20), turn, 1)
        matrix[:, 2] += (dx, dy)
        moved = cv2.warpAffine(light, matrix, (width + 40, height + 40), flags=cv2.INTER_CUBIC)[20:-20, 20:-20]
        pixels_ = codes(moved.clip(0), float(ev), noise=0.01, seed=k)
        paths.append(write_jpeg(folder / f"{k}.jpg", pixels_, seconds=2.0**ev / 64, taken=k, quality=97))
    return paths, seen


def test_hand_held_frames_are_aligned(hand_held: tuple[list[Path], np.ndarray], tmp_path: Path, capsys: CapSys) -> None:
    paths, light = hand_held
    inner = np.s_[24:-24, 24:-24]
    known = ((light[inner] > 0.04) & (light[inner] < 3)).all(axis=2)
    errors = {}
    for align in ("none", "global", "flow"):
        out = tmp_path / f"{align}.exr"
        said = headroom(
            capsys, "merge", *paths, "-o", out, "--align", align, "--method", "inverse-variance", *REC709, "--json"
        )
        assert said.code == 0, said.err
        moved = [frame["moved_px"] for frame in json.loads(said.out)["stacks"][0]["frames"]]
        assert align == "none" or (4 < moved[0] < 9 and moved[1] == 0 and 5 < moved[2] < 11), moved
        errors[align] = np.abs(np.log2(pixels(out)[inner][known].clip(1e-4) / light[inner][known])).mean()
    assert errors["global"] < 0.5 * errors["none"] and errors["flow"] < 0.5 * errors["none"], errors


def test_any_order_of_hand_held_frames_gives_the_same_bytes(
    hand_held: tuple[list[Path], np.ndarray], tmp_path: Path, capsys: CapSys
) -> None:
    paths, _ = hand_held
    results = []
    for number, order in enumerate((paths, paths[::-1])):
        out = tmp_path / str(number) / "out.exr"
        said = headroom(capsys, "merge", *order, "-o", out, "--method", "inverse-variance", *REC709)
        assert said.code == 0, said.err
        results.append(out.read_bytes())
    assert results[0] == results[1]
