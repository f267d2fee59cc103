"""From a finished run of a merge network to a model that can be shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.train.publish import facts_of, scenes_by_licence, write_model

__all__ = ["publish_merge"]

LIMITS = (
    "Trained on brackets staged in 1K panoramas: real hands, lenses, sensors and crowds are more varied.",
    "Expects frames that are aligned (--align flow); what alignment misses by many pixels is left out as motion is.",
    "Light above what the darkest frame recorded is not this network's work: headroom-1 goes on from there.",
)
OWN_LIMITS = {
    "merge1": (
        "Where something moves and the reference clipped, what it would have seen is a guess between the reference's "
        "white and the darkest frame's: choose a reference that holds what moves.",
    ),
    "ahdrnet": (
        "A small variant trained on a CPU for minutes, for comparison: no figure of the paper's network.",
        "Recorded light is not kept: still scenes come out worse than from the classical merge.",
    ),
    "kalantari": (
        "A small variant trained on a CPU for minutes, for comparison: no figure of the paper's network.",
        "Weights are blurred by the network's reach of seven pixels: thin ghosts stay along edges.",
    ),
    "wu": (
        "A small variant trained on a CPU for minutes, for comparison: no figure of the paper's network.",
        "Recorded light is not kept, fine texture is softened: still scenes come out worse than from the classical "
        "merge.",
    ),
}


def publish_merge(
    trained: Path,
    folder: Path,
    *,
    version: str,
    hardware: str,
    minutes: float,
    manifest: Path,
    held_out: Sequence[str] = (),
    measured: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> weights.Card:
    """Write ``folder``/weights.safetensors, card.toml and README.md from a run's weights.

    ``held_out``: names of scenes of the manifest that were not trained on. ``minutes``: of training, after staging.
    """
    named = scenes_by_licence(manifest)
    scenes = {licence: [name for name in names if name not in held_out] for licence, names in named.items()}
    facts = facts_of(
        folder, scenes, version=version, hardware=f"{hardware}, {minutes:.0f} minutes",
        data="dynamic brackets staged in {count} HDR scenes", limits=[*OWN_LIMITS[_network(trained)], *LIMITS],
        notes=notes, measured=measured,
    )  # fmt: skip
    return write_model(folder, trained, facts)


def _network(trained: Path) -> str:
    from safetensors import safe_open

    with safe_open(trained, "pt") as file:
        return str((file.metadata() or {})["network"])
