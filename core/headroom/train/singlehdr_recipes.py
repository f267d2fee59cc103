"""Recipes of SingleHDR: the authors' set-up, stage by stage, and small ones for one CPU thread; what is left out of
some of them is what the paper's tables compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from headroom.networks.singlehdr import refinement
from headroom.networks.singlehdr.system import Config
from headroom.train.batches import Shooting
from headroom.train.run import Pace
from headroom.train.singlehdr_camera import Camera
from headroom.train.singlehdr_losses import Weights

__all__ = ["SINGLEHDR_RECIPES", "SMALL", "Chain", "SingleHdrRecipe", "Stage"]

Stage = Literal["dequantize", "linearize", "hallucinate", "joint", "end-to-end", "refine"]


@dataclass(frozen=True, kw_only=True)
class SingleHdrRecipe(Pace):
    """One run: a stage, or all of them."""

    name: str
    stage: Stage
    """``joint`` starts from the stages' own runs; ``end-to-end`` from nothing, told only what the light should be."""
    config: Config = field(default_factory=Config)
    camera: Camera = field(default_factory=Camera)
    weights: Weights = field(default_factory=Weights)
    added_bias: float = 0.0
    """Where the last layer of Hallucination-Net begins. Its other input is the plate, 1 where it clipped: from 0 it
    adds over 1 there at first, and the quickest way down is to shut the ReLU before it for good; -1 takes that off."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Runs one after the other, and the share of the time that each gets; the last one starts from the others."""

    name: str
    links: tuple[tuple[SingleHdrRecipe, float], ...]


AUTHORS: dict[str, Any] = {
    "learning_rate": 1e-4, "final_share": 1.0, "warmup_steps": 1, "betas": (0.9, 0.999), "weight_decay": 0.0,
    "gradient_norm": 1e6, "steps": 500_000,
}  # fmt: skip
"""Adam at one rate, nothing else. Of the averaged weights that are saved the authors say nothing."""

SMALL = Config(
    dequantize_widths=(8, 16, 32, 48, 64),
    linearize_width=16,
    hallucinate_widths=(16, 32, 64, 128, 128),
    norm_decay=0.95,
)
"""2 M parameters in place of 28."""
SMALL_CAMERA = Camera(
    crop_px=128, exposure="clipped", white_balance_std=0.15, jpeg_share=0.5,
    responses=Shooting(
        frames=(), srgb_share=0.25, emor_share=0.55, style_share=0.1, sigmoid_share=0.05, responses=2000
    ),
)  # fmt: skip
"""Scenes with suns are exposed by what clips; half of the pictures are JPEGs."""
SMALL_PACE: dict[str, Any] = {
    "final_share": 0.02, "warmup_steps": 40, "betas": (0.9, 0.99), "weight_decay": 0.0, "gradient_norm": 1.0,
    "ema": 0.995, "steps": 20_000, "save_seconds": 120.0,
}  # fmt: skip
SMALL_RATES: dict[Stage, float] = {
    "dequantize": 1e-3, "linearize": 1e-3, "hallucinate": 1e-3, "joint": 1e-4, "end-to-end": 1e-3, "refine": 1e-4,
}  # fmt: skip
"""As with the authors, trained stages learn on at a tenth of the rate."""
SMALL_WEIGHTS = Weights(light="log", codes="decibels")
"""The paper's loss of light: the code's, of first powers, seeks the median of what clipped, most of which lies just
above. Half of the pictures are JPEGs, so that codes are compared in decibels."""
SMALL_ADDED_BIAS = -1.0
CHAIN_SHARES: dict[Stage, float] = {"dequantize": 0.15, "linearize": 0.25, "hallucinate": 0.4, "joint": 0.2}


def full(stage: Stage, variant: str = "", **config: Any) -> SingleHdrRecipe:
    """As the authors trained."""
    rate = {"learning_rate": 1e-5, "steps": 100_000} if stage in ("joint", "refine") else {}
    return SingleHdrRecipe(name=_name(stage, variant), stage=stage, config=Config(**config), **{**AUTHORS, **rate})


def small(stage: Stage, variant: str = "", **config: Any) -> SingleHdrRecipe:
    """A few minutes of one CPU thread."""
    return SingleHdrRecipe(
        name=_name(stage, variant) + "-small", stage=stage, config=replace(SMALL, **config), camera=SMALL_CAMERA,
        weights=SMALL_WEIGHTS, added_bias=SMALL_ADDED_BIAS, learning_rate=SMALL_RATES[stage], **SMALL_PACE,
    )  # fmt: skip


def _name(stage: Stage, variant: str) -> str:
    return "-".join(part for part in ("singlehdr", stage, variant) if part)


def _both() -> list[SingleHdrRecipe]:
    """Every recipe in both sizes."""
    found = []
    for make in (full, small):
        found += [make(stage) for stage in ("dequantize", "linearize", "hallucinate", "joint", "end-to-end")]
        # The paper's Table 3, from the picture alone up; the whole of it is "linearize".
        found += [
            make("linearize", "image", edges=False, histogram=False, monotone=False),
            make("linearize", "edges", histogram=False, monotone=False),
            make("linearize", "histogram", monotone=False),
        ]
        # Table 4: without the positive residual, and with HDRCNN's way up.
        found += [make("hallucinate", "signed", signed=True), make("hallucinate", "transposed", upsample="transposed")]
    found.append(full("refine", refine_widths=refinement.WIDTHS))
    found.append(small("refine", refine_widths=(8, 16, 32, 64, 64)))
    return found


def _chain(make: Callable[[Stage], SingleHdrRecipe], name: str) -> Chain:
    return Chain(name=name, links=tuple((make(stage), share) for stage, share in CHAIN_SHARES.items()))


SINGLEHDR_RECIPES: dict[str, SingleHdrRecipe | Chain] = {
    "singlehdr": _chain(full, "singlehdr"),
    "singlehdr-small": _chain(small, "singlehdr-small"),
    **{recipe.name: recipe for recipe in _both()},
}
