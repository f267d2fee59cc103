"""The generator of training views, in Cycles: what it stores, that it goes on, and that its light is what it says.

In processes of their own: they begin with an empty Blender, without the extension.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

TRAINING = Path(__file__).parents[3] / "training"
LIT = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from views.cycles import render
grey = dict(kind="surface", pattern="plain", colours=[[0.5] * 3] * 2, scale=1, roughness=1, metallic=0, bump=0)
glow = dict(kind="glow", light=[40.0, 20.0, 5.0], sharpness=0, screen=False)
beam = dict(kind="glow", light=[40.0, 40.0, 40.0], sharpness=30.0, screen=False)
def thing(shape, at, size, material, tilt=0):
    return dict(shape=shape, at=at, size=size, material=material, turn=0, tilt=tilt)
def seen(things, sun):
    sky = dict(turn=0, klx=float(np.pi), own_sun=True, sun=sun)
    camera = dict(at=[0, 0, 2], to=[0, 0.001, 0], roll=0, field_degrees=40, f_number=None, focus=1)
    plan = dict(size=[48, 48], sky=sky, camera=camera, materials=[grey, glow, beam], things=things)
    light = render(plan, Path(sys.argv[2]), Path(sys.argv[3]), samples=32, threads=1)
    return light[20:28, 20:28].mean((0, 1)).tolist(), light[:6, :6].mean((0, 1)).tolist()
floor = thing("box", [0, 0, -0.5], [50, 50, 1], 0)
sun = dict(height=30.0, azimuth=0.0, klx=20 * np.pi, colour=[1.0, 1.0, 1.0])
found = dict(
    sky=seen([floor], None), sun=seen([floor], sun),
    glow=seen([floor, thing("box", [0, 0, 0.1], [0.4, 0.4, 0.1], 1)], None),
    ahead=seen([thing("disc", [0, 0, 0.1], [0.4, 0.4, 1], 2)], None),
    behind=seen([thing("disc", [0, 0, 0.1], [0.4, 0.4, 1], 2, tilt=180)], None),
)
Path(sys.argv[3], "found.json").write_text(json.dumps(found))
sys.stdout.flush()
os._exit(0)
"""


def write_sky(file: Path) -> None:
    pixels = np.ones((32, 64, 3), np.float32)
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"RGB": pixels}) as exr:
        exr.write(str(file))


@pytest.fixture
def skies(tmp_path: Path) -> Path:
    folder = tmp_path / "skies"
    folder.mkdir()
    write_sky(folder / "even.exr")
    items = [{"file": "even.exr", "projection": "latlong", "licence": "CC0-1.0"}]
    (folder / "manifest.json").write_text(json.dumps({"split": "train", "items": items}))
    return folder


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TRAINING / "render_views.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_view_is_rendered_once(skies: Path, tmp_path: Path) -> None:
    asked = ("--skies", skies, "--out", tmp_path / "views", "--count", 1, "--size", "64x48", "--samples", 2)
    said = generate(*asked)
    assert said.returncode == 0, said.stderr
    file = tmp_path / "views/train/view-1-00000.exr"
    with OpenEXR.File(str(file)) as exr:
        light = exr.channels()["RGB"].pixels
    assert light.shape == (48, 64, 3)
    assert light.dtype == np.float16
    assert np.isfinite(light).all()
    assert light.max() > 0.18
    (item,) = json.loads((file.parent / "manifest.json").read_text())["items"]
    assert (item["file"], item["projection"], item["licence"], item["number"]) == (file.name, "still", "CC0-1.0", 0)
    before = file.stat().st_mtime_ns
    again = generate(*asked)
    assert again.returncode == 0, again.stderr
    assert "1 of 1 views are there" in again.stdout
    assert file.stat().st_mtime_ns == before


def test_what_is_wrong_is_one_line(skies: Path, tmp_path: Path) -> None:
    said = generate("--skies", tmp_path / "nowhere", "--out", tmp_path / "views")
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "manifest.json: not there" in said.stderr
    (skies / "even.exr").write_bytes(b"no picture")
    said = generate("--skies", skies, "--out", tmp_path / "views")
    assert said.returncode == 1
    assert said.stderr.strip().count("\n") <= 1  # Blender may say something of its own before
    assert "even.exr" in said.stderr.splitlines()[-1]


def test_light_is_what_the_plan_says(tmp_path: Path) -> None:
    write_sky(tmp_path / "even.exr")
    command = [sys.executable, "-c", LIT, str(TRAINING), str(tmp_path / "even.exr"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    # A sky of pi klx on level ground: a floor that reflects half of it has 0.5 kcd/m2.
    assert found["sky"][0] == pytest.approx([0.5] * 3, rel=0.06)
    from_sun = 20 * math.sin(math.radians(30)) * 0.5
    assert found["sun"][0] == pytest.approx([0.5 + from_sun] * 3, rel=0.06)
    # Lamps pass the denoiser as they are.
    assert found["glow"][0] == pytest.approx([40, 20, 5], rel=0.02)
    away = (np.arange(8) - 3.5) / 24 * math.tan(math.radians(20))  # the patch's pixels, as tangents
    beam = 40 * float(((1 + away[:, None] ** 2 + away**2) ** (-30 / 2)).mean())
    assert found["ahead"][0] == pytest.approx([beam] * 3, rel=0.02)
    assert max(found["behind"][0]) < 1
