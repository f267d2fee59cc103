"""Builds the plug-ins: plugins/<name> + core/headroom/host + the engine -> dist/headroom-<name>-<version>.zip.

    python build_plugins.py blender|nuke|all [--out dist] [--no-engine]

The same sources give the same bytes, whoever builds them, wherever and whenever. Standard library only. Beside a
plug-in's files a ``build.toml`` may say where the copy of host goes and what stays out:

    host = "headroom_nuke/host"
    exclude = ["verify/**", "*.blend1"]
"""

from __future__ import annotations

import argparse
import ast
import base64
import fnmatch
import hashlib
import io
import stat
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

REPOSITORY = Path(__file__).resolve().parent
PLUGINS = ("blender", "nuke")
PLACEHOLDER = "@VERSION@"
LEFT_OUT = ("build.toml", "tests", "__pycache__", "*.pyc", "*.pyo", ".*", "*~", "*.partial-*", "Thumbs.db")
"""By name of a file or folder, anywhere in a plug-in."""
TEXT = {".cfg", ".gizmo", ".json", ".md", ".nk", ".py", ".sh", ".tcl", ".toml", ".txt", ".yaml", ".yml"}
"""Suffixes in which the version is filled in and line ends are made equal."""
DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can state: the same bytes on every day and in every time zone."""
WHEEL = b"Wheel-Version: 1.0\nGenerator: build_plugins\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

Files = dict[str, bytes]


class BuildError(Exception):
    """What cannot be built, and what to do."""


def version() -> str:
    """``__version__`` of the package, read without importing it."""
    tree = ast.parse((REPOSITORY / "core/headroom/__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__version__":
            return str(ast.literal_eval(node.value))
    raise BuildError("core/headroom/__init__.py: there is no __version__")


def build(name: str, out: Path, *, engine: bool = True) -> Path:
    """Writes one plug-in's zip and returns its path."""
    if name not in PLUGINS:
        raise BuildError(f"no plug-in is called {name!r}; there are {', '.join(PLUGINS)}")
    files = plugin_files(REPOSITORY / "plugins" / name)
    if engine:
        wheel_name, wheel = build_wheel()
        _add(files, {f"engine/{wheel_name}": wheel})
        _add(files, {"engine/constraints.txt": _text((REPOSITORY / "constraints.txt").read_bytes())})
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"headroom-{name}-{version()}.zip"
    path.write_bytes(_zipped(files))
    return path


def plugin_files(folder: Path) -> Files:
    """A plug-in's files by their place in the zip: its own, and host's."""
    settings = _build_settings(folder)
    shown = folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder
    own = _files_of(folder, settings["exclude"])
    if not any(name.endswith(".py") for name in own):
        raise BuildError(f"{shown}: there is no plug-in here yet (no Python file)")
    host = _files_of(REPOSITORY / "core/headroom/host", ())
    place = settings["host"].strip("/")
    taken = [name for name in own if name == place or name.startswith(f"{place}/")]
    if taken:
        raise BuildError(f"{shown}/{taken[0]}: the copy of host goes there; remove it or change host in build.toml")
    _add(own, {f"{place}/{name}": content for name, content in host.items()})
    stamped = {name: _stamped(name, content) for name, content in own.items()}
    licence = (REPOSITORY / "LICENSE").read_bytes()
    stamped.setdefault("LICENSE", _text(licence))
    return stamped


def build_wheel() -> tuple[str, bytes]:
    """The engine as a wheel, name and bytes: what ``pip wheel .`` makes, but the same on every machine.

    The project is pure Python; its metadata comes from ``pyproject.toml``.
    """
    project = _toml(REPOSITORY / "pyproject.toml")["project"]
    number = version()
    stem = f"{project['name'].replace('-', '_')}-{number}"
    files: Files = {}
    package = _files_of(REPOSITORY / "core/headroom", ())
    _add(files, {f"headroom/{name}": content for name, content in package.items()})
    models = _files_of(REPOSITORY / "models", ())
    _add(files, {f"headroom/models/{name}": content for name, content in models.items()})
    info = f"{stem}.dist-info"
    scripts = "".join(f"{name} = {target}\n" for name, target in sorted(project["scripts"].items()))
    _add(
        files,
        {
            f"{info}/METADATA": _metadata(project, number).encode(),
            f"{info}/WHEEL": WHEEL,
            f"{info}/entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
            f"{info}/licenses/LICENSE": (REPOSITORY / "LICENSE").read_bytes(),
        },
    )
    rows = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in sorted(files.items())]
    files[f"{info}/RECORD"] = ("".join(rows) + f"{info}/RECORD,,\n").encode()
    return f"{stem}-py3-none-any.whl", _zipped(files)


