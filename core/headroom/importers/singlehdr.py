"""SingleHDR's checkpoints: every variable by its name and shape, nothing left over, nothing missing.

The authors trained a stage at a time, so there are three checkpoints (dequantization, linearization, hallucination),
or one that holds all of them and Refinement-Net. What an optimiser left in them is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom.errors import WeightsError
from headroom.importers.table import Imported
from headroom.importers.tensorflow_checkpoint import read_checkpoint
from headroom.networks.singlehdr.hallucination import DEPTHS
from headroom.networks.singlehdr.system import Config, SingleHDR

__all__ = ["convert", "read"]

Arrays = Mapping[str, npt.NDArray[Any]]

STAGES = {
    "dequantize": "Dequantization_Net/",
    "linearize": "crf_feature_net/",
    "hallucinate": "Hallucination_Net/",
    "refine": "Refinement_Net/",
}
CURVE_HEAD = "ae_invcrf_decode_net/dense"
OPTIMISERS = re.compile(r"(/Adam(_\d+)?$)|(^(\w+/)*beta[12]_power(_\d+)?$)|(^(\w+/)*(global_step|Variable(_\d+)?)$)")
RESNET = ("2a", "2b", "2c", "3a", "3b")
UNET_CONVOLUTIONS = 19
"""Five levels of two on the way down, four on the way up, one at the end."""


class Pair(NamedTuple):
    """Where a variable goes."""

    theirs: str
    ours: str


def read(paths: Sequence[Path]) -> Imported:
    """The checkpoints of all stages, or the one that holds them all; any widths in the authors' layout."""
    config, tensors = convert(_variables(paths), named=", ".join(path.name for path in paths))
    facts = {"training_data": "the authors': HDR-Synth and, for what was fine-tuned, HDR-Real (Liu et al. 2020)"}
    return Imported(config=config, tensors=tensors, facts=facts)


def _variables(paths: Sequence[Path]) -> dict[str, npt.NDArray[Any]]:
    """All variables of some checkpoints, without their optimisers'; ``WeightsError`` where two hold the same one."""
    found: dict[str, npt.NDArray[Any]] = {}
    source: dict[str, Path] = {}
    for path in paths:
        for name, array in read_checkpoint(path).items():
            if OPTIMISERS.search(name):
                continue
            if name in found:
                raise WeightsError(f"{name} is in {source[name]} and in {path}; give each stage's checkpoint once")
            found[name], source[name] = array, path
    return found


def convert(variables: Arrays, *, named: str) -> tuple[Config, dict[str, Tensor]]:
    """The authors' variables to our configuration and state dict; ``named``: what to call the source in an error."""
    held = [stage for stage, scope in STAGES.items() if any(name.startswith(scope) for name in variables)]
    missing = [stage for stage in STAGES if stage not in held and stage != "refine"]
    if missing:
        raise WeightsError(
            f"{named}: holds {', '.join(held) or 'no stage of SingleHDR'}, not {', '.join(missing)}; "
            "give the checkpoints of all stages"
        )
    pairs = [pair for stage in held for pair in PAIRS[stage]()]
    wanted = {pair.theirs for pair in pairs}
    for problem, names in (("lacks", wanted - set(variables)), ("holds the unknown", set(variables) - wanted)):
        if names:
            listed = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise WeightsError(f"{named}: {problem} {listed}; this is not a checkpoint of the authors' SingleHDR")
    config = _config(variables, refine="refine" in held)
    tensors = {pair.ours: _tensor(variables[pair.theirs]) for pair in pairs}
    expected: dict[str, Tensor] = SingleHDR(config).state_dict()
    for theirs, ours in pairs:
        if tensors[ours].shape != expected[ours].shape:
            shape = tuple(variables[theirs].shape)
            raise WeightsError(f"{named}: {theirs} is {shape}, which does not fit the other layers")
        if not tensors[ours].isfinite().all():
            raise WeightsError(f"{named}: {theirs} holds numbers that are not finite")
    return config, tensors


def _config(variables: Arrays, *, refine: bool) -> Config:
    """Widths, from the shapes; all else is as the authors' code has it."""

    def width(name: str) -> int:
        return int(variables[name].shape[-1])

    def unet(scope: str) -> tuple[int, ...]:
        return tuple(width(f"{scope}{_conv2d(2 * level)}/kernel") for level in range(5))

    blocks = range(1, len(DEPTHS) + 1)
    return Config(
        dequantize_widths=unet(STAGES["dequantize"]),
        linearize_width=width("crf_feature_net/conv1/weights"),
        hallucinate_widths=tuple(width(f"Hallucination_Net/encoder/h{block}/conv_1/W_conv2d") for block in blocks),
        refine_widths=unet(STAGES["refine"]) if refine else (),
    )


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    """TensorFlow's (height, width, in, out) to torch's (out, in, height, width); matrices turn, vectors stay."""
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim)
    turned = array if axes is None else array.transpose(axes)
    return torch.from_numpy(np.ascontiguousarray(turned, np.float32))


