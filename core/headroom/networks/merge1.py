"""headroom-merge-1: which frame to believe where; recorded light stays recorded light.

Classical merging weighs each frame by the inverse variance of its noise, which is the best that can be done while
nothing moves. This network keeps those weights and multiplies each by a RELIABILITY in 0..1 for every pixel of every
frame: low where the frame shows something else than the reference does. The reference itself is always believed, so
no pixel is left without light. Two bounded answers of its own:

- noise: where frames were distrusted, their light is missing and the rest is noisier. The network may move the result
  by a few standard deviations of just the noise that the distrust cost: nothing where all frames are believed.
- holes: where the reference clipped and no other frame is believed, light lies somewhere between what the reference
  proves (at least its white) and what the darkest frame could have held. The network says where between.

What frames that clip prove of each other needs no network: ``merge1_rules`` says when a dark frame is believed
whatever the network says, and when a bright one gives way.

Each frame is compared with the reference by one shared network; the comparisons meet as a mean and a maximum over the
frames, so that there may be any number of them. All of it at a quarter of the resolution (pixel-unshuffle),
with resampling that does not overlap, so that a window with its halo gives what the whole frame gives.

Shapes: B batch, N frames, K = N - 1 pairs, H W window. Domains as in ``merging``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows

from headroom.networks.headroom1 import Down, Residual, Up
from headroom.networks.merge1_rules import (
    CENSORED,
    LEVEL_PX,
    LIGHT_FLOOR,
    doubted,
    last_word,
    none_has,
    uncontradicted,
)
from headroom.networks.merging import Light, MergeContract, MergeNetwork, Stack

__all__ = ["Config", "Evidence", "MergeOne"]

PATCH_PX = 4
PAIR_CHANNELS = 14
RELATIVE_ERROR = 0.03
"""Of the response curve and the alignment: frames that differ by this share agree."""
BLACK_ERROR = 0.001
"""Of a frame's own light: three codes of 8 bits, in which no response is right."""
NO_EVIDENCE = 0.002
"""Own light below which a sample is black, and contradicts nothing that another frame saw there."""
MISMATCH = 0.02
"""Share of the light by which other frames may be off against the reference, though nothing moved."""
DEVIATION_MOST = 12.0
"""Standard deviations beyond which more makes no difference."""
NOISE_REACH = 3.0
"""Standard deviations of the noise that distrust cost, by which the network may move the result."""
PRECISION_FLOOR = 1e-2
"""Share of the reference's precision below which a lack of light is no longer called noise."""
SURE = 0.02
"""Disbelief below which light counts as recorded: no sigmoid reaches 1."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Channels at 1/4, 1/8, 1/16 of the frame."""

    widths: tuple[int, int, int] = (40, 64, 96)


class Evidence(NamedTuple):
    """What the network sees of the pairs."""

    pairs: Tensor
    """(B, K, 14, H, W) reference and frame on a log scale, how they differ, what clipped, what is valid."""
    disagreement: Tensor
    """(B, K, 1, H, W) log of the mean squared difference in standard deviations: 0.7 for noise alone."""


class Answer(NamedTuple):
    """What the network says."""

    logits: Tensor
    """(B, K, 1, H, W) of each frame's reliability, float32."""
    raw: Tensor
    """(B, 6, H, W) before their bounds: move within the noise, place between the bounds of a hole."""


