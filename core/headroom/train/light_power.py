"""Train the network of light powers: photograph panoramas, then fit the members of the ensemble one after another.

The loss is on relighting: irradiance over normals, diffuse and glossy, of each photograph as relit with the predicted
powers, its error in stops and relative, beside the log error of each region's power. The sun's perceptrons are fitted
apart, on the light within 5 degrees of each sky's peak: those that say a number, on its log error; those that say how
likely each strength is, on how likely they hold the truth, and beside the photographs on places under drawn suns. What
headroom-1 says of scenes that it was trained on is better than what it will say of others; so its numbers are disturbed
in training.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.errors import Cancelled, UsageError, WriteError
from headroom.networks.light_power import (
    LUMINANCE,
    Config,
    LightPower,
    Member,
    Prediction,
    Sun,
    bounded,
    sun_features,
)
from headroom.panorama.clip_features import PEAK_FEATURES, REGION_FEATURES, SCENE_FEATURES, above_log2
from headroom.panorama.sun_disc import SUN_FLUX, split_sun
from headroom.reconstruct import Reconstructor
from headroom.train.light_suns import (
    CLIPPED_SUNS,
    FROM_HEADROOM_1,
    FROM_HEADROOM_1_SCENE,
    HUBER_STOPS,
    NEAR_FLOOR,
    Skies,
    fit_sun,
    sunny_views,
)
from headroom.train.light_views import LightView, Photography, take_view
from headroom.train.scenes import HdrScene

__all__ = ["LIGHT_RECIPES", "LightRecipe", "Views", "measure", "train_lights"]

log = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
VIEWS_TIME, SUNS_TIME = 0.5, 0.7
"""Share of a time budget until which photographs are taken, and then those of places under drawn suns, if any."""
SPREAD_FLOOR = 1e-7
LEAST_WEIGHT = 0.003
"""Weight of a region in the log loss beside its true share of the flux."""
DARK = 0.02
"""Irradiance well below this share of the mean counts as dark: its stops do not matter."""
ERROR_MOST_STOPS = 8.0
LEAST_SPREAD_STOPS = 0.05
NORMAL_LOG2 = 0.57
"""-log2 of the median size of a standard normal: from the median error to the standard deviation."""


@dataclass(frozen=True, kw_only=True)
class LightRecipe:
    """One training run."""

    name: str
    photography: Photography = field(default_factory=Photography)
    views_each: int = 30
    """Photographs of each panorama, where no time budget ends it before."""
    width: int = 48
    members: int = 6
    steps: int = 250
    """Of each member."""
    batch: int = 96
    dropout: float = 0.2
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    relative: float = 0.3
    """Weight of the logarithm of the relative error beside the error in stops, which alone has no lean to the dark."""
    error_floor: float = 0.1
    """Relative errors well below this count as nothing."""
    glossy: float = 0.3
    log_power: float = 0.5
    spread: float = 0.05
    feature_noise: float = 0.15
    """Standard deviations of noise on the scaled features."""
    reconstruction_noise: float = 0.4
    """The same, added for features that headroom-1 decides, and stops of noise on its glow."""
    suns: int = 6
    sun_width: int = 64
    sun_steps: int = 1200
    likely_suns: int = 0
    likely_sun_steps: int = 600
    sun_batch: int = 192
    """Skies."""
    sun_dropout: float = 0.3
    sun_noise: float = 0.2
    """Standard deviations of noise on the sun's features."""
    sun_reconstruction_noise: float = 1.0
    """The same, added for what headroom-1 decides: of scenes that it was trained on it knows where the sun stands."""
    sunny_places: int = 0
    """Places under a drawn sky and its sun, two photographs of each, for ``likely_suns`` alone."""
    sunny_photography: Photography = field(
        default_factory=lambda: Photography(half_size=0.0, clipped_share=(0.01, 0.28))
    )
    seed: int = 7


