"""SingleHDR: dequantize, linearize, hallucinate, refine.

Liu, Lai, Chen, Kao, Yang, Chuang, Huang, "Single-Image HDR Reconstruction by Learning to Reverse the Camera
Pipeline", CVPR 2020. Each stage has its file, which says in one line each where the authors' code leaves the paper;
``Config`` is the code's choice unless it is told otherwise.

    x_srgb --dequantize--> codes C --linearize (one curve a frame)--> linear B --hallucinate--> A = B + mask * light
                             \\_________________________\\_________________________________________|--refine--> light

What the whole system does here that theirs does not, so that the promises of ``headroom convert`` hold:

- their script scales a picture to a multiple of 64 and back, bicubically; here its edge is repeated, nothing is scaled;
- light is put in by the clip mask of each channel of the plate; theirs, from the linear image, is one for all channels;
- where the plate's curve is stated, that is its linear image, and Linearization-Net is not asked;
- dequantisation is left out unless asked for, and then moves no code further than half a step.

``SingleHDR.forward`` is the authors' pipeline whole, as training and the papers' measurements need it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.contract import NetworkContract
from headroom.networks.single_image import Local, SingleImageNetwork, linear_blend_gain
from headroom.networks.singlehdr import dequantization, hallucination, linearization, refinement, unet
from headroom.networks.singlehdr.hallucination import HallucinationNet, Upsample, soft_mask
from headroom.networks.singlehdr.linearization import Backbone, Bins, LinearizationNet, apply_curve
from headroom.networks.singlehdr.squares import FrameSquares, Squares

__all__ = ["Config", "SingleHDR", "Stages"]

MULTIPLE_OF = 32
CODES = 255
LIGHT_FLOOR = 1e-4
"""Least linear value that a ratio is taken to: what clipped is far above."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The authors' code; its full widths."""

    dequantize_widths: tuple[int, ...] = dequantization.WIDTHS
    """The paper has a sixth level: (16, 32, 64, 128, 256, 512)."""
    linearize_width: int = 64
    edges: bool = True
    histogram: bool = True
    monotone: bool = True
    bins: Bins = "code"
    backbone: Backbone = "bottleneck"
    norm_decay: float = linearization.NORM_DECAY
    """Of Linearization-Net's batch norms while training; short runs need less."""
    hallucinate_widths: tuple[int, ...] = hallucination.WIDTHS
    upsample: Upsample = "resize"
    signed: bool = False
    """Whether what Hallucination-Net adds may be negative."""
    mask_from: float = 0.88
    """Linear value where its mask begins; the paper says 0.95."""
    refine_widths: tuple[int, ...] = ()
    """Of Refinement-Net, ``refinement.WIDTHS`` in the code; none: the system does without."""
    error_stops: float = 2.0
    """Typical error of what it adds, as measured on scenes it was not trained on: it does not say itself."""


class Stages(NamedTuple):
    """What comes out of each stage; (B, 3, H, W) but for the curve."""

    dequantized: Tensor
    """C, codes 0..1."""
    curve: Tensor
    """(B, 1024) linear light at code i / 1023."""
    linear: Tensor
    """B, 0..1."""
    hallucinated: Tensor
    """A, linear, 1.0 is the clip."""
    refined: Tensor | None

    @property
    def light(self) -> Tensor:
        """The system's answer."""
        return self.hallucinated if self.refined is None else self.refined