def _metadata(project: Mapping[str, Any], number: str) -> str:
    """PEP 643 core metadata, from the keys that pyproject.toml uses."""
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {number}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"License-Expression: {project['license']}", "License-File: LICENSE"]
    lines += [f"Author: {author['name']}" for author in project.get("authors", ())]
    lines += [f"Keywords: {','.join(project.get('keywords', ()))}"]
    lines += [f"Classifier: {classifier}" for classifier in project.get("classifiers", ())]
    lines += [f"Requires-Dist: {_requirement(text)}" for text in project["dependencies"]]
    for extra, needs in sorted(project.get("optional-dependencies", {}).items()):
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_requirement(text, extra)}" for text in needs]
    lines += ["Description-Content-Type: text/markdown", ""]
    return "\n".join(lines) + "\n" + _text((REPOSITORY / project["readme"]).read_bytes()).decode()


def _requirement(text: str, extra: str | None = None) -> str:
    what, _, condition = (part.strip() for part in text.partition(";"))
    conditions = ([f"({condition})" if extra else condition] if condition else []) + (
        [f"extra == '{extra}'"] if extra else []
    )
    return what + (f"; {' and '.join(conditions)}" if conditions else "")


def _digest(content: bytes) -> str:
    """As RECORD wants it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _build_settings(folder: Path) -> dict[str, Any]:
    path = folder / "build.toml"
    chosen = _toml(path) if path.is_file() else {}
    unknown = set(chosen) - {"host", "exclude"}
    if unknown:
        raise BuildError(f"{path}: {sorted(unknown)[0]!r} is not known; there are host and exclude")
    return {"host": chosen.get("host", "host"), "exclude": tuple(chosen.get("exclude", ()))}


def _files_of(folder: Path, exclude: Iterable[str]) -> Files:
    """The files below a folder by their path with forward slashes, without what never travels."""
    if not folder.is_dir():
        shown = folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder
        raise BuildError(f"{shown}: there is no such folder")
    patterns = tuple(exclude)
    found: Files = {}
    for path in sorted(folder.rglob("*")):
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        if any(fnmatch.fnmatchcase(part, pattern) for part in relative.parts for pattern in LEFT_OUT):
            continue
        if any(fnmatch.fnmatchcase(str(relative), pattern) for pattern in patterns):
            continue
        if path.is_file():
            _add(found, {str(relative): path.read_bytes()})
    return found


def _add(files: Files, others: Mapping[str, bytes]) -> None:
    for name, content in others.items():
        clash = next((there for there in files if there.casefold() == name.casefold()), None)
        if clash is not None:
            raise BuildError(f"{name}: there are two files of this name ({clash}); Windows and macOS keep one only")
        files[name] = content


def _stamped(name: str, content: bytes) -> bytes:
    if PurePosixPath(name).suffix.lower() not in TEXT:
        return content
    return _text(content).replace(PLACEHOLDER.encode(), version().encode())


def _text(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Stored, not deflated: what zlib makes of the same bytes differs between its versions and forks."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # Unix, also where this runs on Windows: the mode below is read
            script = files[name].startswith(b"#!")
            entry.external_attr = (stat.S_IFREG | (0o755 if script else 0o644)) << 16
            archive.writestr(entry, files[name])
    return held.getvalue()


def _toml(path: Path) -> dict[str, Any]:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
    return content


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description="Builds the plug-ins for Blender and Nuke.")
    parser.add_argument("plugin", choices=[*PLUGINS, "all"])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", help="folder of the results; default: dist")
    parser.add_argument("--no-engine", action="store_true", help="leave out the engine's wheel (for tests of the code)")
    chosen = parser.parse_args(arguments)
    try:
        for name in PLUGINS if chosen.plugin == "all" else (chosen.plugin,):
            path = build(name, chosen.out, engine=not chosen.no_engine)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.1f} MB  sha256 {digest}\n")
    except (BuildError, OSError) as error:
        sys.stderr.write(f"build_plugins: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
