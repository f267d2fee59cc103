"""Builds the Nuke plug-in, unpacks it into an empty folder and checks that, without Nuke.

    python tests/hosts/nuke/run.py [--python PYTHON]... [--types PYTHON] [--openjd PROGRAM] [--every N] [--only TEST]

Steps: the zip is the same twice; the gizmo (Tcl, knobs, links, expressions, Python, golden form; every N-th damage of
gizmo_mutations.py is caught); types against types-nuke and the fake's names against it (--types: a Python with
mypy<1.19, the last that knows Python 3.9, and types-nuke; without it a virtual environment is made); bakes in the fake
Nuke under each --python (default: a python3.9, where there is one, else this), with the engine of this Python as
worker. Nothing of the repository but tests/hosts/nuke itself is on any path; the engine is its own process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
TYPE_TOOLS = ("mypy==1.18.2", "types-nuke==13.2.8.0")
TYPED = (
    "headroom_nuke",
    "init.py",
    "menu.py",
    "batch_bake.py",
    "install.py",
    "verify_in_nuke.py",
    "cattery/make_cat.py",
)


class StepFailed(Exception):
    """Which step, and what it said."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the Nuke plug-in without Nuke.")
    parser.add_argument("--python", action="append", default=[], help="a Python to host the plug-in; may be repeated")
    parser.add_argument("--types", help="a Python with mypy<1.19 and types-nuke; 'none' leaves the types out")
    parser.add_argument("--openjd", default=shutil.which("openjd"), help="the openjd program; default: the one on PATH")
    parser.add_argument("--every", type=int, default=40, help="every N-th damage of the gizmo; 1: all")
    parser.add_argument("--only", action="append", default=[], help="tests of hosted.py, such as Chains; default: all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headroom_nuke_") as text:
        folder = Path(text).resolve()
        try:
            plugin = _built(folder)
            _gizmo(plugin, chosen.every)
            if chosen.types != "none":
                _types(plugin, chosen.types or _type_tools(folder))
            for python in chosen.python or _pythons():
                _hosted(plugin, folder, python, chosen.openjd, chosen.only)
        except StepFailed as failed:
            sys.stdout.write(f"FAILED: {failed}\n")
            return 1
    return 0


def _built(folder: Path) -> Path:
    """The plug-in as people get it, without the engine's wheel: that is this Python's own."""
    archives = []
    for name in ("one", "two"):
        command = [sys.executable, "build_plugins.py", "nuke", "--no-engine", "--out", str(folder / name)]
        _step(command, f"zip, {name}", cwd=REPOSITORY, shown=False)
        archives += sorted((folder / name).glob("headroom-nuke-*.zip"))
    if len(archives) != 2 or archives[0].read_bytes() != archives[1].read_bytes():
        raise StepFailed("two builds differ")
    plugin = folder / "plugin"
    plugin.mkdir()
    with zipfile.ZipFile(archives[0]) as archive:
        archive.extractall(plugin)
        sys.stdout.write(f"{archives[0].name}: {len(archive.namelist())} files, the same twice\n")
    return plugin


def _gizmo(plugin: Path, every: int) -> None:
    _step(
        [sys.executable, str(HERE / "gizmo_check.py"), str(plugin / "HeadroomReconstruct.gizmo")], "gizmo", cwd=plugin
    )
    _step([sys.executable, str(HERE / "gizmo_mutations.py"), f"--every={every}", "--list"], "damages", cwd=plugin)


def _type_tools(folder: Path) -> str:
    python = folder / "types" / ("Scripts" if os.name == "nt" else "bin") / "python"
    _step([sys.executable, "-m", "venv", str(folder / "types")], "environment of the type tools", cwd=folder)
    _step([str(python), "-m", "pip", "install", "-q", *TYPE_TOOLS], "type tools", cwd=folder, shown=False)
    return str(python)


def _types(plugin: Path, python: str) -> None:
    command = [python, "-m", "mypy", "--strict", "--python-version", "3.9", "--config-file=", "--no-incremental"]
    typed = [name for name in TYPED if (plugin / name).exists()]
    _step([*command, *typed], "mypy --strict for Python 3.9, against types-nuke", cwd=plugin)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    stubs = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    _step([sys.executable, str(HERE / "fake_names.py"), f"{stubs}/nuke-stubs"], "names of the fake", cwd=plugin)


def _pythons() -> list[str]:
    """Nuke 14's version where it is to be had, else this one."""
    candidates = [shutil.which("python3.9"), *sorted(map(str, Path.home().glob(".pyenv/versions/3.9*/bin/python")))]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return [candidate]
    sys.stdout.write("no python3.9 here: hosted by this Python; name another one by --python\n")
    return [sys.executable]


def _hosted(plugin: Path, folder: Path, python: str, openjd: str | None, only: list[str]) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OCIO", "HEADROOM"))
    }
    environment |= {
        "PYTHONPATH": os.pathsep.join(str(path) for path in (plugin, HERE / "fake", HERE)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error",
        "NUKE_PATH": str(plugin),
        "HEADROOM_WORKER": f'"{sys.executable}" -m headroom worker',
        "HEADROOM_TEST_PYTHON": sys.executable,
        "HEADROOM_TEST_OPENJD": openjd or "",
        "HEADROOM_QUIET": "1",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "OMP_NUM_THREADS": "1",
    }
    said = subprocess.run(
        [python, "-c", "import sys; print(sys.version.split()[0])"], capture_output=True, text=True, check=True
    )
    command = [python, str(HERE / "hosted.py"), *only]
    _step(command, f"bakes in the fake Nuke, Python {said.stdout.strip()}", cwd=plugin, env=environment)


def _step(command: list[str], name: str, *, cwd: Path, env: dict[str, str] | None = None, shown: bool = True) -> None:
    start = time.monotonic()
    done = subprocess.run(command, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise StepFailed(f"{name}\n{said[-6000:]}")
    if shown:
        last = [line for line in said.splitlines() if line.strip()]
        wanted = [line.strip() for line in last if line.startswith("  ") or "Ran " in line or line is last[-1]]
        sys.stdout.write(f"{name} ({time.monotonic() - start:.0f} s): {'; '.join(wanted) or 'done'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