class SingleHDR(SingleImageNetwork):
    """All stages."""

    def __init__(self, config: Config | None = None) -> None:
        """Random weights of the given widths."""
        super().__init__()
        self.config = config = config or Config()
        self.dequantization = dequantization.DequantizationNet(config.dequantize_widths)
        self.linearization = LinearizationNet(
            config.linearize_width,
            edges=config.edges,
            histogram=config.histogram,
            monotone=config.monotone,
            bins=config.bins,
            backbone=config.backbone,
            norm_decay=config.norm_decay,
        )
        self.hallucination = HallucinationNet(config.hallucinate_widths, upsample=config.upsample, signed=config.signed)
        self.refinement = refinement.RefinementNet(config.refine_widths) if config.refine_widths else None
        self.contract = _contract(config)

    def forward(self, x_srgb: Tensor) -> Stages:
        """(B, 3, H, W) codes 0..1, sides multiples of 32, through the authors' whole pipeline."""
        codes = self.dequantization(x_srgb).clamp(0, 1)
        curve = self.linearization(codes)
        linear = apply_curve(codes, curve)
        light = linear + soft_mask(linear, self.config.mask_from) * self.hallucination(linear)
        refined = None if self.refinement is None else self.refinement(light, linear, codes)
        return Stages(codes, curve, linear, light, refined)

    def gatherer(self, height: int, width: int) -> FrameSquares:
        """Pixels for Linearization-Net."""
        return FrameSquares(height, width)

    def look(self, gathered: Any, table: Tensor, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, 1, 1, N): the curve in use is all that a tile needs of its frame."""
        del gathered
        return upload(table[:, None, None])

    def inverse_curve(self, gathered: Any, upload: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, 1024) of the frame whose squares these are, on the CPU."""
        assert isinstance(gathered, Squares)
        pooled = []
        for square in gathered.x_srgb:
            x_srgb = upload(torch.from_numpy(square).permute(2, 0, 1)[None].contiguous())
            pooled.append(self.linearization.pooled(self._codes(x_srgb)))
        curve = self.linearization.curve(torch.stack(pooled).mean(0))
        return linearization.rising(curve).cpu()  # a variant without the constraint, too, is used as one that rises

    def local(self, x_srgb: Tensor, alpha: Tensor, features: Tensor, place: Tensor, **asked: bool) -> Local:
        """A tile; ``features`` holds its frame's curve, ``place`` says nothing to this network."""
        del place
        x_srgb = x_srgb.float()
        codes, lost = x_srgb, None
        if asked.get("dequantize"):
            codes = self.dequantization(x_srgb).clamp(0, 1)
            lost = ((codes - x_srgb) * (2 * CODES)).clamp(-1, 1)
        if not bool(alpha.any()):
            return Local(torch.zeros_like(x_srgb), torch.zeros_like(x_srgb[:, :1]), lost)
        linear = apply_curve(codes, features[:, 0, 0].float())
        added = self.hallucination(linear)
        if asked.get("refine") and self.refinement is not None:
            mask = soft_mask(linear, self.config.mask_from)
            light = self.refinement(linear + mask * added, linear, codes)
        else:
            light = linear + added
        gain = linear_blend_gain(light / linear.clamp(min=LIGHT_FLOOR), alpha.float())
        return Local(gain, torch.full_like(gain[:, :1], self.config.error_stops).log2(), lost)

    def _codes(self, x_srgb: Tensor) -> Tensor:
        """Dequantised, whatever the size."""
        height, width = x_srgb.shape[2:]
        below, beside = -height % MULTIPLE_OF, -width % MULTIPLE_OF
        padded = F.pad(x_srgb, (0, beside, 0, below), mode="replicate")
        codes: Tensor = self.dequantization(padded)[..., :height, :width].clamp(0, 1)
        return codes


def _contract(config: Config) -> NetworkContract:
    refine = bool(config.refine_widths)
    reach = unet.reach_px(config.dequantize_widths) + hallucination.REACH_PX
    gflop = unet.gflop_per_mp(3, config.dequantize_widths) + hallucination.gflop_per_mp(config.hallucinate_widths)
    if refine:
        reach += unet.reach_px(config.refine_widths)
        gflop += unet.gflop_per_mp(9, config.refine_widths)
    return NetworkContract(
        space="srgb",
        channels=("R", "G", "B", "alpha_R", "alpha_G", "alpha_B"),
        multiple_of=MULTIPLE_OF,
        halo_px=-(-reach // MULTIPLE_OF) * MULTIPLE_OF,
        scene_px=0,
        scene_multiple_of=1,
        dtypes=("float32", "bfloat16"),
        gflop_per_mp=gflop,
        bytes_per_px=100 + 20 * config.dequantize_widths[0] + 30 * config.hallucinate_widths[0],
        curve="frame",
        stages=("dequantize", "linearize", "hallucinate", *(("refine",) if refine else ())),
    )
