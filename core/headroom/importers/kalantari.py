"""The TensorFlow 2 remake of Kalantari's network: four layers by name, whichever of the three forms.

The remake sees pictures as OpenCV reads them, blue first; here red comes first, so that the channels of each picture
that goes in, and of each that comes out, change places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from headroom.errors import WeightsError
from headroom.importers.kernels import shape_in_tensorflow, to_torch
from headroom.importers.names import require_names
from headroom.importers.table import Imported
from headroom.importers.tensorflow_checkpoint import read_checkpoint
from headroom.networks.kalantari import FORMS, Config, Kalantari

__all__ = ["convert", "read"]

LAYERS = ("conv1", "conv2", "conv3", "conv4")
PART = {"kernel": "weight", "bias": "bias"}
PASSED_OVER = re.compile(r"(^|/)(save_counter|optimizer|iter|learning_rate|beta_[12]|decay)(/|$)|\.OPTIMIZER_SLOT")


def read(paths: Sequence[Path]) -> Imported:
    """One checkpoint; ``WeightsError`` where it is another network's."""
    if len(paths) != 1:
        raise WeightsError(f"Kalantari's network comes as one checkpoint, not as {len(paths)}: give it alone")
    return convert(read_checkpoint(paths[0]), paths[0])


def convert(variables: Mapping[str, npt.NDArray[Any]], path: Path) -> Imported:
    """The remake's variables to our configuration and state dict; ``path``: what to name in an error."""
    kept = {_bare(name): array for name, array in variables.items() if not PASSED_OVER.search(name)}
    outputs = {count: form for form, count in FORMS.items()}
    last = kept.get("conv4/bias")
    if last is None or last.shape[-1:] not in [(count,) for count in outputs]:
        raise WeightsError(f"{path}: lacks a conv4 of 3, 9 or 18 outputs; this is no checkpoint of Kalantari's network")
    missing = [layer for layer in LAYERS if f"{layer}/bias" not in kept]
    if missing:
        raise WeightsError(f"{path}: lacks {', '.join(missing)}; this is no checkpoint of Kalantari's network")
    first, second, third = (int(kept[f"{layer}/bias"].shape[0]) for layer in LAYERS[:3])
    config = Config(form=outputs[int(last.shape[0])], widths=(first, second, third))
    ours = Kalantari(config).state_dict()
    names = {f"{layer}/{theirs}": f"{layer}.{part}" for layer in LAYERS for theirs, part in PART.items()}
    require_names(path, "Kalantari", kept, {theirs: shape_in_tensorflow(ours[name]) for theirs, name in names.items()})
    tensors = {name: to_torch(kept[theirs]) for theirs, name in names.items()}
    tensors["conv1.weight"] = tensors["conv1.weight"][:, _red_first(18)].contiguous()
    for part in PART.values():
        tensors[f"conv4.{part}"] = tensors[f"conv4.{part}"][_red_first(len(last))].contiguous()
    facts = {"training_data": "the remake's authors': Kalantari's dynamic brackets (Kalantari and Ramamoorthi 2017)"}
    return Imported(config=config, tensors=tensors, facts=facts, model=f"kalantari-{config.form}")


def _bare(name: str) -> str:
    """Without the object that held the layers."""
    return "/".join(name.split("/")[-2:])


def _red_first(channels: int) -> list[int]:
    return [picture * 3 + channel for picture in range(channels // 3) for channel in (2, 1, 0)]
