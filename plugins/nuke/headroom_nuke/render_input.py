"""A graded chain becomes files: frame by frame through a temporary 32-bit float Write, raw, in the working space.

The Write exists only while its frame renders, so that no autosave can hold one; proxy, localisation and the Reads'
``on_error`` are as the bake needs them for the same moment and then as before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nuke

from . import exr_file
from .errors import BakeCancelled, BakeError
from .hosting import switched, undisturbed, value
from .source import upstream_reads

__all__ = ["InputRender"]

WRITE_KNOBS: tuple[tuple[str, Any], ...] = (
    ("channels", "rgb"),
    ("datatype", "32 bit float"),
    ("compression", "none"),
    ("raw", True),
    ("autocrop", False),
    ("premultiplied", False),
    ("metadata", "default metadata"),
    ("create_directories", True),
    ("reading", False),
)
"""rgb alone: the stream's alpha is a matte of the script, not the plate's, and goes round the bake."""
NEEDED = ("raw", "datatype", "channels")


class InputRender:
    """Files of what comes into one node. Use as a context: the folder goes at the end."""

    def __init__(self, upstream: nuke.Node, stem: str) -> None:
        self.upstream = upstream
        self.stem = stem
        self.folder = Path()

    def __enter__(self) -> InputRender:
        """Make the folder, on a local disk: $NUKE_TEMP_DIR or the system's."""
        base = os.environ.get("NUKE_TEMP_DIR")
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="headroom_", dir=base if base and Path(base).is_dir() else None))
        except OSError as error:
            raise BakeError(
                f"No folder for temporary frames could be made ({error.strerror or error}).",
                "Set NUKE_TEMP_DIR to a folder with room.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was rendered."""
        shutil.rmtree(str(self.folder), ignore_errors=True)

    def path(self, frame: int, view: str) -> str:
        """Where a frame goes."""
        return str(self.folder / f"{self.stem}.{view}.{frame:04d}.exr").replace("\\", "/")

    def frame(self, frame: int, view: str) -> str:
        """Render one frame of one view and return its file. Main thread."""
        path = self.path(frame, view)
        try:
            with undisturbed(), switched(self._changes()):
                self._execute(path, frame, view)
        except RuntimeError as error:
            # What Nuke raises for a cancelled and for a failed render alike.
            text = " ".join(str(error).split()) or "Nuke gave no reason"
            if "ancel" in text:
                raise BakeCancelled(f"The render of frame {frame} was cancelled.") from error
            raise BakeError(
                f"Nuke could not render the plate at frame {frame}: {text}.",
                f"Look at {self.upstream.name()} and the nodes above it at that frame.",
            ) from error
        if not exr_file.is_whole(path):
            raise BakeError(
                f"Nuke wrote no whole file of the plate at frame {frame} ({path}).",
                "Is the disk of the temporary folder full? NUKE_TEMP_DIR names another one.",
            )
        return path

    def _changes(self) -> list[tuple[nuke.Knob, Any]]:
        """The knobs that must stand otherwise: full size, the original files, errors that are errors."""
        changes: list[tuple[nuke.Knob, Any]] = []
        proxy = nuke.root().knob("proxy")
        if proxy is not None:
            changes.append((proxy, False))
        for read in upstream_reads(self.upstream):
            policy = read.knob("localizationPolicy")
            if policy is not None:
                changes.append((policy, "off"))
            on_error = read.knob("on_error")
            if on_error is not None and value(read, "on_error") != "nearest frame":
                changes.append((on_error, "error"))
        return changes

    def _execute(self, path: str, frame: int, view: str) -> None:
        group = self.upstream.parent() or nuke.root()
        group.begin()
        try:
            write = nuke.nodes.Write(file=path, file_type="exr")
        finally:
            group.end()
        try:
            write.setInput(0, self.upstream)
            for name, wish in WRITE_KNOBS:
                knob = write.knob(name)
                if knob is not None:
                    with contextlib.suppress(TypeError, ValueError):
                        knob.setValue(wish)
                if name in NEEDED and (knob is None or knob.value() != wish):
                    raise BakeError(
                        f"This Nuke's EXR Write cannot be set to {name} '{wish}'.",
                        "Please report it with your Nuke version.",
                    )
            nuke.execute(write, frame, frame, 1, [view])
        finally:
            nuke.delete(write)
