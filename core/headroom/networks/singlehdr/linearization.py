"""Linearization-Net: the camera's inverse response curve, from the whole picture.

Liu et al. 2020, section 3.3: picture, its edges and its soft histograms go through a ResNet to eleven weights of the
inverse EMoR basis (Grossberg and Nayar 2004), and the curve is made to rise everywhere (equation 3). Where paper and
code differ, the code is the default:

- soft histograms are centred on i/B, i = 0..B, so 5 + 9 + 17 bins of each channel (``bins="code"``); the paper centres
  them on (2b - 1)/(2B), b = 1..B, so 4 + 8 + 16 (``bins="paper"``);
- the ResNet is one of bottlenecks, cut after its second stage, and a single layer reads the weights off its mean
  (``backbone="bottleneck"``); the paper's is a ResNet-18 and two layers (``backbone="resnet18"``);
- both look at the whole picture in one piece; here a large one is looked at in squares from all over it
  (``squares.py``), whose mean is taken.

``edges``, ``histogram`` and ``monotone`` can be left out, which is what the paper's Table 3 compares.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.norm import BatchNorm
from headroom.networks.singlehdr.tensorflow_ops import max_pool_same, pad_same, sobel_edges

__all__ = ["BINS", "CURVE_SAMPLES", "Backbone", "Bins", "LinearizationNet", "apply_curve", "rising"]

BINS = (4, 8, 16)
CURVE_SAMPLES = 1024
COEFFICIENTS = 11
"""K of the paper: components of the inverse EMoR basis."""
NORM_EPS = 1e-3
NORM_DECAY = 0.999
"""slim's batch norm."""
RESNET18_HIDDEN = 256
"""The paper does not say how wide its first fully connected layer is."""
Bins = Literal["code", "paper"]
Backbone = Literal["bottleneck", "resnet18"]


class LinearizationNet(nn.Module):
    """Code values in, inverse curves out."""

    mean_curve: Tensor
    components: Tensor

    def __init__(
        self,
        width: int = 64,
        *,
        edges: bool = True,
        histogram: bool = True,
        monotone: bool = True,
        bins: Bins = "code",
        backbone: Backbone = "bottleneck",
        norm_decay: float = NORM_DECAY,
    ) -> None:
        """``width``: channels of the first convolution, 64 in the paper; all others follow it."""
        super().__init__()
        self.edges, self.histogram, self.monotone, self.bins = edges, histogram, monotone, bins
        per_channel = sum(BINS) + (len(BINS) if bins == "code" else 0)
        inputs = 3 + 6 * edges + 3 * per_channel * histogram
        self.stem = nn.Conv2d(inputs, width, 7, stride=2)
        self.stem_norm = _norm(width)
        make = _bottlenecks if backbone == "bottleneck" else _resnet18
        self.blocks, features = make(width)
        if backbone == "bottleneck":
            self.head: nn.Linear | nn.Sequential = nn.Linear(features, COEFFICIENTS)
        else:
            self.head = nn.Sequential(
                nn.Linear(features, RESNET18_HIDDEN), nn.ReLU(), nn.Linear(RESNET18_HIDDEN, COEFFICIENTS)
            )
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.momentum = 1 - norm_decay
        last = self.head if isinstance(self.head, nn.Linear) else self.head[-1]
        with torch.no_grad():
            # Begun at the mean curve: from weights at random, equation 3 makes nearly straight lines, and hardly a
            # gradient comes back through it.
            for parameter in last.parameters():
                parameter.mul_(0.01)
        mean, components = _inverse_emor()
        self.register_buffer("mean_curve", mean, persistent=False)
        self.register_buffer("components", components, persistent=False)

    def forward(self, x_srgb: Tensor) -> Tensor:
        """(B, 3, H, W) codes 0..1, any size, to (B, 1024) linear light at code i / 1023."""
        return self.curve(self.pooled(x_srgb))

    def pooled(self, x_srgb: Tensor) -> Tensor:
        """(B, 3, H, W) codes to (B, F) means of the features over the picture: those of its parts average to it."""
        x = self.stem(pad_same(self.described(x_srgb), 7, 2))
        x = max_pool_same(F.relu(self.stem_norm(x)), 3, 2)
        for block in self.blocks:
            x = block(x)
        mean: Tensor = x.float().mean((2, 3))
        return mean

    def described(self, x_srgb: Tensor) -> Tensor:
        """The picture, its edges, its soft histograms: (B, 102, H, W) as the code has it."""
        parts = [x_srgb]
        if self.edges:
            parts.append(sobel_edges(x_srgb))
        if self.histogram:
            parts += [soft_histogram(x_srgb, count, self.bins) for count in BINS]
        return torch.cat(parts, 1)

    def curve(self, pooled: Tensor) -> Tensor:
        """(B, F) to (B, 1024) curves."""
        weights: Tensor = self.head(pooled).float()
        curve = self.mean_curve + weights @ self.components
        return rising(curve) if self.monotone else curve


