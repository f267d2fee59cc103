"""How strong the lights of a panorama are: a few small perceptrons on numbers of each clipped region and of the scene.

There are few panoramas to learn from, and what decides a light's power is little: how large the region is, where it
stands, what surrounds it, how bright and how hard-shaded the rest of the place is. So the network sees numbers
(``panorama.clip_features``), not pixels, and several members that were trained apart are averaged.

A region's light becomes ``glow * 2^scale_log2`` plus a concentrated part of ``flux * 2^extra_log2``: glow is what
headroom-1 added, flux all recorded light of the panorama. Relighting cannot tell a sun from its sky's glow where both
light a scene alike; so perceptrons of their own, taught by nothing else, say how much light a sky holds within 5
degrees of its peak. A bare sun and a veiled one look alike once their sky has clipped: some of these perceptrons say
one number, between the two, others how likely each strength is. The sun is the mean of that number and of what two
fifths of the likelihood lie below: too much light is worse than too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["Config", "LightPower", "Prediction"]

FEATURE_MOST = 3.0
"""Features further than this many standard deviations from their mean count as that far: no wild answers."""
SCALE_MOST = 3.0
EXTRA_LEAST, EXTRA_MOST = -12.0, 6.0
"""Log2 of the concentrated light over the recorded flux."""
EXTRA_SLOPE = 2.0
"""The concentrated light spans more stops than the others."""
SUN_LEAST, SUN_MOST = -12.0, 8.0
LIKELY_LEAST, LIKELY_MOST, LIKELY_STEP = -9.0, 7.0, 0.5
"""Ends and steps of how likely each strength of a sun is: log2 of its light over the recorded light from above."""
LIKELY_BELOW = 0.4
"""Share of the likelihood below what is taken: of 30 to 50 %, the highest with which relighting of held-out panoramas
erred no more, in the mean, than with the perceptrons alone that say one number."""
COLOUR_MOST = 0.7
OUTPUTS = 5
LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes."""

    region_features: int = 25
    scene_features: int = 30
    width: int = 64
    members: int = 8
    peak_features: int = 4
    sun_width: int = 64
    suns: int = 6
    likely_suns: int = 0
    """Perceptrons that say how likely each strength is, beside those that say one; headroom-ibl-1 has none."""


class Prediction(NamedTuple):
    """Of N regions."""

    scale_log2: Tensor
    """(N,) stops on the glow."""
    extra_log2: Tensor
    """(N,) log2 of the concentrated light's luminous power over the panorama's recorded flux."""
    colour_log2: Tensor
    """(N, 3) stops for each channel, on both; luminance is kept."""
    spread_log2: Tensor
    """(N,) log2 of the standard deviation of the light's power, in stops."""


