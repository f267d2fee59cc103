"""Kalantari's merge of three aligned exposures: four convolutions, in three forms.

Kalantari and Ramamoorthi, "Deep High Dynamic Range Imaging of Dynamic Scenes", SIGGRAPH 2017. In: 18 channels, the
gamma 2.2 codes of the three aligned frames, then their linear light over the darkest frame's white. ``direct``: the
network gives light itself. ``we``: it gives weights, and light is the weighted mean of the frames (what the authors
prefer). ``wie``: it also refines the frames' codes before they are averaged; the authors train it first to give back
the frames as they came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.merging import (
    GAMMA,
    START_LIGHT,
    Light,
    MergeContract,
    MergeNetwork,
    Stack,
    gamma_code,
    hdr01,
    triples,
    unrecorded,
)

__all__ = ["FORMS", "Config", "Kalantari"]

FORMS = {"direct": 3, "we": 9, "wie": 18}
"""Form and its number of outputs."""
INPUTS = 18
KERNELS = (7, 5, 3, 1)
BLEND_FLOOR = 1e-6
"""Added to the sum of the weights."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Form and widths; the default is the paper's preferred one."""

    form: str = "we"
    widths: tuple[int, int, int] = (100, 100, 50)


SMALL_WIDTHS = (32, 32, 16)


class Kalantari(MergeNetwork):
    """7x7, 5x5, 3x3, 1x1; ReLU between, a sigmoid at the end; zeros around the frame."""

    def __init__(self, config: Config | None = None) -> None:
        """Xavier's weights, as the authors train from; ``ValueError`` for a form that is none."""
        super().__init__()
        self.config = config or Config()
        if self.config.form not in FORMS:
            raise ValueError(f"form {self.config.form!r} is not one of {', '.join(FORMS)}")
        widths = (INPUTS, *self.config.widths, FORMS[self.config.form])
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            nn.Conv2d(a, b, kernel, padding=kernel // 2)
            for a, b, kernel in zip(widths, widths[1:], KERNELS, strict=False)
        )
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        if self.config.form == "direct":
            nn.init.constant_(cast(Tensor, self.conv4.bias), math.log(START_LIGHT / (1 - START_LIGHT)))
        cost = sum(a * b * k * k for a, b, k in zip(widths, widths[1:], KERNELS, strict=False))
        self.contract = MergeContract(
            frames=3, domain="gamma 2.2 code and linear over the darkest frame's white", multiple_of=1,
            halo_px=sum(k // 2 for k in KERNELS), least_px=1, dtypes=("float32", "bfloat16"),
            gflop_per_mp=2e-3 * cost, bytes_per_px=700 + 6 * sum(self.config.widths),
        )  # fmt: skip

    def merge(self, stack: Stack) -> Light:
        """Aligned windows to linear light."""
        codes_hdr = self.encode(stack)
        light = self.light(self(codes_hdr), codes_hdr, stack)
        return Light(light * stack.top, unrecorded(stack))

    def encode(self, stack: Stack) -> Tensor:
        """(B, 18, H, W): nine channels of codes, nine of light."""
        linear = triples(stack)
        return torch.cat([gamma_code(linear).flatten(1, 2), hdr01(linear, stack).flatten(1, 2)], 1)

    def forward(self, codes_hdr: Tensor) -> Tensor:
        """(B, 18, H, W) to the form's outputs, 0..1, float32."""
        x = F.relu(self.conv1(codes_hdr))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        # Light of many stops does not fit the 8 bits of bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            return torch.sigmoid(self.conv4(x.float()))

    def light(self, raw: Tensor, codes_hdr: Tensor, stack: Stack) -> Tensor:
        """The form's outputs to (B, 3, H, W) linear light over the darkest frame's white."""
        if self.config.form == "direct":
            return raw
        weights, light = raw[:, :9], codes_hdr[:, 9:]
        if self.config.form == "wie":
            refined = raw[:, 9:].unflatten(1, (3, 3)).pow(GAMMA)
            light = hdr01(refined, stack).flatten(1, 2)
        weights, light = weights.unflatten(1, (3, 3)), light.unflatten(1, (3, 3))
        mean: Tensor = (weights * light).sum(1) / (weights.sum(1) + BLEND_FLOOR)
        return mean
