"""Photographs that did not clip as training scenes: which are taken, what light they hold, how the command is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from headroom import io
from headroom.cli.train import command
from headroom.colour.curves import srgb_decode
from headroom.errors import Cancelled, PlateError
from headroom.train.batches import BatchMaker, Frame, Shooting
from headroom.train.photographs import unclipped_photographs
from headroom.train.views import SceneBank


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(1)
    rows = np.linspace(10, 245, 90)[:, None, None]
    good = (rows + rng.uniform(-4, 4, (90, 120, 3))).round().astype(np.uint8)
    clipped = good.copy()
    clipped[:3, :3] = 255  # 9 of 10,800 pixels
    (folder / "deep").mkdir()
    Image.fromarray(good).save(folder / "deep" / "good.png")
    Image.fromarray(good).save(folder / "webbed.webp", lossless=True)
    Image.fromarray(clipped).save(folder / "clipped.png")
    Image.fromarray(good[:40]).save(folder / "small.jpg")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_only_photographs_that_hold_all_their_light_are_taken(folder: Path) -> None:
    found = unclipped_photographs(folder)
    assert [scene.name for scene in found.scenes] == ["photograph:deep/good.png", "photograph:webbed.webp"]
    assert str(found) == "2 photographs; left out: 1 clipped, 1 under 64 px, 1 not readable"
    codes = np.asarray(Image.open(folder / "deep" / "good.png")) / np.float32(255)
    light = found.scenes[0].pixels.permute(1, 2, 0).numpy()
    np.testing.assert_allclose(light, srgb_decode(codes), rtol=2e-3, atol=1e-5)
    assert not any(scene.latlong for scene in found.scenes)


def test_a_stated_space_is_the_one_that_linearises(tmp_path: Path) -> None:
    from PIL import ImageCms

    good = np.full((80, 80, 3), (200, 60, 60), np.uint8)
    named = Image.fromarray(good)
    named.save(tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    sixteen = np.repeat(np.linspace(0, 60000, 80 * 80).reshape(80, 80, 1), 3, 2)
    io.write(tmp_path / "deep.tif", (sixteen / 65535).astype(np.float32))
    names = {scene.name: scene for scene in unclipped_photographs(tmp_path).scenes}
    pixel = names["photograph:srgb.png"].pixels[:, 0, 0].float().numpy()
    np.testing.assert_allclose(pixel, srgb_decode(good[0, 0] / np.float32(255)), rtol=2e-3)
    # A float TIFF is linear already.
    brightest = float(names["photograph:deep.tif"].pixels.max())
    assert brightest == pytest.approx(60000 / 65535, rel=2e-3)


def test_exposed_anew_they_clip_and_their_light_is_known(folder: Path) -> None:
    bank = SceneBank(unclipped_photographs(folder).scenes, torch.device("cpu"))
    frame = Frame(kind="still", height=64, width=96, batch=8, share=1)
    batch = BatchMaker(bank, Shooting(frames=(frame,), responses=8), scene_px=1024, scene_multiple=32, seed=1)()
    assert (batch.truth_lin.amax((1, 2, 3)) > 1).all()
    assert (batch.x_srgb.amax((1, 2, 3)) > 0.99).all()


def test_a_folder_without_any_says_why(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blown.png").write_bytes((folder / "clipped.png").read_bytes())
    with pytest.raises(PlateError, match=r"0 photographs; left out: 1 clipped; give a folder"):
        unclipped_photographs(tmp_path)
    with pytest.raises(PlateError, match="no such folder"):
        unclipped_photographs(tmp_path / "nowhere")
    with pytest.raises(Cancelled):
        unclipped_photographs(folder, cancelled=lambda: True)


def test_the_command_trains_on_all_that_it_is_given(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for name in ("data", "more"):
        (tmp_path / name).mkdir()
        for number in range(2):
            light = rng.lognormal(0, 1, (64, 80, 3)).astype(np.float32)
            io.write(tmp_path / name / f"{number}.exr", light)
    asked = ["tiny", "--data", str(tmp_path / "data"), "--add", str(tmp_path / "more"), "--photographs", str(folder)]
    asked += ["--out", str(tmp_path / "run"), "--held-out-every", "2", "--steps", "1", "--device", "cpu"]
    said = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert "more: 2 scenes" in said.output
    assert f"{folder}: 2 photographs; left out: 1 clipped" in said.output
    assert "5 scenes, 1 held out" in said.output
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["step"] == 1
