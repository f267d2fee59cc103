"""The HDR images that a benchmark runs on: a folder of EXR files, best with a ``manifest.json``."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headroom.errors import PlateError, UsageError
from headroom.io import read
from headroom.plate import FloatArray

__all__ = ["Scene", "find_scenes", "load_scene"]

SUFFIXES = (".exr", ".hdr")
MANIFEST = "manifest.json"

# 16 validation scenes of 1024 x 512 take 100 MB.
SCENES_KEPT = 32


@dataclass(frozen=True)
class Scene:
    """One HDR image: linear, relative radiance."""

    name: str
    path: Path
    projection: str
    """``latlong`` (may be used to light things) or ``perspective``."""

    @property
    def is_latlong(self) -> bool:
        """Whether the image covers the whole sphere."""
        return self.projection == "latlong"


def find_scenes(folder: Path) -> list[Scene]:
    """All scenes of a folder, by name; the projection is the manifest's, else 2:1 means lat-long."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name one with HDR images (.exr, .hdr)")
    projections = _manifest(folder / MANIFEST)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"{folder} has no HDR images (.exr, .hdr)")
    scenes = []
    for path in paths:
        projection = projections.get(path.name)
        if projection is None:
            height, width, _ = load_scene(path).shape
            projection = "latlong" if width == 2 * height else "perspective"
        scenes.append(Scene(path.stem, path, projection))
    return scenes


@functools.lru_cache(maxsize=SCENES_KEPT)
def load_scene(path: Path) -> FloatArray:
    """(H, W, 3) linear, finite, >= 0, read-only; negative and non-finite samples count as 0."""
    plate = read(path)
    lin = plate.rows(0, plate.height)
    lin[~np.isfinite(lin)] = 0.0
    lin = lin.clip(0.0)
    if float(lin.max()) <= 0.0:
        raise PlateError(f"{path}: nothing in this image is above 0; take it out of the benchmark")
    lin.setflags(write=False)
    return lin


def _manifest(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
        return {str(item["file"]): str(item["projection"]) for item in items}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a manifest with items of file and projection ({error!r})") from error
