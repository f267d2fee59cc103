"""Where results lie on disk: beside the .blend, or in the user's folder while there is no .blend yet."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import bpy

from .problems import Problem

__all__ = [
    "blend_relative",
    "check_writable",
    "clear",
    "folder_for",
    "folder_of",
    "is_of_unsaved",
    "is_unsaved",
    "size_of",
]

UNSAVED = "unsaved"
_session = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def is_unsaved() -> bool:
    """Whether the .blend has no file yet."""
    return not bpy.data.filepath


def folder_of(stated: str) -> Path:
    """The absolute folder for what the artist wrote; relative to nothing, it is the user's own cache folder."""
    text = stated.strip() or "//headroom_cache"
    if text.startswith("//") and is_unsaved():
        return _user_folder() / text[2:].strip("/\\")
    return Path(bpy.path.abspath(text)).resolve()


def is_of_unsaved(folder: Path) -> bool:
    """Whether a folder lies in the user's cache of files that were not saved yet."""
    base = Path(bpy.utils.extension_path_user(__package__, path="cache", create=False)).resolve()
    return base in folder.resolve().parents


def folder_for(kind: str) -> Path:
    """The default cache folder for one kind of result; made when something is written."""
    return folder_of("//headroom_cache") / kind


def blend_relative(path: str | os.PathLike[str]) -> str:
    """A path as it is kept in the .blend: relative to it where that can be."""
    if is_unsaved():
        return str(path)
    try:
        return str(bpy.path.relpath(str(path)))
    except ValueError:  # another drive
        return str(path)


def check_writable(folder: Path) -> None:
    """Makes the folder and writes into it, or says why that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".headroom-", dir=folder)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        why = error.strerror or str(error)
        raise Problem(
            f"The cache folder {folder} cannot be written to: {why}.", "Choose another folder under Cache."
        ) from None


def clear(folders: list[Path]) -> int:
    """Removes result folders; how many bytes that gave back. Only folders with a stamp of ours, or empty ones."""
    given = 0
    for folder in folders:
        if folder.is_dir():
            given += size_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return given


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for base, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.stat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total


def _user_folder() -> Path:
    base = bpy.utils.extension_path_user(__package__, path="cache", create=True)
    return Path(base) / f"{UNSAVED}-{_session}"