class Member(nn.Module):
    """One perceptron: the scene in a few numbers, beside the region's own."""

    def __init__(self, config: Config, dropout: float) -> None:
        """Start near: glow as reconstructed, little concentrated light."""
        super().__init__()
        half = config.width // 2
        self.scene = nn.Sequential(nn.Linear(config.scene_features, half), nn.SiLU(), nn.Dropout(dropout))
        self.region = nn.Sequential(
            nn.Linear(config.region_features + half, config.width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(config.width, config.width), nn.SiLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.out = nn.Linear(config.width, OUTPUTS)
        self.doubt = nn.Linear(config.width, 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()
            self.out.bias[1] = -3.0

    def forward(self, region: Tensor, scene: Tensor, view: Tensor) -> Tensor:
        """(N, F), (V, S) and (N,) which of the V scenes each region is of, to (N, 6) raw outputs."""
        seen = self.region(torch.cat([region, self.scene(scene)[view]], 1))
        # How far off it is may not shape what it says.
        return torch.cat([self.out(seen), self.doubt(seen.detach())], 1)


class Sun(nn.Module):
    """One perceptron on a sky's light within 5 degrees of its peak, log2 over the recorded light from above.

    With one output that number; with as many as ``sun_strengths``, logits of how likely each is.
    """

    def __init__(self, config: Config, dropout: float, outputs: int = 1) -> None:
        """Start at one answer for all."""
        super().__init__()
        self.outputs = outputs
        width = config.sun_width
        self.layers = nn.Sequential(
            nn.Linear(_sun_inputs(config), width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(width, outputs),
        )  # fmt: skip
        last = cast(nn.Linear, self.layers[-1])
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()

    def forward(self, seen: Tensor) -> Tensor:
        """(N, F) scaled features of regions, their scenes and their peaks to (N, outputs)."""
        return cast(Tensor, self.layers(seen))


def sun_strengths() -> Tensor:
    """(A,) middles of the steps of a sun's strength, log2."""
    return torch.arange(LIKELY_LEAST, LIKELY_MOST, LIKELY_STEP) + LIKELY_STEP / 2


def strength_of(likely: Tensor) -> Tensor:
    """(N,) log2 strength that ``LIKELY_BELOW`` of the (N, A) probability lies below."""
    below = likely.cumsum(1)
    step = (below < LIKELY_BELOW).sum(1, keepdim=True).clamp(max=likely.shape[1] - 1)
    here = likely.gather(1, step)
    within = (LIKELY_BELOW - (below.gather(1, step) - here)) / here
    return (LIKELY_LEAST + LIKELY_STEP * (step + within))[:, 0]


def _sun_inputs(config: Config) -> int:
    return config.region_features + config.scene_features + config.peak_features


class LightPower(nn.Module):
    """An ensemble with the scaling of its features."""

    def __init__(self, config: Config | None = None, *, dropout: float = 0.0) -> None:
        """Random weights; features are taken as they are until ``set_scaling``."""
        super().__init__()
        self.config = config or Config()
        self.members = nn.ModuleList(Member(self.config, dropout) for _ in range(self.config.members))
        self.suns = nn.ModuleList(Sun(self.config, dropout) for _ in range(self.config.suns))
        steps = len(sun_strengths())
        self.likely_suns = nn.ModuleList(Sun(self.config, dropout, steps) for _ in range(self.config.likely_suns))
        sizes = {"region": self.config.region_features, "scene": self.config.scene_features}
        for name, size in {**sizes, "sun": _sun_inputs(self.config)}.items():
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def set_scaling(self, region: Tensor, scene: Tensor, sun: Tensor) -> None:
        """From all features of the training set, (N, F) and (V, S), and (M, G) of its skies for the sun."""
        for name, values in (("region", region), ("scene", scene), ("sun", sun)):
            if not len(values):
                continue
            cast(Tensor, getattr(self, f"{name}_mean")).copy_(values.mean(0))
            cast(Tensor, getattr(self, f"{name}_std")).copy_(values.std(0).clamp(min=1e-2))

    def scaled(self, region: Tensor, scene: Tensor) -> tuple[Tensor, Tensor]:
        """Features in standard deviations, bounded."""
        return self._scaled(region, "region"), self._scaled(scene, "scene")

    def sun_log2(self, region: Tensor, scene: Tensor, view: Tensor, peak: Tensor) -> Tensor:
        """(N,) log2 of the light within 5 degrees of each region's peak over the recorded light from above.

        True of skies alone.
        """
        seen = self.scaled_sun(sun_features(region, scene, view, peak))
        found = torch.stack([cast(Tensor, sun(seen))[:, 0] for sun in self.suns]).mean(0)
        if len(self.likely_suns):
            likely = torch.stack([cast(Tensor, sun(seen)).softmax(1) for sun in self.likely_suns]).mean(0)
            found = (found + strength_of(likely)) / 2
        return found.clamp(SUN_LEAST, SUN_MOST)

    def scaled_sun(self, seen: Tensor) -> Tensor:
        """Features for the sun in standard deviations, bounded."""
        return self._scaled(seen, "sun")

    def _scaled(self, values: Tensor, name: str) -> Tensor:
        mean, std = (cast(Tensor, getattr(self, f"{name}_{part}")) for part in ("mean", "std"))
        return ((values - mean) / std).clamp(-FEATURE_MOST, FEATURE_MOST)

    def forward(self, region: Tensor, scene: Tensor, view: Tensor) -> Prediction:
        """(N, F), (V, S), (N,) features as they come to the mean of all members."""
        region, scene = self.scaled(region, scene)
        found = [bounded(member(region, scene, view)) for member in self.members]
        scale, extra, colour, spread = (torch.stack(part) for part in zip(*found, strict=True))
        apart = (scale.var(0, unbiased=False) + extra.var(0, unbiased=False)).sqrt()
        whole = torch.log2((torch.exp2(spread).mean(0).square() + apart.square()).sqrt().clamp(min=1e-3))
        return Prediction(scale.mean(0), extra.mean(0), colour.mean(0), whole)


def sun_features(region: Tensor, scene: Tensor, view: Tensor, peak: Tensor) -> Tensor:
    """(N, G) of regions: their own, their scenes' and their peaks' features."""
    return torch.cat([region, scene[view], peak], 1)


def bounded(raw: Tensor) -> Prediction:
    """Raw outputs of one member."""
    scale = SCALE_MOST * torch.tanh(raw[:, 0] / SCALE_MOST)
    extra = EXTRA_MOST - F.softplus(EXTRA_MOST - EXTRA_SLOPE * raw[:, 1])
    extra = EXTRA_LEAST + F.softplus(extra - EXTRA_LEAST)
    colour = COLOUR_MOST * torch.tanh(raw[:, 2:5])
    grey = (torch.exp2(colour) * raw.new_tensor(LUMINANCE)).sum(1, keepdim=True).log2()
    return Prediction(scale, extra, colour - grey, raw[:, 5].clamp(-4, 3))
