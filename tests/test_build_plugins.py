"""The plug-ins' zips: what is in them, and that the same sources always give the same bytes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

NEEDED = ("build_plugins.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")


def copy_of(repository: Path, folder: Path) -> Path:
    """The sources alone, with a plug-in of our own making."""
    folder.mkdir()
    for name in NEEDED:
        shutil.copy(repository / name, folder / name)
    shutil.copytree(repository / "core", folder / "core", ignore=shutil.ignore_patterns("*.egg-info"))
    shutil.copytree(repository / "models", folder / "models")
    files = {
        "__init__.py": b'"""Version @VERSION@."""\r\n',
        "blender_manifest.toml": b'version = "@VERSION@"\n',
        "icon.png": b"\x89PNG @VERSION@\r\n",
        "run.sh": b"#!/bin/sh\n",
        "tests/test_it.py": b"",
        "__pycache__/x.pyc": b"",
        ".hidden": b"",
        "notes/draft.md": b"",
        "build.toml": b'host = "inner/host"\nexclude = ["notes/*"]\n',
    }
    for name, content in files.items():
        path = folder / "plugins/blender" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def build(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "build_plugins.py"), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment}, cwd=folder.parent,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_of(repository, tmp_path_factory.mktemp("build") / "sources")
    done = build(folder, "blender")
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "dist").iterdir()
    assert path.name == "headroom-blender-0.1.0.zip" and hashlib.sha256(path.read_bytes()).hexdigest() in done.stdout
    return path


def test_the_same_bytes_elsewhere_and_at_another_time(built: Path, repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, tmp_path / "an other place")
    for path in folder.rglob("*"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    done = build(folder, "blender", "--out", str(tmp_path / "out"), TZ="Asia/Tokyo", PYTHONHASHSEED="7", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / built.name).read_bytes() == built.read_bytes()


def test_what_is_in_it(built: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        assert names == sorted(names)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("__init__.py") == b'"""Version 0.1.0."""\n'
        assert archive.read("blender_manifest.toml") == b'version = "0.1.0"\n'
        assert archive.read("icon.png") == b"\x89PNG @VERSION@\r\n"
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755
        assert archive.getinfo("__init__.py").external_attr >> 16 == 0o100644
    assert {name for name in names if "/" not in name} == {
        "LICENSE", "__init__.py", "blender_manifest.toml", "icon.png", "run.sh",
    }  # fmt: skip
    assert {name.split("/")[0] for name in names if "/" in name} == {"inner", "engine"}
    assert "inner/host/client.py" in names and not [name for name in names if "pycache" in name]
    assert [name for name in names if name.startswith("engine/")] == [
        "engine/constraints.txt",
        "engine/headroom_hdr-0.1.0-py3-none-any.whl",
    ]


def test_the_wheel_is_whole(built: Path, repository: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        wheel = zipfile.ZipFile(io.BytesIO(archive.read("engine/headroom_hdr-0.1.0-py3-none-any.whl")))
    names = wheel.namelist()
    assert "headroom/host/client.py" in names and "headroom/models/headroom-1/weights.safetensors" in names
    assert "headroom/py.typed" in names and "headroom/emor.npz" in names
    record = csv.reader(wheel.read("headroom_hdr-0.1.0.dist-info/RECORD").decode().splitlines())
    rows = {name: (digest, length) for name, digest, length in record}
    assert set(rows) == set(names)
    for name in set(names) - {"headroom_hdr-0.1.0.dist-info/RECORD"}:
        content = wheel.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert rows[name] == (f"sha256={digest}", str(len(content)))
    stated = Parser().parsestr(wheel.read("headroom_hdr-0.1.0.dist-info/METADATA").decode())
    assert stated["Name"] == "headroom-hdr" and stated["Version"] == "0.1.0"
    needs = stated.get_all("Requires-Dist")
    assert "torch>=2.4" in needs and any(need.startswith("tomli") and "python_version" in need for need in needs)
    assert stated.get_payload() == (repository / "README.md").read_text("utf-8")

    # It runs from nothing but its own files.
    wheel.extractall(tmp_path)
    code = "import headroom; from headroom import weights; found = weights.find('headroom-1')\n"
    code += "weights.verify(weights.read_card(found)); print(headroom.__file__, found)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.count(str(tmp_path)) == 2


def test_what_cannot_be_built_is_said(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, tmp_path / "sources")
    done = build(folder, "nuke", "--no-engine")
    assert done.returncode == 1 and done.stderr == "build_plugins: plugins/nuke: there is no such folder\n"
    (folder / "plugins/nuke").mkdir()
    done = build(folder, "nuke", "--no-engine")
    assert done.returncode == 1 and "there is no plug-in here yet" in done.stderr
    plugin = folder / "plugins/blender"
    (plugin / "inner/host").mkdir(parents=True)
    (plugin / "inner/host/mine.py").write_text("")
    assert "the copy of host goes there" in build(folder, "blender", "--no-engine").stderr
    (plugin / "build.toml").write_text('hosts = "x"')
    assert "'hosts' is not known" in build(folder, "blender", "--no-engine").stderr
    (plugin / "build.toml").write_text("host = ")
    assert "cannot be read" in build(folder, "blender", "--no-engine").stderr
    (plugin / "build.toml").write_text("")
    (plugin / "Icon.PNG").write_bytes(b"")
    if len(list(plugin.glob("[iI]con.*"))) == 2:  # a file system that tells letter cases apart
        assert "two files of this name" in build(folder, "blender", "--no-engine").stderr


def test_without_engine(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, tmp_path / "sources")
    assert build(folder, "blender", "--no-engine").returncode == 0
    with zipfile.ZipFile(folder / "dist/headroom-blender-0.1.0.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("engine/")]
