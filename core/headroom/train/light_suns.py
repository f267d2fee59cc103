"""What the sun's perceptrons learn from: the clipped skies of photographs, and of dull places under drawn suns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from headroom.networks.light_power import LIKELY_LEAST, LIKELY_MOST, LightPower, Sun, sun_strengths
from headroom.panorama.clip_features import PEAK_FEATURES, REGION_FEATURES, SCENE_FEATURES
from headroom.reconstruct import Reconstructor
from headroom.train.light_views import halved, take_view
from headroom.train.scenes import HdrScene
from headroom.train.sunny_places import DULL_PLACES, DullPlace, sunny

if TYPE_CHECKING:
    from headroom.train.light_power import LightRecipe

__all__ = [
    "CLIPPED_SUNS",
    "FROM_HEADROOM_1",
    "FROM_HEADROOM_1_SCENE",
    "HUBER_STOPS",
    "NEAR_FLOOR",
    "Skies",
    "fit_sun",
    "sunny_views",
]

FROM_HEADROOM_1 = ("gain_log2", "gain_most", "gain_sharp", "light_share_log2", "extra_share_log2")
FROM_HEADROOM_1_SCENE = ("extra_log2", "sharp_log2")
CLIPPED_SUNS = ("oexr_KernerEnvLatLong",)
"""Hard shadows under a blue sky, yet its sun gives no more than the sky (a clear one gives 3 to 12 times as much) and
is white in all channels alike: it clipped where it was taken. No truth for suns."""
SUNNY_EACH = 2
HUBER_STOPS = 0.5
NEAR_FLOOR = 0.003
"""Of the recorded flux: less light than this within 5 degrees is no sun."""
SUN_BLUR_STOPS = 0.8
"""The truth of a sun counts for its neighbours too: there are few suns to learn from."""


class Skies(NamedTuple):
    """M clipped skies of all photographs."""

    rows: Tensor
    """(M,) which regions of the photographs they are, -1 those of other photographs."""
    seen: Tensor
    """(M, G) features."""
    near: Tensor
    """(M,) true light within 5 degrees of the peak, over the recorded flux."""
    above_log2: Tensor
    """(M,) recorded light from above over the flux."""
    weight: Tensor
    """(M,) of each in its photograph."""

    def beside(self, other: Skies) -> Skies:
        """With the skies of other photographs."""
        return Skies(
            torch.cat([self.rows, torch.full_like(other.rows, -1)]),
            torch.cat([self.seen, other.seen]),
            torch.cat([self.near, other.near]),
            torch.cat([self.above_log2, other.above_log2]),
            torch.cat([self.weight, other.weight]),
        )


def fit_sun(
    sun: Sun, network: LightPower, skies: Skies, recipe: LightRecipe, seed: int, check: Callable[[], None]
) -> None:
    """One perceptron: on its error in stops or, if it says how likely each strength is, on how unlikely the truth."""
    if not len(skies.seen):
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = Sun(network.config, recipe.sun_dropout, sun.outputs)
        seen = network.scaled_sun(skies.seen)
        target = (skies.near + NEAR_FLOOR).log2() - skies.above_log2
        own = {*FROM_HEADROOM_1, *FROM_HEADROOM_1_SCENE, *PEAK_FEATURES}
        from_model = torch.tensor([float(n in own) for n in (*REGION_FEATURES, *SCENE_FEATURES, *PEAK_FEATURES)])
        noise = recipe.sun_noise + recipe.sun_reconstruction_noise * from_model
        says_a_number = sun.outputs == 1
        steps = recipe.sun_steps if says_a_number else recipe.likely_sun_steps
        if says_a_number:
            nn.init.constant_(cast(nn.Linear, fresh.layers[-1]).bias, float(target.mean()))
        optimiser = torch.optim.AdamW(fresh.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=steps, pct_start=0.1
        )
        for _ in range(steps):
            check()
            chosen = torch.randint(len(seen), (recipe.sun_batch,))
            values = seen[chosen]
            said = fresh(values + noise * torch.randn_like(values))
            unfit = _off(said, target[chosen]) if says_a_number else _unlikely(said, target[chosen])
            loss = (skies.weight[chosen] * unfit).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        sun.load_state_dict(fresh.state_dict())


def _off(said: Tensor, log2: Tensor) -> Tensor:
    """(N,) of (N, 1) stops."""
    return F.huber_loss(said[:, 0], log2, reduction="none", delta=HUBER_STOPS)


def _unlikely(said: Tensor, log2: Tensor) -> Tensor:
    """(N,) cross-entropy of (N, A) logits with the true stops, spread over the strengths beside them."""
    off = (log2.clamp(LIKELY_LEAST, LIKELY_MOST)[:, None] - sun_strengths()) / SUN_BLUR_STOPS
    return -((-0.5 * off.square()).softmax(1) * said.log_softmax(1)).sum(1)


def sunny_views(
    recipe: LightRecipe,
    scenes: Sequence[HdrScene],
    run: Path,
    end: float,
    reconstructor: Callable[[], Reconstructor],
    check: Callable[[], None],
) -> Iterator[Path]:
    """Photographs of dull places under a sun, taken where they are missing until the clock shows ``end``."""
    dull = [scene for scene in scenes if scene.name in DULL_PLACES]
    folder = run / "suns"
    folder.mkdir(exist_ok=True)
    places: dict[str, DullPlace] = {}
    for number in range(recipe.sunny_places if dull else 0):
        scene = dull[number % len(dull)]
        paths = [folder / f"{number:03d}-{turn}-{scene.name}.npz" for turn in range(SUNNY_EACH)]
        if not all(path.exists() for path in paths):
            if time.monotonic() > end:
                return
            check()
            if scene.name not in places:
                places[scene.name] = DullPlace.of(halved(scene.pixels.float().permute(1, 2, 0).numpy()))
            lin = sunny(places[scene.name], np.random.default_rng([recipe.seed, number]))
            for turn, path in enumerate(paths):
                rng = np.random.default_rng([recipe.seed, number, turn])
                take_view(lin, recipe.sunny_photography, reconstructor(), rng).save(path)
        yield from paths