@dataclass(frozen=True)
class Views:
    """Photographs as tensors; the regions of all one after another."""

    region: Tensor
    scene: Tensor
    view: Tensor
    """(N,) which photograph a region is of."""
    per_region: dict[str, Tensor]
    per_view: dict[str, Tensor]

    @classmethod
    def of(cls, views: Sequence[LightView]) -> Views:
        """Stack."""
        counts = torch.tensor([len(view.region) for view in views])
        regional = [f.name for f in fields(LightView) if getattr(views[0], f.name).ndim == _REGION_DIMS.get(f.name, -1)]

        def joined(name: str) -> Tensor:
            return torch.from_numpy(np.concatenate([getattr(view, name) for view in views]))

        whole = [f.name for f in fields(LightView) if f.name not in (*regional, "region", "scene")]
        return cls(
            joined("region"),
            torch.from_numpy(np.stack([view.scene for view in views])),
            torch.repeat_interleave(torch.arange(len(views)), counts),
            {name: joined(name) for name in regional},
            {name: torch.from_numpy(np.stack([getattr(view, name) for view in views])) for name in whole},
        )

    def __len__(self) -> int:
        """Photographs."""
        return len(self.scene)

    def chosen(self, numbers: Tensor) -> Views:
        """These photographs, which ascend."""
        place = torch.full((len(self),), -1)
        place[numbers] = torch.arange(len(numbers))
        rows = (place[self.view] >= 0).nonzero()[:, 0]
        return Views(
            self.region[rows],
            self.scene[numbers],
            place[self.view[rows]],
            {name: tensor[rows] for name, tensor in self.per_region.items()},
            {name: tensor[numbers] for name, tensor in self.per_view.items()},
        )

    def relit(self, found: Prediction, kernel: str) -> Tensor:
        """(V, 64, 3) irradiance with the predicted powers; ``kernel``: diffuse or glossy."""
        glow, sharp = _factors(found)
        light = self.per_region[f"{kernel}_glow"] * glow[:, None] + self.per_region[f"{kernel}_sharp"] * sharp[:, None]
        return self.per_view[f"{kernel}_kept"].index_add(0, self.view, light)

    def power(self, found: Prediction) -> Tensor:
        """(N,) luminous power above what was recorded, in shares of the recorded flux."""
        glow, sharp = _factors(found)
        light = self.per_region["glow_light"] * glow + self.per_region["sharp_light"] * sharp
        return light @ light.new_tensor(LUMINANCE)

    def skies(self) -> Skies:
        """The regions in which a sun's disc could be."""
        rows = (self.per_region["in_sky"] > 0).nonzero()[:, 0]
        seen = sun_features(self.region, self.scene, self.view, self.per_region["peak"])[rows]
        near, view = self.per_region["true_compact"][rows], self.view[rows]
        whole = torch.zeros(len(self)).index_add(0, view, near + NEAR_FLOOR)
        return Skies(rows, seen, near, self.above_log2()[view], (near + NEAR_FLOOR) / whole[view])

    def above_log2(self) -> Tensor:
        """(V,) what each sun's prediction is relative to."""
        return torch.from_numpy(above_log2(self.scene.numpy()))

    def sun_log2(self, network: LightPower) -> Tensor:
        """(N,) log2 of the light within 5 degrees of each region's peak over the flux."""
        said = network.sun_log2(self.region, self.scene, self.view, self.per_region["peak"])
        return said + self.above_log2()[self.view]

    def with_sun(self, network: LightPower, found: Prediction) -> Prediction:
        """The prediction with the sun's own power in the sky that has most of it, as ``panorama.power`` applies it."""
        near = torch.exp2(self.sun_log2(network))
        alone = near * (self.per_region["in_sky"] > 0)
        most = torch.zeros(len(self)).scatter_reduce(0, self.view, alone, "amax")
        sun = (alone >= SUN_FLUX) & (alone == most[self.view])
        glow, glow_near = self.per_region["glow_light"] @ near.new_tensor(LUMINANCE), self.per_region["glow_compact"]
        parts = torch.exp2(found.scale_log2), torch.exp2(found.extra_log2), near, glow, glow_near
        scale, extra = (torch.as_tensor(part).log2() for part in split_sun(*(part.double().numpy() for part in parts)))
        return found._replace(
            scale_log2=torch.where(sun, scale.float(), found.scale_log2),
            extra_log2=torch.where(sun, extra.float(), found.extra_log2),
        )