class MergeOne(MergeNetwork):
    """Reliability of every frame, pixel by pixel, from its comparison with the reference."""

    def __init__(self, config: Config | None = None) -> None:
        """Starts as a robust classical merge: reliability falls with the disagreement alone."""
        super().__init__()
        self.config = config or Config()
        a, b, c = self.config.widths
        self.stem = nn.Conv2d(PAIR_CHANNELS * PATCH_PX**2, a, 1)
        self.fine_in = Residual(a)
        self.down_b, self.middle_in = Down(a, b), Residual(b)
        self.down_c, self.coarse_in = Down(b, c), Residual(c)
        self.exchange, self.coarse_out = nn.Conv2d(2 * c, c, 1), Residual(c)
        self.up_b, self.middle_out = Up(c, b), Residual(b)
        self.up_a, self.fine_out = Up(b, a), Residual(a)
        self.head = nn.Conv2d(a, PATCH_PX**2, 1)
        self.join, self.joined = nn.Conv2d(2 * a, a, 1), Residual(a)
        self.answer = nn.Conv2d(a, 6 * PATCH_PX**2, 1)
        self.trust = nn.Parameter(torch.tensor([6.0, 3.5, 1.2]))
        """Logit where frames agree, its fall with the disagreement, the disagreement where it begins."""
        with torch.no_grad():
            for layer in (self.head, self.answer):
                layer.weight.mul_(0.1)
                nn.init.zeros_(cast(Tensor, layer.bias))
            cast(Tensor, self.answer.bias)[3 * PATCH_PX**2 :] = -1.5
        self.contract = MergeContract(
            frames=None, domain="log of linear light, and differences in standard deviations of the noise",
            multiple_of=16, halo_px=144, least_px=16, dtypes=("float32", "bfloat16"),
            gflop_per_mp=_gflop_per_mp(self.config), bytes_per_px=900,
        )  # fmt: skip

    def merge(self, stack: Stack) -> Light:
        """Aligned windows to linear light."""
        if stack.frames == 1:
            return Light(stack.radiance[:, 0], stack.clipped[:, 0].amax(1, keepdim=True))
        stack = replace(stack, clipped=last_word(stack))
        level = box_mean(stack.radiance[:, stack.reference])
        variance = stack.variance(level) + (BLACK_ERROR / stack.scale).square()
        evidence = self.encode(stack, level, variance)
        return self.decode(self(*evidence), stack, level, variance)

    def encode(self, stack: Stack, level: Tensor, variance: Tensor) -> Evidence:
        """Compare every frame with the reference; ``level`` (B, 3, H, W), ``variance`` (B, N, 3, H, W)."""
        at, others = stack.reference, _others(stack)
        reference, frames = stack.radiance[:, at, None], stack.radiance[:, others]
        clipped_reference, clipped = stack.clipped[:, at, None], stack.clipped[:, others]
        # A clipped sample says "at least this": only what lies on the wrong side of it disagrees.
        difference = frames - reference
        above, below = ((CENSORED * part).clamp(max=1) for part in (clipped_reference, clipped))
        difference = difference - above * difference.clamp(min=0) - below * difference.clamp(max=0)
        spread = variance[:, at, None] + variance[:, others] + (RELATIVE_ERROR * level).square()[:, None]
        spread = spread + (NO_EVIDENCE * (1 + 1 / stack.scale[:, others])).square()
        deviation = (difference / spread.sqrt()).clamp(-DEVIATION_MOST, DEVIATION_MOST)
        squared = box_mean(deviation.square().mean(2).flatten(0, 1)[:, None]).unflatten(0, deviation.shape[:2])
        disagreement = squared.log1p()
        shape = (*frames.shape[:2], 1, *frames.shape[3:])
        exposures = stack.scale[:, others].log2() / 8
        pairs = torch.cat([
            _log_scale(reference).expand_as(frames), _log_scale(frames), deviation / DEVIATION_MOST,
            clipped_reference.amax(2, keepdim=True).expand(shape), clipped.amax(2, keepdim=True),
            stack.valid[:, others], disagreement * 0.5 - 1, exposures.expand(shape),
        ], 2)  # fmt: skip
        return Evidence(pairs, disagreement)

    def forward(self, pairs: Tensor, disagreement: Tensor) -> Answer:
        """Encoded pairs to the network's answer; sides are multiples of 16."""
        batch, count = pairs.shape[:2]
        fine = self.fine_in(self.stem(F.pixel_unshuffle(pairs.flatten(0, 1), PATCH_PX)))
        middle = self.middle_in(self.down_b(fine))
        coarse = self.coarse_in(self.down_c(middle))
        met = self.exchange(_pooled(coarse, count))
        coarse = self.coarse_out(coarse + met.repeat_interleave(count, 0))
        middle = self.middle_out(self.up_b(coarse, middle))
        fine = self.fine_out(self.up_a(middle, fine))
        heads = F.pixel_shuffle(self.head(F.leaky_relu(fine, 0.1)), PATCH_PX).unflatten(0, (batch, count))
        base, slope, start = self.trust.unbind()
        logits = heads.float() + base - slope * F.relu(disagreement.float() - start)
        joined = self.joined(self.join(_pooled(fine, count)))
        raw = F.pixel_shuffle(self.answer(F.leaky_relu(joined, 0.1)), PATCH_PX)
        return Answer(logits, raw.float())

    def decode(self, answer: Answer, stack: Stack, level: Tensor, variance: Tensor) -> Light:
        """Weighted light, moved within the noise that distrust cost, and the bounded answer where nothing is left."""
        at, others = stack.reference, _others(stack)
        radiance = stack.radiance
        reliability = torch.ones_like(stack.valid)
        reliability[:, others] = torch.sigmoid(answer.logits)
        believed = torch.maximum(reliability, uncontradicted(stack, variance)) * stack.valid
        recorded = 1 - stack.clipped
        whole = recorded.amin(2, keepdim=True)
        # The others' exposure and response are off by a little: where noise is less than that, the reference leads.
        variance = variance.clone()
        variance[:, others] += (MISMATCH * level).square()[:, None]
        floor = PRECISION_FLOOR / variance[:, at]
        weights = believed * recorded / (variance + doubted(stack.clipped, recorded, whole, believed, level))
        total = weights.sum(1)
        merged = (weights * radiance).sum(1) / total.clamp(min=1e-6)
        # Radiance is believed as far as any frame that recorded it is: the reference wherever it did not clip.
        unsure = ((none_has(believed * recorded) - SURE) / (1 - SURE)).clamp(min=0)
        all_believed = torch.ones_like(believed)
        ideal = (recorded / (variance + doubted(stack.clipped, recorded, whole, all_believed, level))).sum(1)
        lost = (1 / (total + floor) - 1 / (ideal + floor)).clamp(min=0)
        moved = merged + NOISE_REACH * (lost + 1e-12).sqrt() * torch.tanh(answer.raw[:, :3])
        proven = (believed * stack.clipped * radiance).amax(1)
        low = torch.maximum(proven, radiance[:, at]).clamp(min=LIGHT_FLOOR)
        low = torch.minimum(low, stack.top)
        between = low * (stack.top / low).pow(torch.sigmoid(answer.raw[:, 3:]))
        shares = None if torch.is_grad_enabled() else weights.div_(total.clamp(min=1e-6)[:, None])
        return Light(moved + (between - moved) * unsure, unsure.amax(1, keepdim=True), shares)


