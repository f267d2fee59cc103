"""Every way to merge a bracket, as a literal table, and how to get one that is ready to run.

A merger is given a window of all frames with its halo and answers for all of it; who cuts a frame into windows keeps
the cores: windows start at multiples of ``multiple_of`` and reach ``halo_px`` beyond their cores, or to the frame's
edge. A frame that is one window needs nothing of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy.typing as npt

from headroom import weights
from headroom.bracket.frames import FrameRows, Merged
from headroom.bracket.noise import NoiseModel
from headroom.errors import UsageError

__all__ = ["DEFAULT", "METHODS", "Classical", "Merger", "Method", "available", "merger"]

DEFAULT = "headroom-merge-1"
TILE_MULTIPLE = 16
"""Where windows of the classical merges start: any pixel would do, but tiles of one size suit every method."""
CLASSICAL_BYTES_PER_PX = 250
"""What a classical merge of three frames takes beside its input."""


class Merger(Protocol):
    """A method that is ready to run. Not safe for several threads at once."""

    @property
    def name(self) -> str:
        """Of the method, or of the model in a folder."""

    @property
    def frames(self) -> int | None:
        """How many frames it is made for (others are brought to it); None: any."""

    @property
    def multiple_of(self) -> int:
        """Windows start at multiples of it."""

    @property
    def halo_px(self) -> int:
        """How far windows reach beyond their cores."""

    @property
    def bytes_per_px(self) -> int:
        """Memory that a pixel of a window takes while it runs, beside the frames themselves."""

    @property
    def card(self) -> weights.Card | None:
        """Of its weights; None: it has none."""

    def __call__(
        self,
        frames: Sequence[FrameRows],
        exposures: npt.ArrayLike,
        reference: int,
        noise: NoiseModel | None = None,
        *,
        shares: bool = False,
    ) -> Merged:
        """A window of all frames, darkest first, with ``exposures`` relative to ``reference``, merged.

        ``shares``: with what each frame counts for, where the method is a weighted mean.
        """


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to merge, by name."""

    name: str
    what: str
    """For help texts."""
    network: str | None = None
    """Its network in ``networks.table``; None: classical."""
    frames: int | None = None
    """How many frames it is made for; None: any."""
    importer: str | None = None
    """What ``headroom models import`` calls its authors' weights."""

    @property
    def recipe(self) -> str | None:
        """What ``headroom train`` calls the way to its weights."""
        return self.name if self.network else None


_METHODS = (
    Method(name=DEFAULT, what="weighs recorded light by what moved (default)", network="merge1"),
    Method(name="ahdrnet", what="Yan 2019, attention", network="ahdrnet", frames=3, importer="ahdrnet"),
    Method(name="ahdrnet-small", what="the same at a sixteenth of the work", network="ahdrnet", frames=3),
    Method(name="wu-resnet", what="Wu 2018, residual merger", network="wu", frames=3, importer="wu"),
    Method(name="wu-resnet-small", what="the same at a fifteenth of the work", network="wu", frames=3),
    Method(name="wu-unet", what="Wu 2018, U-Net merger", network="wu", frames=3),
    Method(name="wu-unet-small", what="the same at a fifteenth of the work", network="wu", frames=3),
    Method(name="kalantari-we", what="Kalantari 2017, weights", network="kalantari", frames=3, importer="kalantari"),
    Method(name="kalantari-we-small", what="the same at a seventh of the work", network="kalantari", frames=3),
    Method(
        name="kalantari-direct",
        what="Kalantari 2017, light itself",
        network="kalantari",
        frames=3,
        importer="kalantari",
    ),
    Method(name="kalantari-direct-small", what="the same at a seventh of the work", network="kalantari", frames=3),
    Method(
        name="kalantari-wie",
        what="Kalantari 2017, weights and refined frames",
        network="kalantari",
        frames=3,
        importer="kalantari",
    ),
    Method(name="kalantari-wie-small", what="the same at a seventh of the work", network="kalantari", frames=3),
    Method(name="debevec", what="Debevec and Malik 1997, hat-weighted log mean; ghosts stay"),
    Method(name="inverse-variance", what="weights by the noise of each frame; ghosts stay"),
)
METHODS: dict[str, Method] = {method.name: method for method in _METHODS}


@dataclass(frozen=True, kw_only=True)
class Classical:
    """A merge without weights, pixel by pixel."""

    name: str
    merge: Callable[..., Merged]
    frames: int | None = None
    multiple_of: int = TILE_MULTIPLE
    halo_px: int = 1
    bytes_per_px: int = CLASSICAL_BYTES_PER_PX
    card: weights.Card | None = None

    def __call__(
        self, frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int, noise: NoiseModel | None = None, *,
        shares: bool = False,
    ) -> Merged:  # fmt: skip
        """A window of all frames merged."""
        return self.merge(frames, exposures, reference, noise, shares=shares)


def available() -> list[str]:
    """The methods that can run here, in the table's order: classical ones, and those whose weights are installed."""
    return [method.name for method in METHODS.values() if method.network is None or _installed(method)]


def merger(method: str | Path = DEFAULT, *, device: str = "auto", precision: str = "auto") -> Merger:
    """The method of that name, or the merge network in a model's folder, loaded and ready.

    ``UsageError`` for a name that is none, and for a network whose weights are not there: it names the recipe.
    """
    name = str(method)
    # What follows imports torch, which is slow: a help text needs the table alone.
    from headroom.bracket.classical import merge_debevec, merge_inverse_variance
    from headroom.bracket.network_merge import load_network_merger

    if name == "debevec":
        return Classical(name=name, merge=merge_debevec)
    if name == "inverse-variance":
        return Classical(name=name, merge=merge_inverse_variance)
    if name in METHODS:
        if not _installed(METHODS[name]):
            raise UsageError(_how_to_get(METHODS[name]))
        return load_network_merger(name, METHODS[name].network, device=device, precision=precision)
    if (Path(method) / weights.CARD_FILE).is_file():
        return load_network_merger(Path(method), None, device=device, precision=precision)
    raise UsageError(f"--method {name}: there is no such method; there are: {', '.join(METHODS)}")


def _installed(method: Method) -> bool:
    return any((folder / method.name / weights.CARD_FILE).is_file() for folder in weights.model_folders())


def _how_to_get(method: Method) -> str:
    ready = [name for name in available() if METHODS[name].network]
    others = f"; installed are: {', '.join(ready)}" if ready else ""
    theirs = f", or import the authors': headroom models import {method.importer} FILE" if method.importer else ""
    return (
        f"--method {method.name}: its weights are not installed; train them: "
        f"headroom train {method.recipe} --data SCENES --out RUN{theirs}{others}"
    )