_REGION_DIMS = {
    "true_light": 2, "glow_light": 2, "sharp_light": 2, "true_compact": 1, "glow_compact": 1, "in_sky": 1, "peak": 2,
    "diffuse_glow": 3, "diffuse_sharp": 3, "glossy_glow": 3, "glossy_sharp": 3,
}  # fmt: skip


def _factors(found: Prediction) -> tuple[Tensor, Tensor]:
    tint = torch.exp2(found.colour_log2)
    return torch.exp2(found.scale_log2)[:, None] * tint, torch.exp2(found.extra_log2)[:, None] * tint


def relative_errors(light: Tensor, truth: Tensor) -> Tensor:
    """(V,) RMS error over normals and channels / RMS of the truth, of (V, 64, 3)."""
    return ((light - truth).square().mean((1, 2)) / truth.square().mean((1, 2)).clamp(min=1e-12)).sqrt()


def loss_of(found: Prediction, batch: Views, recipe: LightRecipe) -> Tensor:
    """Relighting, log power, and how well the error was foreseen."""
    total = batch.region.new_zeros(())
    for kernel, weight in (("diffuse", 1.0), ("glossy", recipe.glossy)):
        light, true = batch.relit(found, kernel), batch.per_view[f"{kernel}_true"]
        floor = DARK * true.mean((1, 2), keepdim=True)
        off = ((light + floor) / (true + floor)).log2().abs().mean((1, 2))
        error = relative_errors(light, true)
        total = total + weight * (off + recipe.relative * (error + recipe.error_floor).log()).mean()
    truth = batch.per_region["true_light"] @ batch.region.new_tensor(LUMINANCE)
    stops = batch.power(found).clamp(min=SPREAD_FLOOR).log2() - truth.clamp(min=SPREAD_FLOOR).log2()
    stops = stops.clamp(-ERROR_MOST_STOPS, ERROR_MOST_STOPS)
    weight_n = truth + LEAST_WEIGHT
    weight_n = weight_n / torch.zeros(len(batch)).index_add(0, batch.view, weight_n)[batch.view] / len(batch)
    size = F.huber_loss(stops, torch.zeros_like(stops), reduction="none", delta=HUBER_STOPS)
    spread = (stops.detach().abs() + LEAST_SPREAD_STOPS).log2() + NORMAL_LOG2
    surprise = (found.spread_log2 - spread).abs()  # its gradient is bounded: it drowns no other
    return total + (weight_n * (recipe.log_power * size + recipe.spread * surprise)).sum()


