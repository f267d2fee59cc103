"""Skies that are read, views and manifests that are written: complete or absent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from views.picture import HALF_MAX
from views.plan import HELD_OUT_EVERY

__all__ = ["Manifest", "ManifestError", "Sky", "find_skies", "write_exr"]

OWN_LICENCE = "CC0-1.0"
"""Of places and lamps, which nobody made; a view carries its sky's."""


class ManifestError(Exception):
    """A folder that does not hold what was asked of it: what, where, what to do, in one line."""


@dataclass(frozen=True)
class Sky:
    """A lat-long to light places with."""

    file: Path
    licence: str


def find_skies(folder: Path) -> list[Sky]:
    """The folder's lat-longs by name; scenes kept for validation are refused."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise ManifestError(f"{manifest}: not there; it names each sky's file, projection and licence")
    try:
        told = json.loads(manifest.read_text())
        items = [item for item in told["items"] if item.get("projection") == "latlong"]
    except (ValueError, KeyError, TypeError):
        raise ManifestError(f"{manifest}: not a manifest of scenes (an object with a list 'items')") from None
    if told.get("split") == "validation":
        raise ManifestError(f"{folder}: these scenes are kept for validation; give the training scenes")
    skies = [Sky(folder / item["file"], item.get("licence", "unknown")) for item in items]
    skies = sorted((sky for sky in skies if sky.file.is_file()), key=lambda sky: sky.file.name)
    if not skies:
        raise ManifestError(f"{folder}: no lat-long that its manifest names is there")
    return skies


@dataclass
class Manifest:
    """A folder of views and the file that names them."""

    folder: Path
    told: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, choices: dict[str, Any], renderer: str) -> Manifest:
        """Of a folder that may hold views already; ``ManifestError`` where they were asked for otherwise."""
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.partial"):
            left.unlink()
        file = folder / "manifest.json"
        new = {
            "split": folder.name,
            "encoding": "linear, relative (kcd_m2_of_1: what 1.0 stands for); half float, 32 bits where above 65504: "
            "headroom's training holds half floats and cuts there",
            "colour": "Rec.709 primaries, D65",
            "renderer": renderer,
            "held_out_every": HELD_OUT_EVERY,
            "asked": choices,
            "count": 0,
            "items": [],
        }
        if not file.is_file():
            return cls(folder, new)
        try:
            told = json.loads(file.read_text())
            begun = {name: told["asked"][name] for name in choices}
        except (ValueError, KeyError, TypeError):
            raise ManifestError(f"{file}: not a manifest of views; give another --out") from None
        if begun != choices:
            differ = ", ".join(name for name in choices if begun[name] != choices[name])
            raise ManifestError(f"{folder}: begun with other {differ}; give the same, or another --out")
        return cls(folder, told)

    def has(self, name: str) -> bool:
        """Whether a view is finished."""
        return any(item["file"] == name for item in self.told["items"]) and (self.folder / name).is_file()

    def add(self, item: dict[str, Any]) -> None:
        """Name a view that is there."""
        items = [known for known in self.told["items"] if known["file"] != item["file"]]
        self.told["items"] = sorted([*items, item], key=lambda known: known["file"])
        self.told["count"] = len(self.told["items"])
        file = self.folder / "manifest.json"
        partial = file.with_name(file.name + ".partial")
        partial.write_text(json.dumps(self.told, indent=1) + "\n")
        partial.replace(file)


def write_exr(file: Path, light: npt.NDArray[np.float32]) -> None:
    """(H, W, 3): half floats, or 32 bits where they would not hold it; written beside and renamed."""
    import OpenEXR

    pixels = light if light.max() > HALF_MAX else light.astype(np.float16)
    partial = file.with_name(file.name + ".partial")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    channels = {"RGB": np.ascontiguousarray(pixels)}
    with OpenEXR.File(header, channels) as exr:
        exr.write(str(partial))
    partial.replace(file)