def soft_histogram(x: Tensor, count: int, bins: Bins) -> Tensor:
    """(B, 3, H, W) 0..1 to (B, 3 bins, H, W) triangles of width 1/count; bin by bin, R G B inside each."""
    if bins == "code":
        centres = torch.arange(count + 1, device=x.device, dtype=x.dtype) / count
    else:
        centres = (2 * torch.arange(1, count + 1, device=x.device, dtype=x.dtype) - 1) / (2 * count)
    near = (1 - (x[:, None] - centres.view(1, -1, 1, 1, 1)).abs() * count).clamp(min=0)
    return near.flatten(1, 2)


def rising(curve: Tensor) -> Tensor:
    """(B, N) curves made to rise from 0 to 1, equation 3: every step is lifted by the most negative one."""
    steps = curve[:, 1:] - curve[:, :-1]
    steps = steps + (-steps.amin(1, keepdim=True)).clamp(min=0)
    # The last sum is the divisor, so that the curve ends at 1 to the last bit.
    total = steps.cumsum(1)
    return F.pad(total / total[:, -1:], (1, 0))


def apply_curve(x: Tensor, curve: Tensor) -> Tensor:
    """(B, 3, H, W) codes 0..1 through (B, N) curves, linearly between their samples; all channels through one."""
    top = curve.shape[1] - 1
    position = x.float().clamp(0, 1).flatten(1) * top
    low = position.detach().floor().clamp(0, top - 1)
    index = low.long()
    return torch.lerp(curve.gather(1, index), curve.gather(1, index + 1), position - low).view(x.shape)


class Block(nn.Module):
    """A residual block: a bottleneck (1 x 1, 3 x 3, 1 x 1) or a basic one (3 x 3, 3 x 3)."""

    def __init__(self, inputs: int, middle: int, outputs: int, *, stride: int = 1, basic: bool = False) -> None:
        """A projection stands in the other branch where its shape changes. The stride is the first convolution's."""
        super().__init__()
        kernels = (3, 3) if basic else (1, 3, 1)
        widths = (outputs, outputs) if basic else (middle, middle, outputs)
        self.stride, self.kernels = stride, kernels
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, kernel, stride=stride if i == 0 else 1, bias=False)
            for i, (a, b, kernel) in enumerate(zip((inputs, *widths), widths, kernels, strict=False))
        )
        self.norms = nn.ModuleList(_norm(width) for width in widths)
        changes = stride != 1 or inputs != outputs
        self.project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if changes else None
        self.project_norm = _norm(outputs) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """ReLU at the end."""
        y = x
        last = len(self.kernels) - 1
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(pad_same(y, self.kernels[i], self.stride if i == 0 else 1)))
            y = y if i == last else F.relu(y)
        if self.project is not None and self.project_norm is not None:
            x = self.project_norm(self.project(x))
        return F.relu(x + y)


def _bottlenecks(width: int) -> tuple[nn.ModuleList, int]:
    """ResNet-50 as far as its block 3b: 2a, 2b, 2c at a quarter of the resolution, 3a, 3b at an eighth."""
    narrow, wide = 4 * width, 8 * width
    return nn.ModuleList(
        [
            Block(width, width, narrow),
            Block(narrow, width, narrow),
            Block(narrow, width, narrow),
            Block(narrow, 2 * width, wide, stride=2),
            Block(wide, 2 * width, wide),
        ]
    ), wide


def _resnet18(width: int) -> tuple[nn.ModuleList, int]:
    blocks = nn.ModuleList()
    inputs = width
    for level in range(4):
        outputs = width << level
        for index in range(2):
            stride = 2 if level and index == 0 else 1
            blocks.append(Block(inputs, outputs, outputs, stride=stride, basic=True))
            inputs = outputs
    return blocks, inputs


def _norm(width: int) -> BatchNorm:
    return BatchNorm(width, eps=NORM_EPS, decay=NORM_DECAY)


@lru_cache(maxsize=1)
def _inverse_emor() -> tuple[Tensor, Tensor]:
    """Mean (1024,) and first components (11, 1024) of the inverse basis that ships with the package."""
    with np.load(Path(__file__).parents[2] / "emor.npz") as table:
        return torch.from_numpy(table["g0"].copy()), torch.from_numpy(table["hinv"][:COEFFICIENTS].copy())
