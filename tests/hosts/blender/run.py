"""Runs the Blender tests in the real Blender, as a Python module (bpy), one version after the other.

    python tests/hosts/blender/run.py --bpy 4.5 --bpy 5.2 [--worker "headroom worker"] [pytest's own options]

Each version gets an environment of its own under --environments (made once, reused), or the one given by
--python VERSION=PATH. The extension's zip is built, and each run installs it as a user would, into user folders that
are removed afterwards. bpy 4.2 to 5.0 need Python 3.11, 5.1 and later 3.13.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
NEEDS = ("pytest>=8.2", "OpenEXR>=3.4", "pillow>=10.3")
VERSIONS = {"4.2": "3.11", "4.5": "3.11", "5.0": "3.11", "5.1": "3.13", "5.2": "3.13"}
"""bpy's versions and the only Python that each runs in."""


def find_python(wanted: str) -> str:
    """An interpreter of exactly that minor version."""
    major, minor = wanted.split(".")
    places = [shutil.which(f"python{wanted}"), sys.executable]
    # pyenv keeps its Pythons side by side, and its commands on PATH run only the one that is switched on.
    for versions in (Path(sys.base_prefix).parent, Path.home() / ".pyenv/versions"):
        places += sorted(str(path) for path in versions.glob(f"{wanted}.*/bin/python"))
    for place in places:
        if place:
            test = f"import sys; sys.exit(sys.version_info[:2] != ({major}, {minor}))"
            if subprocess.run([place, "-c", test], check=False).returncode == 0:
                return place
    sys.exit(f"run.py: no Python {wanted} was found; install it, or give --python VERSION=PATH")


def make_environment(version: str, folder: Path) -> str:
    """The Python of an environment that has bpy and what the tests need."""
    home = folder / f"bpy{version}"
    python = home / "bin/python" if os.name != "nt" else home / "Scripts/python.exe"
    if not (home / "complete").is_file():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([find_python(VERSIONS[version]), "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"bpy=={version}.*", *NEEDS], check=True)
        (home / "complete").touch()
    return str(python)


def build_zip(folder: Path) -> Path:
    """The extension's zip, whole as users get it."""
    builder = [sys.executable, str(REPOSITORY / "build_plugins.py"), "blender", "--out", str(folder)]
    subprocess.run(builder, check=True)
    return next(folder.glob("headroom-blender-*.zip"))


def run_tests(python: str, package: Path, worker: str | None, options: list[str]) -> int:
    """Pytest inside one bpy; its exit code."""
    with tempfile.TemporaryDirectory(prefix="headroom-bpy-") as folder:
        user = Path(folder)
        environment = dict(os.environ)
        for name in ("PYTHONPATH", "PYTHONHOME", "OCIO"):
            environment.pop(name, None)
        environment |= {
            "BLENDER_USER_RESOURCES": str(user / "blender"),
            "XDG_CONFIG_HOME": str(user / "config"),
            "HEADROOM_ZIP": str(package),
            "TMPDIR": str(user),
        }
        (user / "blender").mkdir()
        if worker:
            environment["HEADROOM_WORKER"] = worker
        command = [python, str(HERE / "inside.py"), "-c", str(HERE / "pytest.ini"), "--rootdir", str(HERE)]
        named = [os.path.abspath(option) if os.path.exists(option.split("::")[0]) else option for option in options]
        chosen = named if named != options else [*options, str(HERE)]
        return subprocess.run([*command, *chosen], env=environment, cwd=user, check=False).returncode


def main() -> int:
    """The command line; 0 where every version passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bpy", action="append", choices=list(VERSIONS), help="a version; may be given several times")
    parser.add_argument("--python", action="append", default=[], metavar="VERSION=PATH", help="an environment to reuse")
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache/headroom-tests")
    parser.add_argument("--worker", help="the engine's command; default: $HEADROOM_WORKER, else headroom on PATH")
    parser.add_argument("--zip", type=Path, help="a zip that is built already")
    chosen, options = parser.parse_known_args()
    given = dict(text.split("=", 1) for text in chosen.python)
    failed = []
    with tempfile.TemporaryDirectory(prefix="headroom-zip-") as folder:
        package = chosen.zip.resolve() if chosen.zip else build_zip(Path(folder))
        for version in chosen.bpy or [*given] or ["4.5", "5.2"]:
            print(f"\n== Blender {version}", flush=True)  # noqa: T201
            python = given.get(version) or make_environment(version, chosen.environments)
            worker = chosen.worker or os.environ.get("HEADROOM_WORKER")
            if run_tests(python, package, worker, options) != 0:
                failed.append(version)
    print(f"\nfailed in Blender {', '.join(failed)}" if failed else "\nall passed", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
