"""Weights files and their cards: found by name, checked against the card's hash, loaded without running code."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.errors import UnknownModelError, UsageError, WeightsError

__all__ = [
    "LIGHTS", "PLATES", "SMALL", "Card", "Model", "find", "load", "load_run", "model_folders", "names", "read_card",
    "save", "user_folder", "verify", "write_card",
]  # fmt: skip

PLATES = ("headroom1", "hdrcnn", "singlehdr")
"""The networks that reconstruct plates."""
SMALL = "-small"
"""Ends the name of a system's variant that a CPU can train and run; it stands in where the full one is not there."""
LIGHTS = "light-power"
"""The network that predicts the powers of a panorama's lights."""
CARD_FILE = "card.toml"
WEIGHTS_FILE = "weights.safetensors"
REQUIRED = ("name", "version", "network", "config", "sha256", "licence", "training_data", "recipe", "hardware")


@dataclass(frozen=True)
class Card:
    """What a model says of itself; ``facts`` is the whole card."""

    folder: Path
    name: str
    version: str
    network: str
    config: Mapping[str, Any]
    sha256: str
    licence: str
    facts: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        """The weights file beside the card."""
        return self.folder / WEIGHTS_FILE


@dataclass(frozen=True)
class Model:
    """A loaded network, float32, evaluation mode, on the CPU, and where it came from."""

    module: Any
    """An instance of the class that ``networks.table`` names for the card's network."""
    card: Card


def model_folders() -> list[Path]:
    """Where models are looked for: $HEADROOM_MODELS, the installed package, the checkout, the user's own."""
    here = Path(__file__).resolve().parent
    folders = (*_stated(), here / "models", here.parents[1] / "models", _own())
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def user_folder() -> Path:
    """Where a user's imported models go: the first of $HEADROOM_MODELS, else the user's data folder."""
    return next(iter(_stated()), _own())


def _stated() -> list[Path]:
    return [Path(p) for p in os.environ.get("HEADROOM_MODELS", "").split(os.pathsep) if p]


def _own() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "headroom" / "models"


def names(network: str | Sequence[str] | None = None) -> list[str]:
    """Names of all models that have a card, in order of discovery; ``network``: those of it, and unreadable cards."""
    wanted = _several(network)
    found = [card.parent.name for folder in model_folders() for card in sorted(folder.glob(f"*/{CARD_FILE}"))]
    return [name for name in dict.fromkeys(found) if wanted is None or _network(name) in (*wanted, None)]


def _several(network: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return (network,) if isinstance(network, str) else None if network is None else tuple(network)


def _network(name: str) -> str | None:
    try:
        return read_card(find(name)).network
    except WeightsError:
        return None


def find(model: str | Path) -> Path:
    """The folder of a model by name or path, or of its small variant; ``UnknownModelError`` lists what there is."""
    as_path = Path(model)
    if (as_path / CARD_FILE).is_file():
        return as_path
    for name in (str(model), f"{model}{SMALL}"):
        for folder in model_folders():
            if (folder / name / CARD_FILE).is_file():
                return folder / name
    there = ", ".join(names()) or "none is installed"
    raise UnknownModelError(f"no model {str(model)!r}; there are: {there}")


def read_card(folder: Path) -> Card:
    """Read and check a card; ``WeightsError`` names what is missing."""
    tomllib = _tomllib()
    path = folder / CARD_FILE
    try:
        facts = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"{path}: the card cannot be read ({error}); install the model again") from error
    missing = [key for key in REQUIRED if key not in facts]
    if missing:
        raise WeightsError(f"{path}: the card lacks {', '.join(missing)}")
    return Card(
        folder,
        facts["name"],
        facts["version"],
        facts["network"],
        facts["config"],
        facts["sha256"],
        facts["licence"],
        facts,
    )


def verify(card: Card) -> None:
    """Compare the weights file with the card's hash; ``WeightsError`` where it is missing or was changed."""
    try:
        digest = hashlib.sha256(card.weights.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{card.weights}: cannot be read ({error.strerror}); install the model again") from error
    if digest != card.sha256:
        raise WeightsError(
            f"{card.weights}: sha256 {digest[:12]}... is not the card's {card.sha256[:12]}...; "
            "the file was changed or damaged, install the model again"
        )


def load(model: str | Path = "headroom-1", *, network: str | Sequence[str] | None = "headroom1") -> Model:
    """Find, verify and load a model. Strict: every tensor must be there, in its shape, and nothing else.

    ``network``: what the model must be, or may be one of, None: any; ``UsageError`` where it is another.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from headroom.networks.table import NETWORKS

    card = read_card(find(model))
    verify(card)
    if card.network not in NETWORKS:
        raise WeightsError(f"{card.folder}: network {card.network!r} is not one of {', '.join(NETWORKS)}")
    wanted = _several(network)
    if wanted is not None and card.network not in wanted:
        fitting = ", ".join(names(wanted)) or "none is installed"
        raise UsageError(f"model {card.name!r} ({card.network}) does other work; models for this: {fitting}")
    made_by, config = NETWORKS[card.network]
    try:
        widths: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card.config.items()}
        module = made_by(config(**widths))
        tensors = {key: value.float() for key, value in load_file(card.weights).items()}
        module.load_state_dict(tensors, strict=True)
    except (SafetensorError, RuntimeError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{card.weights}: does not fit network {card.network} ({reason})") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{card.weights}: holds numbers that are not finite; install the model again")
    return Model(module.eval(), card)


def load_run(path: Path) -> tuple[Any, dict[str, str]]:
    """The network of a training run, in evaluation mode, and what the header of its weights says of the run."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    from headroom.networks.table import NETWORKS

    try:
        with safe_open(path, "pt") as file:
            facts = dict(file.metadata() or {})
        made_by, config = NETWORKS[facts["network"]]
        stored = json.loads(facts["config"])
        widths: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        module = made_by(config(**widths))
        module.load_state_dict(load_file(path), strict=True)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not weights of a training run ({reason})") from error
    return module.eval(), facts


def save(folder: Path, trained: Path, facts: Mapping[str, Any]) -> Card:
    """Publish trained weights as a model: half floats and a card with their hash; ``facts`` fill the card.

    Tensors that half floats cannot hold, such as a batch norm's variances of features of thousands, stay as they are.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with safe_open(trained, "pt") as file:
        stored = file.metadata() or {}
        tensors = {key: _stored(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118  not a dict
    # One key only: several come out in any order, and the same weights would get another hash.
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"network": stored["network"]})
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    parameters = sum(tensor.numel() for tensor in tensors.values())
    whole = {
        **facts,
        "network": stored["network"],
        "recipe": stored["recipe"],
        "sha256": digest,
        "parameters": parameters,
        "training_steps": int(stored["step"]),
        "config": json.loads(stored["config"]),
    }
    return write_card(folder, whole)


def _stored(tensor: Any) -> Any:
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor.float()


def write_card(folder: Path, facts: Mapping[str, Any]) -> Card:
    """Write the card's facts and read them back."""
    (folder / CARD_FILE).write_text(_toml(facts), "utf-8")
    return read_card(folder)


def _toml(facts: Mapping[str, Any]) -> str:
    """Flat values first, then one level of tables. JSON's strings, numbers and lists are TOML's too."""
    flat = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items() if not _table(value)]
    tables = [
        f"\n[{key}]\n" + "\n".join(f"{_key(k)} = {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
        for key, value in facts.items()
        if _table(value)
    ]
    return "\n".join(flat + tables) + "\n"


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    return key if bare else json.dumps(key)


def _table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _tomllib() -> Any:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    return tomllib
