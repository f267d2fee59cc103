"""A bundle run by the real `openjd run`: chunks and a kept process give the files of one run, bit for bit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command import headroom

CapSys = pytest.CaptureFixture[str]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the bundle was run on POSIX systems only")
FRAMES = range(1001, 1009)
OPTIONS = ("--device", "cpu", "--mask", "--gain")


def moving_shot(folder: Path) -> str:
    """A clipped patch that moves, a little noise, and a cut: what frames must agree on across chunks."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    for frame in FRAMES:
        second_scene = frame >= 1006
        x = np.linspace(30, 220, 96)[None, :, None] if second_scene else np.linspace(160, 60, 96)[None, :, None]
        code = np.broadcast_to(x, (64, 96, 3)) * [1.0, 0.9, 0.8] + rng.normal(0, 1.5, (64, 96, 3))
        at = 10 + 3 * (frame - FRAMES[0])
        code[16:40, at : at + 30] = 255
        Image.fromarray(code.clip(0, 255).round().astype(np.uint8)).save(folder / f"plate.{frame}.png")
    return str(folder / "plate.####.png")


def openjd_run(job: Path, *more: Any) -> str:
    pytest.importorskip("openjd.cli", reason="openjd-cli is not installed; install the test extra")
    command = [sys.executable, "-W", "ignore", "-m", "openjd", "run", job / "template.yaml", "--run-dependencies"]
    command += ["-p", f"file://{job / 'parameters.yaml'}", *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    assert done.returncode == 0 and "Session ended successfully" in log, log
    return log


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("hdr.*.exr"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Path:
    """The shot converted by one run."""
    folder = tmp_path_factory.mktemp("whole")
    moving_shot(folder / "plates")
    command = ["convert", folder / "plates" / "plate.####.png", "-o", folder / "hdr.####.exr", *OPTIONS]
    run = [sys.executable, "-m", "headroom", *map(str, command)]
    subprocess.run(run, check=True, env={**os.environ, "HEADROOM_MODELS": str(tiny_models)})
    return folder


@pytest.mark.parametrize("way", ["extension", "listed"])
def test_a_chunked_run_gives_the_files_of_one_run(
    tmp_path: Path, capsys: CapSys, tiny_headroom_1: Path, whole: Path, way: str
) -> None:
    job, out = tmp_path / "job", tmp_path / "out"
    more = ["--preview-movie", tmp_path / "look.mov"] if way == "extension" else ["--listed-chunks"]
    said = headroom(
        capsys, "farm", "--bundle", job, "--chunk", 3, "--program", f"{sys.executable} -m headroom",
        whole / "plates" / "plate.####.png", "-o", out / "hdr.####.exr", *OPTIONS, *more,
    )  # fmt: skip
    assert said.code == 0, said.err
    log = openjd_run(job, "--step", "Preview" if way == "extension" else "Convert")
    # The extension makes chunks of even length; listed ones are full but for the last.
    assert re.findall(r"Frames\(\S+\) = (\S+)", log) == ["1001-1003", "1004-1006", "1007-1008"]
    # One process served the three tasks, and is gone.
    (pid,) = re.findall(r"headroom holds its model in process (\d+)", log)
    assert "the session's process has ended" in log and "openjd_progress: 100.0" in log
    gone_by = time.monotonic() + 30
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < gone_by
    assert results(out) == results(whole)
    if way == "extension":
        from headroom.io.movie import MovieSource

        assert len(MovieSource(tmp_path / "look.mov").frames) == len(FRAMES)
