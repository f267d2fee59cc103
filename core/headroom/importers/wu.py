"""Wu's TensorFlow 1 checkpoint of the residual merger: every variable by its name and shape.

What the optimiser left in it (Adam's moments and powers) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from headroom.errors import WeightsError
from headroom.importers.kernels import shape_in_tensorflow, to_torch
from headroom.importers.names import require_names
from headroom.importers.table import Imported
from headroom.importers.tensorflow_checkpoint import read_checkpoint
from headroom.networks.wu import Config, Wu

__all__ = ["convert", "layout", "read"]

SCOPE = "generator"
OPTIMISER = re.compile(r"/Adam(_\d+)?$|(^|/)beta[12]_power$|(^|/)global_step$")
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def read(paths: Sequence[Path]) -> Imported:
    """One checkpoint; ``WeightsError`` where it is another network's."""
    if len(paths) != 1:
        raise WeightsError(f"Wu's network comes as one checkpoint, not as {len(paths)}: give the name before .index")
    return convert(read_checkpoint(paths[0]), paths[0])


def convert(variables: Mapping[str, npt.NDArray[Any]], path: Path) -> Imported:
    """The authors' variables to our configuration and state dict; ``path``: what to name in an error."""
    kept = {name: array for name, array in variables.items() if not OPTIMISER.search(name)}
    first = kept.get(f"{SCOPE}/encoder1/g_e1_conv/w")
    if first is None or first.ndim != 4:
        raise WeightsError(f"{path}: lacks {SCOPE}/encoder1/g_e1_conv/w; this is no checkpoint of Wu's network")
    blocks = sum(re.fullmatch(rf"{SCOPE}/merger/g_r\d+_c1/w", name) is not None for name in kept)
    config = Config(width=int(first.shape[-1]), blocks=blocks)
    names = dict(layout(blocks))
    ours = Wu(config).state_dict()
    require_names(path, "Wu", kept, {theirs: shape_in_tensorflow(ours[name]) for theirs, name in names.items()})
    tensors = {name: to_torch(kept[theirs]) for theirs, name in names.items()}
    return Imported(config=config, tensors=tensors, facts={"training_data": "the authors' (Wu et al. 2018)"})


def layout(blocks: int) -> Iterator[tuple[str, str]]:
    """Every variable's name and what it is in our state dict."""
    for index in range(3):
        scope, ours = f"{SCOPE}/encoder{index + 1}", f"encoders.{index}"
        yield from _layer(f"{scope}/g_e1_conv", f"{ours}.first")
        yield from _layer(f"{scope}/g_e2_conv", f"{ours}.second")
        yield from _norm(f"{scope}/g_e2_bn", f"{ours}.norm")
    yield from _layer(f"{SCOPE}/merger/g_e3_conv", "merge_conv")
    yield from _norm(f"{SCOPE}/merger/g_e3_bn", "merge_norm")
    for block in range(blocks):
        for half in (1, 2):
            yield from _layer(f"{SCOPE}/merger/g_r{block + 1}_c{half}", f"blocks.{block}.conv{half}")
            yield from _norm(f"{SCOPE}/merger/g_r{block + 1}_bn{half}", f"blocks.{block}.norm{half}")
    for step in (1, 2, 3):
        yield from _layer(f"{SCOPE}/decoder/g_d{step}", f"deconv{step}")
        yield from _norm(f"{SCOPE}/decoder/g_d{step}_bn", f"norm{step}")
    yield from _layer(f"{SCOPE}/decoder/g_d_out_conv", "out")


def _layer(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}/w", f"{ours}.weight"
    yield f"{theirs}/biases", f"{ours}.bias"


def _norm(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    for variable, name in NORM.items():
        yield f"{theirs}/{variable}", f"{ours}.{name}"
