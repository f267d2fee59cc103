"""AHDRNet's state dict as PyTorch saves it: every tensor by its name and shape."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headroom.errors import WeightsError
from headroom.importers.names import require_names
from headroom.importers.table import Imported
from headroom.networks.ahdrnet import AHDRNet, Config

__all__ = ["read"]

WRAPPERS = ("state_dict", "model", "params")
"""Keys under which training scripts put the state dict beside other things."""
PARALLEL = "module."
"""What ``DataParallel`` puts before every name."""


def read(paths: Sequence[Path]) -> Imported:
    """One ``.pth`` file, loaded as tensors alone: code in it is refused."""
    if len(paths) != 1:
        raise WeightsError(f"AHDRNet comes as one file, not as {len(paths)}: give its .pth alone")
    path = paths[0]
    state = {name.removeprefix(PARALLEL): tensor for name, tensor in _state_dict(path).items()}
    config = _config(path, state)
    expected = AHDRNet(config).state_dict()
    require_names(path, "AHDRNet", state, {name: tuple(tensor.shape) for name, tensor in expected.items()})
    facts = {"training_data": "the authors': Kalantari's dynamic brackets (Yan et al. 2019)"}
    return Imported(config=config, tensors={name: state[name].float() for name in expected}, facts=facts)


def _state_dict(path: Path) -> Mapping[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that another version of pickle wrote it
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: holds more than tensors, which is not loaded: it could run code") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: PyTorch cannot read it ({str(error).splitlines()[0][:80]})") from error
    for key in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{path}: holds no state dict of AHDRNet")
    return found


def _config(path: Path, state: Mapping[str, Tensor]) -> Config:
    first, dense = state.get("conv1.weight"), state.get("RDB1.dense_layers.0.conv.weight")
    if first is None or dense is None or first.ndim != 4 or dense.ndim != 4:
        raise WeightsError(f"{path}: lacks conv1 or RDB1.dense_layers.0: this is no state dict of AHDRNet")
    layers = sum(name.startswith("RDB1.dense_layers.") and name.endswith(".weight") for name in state)
    return Config(features=first.shape[0], growth=dense.shape[0], dense_layers=layers)
