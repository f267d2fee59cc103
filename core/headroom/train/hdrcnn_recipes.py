"""HDRCNN's recipes: the paper's for a GPU, small ones for one CPU thread.

    headroom train hdrcnn-pretrain --data PHOTOS --out RUN1          any folder of photographs
    headroom train hdrcnn --data SCENES --start RUN1/weights.safetensors

Differs from the release: VGG's weights from Places are not at hand, so the encoder starts at random and learns faster;
the learning rate falls along a cosine, where the release takes 1 % off every epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from headroom.networks.hdrcnn import Config
from headroom.train.batches import Frame, Shooting
from headroom.train.hdrcnn_camera import CameraRanges
from headroom.train.run import Pace

__all__ = ["HDRCNN_RECIPES", "HdrcnnRecipe"]

JPEG_QUALITY = (30.0, 100.0)
"""The release's compressed variant."""


@dataclass(frozen=True, kw_only=True)
class HdrcnnRecipe(Pace):
    """One training run; the loss and ranges are the paper's where nothing else is said."""

    name: str
    network: Config = field(default_factory=Config)
    source: Literal["scenes", "photographs"] = "scenes"
    """HDR images, or a folder of pictures whose unsaturated ones stand in for them."""
    camera: CameraRanges | Shooting = field(default_factory=CameraRanges)
    """The paper's virtual camera, or headroom-1's."""
    size_px: int = 320
    batch: int = 8
    illumination: float | None = 0.5
    """Its share against reflectance; None: the plain masked log loss."""
    per_clip: bool = False
    """Means over each picture's clip; the paper's are over all pixels."""
    temporal: Literal["none", "coherence", "jacobian"] = "none"
    """A last leg for trained weights (Eilertsen, Mantiuk, Unger 2019)."""
    temporal_share: float = 0.95
    learning_rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0


def hdrcnn_pretrain() -> HdrcnnRecipe:
    """Simulated HDR out of photographs: 224 px, 16 a batch, clips of 10 to 30 % of the values."""
    camera = CameraRanges(crop=(0.5, 0.8), kept=(0.7, 0.9))
    return HdrcnnRecipe(
        name="hdrcnn-pretrain", source="photographs", camera=camera, size_px=224, batch=16, learning_rate=2e-4
    )


def hdrcnn() -> HdrcnnRecipe:
    """HDR images: 320 px, 8 a batch."""
    return HdrcnnRecipe(name="hdrcnn")


def hdrcnn_scratch() -> HdrcnnRecipe:
    """Without pre-training: a data-centre GPU's batch, and a rate that a random start needs."""
    return replace(hdrcnn(), name="hdrcnn-scratch", batch=32, learning_rate=4e-4, per_clip=True)


def hdrcnn_small_pretrain() -> HdrcnnRecipe:
    """A quarter of the channels, on one CPU thread."""
    return replace(
        hdrcnn_pretrain(), name="hdrcnn-small-pretrain", network=SMALL, size_px=128, batch=8, learning_rate=1e-3,
        per_clip=True,
    )  # fmt: skip


def hdrcnn_small() -> HdrcnnRecipe:
    """A quarter of the channels, on one CPU thread, from pre-trained weights or at random."""
    return HdrcnnRecipe(
        name="hdrcnn-small", network=SMALL, size_px=192, batch=4, learning_rate=1e-3, per_clip=True, ema=0.998
    )


def small_on_our_camera() -> HdrcnnRecipe:
    """The same photographed as headroom-1's data are: other responses, other clips, noise of its own."""
    frames = (
        Frame(kind="view", height=160, width=160, batch=6, share=0.5),
        Frame(kind="latlong", height=128, width=256, batch=5, share=0.4),
        Frame(kind="still", height=160, width=160, batch=6, share=0.1),
    )
    return replace(hdrcnn_small(), name="hdrcnn-small-camera", camera=Shooting(frames=frames))


def robust(first: HdrcnnRecipe) -> HdrcnnRecipe:
    """For compressed pictures: JPEGs of quality 30 to 100."""
    assert isinstance(first.camera, CameraRanges)
    return replace(first, name=f"{first.name}-jpeg", camera=replace(first.camera, jpeg_quality=JPEG_QUALITY))


def steady(first: HdrcnnRecipe, how: Literal["coherence", "jacobian"]) -> HdrcnnRecipe:
    """A last leg for trained weights (``--start``): what changes between frames."""
    name = f"{first.name}-{'steady' if how == 'coherence' else how}"
    return replace(
        first, name=name, temporal=how, batch=max(1, first.batch // 2), learning_rate=first.learning_rate / 4
    )


def log_only(first: HdrcnnRecipe) -> HdrcnnRecipe:
    """The plain masked log loss."""
    return replace(first, name=f"{first.name}-log", illumination=None)


def hdrcnn_tiny() -> HdrcnnRecipe:
    """Seconds on any machine: for tests."""
    return HdrcnnRecipe(
        name="hdrcnn-tiny", network=Config(width=0.0625), size_px=64, batch=2, learning_rate=1e-3, warmup_steps=2
    )


SMALL = Config(width=0.25)

HDRCNN_RECIPES: dict[str, Callable[[], HdrcnnRecipe]] = {
    "hdrcnn-pretrain": hdrcnn_pretrain,
    "hdrcnn": hdrcnn,
    "hdrcnn-scratch": hdrcnn_scratch,
    "hdrcnn-log": lambda: log_only(hdrcnn()),
    "hdrcnn-jpeg": lambda: robust(hdrcnn()),
    "hdrcnn-steady": lambda: steady(hdrcnn(), "coherence"),
    "hdrcnn-jacobian": lambda: steady(hdrcnn(), "jacobian"),
    "hdrcnn-small-pretrain": hdrcnn_small_pretrain,
    "hdrcnn-small": hdrcnn_small,
    "hdrcnn-small-camera": small_on_our_camera,
    "hdrcnn-small-log": lambda: log_only(hdrcnn_small()),
    "hdrcnn-small-jpeg": lambda: robust(hdrcnn_small()),
    "hdrcnn-small-steady": lambda: steady(hdrcnn_small(), "coherence"),
    "hdrcnn-small-jacobian": lambda: steady(hdrcnn_small(), "jacobian"),
    "hdrcnn-tiny": hdrcnn_tiny,
}
