"""HDR scenes for training: read from a folder of images, or from packed shards that need no image library.

A shard is one ``.npz`` of at most 48 MB: for each scene its half-float bits as two delta-coded byte planes, deflated,
losslessly. ``pack`` writes them, ``load`` reads a folder of either kind.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headroom.errors import PlateError, WriteError

__all__ = ["HdrScene", "load", "pack", "split_by_scene"]

SHARD_BYTES = 48_000_000
HALF_MAX = 65504.0


@dataclass(frozen=True)
class HdrScene:
    """One scene: linear Rec.709, relative, (3, H, W) float16, 0..65504."""

    name: str
    pixels: torch.Tensor
    latlong: bool


def load(folder: Path) -> list[HdrScene]:
    """All scenes of a folder: its shards if it has any, else its HDR images, sorted by name."""
    shards = sorted(folder.glob("*.shard.npz"))
    scenes = [scene for shard in shards for scene in _read_shard(shard)]
    if not scenes:
        scenes = list(_read_images(folder))
    if not scenes:
        raise PlateError(f"{folder}: no *.shard.npz, .exr or .hdr here; give a folder of HDR images")
    return sorted(scenes, key=lambda scene: scene.name)


def split_by_scene(scenes: Sequence[HdrScene], *, every: int) -> tuple[list[HdrScene], list[HdrScene]]:
    """Train and held-out scenes: every n-th scene by name is held out whole; 0 holds out none."""
    if every == 0:
        return list(scenes), []
    held = [scene for i, scene in enumerate(scenes) if i % every == every - 1]
    return [scene for i, scene in enumerate(scenes) if i % every != every - 1], held


def pack(folder: Path, out: Path) -> list[Path]:
    """Write the scenes of ``folder`` as shards into ``out``; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    bundle: dict[str, np.ndarray] = {}
    size = 0
    for scene in load(folder):
        record, data = _encode(scene)
        if bundle and size + len(data) > SHARD_BYTES:
            written.append(_write_shard(out, len(written), bundle))
            bundle, size = {}, 0
        bundle[f"{scene.name}|{record}"] = np.frombuffer(data, np.uint8)
        size += len(data)
    written.append(_write_shard(out, len(written), bundle))
    return written


def _write_shard(out: Path, index: int, bundle: dict[str, np.ndarray]) -> Path:
    path = out / f"scenes-{index:03d}.shard.npz"
    partial = path.with_suffix(".partial.npz")
    try:
        np.savez(partial, allow_pickle=False, **bundle)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot write the shard ({error.strerror})") from error
    return path


def _encode(scene: HdrScene) -> tuple[str, bytes]:
    bits = scene.pixels.numpy().view(np.uint16)
    planes = np.stack([bits >> 8, bits & 255]).astype(np.uint8)
    planes[..., 1:] -= planes[..., :-1].copy()
    record = json.dumps({"shape": list(bits.shape), "latlong": scene.latlong})
    return record, zlib.compress(planes.tobytes(), 6)


def _read_shard(path: Path) -> Iterator[HdrScene]:
    with np.load(path, allow_pickle=False) as bundle:
        for key in bundle.files:
            name, record = key.split("|", 1)
            facts = json.loads(record)
            planes = np.frombuffer(zlib.decompress(bundle[key].tobytes()), np.uint8)
            planes = np.add.accumulate(planes.reshape(2, *facts["shape"]), axis=-1, dtype=np.uint8)
            bits = (planes[0].astype(np.uint16) << 8) | planes[1]
            yield HdrScene(name, torch.from_numpy(bits.view(np.float16)), bool(facts["latlong"]))


def _read_images(folder: Path) -> Iterator[HdrScene]:
    from headroom import io

    projections: dict[str, str] = {}
    manifest = folder / "manifest.json"
    if manifest.is_file():
        items = json.loads(manifest.read_text())["items"]
        projections = {item["file"]: item.get("projection", "") for item in items}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in {".exr", ".hdr"}:
            continue
        plate = io.read(path)
        pixels = np.nan_to_num(plate.rows(0, plate.height), nan=0, posinf=HALF_MAX, neginf=0)
        half = torch.from_numpy(pixels.clip(0, HALF_MAX).astype(np.float16).transpose(2, 0, 1).copy())
        projection = projections.get(path.name)
        latlong = projection == "latlong" if projection else plate.width == 2 * plate.height
        yield HdrScene(path.stem, half, latlong)
