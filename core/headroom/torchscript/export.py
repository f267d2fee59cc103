"""A model to a ``.pt`` that Nuke's CatFileCreator takes."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import headroom
from headroom import weights
from headroom.colour.ocio import extended_config
from headroom.colour.plan import plan
from headroom.errors import UsageError, WriteError
from headroom.torchscript.knobs import KNOBS, SPACES
from headroom.torchscript.wrapper import Wrapper

__all__ = ["CHANNELS_IN", "CHANNELS_OUT", "FACTS_FILE", "Exported", "export", "scripted"]

CHANNELS_IN = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
"""Nuke's names of the channels going in; without alpha, the first three do."""
CHANNELS_OUT = (*CHANNELS_IN, "mask.a")
"""Nuke's names of the channels coming out: those that went in, and the mask. CatFileCreator knows 19 names."""
FACTS_FILE = "headroom.json"
"""Inside the file, in its folder ``extra``: the model, its hash and licence, channels and knobs."""
ALIGNMENT = 64
"""Bytes: where torch starts its records, so that weights can be mapped into memory."""
LOCAL_HEADER_BYTES = 30
"""Of an entry of a zip file, before its name (PKWARE's APPNOTE, 4.3.7)."""
FIXED_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Exported:
    """The file that was written."""

    path: Path
    bytes: int
    sha256: str
    facts: Mapping[str, Any]


def export(model: str | Path, path: Path, *, overwrite: bool = False) -> Exported:
    """Write the model as TorchScript, complete or not at all.

    ``UsageError`` where the file is there already, ``WriteError`` where it cannot be written.
    """
    if path.suffix != ".pt":
        raise UsageError(f"{path}: name a .pt file, which is what CatFileCreator takes")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; say --overwrite to replace it")
    module, facts = scripted(model)
    raw = path.with_name(f"{path.name}.raw-{os.getpid()}")
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with raw.open("wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                torch.jit.save(module, file, _extra_files={FACTS_FILE: json.dumps(facts, indent=2).encode()})
            _repack(raw, partial, facts["model"])
            digest = hashlib.sha256(partial.read_bytes()).hexdigest()
            size = partial.stat().st_size
            partial.replace(path)
        finally:
            raw.unlink(missing_ok=True)
            partial.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise WriteError(f"cannot write {path}: {reason}; choose a folder that can be written to") from error
    return Exported(path, size, digest, facts)


def scripted(model: str | Path = "headroom-1") -> tuple[Any, dict[str, Any]]:
    """The compiled module on the CPU, and what it says of itself."""
    loaded = weights.load(model)
    to_lin709, from_lin709 = _matrices()
    wrapper = Wrapper(loaded.module, to_lin709, from_lin709).eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # new torch points to torch.export, which Nuke cannot read
        module = torch.jit.script(wrapper)
    facts = {
        "format": 1,
        "headroom": headroom.__version__,
        "torch": torch.__version__,
        "model": loaded.card.name,
        "model_version": loaded.card.version,
        "weights_sha256": loaded.card.sha256,
        "licence": loaded.card.licence,
        "channels_in": CHANNELS_IN,
        "channels_out": CHANNELS_OUT,
        "knobs": [asdict(knob) for knob in KNOBS],
    }
    return module, facts


def _matrices() -> tuple[list[list[float]], list[list[float]]]:
    """Nine numbers a working space, to linear Rec.709 and back, as OpenColorIO gives them to ``convert``."""
    both: tuple[list[list[float]], list[list[float]]] = ([], [])
    for space in SPACES:
        way = plan(None, frm=space, to=space, config=extended_config(), is_float=True)
        for side, transform in zip(both, (way.to_lin709, way.from_lin709), strict=True):
            side.append([float(v) for v in transform(np.eye(3, dtype=np.float32)).T.ravel()])
    return both


def _repack(source: Path, target: Path, folder: str) -> None:
    """The same archive without debugging records (they hold paths of this machine) and dates, aligned as torch does."""
    with zipfile.ZipFile(source) as old, target.open("wb") as file, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            _, _, name = entry.filename.partition("/")
            if name.endswith(".debug_pkl"):
                continue
            fresh = zipfile.ZipInfo(f"{folder}/{name}", FIXED_DATE)
            fresh.create_system = 3
            start = file.tell() + LOCAL_HEADER_BYTES + len(fresh.filename.encode())
            padding = -start % ALIGNMENT
            # A field of the zip format's own making: two bytes of name, two of length, then nothing.
            fresh.extra = b"" if not padding else _filler(padding)
            new.writestr(fresh, old.read(entry))
        file.flush()


def _filler(length: int) -> bytes:
    """An extra field of a zip entry of ``length`` bytes, or 64 more where the field would not fit its own header."""
    length = length if length >= 4 else length + ALIGNMENT
    return b"FB" + (length - 4).to_bytes(2, "little") + b"Z" * (length - 4)
