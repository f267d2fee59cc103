"""Where baked frames lie: tokens, versions, views; and whether a place can be written to."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import BakeError
from .host import frames as host_frames

__all__ = ["Place", "check_writable", "place"]

TOKENS = ("script_dir", "script", "node", "plate", "version", "key")
_TOKEN = re.compile(r"\{(\w+)\}")
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
"""Characters that some file system of a mixed studio refuses in a name."""


@dataclass(frozen=True)
class Place:
    """The files of one bake. ``pattern`` is how the inner Read names them."""

    pattern: str

    def path(self, frame: int | None, view: str) -> str:
        """One result."""
        name = self.pattern.replace("%V", view).replace("%v", view[:1])
        return name if frame is None else host_frames.frame_path(name, frame)

    @property
    def folder(self) -> Path:
        """Of all results; the views' folders lie in it."""
        head = re.split(r"%[vV]", self.pattern, maxsplit=1)[0]
        return Path(head).parent if head != self.pattern or not head.endswith("/") else Path(head)


def place(
    text: str,
    *,
    script: str,
    node: str,
    plate: str,
    version: int,
    key: str,
    still: bool,
    views: Sequence[str],
) -> Place:
    """The cache path with its tokens replaced.

    A sequence without a frame token gets one, several views without %V too, a still loses its token. Errors: unknown
    token, unsaved script, a path that is no EXR, relative to nothing, or with brackets.
    """
    values = {
        "script_dir": str(Path(script).parent).replace("\\", "/") if script else "",
        "script": Path(script).stem if script else "",
        "node": node,
        "plate": _FORBIDDEN.sub("_", plate),
        "version": f"v{version:03d}",
        "key": key,
    }

    def of_token(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            raise BakeError(
                f"The cache path has an unknown token {{{name}}}.",
                "Known are " + ", ".join(f"{{{t}}}" for t in TOKENS) + ".",
            )
        if not values[name]:
            raise BakeError(
                f"The script is not saved yet, so that {{{name}}} in the cache path has no meaning.",
                "Save the script, or give a cache path without it.",
            )
        return values[name]

    path = _TOKEN.sub(of_token, text.strip()).replace("\\", "/")
    if not path:
        raise BakeError("The cache path is empty.", "Say where baked frames should go.")
    if "[" in path or "]" in path:
        raise BakeError(
            f"The cache path {path} has square brackets, which Nuke would take for Tcl.", "Choose one without them."
        )
    if not Path(path).is_absolute():
        if not script:
            raise BakeError(f"The cache path {path} is relative, and the script is not saved.", "Give a full path.")
        path = f"{values['script_dir']}/{path}"
    stem, suffix = _split(path)
    if suffix.lower() != ".exr":
        raise BakeError(f"The cache path {path} does not end in .exr.", "Baked frames are OpenEXR files.")
    if still and host_frames.has_token(path):
        folder, _, name = stem.rpartition("/")
        name = re.sub(r"[._]*(#+|%0?\d*d|@{2,}|\$F\d*)", "", name)
        path = f"{folder}/{name}{suffix}"
    elif not still and not host_frames.has_token(path):
        path = f"{stem}.####{suffix}"
    if len(views) > 1 and not re.search(r"%[vV]", path):
        stem, suffix = _split(path)
        numbered = re.search(r"([._]*)(#+|%0?\d*d|@{2,}|\$F\d*)$", stem)
        cut = numbered.start() if numbered else len(stem)
        path = f"{stem[:cut]}.%V{stem[cut:]}{suffix}"
    return Place(path)


def _split(path: str) -> tuple[str, str]:
    suffix = Path(path).suffix
    return path[: len(path) - len(suffix)], suffix


def check_writable(folder: Path) -> None:
    """Make the folder and try a file in it, now rather than after an hour of rendering."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=str(folder), prefix=".headroom_"):
            pass
    except OSError as error:
        raise BakeError(
            f"The cache folder {folder} cannot be written to ({error.strerror or error}).",
            "Choose another cache path, or change the folder's permissions.",
        ) from error