def train_lights(
    recipe: LightRecipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    time_budget: float | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train and write ``weights.safetensors`` into ``run``. What is there already, photographs and members, is kept.

    ``time_budget`` in seconds bounds the photographing; the recipe's ``views_each`` does where there is none.
    """
    panoramas = [scene for scene in (*scenes, *held_out) if scene.latlong]
    if not any(scene.latlong for scene in scenes):
        raise UsageError("light powers are learnt from lat-long panoramas: --data holds none to train on")
    began = time.monotonic()
    until = VIEWS_TIME if recipe.sunny_places else SUNS_TIME
    end = began + until * time_budget if time_budget else math.inf
    folder = run / "views"
    folder.mkdir(parents=True, exist_ok=True)
    for path, scene, seed in _wanted(recipe, panoramas, folder):
        if time.monotonic() > end:
            break
        if not path.exists():
            _stop_if(cancelled, run)
            lin = np.ascontiguousarray(scene.pixels.float().permute(1, 2, 0).numpy())
            take_view(lin, recipe.photography, _reconstructor(), np.random.default_rng(seed)).save(path)
    unseen = {scene.name for scene in held_out}
    taken = [(path, scene.name) for path, scene, _ in _wanted(recipe, panoramas, folder) if path.exists()]
    teaching = _loaded([path for path, name in taken if name not in unseen])
    if teaching is None:
        raise UsageError(f"{run}: the time was up before a photograph with clipped light was taken; give it more")
    whole_suns = _loaded([path for path, name in taken if name not in {*unseen, *CLIPPED_SUNS}])
    known = [scene for scene in panoramas if scene.name not in unseen]
    end = began + SUNS_TIME * time_budget if time_budget else math.inf
    made = _loaded(list(sunny_views(recipe, known, run, end, _reconstructor, lambda: _stop_if(cancelled, run))))
    skies = (whole_suns or teaching).skies()
    network = fit(recipe, teaching, run, cancelled, skies=skies, made=made.skies() if made is not None else None)
    testing = _loaded([path for path, name in taken if name in unseen])
    for name, views in (("training", teaching), ("held out", testing)):
        if views is not None:
            log.info("%s: %s", name, measured := {"views": len(views), **measure(network, views)})
            with (run / "log.jsonl").open("a") as file:
                file.write(json.dumps({"scenes": name, **measured}) + "\n")
    return _save(network, recipe, run / WEIGHTS)


def fit(
    recipe: LightRecipe,
    views: Views,
    run: Path | None,
    cancelled: Callable[[], bool] | None = None,
    *,
    skies: Skies | None = None,
    made: Skies | None = None,
) -> LightPower:
    """An ensemble for these photographs; members that ``run`` holds are not trained again.

    ``skies``: what the sun is learnt from, by default the photographs' own; ``made``: those of places under drawn suns.
    """
    config = Config(
        region_features=len(REGION_FEATURES), scene_features=len(SCENE_FEATURES), width=recipe.width,
        members=recipe.members, peak_features=len(PEAK_FEATURES), suns=recipe.suns, sun_width=recipe.sun_width,
        likely_suns=recipe.likely_suns,
    )  # fmt: skip
    network = LightPower(config)
    skies = views.skies() if skies is None else skies
    every = skies if made is None else skies.beside(made)
    network.set_scaling(views.region, views.scene, every.seen)
    for number, member in enumerate(network.members):
        path = run / f"member-{number}.safetensors" if run else None
        if path is not None and path.exists():
            member.load_state_dict(load_file(path))
            continue
        assert isinstance(member, Member)
        _fit_member(member, network, views, recipe, recipe.seed + number, lambda: _stop_if(cancelled, run))
        if path is not None:
            save_file({key: value.contiguous() for key, value in member.state_dict().items()}, path)
    for suns, taught in ((network.suns, skies), (network.likely_suns, every)):
        for number, sun in enumerate(suns):
            assert isinstance(sun, Sun)
            fit_sun(sun, network, taught, recipe, recipe.seed + number, lambda: _stop_if(cancelled, run))
    return network.eval()


def _fit_member(
    member: Member, network: LightPower, views: Views, recipe: LightRecipe, seed: int, check: Callable[[], None]
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = Member(network.config, recipe.dropout)
        region, scene = network.scaled(views.region, views.scene)
        views = replace(views, region=region, scene=scene)
        noise = [
            recipe.feature_noise + recipe.reconstruction_noise * torch.tensor([float(n in own) for n in names])
            for names, own in ((REGION_FEATURES, FROM_HEADROOM_1), (SCENE_FEATURES, FROM_HEADROOM_1_SCENE))
        ]
        optimiser = torch.optim.AdamW(fresh.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1
        )
        for _ in range(recipe.steps):
            check()
            numbers = torch.randperm(len(views))[: recipe.batch].sort().values
            batch = _disturbed(views.chosen(numbers), recipe.reconstruction_noise)
            seen = (batch.region, noise[0]), (batch.scene, noise[1])
            raw = fresh(*(values + spread * torch.randn_like(values) for values, spread in seen), batch.view)
            loss = loss_of(bounded(raw), batch, recipe)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(fresh.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        member.load_state_dict(fresh.state_dict())


def _disturbed(batch: Views, noise_stops: float) -> Views:
    """The glow of each region weaker or stronger than headroom-1 had it."""
    factor = torch.exp2(noise_stops * torch.randn(len(batch.region), 1))
    changed = {
        name: tensor * (factor if tensor.ndim == 2 else factor[..., None])
        for name, tensor in batch.per_region.items()
        if name.endswith("_glow") or name == "glow_light"
    }
    return replace(batch, per_region={**batch.per_region, **changed})


@torch.no_grad()
def measure(network: LightPower, views: Views) -> dict[str, float]:
    """Median diffuse errors: of the clipped panoramas, as headroom-1 lights them, with predicted powers."""
    found = views.with_sun(network, network(views.region, views.scene, views.view))
    truth = views.per_view["diffuse_true"]
    as_is = Prediction(*(torch.zeros_like(part) for part in found))
    as_is = as_is._replace(extra_log2=torch.full_like(as_is.extra_log2, -math.inf))
    lights = {
        "clipped": views.per_view["diffuse_clipped"],
        "headroom-1": views.relit(as_is, "diffuse"),
        "with powers": views.relit(found, "diffuse"),
    }
    return {name: round(float(relative_errors(light, truth).median()), 4) for name, light in lights.items()}


def _wanted(recipe: LightRecipe, scenes: list[HdrScene], folder: Path) -> Iterator[tuple[Path, HdrScene, list[int]]]:
    """Photographs in the order in which they are taken: all scenes once, then again."""
    for turn in range(recipe.views_each):
        for scene in scenes:
            name = int.from_bytes(scene.name.encode()[-8:], "big")
            yield folder / f"{turn:03d}-{scene.name}.npz", scene, [recipe.seed, turn, name]


def _loaded(paths: list[Path]) -> Views | None:
    views = [view for view in map(LightView.load, paths) if len(view.region)]
    return Views.of(views) if views else None


_KEPT: list[Reconstructor] = []


def _reconstructor() -> Reconstructor:
    if not _KEPT:
        _KEPT.append(Reconstructor("headroom-1"))
    return _KEPT[0]


def _stop_if(cancelled: Callable[[], bool] | None, run: Path | None) -> None:
    if cancelled and cancelled():
        raise Cancelled(f"training the light powers stopped; {run} goes on when it is started again")


def _save(network: LightPower, recipe: LightRecipe, path: Path) -> Path:
    facts = {
        "network": "light-power",
        "config": json.dumps(asdict(network.config)),
        "recipe": recipe.name,
        "step": str(recipe.steps * recipe.members),
    }
    try:
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path, metadata=facts)
    except OSError as error:
        raise WriteError(f"{path}: cannot save the weights ({error.strerror}); free some space") from error
    return path


def headroom_ibl_1() -> LightRecipe:
    """The default model for light powers."""
    return LightRecipe(name="headroom-ibl-1")


def headroom_ibl_1_suns() -> LightRecipe:
    """The sun told in two ways: more suns right on held-out panoramas, but not what ships: see docs/training-log.md."""
    return replace(headroom_ibl_1(), name="headroom-ibl-1-suns", likely_suns=6, sunny_places=163)


LIGHT_RECIPES: dict[str, Callable[[], LightRecipe]] = {
    "headroom-ibl-1": headroom_ibl_1,
    "headroom-ibl-1-suns": headroom_ibl_1_suns,
}
