"""What there is to choose from on this machine: models, devices, the spaces of a config, the settings."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.colour.ocio import Config, load_config, ocio_version
from headroom.errors import HeadroomError
from headroom.settings import SETTINGS

__all__ = ["describe"]

ROLES = (
    "scene_linear",
    "aces_interchange",
    "cie_xyz_d65_interchange",
    "color_picking",
    "color_timing",
    "compositing_log",
    "data",
    "default_byte",
    "default_float",
    "default_sequencer",
    "matte_paint",
    "reference",
    "rendering",
    "texture_paint",
)
DEFAULT_MODEL = str(SETTINGS["model"].default)


def describe(config: str | None = None) -> dict[str, Any]:
    """Plain values; ``config`` as in ``--ocio-config``. ``HeadroomError`` where the config cannot be used."""
    import torch

    chosen = load_config(config)
    return {
        "version": _version(),
        "libraries": {"python": platform.python_version(), "torch": torch.__version__, "ocio": ocio_version()},
        "models": [_model(name) for name in sorted(weights.names(weights.PLATES), key=_default_first)],
        "default_model": DEFAULT_MODEL,
        "devices": _devices(),
        "spaces": chosen.names(),
        "data_spaces": [name for name in chosen.names() if chosen.is_data(name)],
        "roles": {role: space for role in ROLES if (space := chosen.role(role))},
        "views": [list(pair) for pair in chosen.views()],
        "config": _config(chosen),
        "defaults": {name: setting.default for name, setting in SETTINGS.items()},
        "ranges": {name: list(setting.slider) for name, setting in SETTINGS.items() if setting.slider},
        "limits": {name: [s.low, s.high] for name, s in SETTINGS.items() if s.kind == "number"},
        "choices": {name: list(setting.choices) for name, setting in SETTINGS.items() if setting.choices},
    }


def _default_first(name: str) -> tuple[bool, str]:
    return name != DEFAULT_MODEL, name


def _config(config: Config) -> dict[str, Any]:
    return {"name": config.name, "cache_id": config.cache_id, "scene_linear": config.role("scene_linear")}


def _model(name: str) -> dict[str, Any]:
    """A model that cannot be used is listed too, with the reason."""
    facts: dict[str, Any] = {"name": name, "version": None, "licence": None, "summary": "", "sha256": None}
    try:
        card = weights.read_card(weights.find(name))
        facts |= {"version": card.version, "licence": card.licence, "sha256": card.sha256, "summary": _summary(card)}
        file = card.weights.stat() if card.weights.is_file() else None
        error = _verified(card.folder, card.sha256, file and (file.st_size, file.st_mtime_ns))
    except HeadroomError as problem:
        error = str(problem)
    return {**facts, "verified": error is None, "error": error}


def _summary(card: weights.Card) -> str:
    """What a host's list says beside the name: size, speed, data."""
    parameters, speed = card.facts.get("parameters"), card.facts.get("speed")
    size = f"{parameters / 1e6:.1f} million parameters; " if isinstance(parameters, int) else ""
    pace = f"{speed.partition(',')[0]}; " if isinstance(speed, str) else ""
    return f"{size}{pace}trained on {card.facts['training_data']}"


@lru_cache(maxsize=64)
def _verified(folder: Path, sha256: str, state: Any) -> str | None:
    """The reason why the weights are not the card's, or None; hashed again only where the file has changed."""
    try:
        weights.verify(weights.read_card(folder))
    except HeadroomError as error:
        return str(error)
    return None


def _devices() -> list[dict[str, str]]:
    import torch

    found = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            label = f"{facts.name}, {facts.total_memory / 2**30:.0f} GB"
            found.append({"name": f"cuda:{index}", "label": label})
    if torch.backends.mps.is_available():
        found.append({"name": "mps", "label": "Apple GPU"})
    threads = torch.get_num_threads()
    found.append({"name": "cpu", "label": f"CPU, {threads} thread{'s' if threads > 1 else ''}"})
    return [{"name": "auto", "label": f"Automatic ({found[0]['label']})"}, *found]


def _version() -> str:
    import headroom

    return headroom.__version__