def box_mean(image: Tensor) -> Tensor:
    """(B, C, H, W) means over LEVEL_PX squared; at the border over what is there."""
    half = LEVEL_PX // 2
    rows = F.avg_pool2d(image, (LEVEL_PX, 1), stride=1, padding=(half, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, LEVEL_PX), stride=1, padding=(0, half), count_include_pad=False)


def _others(stack: Stack) -> list[int]:
    return [index for index in range(stack.frames) if index != stack.reference]


def _log_scale(radiance: Tensor) -> Tensor:
    return (1 + 255 * radiance.clamp(min=0)).log2() / 8 - 0.5


def _pooled(features: Tensor, count: int) -> Tensor:
    """(B*K, C, h, w) to (B, 2C, h, w): mean and maximum over the pairs of each picture."""
    apart = features.unflatten(0, (-1, count))
    return torch.cat([apart.mean(1), apart.amax(1)], 1)


def _gflop_per_mp(config: Config) -> float:
    """Of three frames: two pairs and one answer."""
    a, b, c = config.widths
    nine = 2 * 9
    pair = (PAIR_CHANNELS * 16 * a + 2 * nine * a * a + a * a * 4 / 4 + a * b + a * 16) / 16
    pair += (2 * nine * b * b + 4 * a * b + b * b + b * 4 * a / 4) / 64
    pair += (2 * nine * c * c + 4 * b * c + c * 4 * b) / 256
    shared = (2 * c * c) / 256 + (2 * a * a + nine * a * a + a * 6 * 16) / 16
    return 2e-3 * (2 * pair + shared)