def _conv2d(number: int) -> str:
    return f"conv2d_{number}" if number else "conv2d"


def _unet_pairs(scope: str, ours: str) -> Iterator[Pair]:
    places = [f"down.{level}.{which}" for level in range(5) for which in ("first", "second")]
    places += [f"up.{step}.{which}" for step in range(4) for which in ("first", "second")]
    for number, place in enumerate([*places, "head"]):
        yield from _named(f"{scope}{_conv2d(number)}", f"{ours}.unet.{place}", "kernel", "bias")


def _named(theirs: str, ours: str, weight: str, bias: str | None = None) -> Iterator[Pair]:
    yield Pair(f"{theirs}/{weight}", f"{ours}.weight")
    if bias:
        yield Pair(f"{theirs}/{bias}", f"{ours}.bias")


def _norm(theirs: str, ours: str) -> Iterator[Pair]:
    yield Pair(f"{theirs}/beta", f"{ours}.bias")
    yield Pair(f"{theirs}/gamma", f"{ours}.weight")
    yield Pair(f"{theirs}/moving_mean", f"{ours}.running_mean")
    yield Pair(f"{theirs}/moving_variance", f"{ours}.running_var")


def _dequantize_pairs() -> Iterator[Pair]:
    return _unet_pairs(STAGES["dequantize"], "dequantization")


def _refine_pairs() -> Iterator[Pair]:
    return _unet_pairs(STAGES["refine"], "refinement")


def _linearize_pairs() -> Iterator[Pair]:
    scope, ours = "crf_feature_net", "linearization"
    yield from _named(f"{scope}/conv1", f"{ours}.stem", "weights", "biases")
    yield from _norm(f"{scope}/bn_conv1/BatchNorm", f"{ours}.stem_norm")
    for number, block in enumerate(RESNET):
        for part, branch in enumerate(("branch2a", "branch2b", "branch2c")):
            yield from _named(f"{scope}/res{block}_{branch}", f"{ours}.blocks.{number}.convs.{part}", "weights")
            yield from _norm(f"{scope}/bn{block}_{branch}/BatchNorm", f"{ours}.blocks.{number}.norms.{part}")
        if block.endswith("a"):
            yield from _named(f"{scope}/res{block}_branch1", f"{ours}.blocks.{number}.project", "weights")
            yield from _norm(f"{scope}/bn{block}_branch1/BatchNorm", f"{ours}.blocks.{number}.project_norm")
    yield from _named(CURVE_HEAD, f"{ours}.head", "kernel", "bias")


def _hallucinate_pairs() -> Iterator[Pair]:
    scope, ours = "Hallucination_Net", "hallucination"
    conv = ("W_conv2d", "b_conv2d")
    for block, depth in enumerate(DEPTHS):
        for index in range(depth):
            yield from _named(
                f"{scope}/encoder/h{block + 1}/conv_{index + 1}", f"{ours}.encoder.{block}.{index}", *conv
            )
    yield from _named(f"{scope}/encoder/h6/conv", f"{ours}.bottom", *conv)
    yield from _norm(f"{scope}/encoder/h6/batch_norm", f"{ours}.bottom_norm")
    for step in range(5):
        yield from _named(f"{scope}/decoder/h{step + 1}/decon2d", f"{ours}.up.{step}.conv", *conv)
        yield from _norm(f"{scope}/decoder/h{step + 1}/decon2d/batch_norm_dc", f"{ours}.up.{step}.norm")
        yield from _named(f"{scope}/decoder/h{step + 2}/fuse_skip_connection", f"{ours}.fuse.{step}", *conv)
    yield from _named(f"{scope}/decoder/h7/conv2d", f"{ours}.head", *conv)
    yield from _norm(f"{scope}/decoder/h7/batch_norm", f"{ours}.head_norm")
    yield from _named(f"{scope}/decoder/h7/fuse_skip_connection", f"{ours}.head_fuse", *conv)


PAIRS = {
    "dequantize": _dequantize_pairs,
    "linearize": _linearize_pairs,
    "hallucinate": _hallucinate_pairs,
    "refine": _refine_pairs,
}
