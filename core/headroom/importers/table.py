"""What can be imported, by name, and how it becomes a model: weights as safetensors, and a card.

A reader gets the files that the user named and gives the network's configuration and tensors, or ``WeightsError``.
It checks every array's name or place and its shape, and runs no code that the files hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from headroom import weights
from headroom.errors import UsageError, WeightsError, WriteError

__all__ = ["IMPORTERS", "Imported", "Importer", "import_model"]

UNKNOWN_LICENCE = "as its source's, which headroom does not know: see where the file is from"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What a reader found."""

    config: Any
    """The frozen dataclass that configures the network."""
    tensors: Mapping[str, Tensor]
    """Its state dict, whole."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """More for the card."""
    model: str | None = None
    """Name of the model where the files decide it; None: the importer's."""


@dataclass(frozen=True, kw_only=True)
class Importer:
    """One format."""

    network: str
    """Name in ``networks.table``."""
    module: str
    """In this package; its function ``read(paths: Sequence[Path]) -> Imported`` is the reader."""
    files: str
    """What to name on the command line."""
    model: str
    """Name of the model where the user gives no folder."""

    def read(self, paths: Sequence[Path]) -> Imported:
        """The files, checked."""
        reader: Callable[[Sequence[Path]], Imported] = import_module(f"headroom.importers.{self.module}").read
        return reader(paths)


IMPORTERS: dict[str, Importer] = {
    "hdrcnn": Importer(
        network="hdrcnn", module="hdrcnn", model="hdrcnn", files="hdrcnn_params.npz of Eilertsen et al. 2017"
    ),
    "singlehdr": Importer(
        network="singlehdr", module="singlehdr", model="singlehdr",
        files="the checkpoints of Liu et al. 2020: dequantization, linearization and hallucination, or the whole one",
    ),
    "ahdrnet": Importer(
        network="ahdrnet", module="ahdrnet", model="ahdrnet", files="the .pth state dict of Yan et al. 2019",
    ),
    "wu": Importer(
        network="wu", module="wu", model="wu-resnet",
        files="the checkpoint of Wu et al. 2018, by its name before .index",
    ),
    "kalantari": Importer(
        network="kalantari", module="kalantari", model="kalantari-we",
        files="a checkpoint of the TensorFlow remake of Kalantari et al. 2017, by its name before .index",
    ),
}  # fmt: skip
"""By the name that the command line takes."""


def import_model(kind: str, paths: Sequence[Path], folder: Path | None = None, *, overwrite: bool = False) -> Any:
    """Read the authors' files and write a model folder; returns its ``weights.Card``.

    ``folder``: default is the user's models folder. ``UsageError`` where there is no such format or a model is there
    already, ``WeightsError`` where the files are not what they should be, ``WriteError`` where nothing can be written.
    """
    if kind not in IMPORTERS:
        raise UsageError(f"cannot import {kind!r}; there are: {', '.join(IMPORTERS)}")
    importer = IMPORTERS[kind]
    if folder is not None:
        _refuse_to_replace(folder, overwrite)
    missing = [str(path) for path in paths if not _is_there(path)]
    if missing or not paths:
        raise WeightsError(f"{', '.join(missing) or kind}: not found; give {importer.files}")
    imported = importer.read(paths)
    folder = folder or weights.user_folder() / (imported.model or importer.model)
    _refuse_to_replace(folder, overwrite)
    return _write(folder, importer, imported, paths)


def _refuse_to_replace(folder: Path, overwrite: bool) -> None:
    if (folder / weights.CARD_FILE).exists() and not overwrite:
        raise UsageError(f"{folder} holds a model already; name another folder with -o, or say --overwrite")


def _write(folder: Path, importer: Importer, imported: Imported, paths: Sequence[Path]) -> weights.Card:
    from safetensors.torch import save_file

    tensors = {key: value.detach().contiguous() for key, value in imported.tensors.items()}
    partial = folder / f"{weights.WEIGHTS_FILE}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, metadata={"network": importer.network})
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        (folder / weights.CARD_FILE).unlink(missing_ok=True)  # never a card beside weights that it does not mean
        partial.replace(folder / weights.WEIGHTS_FILE)
        weights.write_card(
            folder,
            {
                "name": folder.name,
                "version": "imported",
                "licence": UNKNOWN_LICENCE,
                "training_data": "the authors', see their paper",
                "recipe": "none: imported",
                "hardware": "unknown",
                "limits": [
                    "Not measured by headroom evaluate yet.",
                    "Whether you may use it, and for what, is for its source's licence to say.",
                ],
                **imported.facts,
                "network": importer.network,
                "sha256": digest,
                "parameters": sum(tensor.numel() for tensor in tensors.values()),
                "config": asdict(imported.config),
                "source": {f"{path.name} sha256": _digest(path) for path in _files(paths)},
            },
        )
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"{folder}: cannot write the model ({error.strerror}); name another folder with -o") from error
    return weights.load(folder, network=importer.network).card


def _is_there(path: Path) -> bool:
    """A TensorFlow checkpoint is named by what its files' names begin with."""
    return path.exists() or bool(_named(path))


def _named(prefix: Path) -> list[Path]:
    """Files whose names go on after these."""
    there = prefix.parent.iterdir() if prefix.parent.is_dir() else iter(())
    return sorted(path for path in there if path.name.startswith(f"{prefix.name}."))


def _files(paths: Sequence[Path]) -> list[Path]:
    """All files behind the names."""
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            found += sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            found += _named(path)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slowly(file)


def _slowly(file: Any) -> str:
    digest = hashlib.sha256()  # Python 3.10
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
