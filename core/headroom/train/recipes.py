"""Recipes: Python functions that return everything a run is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from headroom.errors import UsageError
from headroom.networks import headroom1
from headroom.train.batches import Frame, Shooting
from headroom.train.losses import LossWeights
from headroom.train.run import Pace

__all__ = ["RECIPES", "Recipe", "recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe(Pace):
    """One training run."""

    name: str
    network: headroom1.Config
    shooting: Shooting
    weights: LossWeights = field(default_factory=LossWeights)
    teacher: str = ""
    """A trained model whose gain is a target besides the truth."""


CPU_FRAMES = (
    Frame(kind="latlong", height=256, width=512, batch=8, share=0.35),
    Frame(kind="latlong", height=512, width=1024, batch=2, share=0.2),
    Frame(kind="view", height=256, width=384, batch=8, share=0.25),
    Frame(kind="view", height=320, width=320, batch=8, share=0.12),
    Frame(kind="still", height=320, width=384, batch=4, share=0.08),
)
GPU_FRAMES = (
    Frame(kind="latlong", height=256, width=512, batch=64, share=0.3),
    Frame(kind="latlong", height=512, width=1024, batch=16, share=0.25),
    Frame(kind="view", height=256, width=384, batch=64, share=0.2),
    Frame(kind="view", height=512, width=768, batch=16, share=0.17),
    Frame(kind="still", height=320, width=384, batch=32, share=0.08),
)


def headroom_1() -> Recipe:
    """The default model, sized for a data-centre GPU."""
    return Recipe(
        name="headroom-1",
        network=headroom1.Config(doubt_width=32),
        shooting=Shooting(frames=GPU_FRAMES, graphics_share=0.08, lamp_share=0.06),
        weights=LossWeights(hue=0.25, visible=0.5, grid=0.5),
        learning_rate=1.5e-3,
    )


def headroom_1_cpu() -> Recipe:
    """A first leg on one CPU thread: small batches, one spread for the doubt."""
    return Recipe(
        name="headroom-1-cpu", network=headroom1.Config(), shooting=Shooting(frames=CPU_FRAMES), learning_rate=8e-4
    )


def headroom_1_cpu_tune() -> Recipe:
    """A second leg for trained weights (``--start``): stronger colours, larger clips, the hue of what clipped."""
    first = headroom_1_cpu()
    frames = tuple(replace(f, kind="panorama") if f.kind == "latlong" and f.height == 512 else f for f in CPU_FRAMES)
    shooting = replace(
        first.shooting, frames=frames, white_balance_std=0.25, saturation=(0.75, 1.6), clipped_share=(0.004, 0.35)
    )
    weights = LossWeights(hue=0.5)
    return replace(
        first, name="headroom-1-cpu-tune", shooting=shooting, weights=weights, learning_rate=4e-4, warmup_steps=50
    )


def headroom_1_cpu_doubt() -> Recipe:
    """A leg for trained weights (``--start``): how light is spread about the gain, lamps, letters, no grid."""
    first = headroom_1_cpu_tune()
    shooting = replace(first.shooting, graphics_share=0.05, lamp_share=0.05)
    gpu = headroom_1()
    return replace(first, name="headroom-1-cpu-doubt", network=gpu.network, shooting=shooting, weights=gpu.weights)


def headroom_1_small() -> Recipe:
    """A quarter of the cost, on one CPU thread, taught by the full network and by the truth in a single run."""
    first = headroom_1_cpu_doubt()
    # Half as many pictures a step: where minutes are few, more steps count for more.
    frames = tuple(replace(frame, batch=frame.batch // 2) for frame in first.shooting.frames)
    return replace(
        first,
        name="headroom-1-small",
        network=headroom1.Config(
            scene_widths=(28, 40, 64, 96), scene_features=16, local_widths=(16, 32, 48), doubt_width=16
        ),
        shooting=replace(first.shooting, frames=frames, graphics_share=0.1, lamp_share=0.08),
        weights=replace(first.weights, visible=0.0, teacher=1.0),
        teacher="headroom-1",
        learning_rate=1e-3,
        warmup_steps=100,
    )


def steady(first: Recipe, name: str) -> Recipe:
    """A last leg for trained weights (``--start``): frames in pairs, and what changes between them."""
    frames = tuple(replace(f, batch=max(1, f.batch // 2)) for f in first.shooting.frames)
    return replace(
        first,
        name=name,
        shooting=replace(first.shooting, frames=frames, pairs=True),
        weights=replace(first.weights, coherence=1.0),
        learning_rate=first.learning_rate / 2,
        warmup_steps=50,
    )


def headroom_1_steady() -> Recipe:
    """Steadier from frame to frame, on a GPU."""
    return steady(headroom_1(), "headroom-1-steady")


def headroom_1_cpu_steady() -> Recipe:
    """The same on one CPU thread, after ``headroom-1-cpu-doubt``."""
    return steady(headroom_1_cpu_doubt(), "headroom-1-cpu-steady")


def variant_narrow() -> Recipe:
    """Variant: half the cost, three quarters of the channels."""
    network = headroom1.Config(scene_widths=(32, 56, 88, 128), scene_features=16, local_widths=(32, 48, 72))
    return replace(headroom_1_cpu(), name="headroom-1-narrow", network=network)


def variant_log_only() -> Recipe:
    """Variant: the plain masked log loss and the curve, none of the other terms."""
    weights = LossWeights(low_pass=0, gradient=0, pu21=0, energy=0)
    return replace(headroom_1_cpu(), name="headroom-1-log-only", weights=weights)


def variant_scene_only() -> Recipe:
    """Variant: nearly all of the work in the scene view, a thin local part."""
    network = headroom1.Config(scene_widths=(64, 96, 128, 192), scene_features=32, local_widths=(24, 32, 48))
    return replace(headroom_1_cpu(), name="headroom-1-scene-heavy", network=network)


def tiny() -> Recipe:
    """Seconds on any machine: for tests."""
    network = headroom1.Config(scene_widths=(8, 8, 8, 8), scene_features=4, local_widths=(8, 8, 8))
    frames = (
        Frame(kind="latlong", height=64, width=128, batch=2, share=0.5),
        Frame(kind="view", height=64, width=64, batch=2, share=0.4),
        Frame(kind="still", height=64, width=64, batch=2, share=0.1),
    )
    return Recipe(name="tiny", network=network, shooting=Shooting(frames=frames, responses=20), warmup_steps=2)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "headroom-1": headroom_1,
    "headroom-1-cpu": headroom_1_cpu,
    "headroom-1-cpu-tune": headroom_1_cpu_tune,
    "headroom-1-cpu-doubt": headroom_1_cpu_doubt,
    "headroom-1-small": headroom_1_small,
    "headroom-1-steady": headroom_1_steady,
    "headroom-1-cpu-steady": headroom_1_cpu_steady,
    "headroom-1-narrow": variant_narrow,
    "headroom-1-log-only": variant_log_only,
    "headroom-1-scene-heavy": variant_scene_only,
    "tiny": tiny,
}


def recipe(name: str) -> Recipe:
    """Look a recipe up by name."""
    if name not in RECIPES:
        raise UsageError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]()
