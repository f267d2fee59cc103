"""The inverse response curve, from what it does to short lines of pixels.

Where two surfaces meet, a pixel on the edge is a mixture of both: its light lies on the straight line between theirs.
A response curve bends that line, in each channel and at each level in its own way (Lin, Gu, Yamazaki and Shum,
"Radiometric Calibration from a Single Image", 2004); shading, noise and compression leave traces of the curve too.
No line says much and most say it with noise, so thousands are asked: a perceptron turns each into statements and how
far to trust them, the statements are averaged by code level over the frame, and a second perceptron reads the curve
off the averages. It never sees where a line lies nor what is around it: what it learns is how light mixes, not what
the scenes of its training look like.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.colour.curves import srgb_decode

__all__ = ["CURVE_COEFFICIENTS", "SAMPLES", "STRIDES", "Curve", "CurveNet", "Lines", "useful"]

CURVE_COEFFICIENTS = 11
"""Components of the inverse EMoR basis, as many as SingleHDR's Linearization-Net uses."""
SAMPLES = 5
"""Pixels of a line."""
STRIDES = (1, 2, 4)
"""Distances between a line's samples, in units of the frame's step: sharp edges, soft ones and shading."""
LEVELS = 16
"""Code levels over which statements are averaged apart, with linear weights between them."""
LEAST_RANGE = 6.5 / 255
"""Range of codes in some channel below which a line shows rounding and noise rather than light."""
UNCLIPPED = 251.5 / 255
"""A line with a sample above takes no part: what lay there was cut off."""
TRUST_PRIOR = 0.002
"""Share of the lines that a level's trust is weighed against: few lines say little."""


class Curve(NamedTuple):
    """B pictures' curves."""

    coefficients: Tensor
    """(B, 11) inverse EMoR coefficients to add to the stated decoding; 0 is the stated curve itself."""
    log2_error: Tensor
    """(B,) log2 of the expected error of the curve, in stops."""
    stated_logit: Tensor
    """(B,) logit that the stated curve is the right one."""


class Lines(NamedTuple):
    """K lines of each of B pictures."""

    x_srgb: Tensor
    """(B, K, 5, 3) code values 0..1."""
    stride: Tensor
    """(B, K) one of ``STRIDES``; 0: no line, its codes do not count."""


def useful(x_srgb: Tensor) -> Tensor:
    """(..., 5, 3) to (...,): lines that show more than noise and where nothing clipped."""
    top, bottom = x_srgb.amax(-2), x_srgb.amin(-2)
    return ((top - bottom).amax(-1) > LEAST_RANGE) & (top.amax(-1) < UNCLIPPED)


class CurveNet(nn.Module):
    """Lines to statements, statements to averages, averages to a curve."""

    def __init__(self, width: int = 256, line_width: int = 128, statements: int = 48) -> None:
        """Starts at the stated curve, undecided."""
        super().__init__()
        self.line_in = nn.Linear(2 * (3 * (SAMPLES - 1) + 1) + 3 + 1, line_width)
        self.line_mid = nn.Linear(line_width, line_width)
        self.line_out = nn.Linear(line_width, 2 * statements)
        self.frame_in = nn.Linear(2 * statements * LEVELS + LEVELS, width)
        self.frame_mid = nn.Linear(width, width)
        self.head = nn.Linear(width, CURVE_COEFFICIENTS + 2)
        self.dropout = nn.Dropout(0.0)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()

    def forward(self, lines: Lines) -> Curve:
        """The curves of B pictures."""
        return self.curve(*self.averages(lines))

    def averages(self, lines: Lines) -> tuple[Tensor, Tensor]:
        """(B, LEVELS, 2 S) sums of trust times statement and of trust, and (B, LEVELS) sums of lines."""
        x, stride = lines
        with torch.no_grad():
            centre = x[:, :, SAMPLES // 2] * 2 - 1
            reach = stride.to(x.dtype).clamp(min=1).log2()[..., None] - 1
            code, code_range = _shape(x)
            lin, lin_range = _shape(srgb_decode(x))
            z = torch.cat([centre, code_range, lin_range, code, lin, reach], -1)
            level = torch.linspace(0, 1, LEVELS, device=x.device)
            near = (1 - (x.mean((2, 3))[..., None] - level).abs() * (LEVELS - 1)).clamp(min=0)
            near = near * (stride > 0)[..., None]
        z = F.relu(self.line_mid(F.relu(self.line_in(z))))
        statement, trust = self.line_out(z).chunk(2, -1)
        trust = torch.sigmoid(trust)
        sums = near.to(trust.dtype).transpose(1, 2) @ torch.cat([trust * statement, trust], -1)
        return sums.float(), near.sum(1)

    def curve(self, sums: Tensor, count: Tensor) -> Curve:
        """From the averages over a frame."""
        stated, trust = sums.chunk(2, -1)
        total = count.sum(1, keepdim=True) + 1
        mean = stated / (trust + TRUST_PRIOR * total[..., None])
        share = (trust / total[..., None] + 1e-4).log() * 0.2 + 0.5
        levels = (count / total + 1e-3).log() * 0.2 + 0.5
        z = self.dropout(F.silu(self.frame_in(torch.cat([mean.flatten(1), share.flatten(1), levels], 1))))
        z = F.silu(self.frame_mid(z)) + z
        coefficients, log2_error, logit = self.head(z).split((CURVE_COEFFICIENTS, 1, 1), 1)
        # What the network believes of the stated curve scales how far it leaves it.
        return Curve(coefficients * torch.sigmoid(-logit), log2_error[:, 0], logit[:, 0])


def _shape(values: Tensor) -> tuple[Tensor, Tensor]:
    """(B, K, 5, 3) to its differences from the centre over its range, (B, K, 12), and the log of that range."""
    middle = SAMPLES // 2
    around = torch.cat([values[:, :, :middle], values[:, :, middle + 1 :]], 2) - values[:, :, middle : middle + 1]
    extent = (values.amax(2) - values.amin(2)).amax(-1, keepdim=True).clamp(min=1e-4)
    return (around / extent[..., None]).flatten(2) * 2, extent.log() * 0.3 + 1
