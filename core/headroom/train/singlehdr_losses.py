"""The losses of SingleHDR's stages and of all of them together.

Liu et al. 2020, section 3 and 4.1; the code's choice is the default. Pictures that are nearly all black or white do
not count (``Photographs.counts``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from headroom.networks.singlehdr.system import Stages
from headroom.train.singlehdr_camera import Photographs
from headroom.train.singlehdr_features import FeatureNet

__all__ = ["Weights", "dequantize_loss", "hallucinate_loss", "joint_loss", "linearize_loss", "mu_law", "refine_loss"]

MU = 10.0
LOG_EPSILON = 1.0 / 255.0
HALF_MEAN = 0.5
MEAN_FLOOR = 1e-6
SQUARES_FLOOR = 1e-8
"""80 dB: rounding to 8 bits leaves 59."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms; those of the joint training are the paper's."""

    curve: float = 0.1
    """Beside the linear image, while Linearization-Net trains alone."""
    perceptual: float = 0.001
    total_variation: float = 0.1
    light: Literal["mu-law", "log"] = "mu-law"
    """The code: L1 of ln(1 + 10 H) / ln 11. The paper: L2 of ln(H + 1/255)."""
    codes: Literal["squares", "decibels"] = "squares"
    """Paper and code: the squared difference of the codes. ``decibels``: the logarithm of each picture's, for JPEGs
    among lossless pictures: their squares are a hundred times as large, and the lossless ones would pay for them."""
    joint_dequantize: float = 1.0
    joint_linearize: float = 10.0
    joint_curve: float = 1.0
    joint_hallucinate: float = 1.0


def dequantize_loss(dequantized: Tensor, shot: Photographs, weights: Weights) -> dict[str, Tensor]:
    """Difference to the codes before rounding."""
    squares = (dequantized.float() - shot.code).square()
    if weights.codes == "squares":
        return _total({"dequantize": _mean(squares, shot)})
    decibels = (squares.mean((1, 2, 3), keepdim=True) + SQUARES_FLOOR).log10()
    return _total({"dequantize": (decibels * shot.counts).mean()})


def linearize_loss(curve: Tensor, linear: Tensor, shot: Photographs, weights: Weights) -> dict[str, Tensor]:
    """Squared differences of the linear image and of the curve."""
    image, bend = _linear_terms(curve, linear, shot)
    return _total({"linear": image, "curve": weights.curve * bend})


def hallucinate_loss(
    light: Tensor, shot: Photographs, weights: Weights, features: FeatureNet | None
) -> dict[str, Tensor]:
    """Difference in a compressed domain, what features see of it, and what varies where nothing should."""
    return _total(_light_terms(light, shot, weights, features))


def joint_loss(stages: Stages, shot: Photographs, weights: Weights, features: FeatureNet | None) -> dict[str, Tensor]:
    """All stages at once, each against its own truth."""
    image, bend = _linear_terms(stages.curve, stages.linear, shot)
    terms = {
        "dequantize": weights.joint_dequantize * _mean((stages.dequantized.float() - shot.code).square(), shot),
        "linear": weights.joint_linearize * image,
        "curve": weights.joint_curve * bend,
    }
    for name, value in _light_terms(stages.light, shot, weights, features).items():
        terms[name] = weights.joint_hallucinate * value
    return _total(terms)


def refine_loss(light: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The code's fine-tuning: both are scaled to a mean of 0.5, for a merged bracket has a scale of its own."""
    difference = mu_law(_half_mean(light)) - mu_law(_half_mean(truth))
    return _total({"light": difference.abs().mean()})


def mu_law(light: Tensor) -> Tensor:
    """ln(1 + 10 H) / ln 11 of light that is not negative."""
    return (MU * light.float().clamp(min=0)).log1p() / math.log1p(MU)


def _light_terms(light: Tensor, shot: Photographs, weights: Weights, features: FeatureNet | None) -> dict[str, Tensor]:
    compressed, truth = mu_law(light), mu_law(shot.light)
    if weights.light == "mu-law":
        difference = (compressed - truth).abs()
    else:
        difference = ((light.float().clamp(min=0) + LOG_EPSILON).log() - (shot.light + LOG_EPSILON).log()).square()
    terms = {"light": _mean(difference, shot)}
    if features is not None and weights.perceptual:
        distance = features.distance(compressed, truth)
        terms["perceptual"] = weights.perceptual * (distance * shot.counts).mean()
    if weights.total_variation:
        varies = compressed.diff(dim=2).abs().mean() + compressed.diff(dim=3).abs().mean()
        terms["total_variation"] = weights.total_variation * varies
    return terms


def _linear_terms(curve: Tensor, linear: Tensor, shot: Photographs) -> tuple[Tensor, Tensor]:
    bend = (curve - shot.curve).square().mean(1)[:, None, None, None]
    return _mean((linear - shot.clipped).square(), shot), (bend * shot.counts).mean()


def _half_mean(light: Tensor) -> Tensor:
    return light.float() * (HALF_MEAN / (light.float().mean((1, 2, 3), keepdim=True) + MEAN_FLOOR))


def _mean(values: Tensor, shot: Photographs) -> Tensor:
    """Of each picture, then of those that count; the code, too, divides by all of them."""
    return (values.mean((1, 2, 3), keepdim=True) * shot.counts).mean()


def _total(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**terms, "total": torch.stack(list(terms.values())).sum()}
