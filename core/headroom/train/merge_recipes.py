"""Recipes of the merge networks: the papers' set-ups, ours, and small ones for one CPU thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from headroom.networks import ahdrnet, kalantari, merge1, wu
from headroom.train.merge_staging import MergeStaging
from headroom.train.run import Pace

__all__ = ["MERGE_RECIPES", "MergeRecipe"]


@dataclass(frozen=True, kw_only=True)
class MergeRecipe(Pace):
    """One training run of a merge network."""

    name: str
    network: str
    """Its name in ``networks.table``."""
    config: Any
    """The network's own dataclass."""
    staging: MergeStaging = field(default_factory=MergeStaging)
    batch: int = 8
    frames: int | None = 3
    """How many the network takes; None: any, so that batches have from two to five."""
    loss: str = "l1"
    """``l1`` or ``l2`` of mu-law light, mu = 5000."""
    moving_weight: float = 0.0
    """How much more pixels count where something moves."""
    permute_channels: bool = True
    measured_noise: float = 0.0
    """Share of the batches that are told the noise; the rest get the network's own default."""
    on_device: bool = False
    """Crops are made all along where the network is, in place of shards made ahead by the real alignment."""
    pool: int = 4096
    """Crops that are kept on the device."""
    fresh: int = 1
    """Brackets staged on the device at every step."""
    warm_pool: int = 256
    """Brackets staged before the first step."""


GPU_STAGING = MergeStaging(height=512, width=768, crop_px=256)
"""The papers' crops of 256 pixels."""


def headroom_merge_1() -> MergeRecipe:
    """The default, on a GPU."""
    return MergeRecipe(
        name="headroom-merge-1", network="merge1", config=merge1.Config(), staging=GPU_STAGING, batch=32, frames=None,
        learning_rate=1e-3, measured_noise=0.6, moving_weight=1.0, on_device=True,
    )  # fmt: skip


def headroom_merge_1_cpu() -> MergeRecipe:
    """The same network on one CPU thread."""
    return replace(
        headroom_merge_1(), name="headroom-merge-1-cpu", staging=MergeStaging(), batch=8, on_device=False,
        learning_rate=1.5e-3, ema=0.995,
    )  # fmt: skip


def headroom_merge_1_cpu_tune() -> MergeRecipe:
    """A last leg for trained weights (``--start``), as after a change of what the network sees."""
    return replace(
        headroom_merge_1_cpu(), name="headroom-merge-1-cpu-tune", learning_rate=5e-4, warmup_steps=30, ema=0.99
    )


def ahdrnet_full() -> MergeRecipe:
    """Yan et al. 2019: L1, Adam 1e-4, batches of 8, crops of 256; the cosine in place of their step at the end."""
    return MergeRecipe(
        name="ahdrnet", network="ahdrnet", config=ahdrnet.Config(), staging=GPU_STAGING, batch=8, learning_rate=1e-4,
        betas=(0.9, 0.999), weight_decay=0.0, permute_channels=False, on_device=True,
    )  # fmt: skip


def ahdrnet_small() -> MergeRecipe:
    """A quarter of the width, on one CPU thread: a higher rate for a short run."""
    return replace(
        ahdrnet_full(), name="ahdrnet-small", config=ahdrnet.SMALL, staging=MergeStaging(), batch=8,
        learning_rate=1.5e-3, ema=0.995, permute_channels=True, on_device=False,
    )  # fmt: skip


def kalantari_full(form: str) -> MergeRecipe:
    """Kalantari and Ramamoorthi 2017: squares, Adam 1e-4, channel permutations; batches of 20 crops."""
    return MergeRecipe(
        name=f"kalantari-{form}", network="kalantari", config=kalantari.Config(form=form), staging=GPU_STAGING,
        batch=20, loss="l2", learning_rate=1e-4, betas=(0.9, 0.999), weight_decay=0.0, on_device=True,
    )  # fmt: skip


def kalantari_small(form: str) -> MergeRecipe:
    """A third of the width, on one CPU thread."""
    return replace(
        kalantari_full(form), name=f"kalantari-{form}-small",
        config=kalantari.Config(form=form, widths=kalantari.SMALL_WIDTHS), staging=MergeStaging(), batch=4,
        learning_rate=2e-3, ema=0.995, on_device=False,
    )  # fmt: skip


def wu_full(merger: str) -> MergeRecipe:
    """Wu et al. 2018: squares, Adam 2e-4 with beta1 0.5, batches of 16 crops of 256."""
    return MergeRecipe(
        name=f"wu-{merger}", network="wu", config=wu.Config(merger=merger), staging=GPU_STAGING, batch=16, loss="l2",
        learning_rate=2e-4, betas=(0.5, 0.999), weight_decay=0.0, permute_channels=False, on_device=True,
    )  # fmt: skip


def wu_small(merger: str) -> MergeRecipe:
    """A quarter of the width, on one CPU thread."""
    return replace(
        wu_full(merger), name=f"wu-{merger}-small", config=wu.Config(merger=merger, width=wu.SMALL_WIDTH),
        staging=MergeStaging(), batch=8, learning_rate=1e-3, ema=0.995, permute_channels=True, on_device=False,
    )  # fmt: skip


def tiny() -> MergeRecipe:
    """Seconds on any machine: for tests."""
    staging = MergeStaging(height=64, width=96, crop_px=32, brackets=4, shard=2, held_out=2, five_share=0.5)
    return replace(
        headroom_merge_1_cpu(), name="merge-tiny", config=merge1.Config(widths=(8, 8, 8)), staging=staging, batch=2,
        warmup_steps=2,
    )  # fmt: skip


MERGE_RECIPES: dict[str, Callable[[], MergeRecipe]] = {
    "headroom-merge-1": headroom_merge_1,
    "headroom-merge-1-cpu": headroom_merge_1_cpu,
    "headroom-merge-1-cpu-tune": headroom_merge_1_cpu_tune,
    "ahdrnet": ahdrnet_full,
    "ahdrnet-small": ahdrnet_small,
    "kalantari-direct": lambda: kalantari_full("direct"),
    "kalantari-we": lambda: kalantari_full("we"),
    "kalantari-wie": lambda: kalantari_full("wie"),
    "kalantari-direct-small": lambda: kalantari_small("direct"),
    "kalantari-we-small": lambda: kalantari_small("we"),
    "kalantari-wie-small": lambda: kalantari_small("wie"),
    "wu-resnet": lambda: wu_full("resnet"),
    "wu-unet": lambda: wu_full("unet"),
    "wu-resnet-small": lambda: wu_small("resnet"),
    "wu-unet-small": lambda: wu_small("unet"),
    "merge-tiny": tiny,
}
