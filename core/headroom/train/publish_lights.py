"""From a finished run of the network of light powers to a model that can be shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.train.publish import card_readme, scenes_by_licence

__all__ = ["publish_lights"]

LIMITS = (
    "A bare sun's or lamp's power is not in an 8-bit file: it is the likely one for such a place, and may be off by a "
    "factor of 2 and more. The spread that goes with every power was learnt from training photographs and is an "
    "underestimate elsewhere. Set --sun-stops or --lamp-stops, or edit the table of lights, where you know better.",
    "Learnt from 92 panoramas, whose own suns and lamps are partly clipped in the published files.",
    "Bare lamps at night vary most: a street lamp seen between leaves and one seen whole look alike when clipped.",
    "A sun behind the rim of a roof or hill, or a moon, is taken for what is likelier in that place.",
    "The colour of what clipped in all channels is guessed from its rim and from the place.",
    "Works on what headroom-1 reconstructed; another reconstruction needs a training of its own.",
)


def publish_lights(
    trained: Path,
    folder: Path,
    *,
    version: str,
    hardware: str,
    manifest: Path,
    measured: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> weights.Card:
    """Write ``folder``/weights.safetensors, card.toml and README.md from a run's weights."""
    scenes = scenes_by_licence(manifest, projection="latlong")
    count = sum(len(names) for names in scenes.values())
    facts: dict[str, Any] = {
        "name": folder.name,
        "version": version,
        "licence": "BSD-3-Clause",
        "hardware": hardware,
        "training_data": f"{count} HDR panoramas: " + ", ".join(f"{len(n)} {licence}" for licence, n in scenes.items()),
        "limits": list(LIMITS),
        "notes": list(notes),
        "training_scenes": scenes,
        "measured": dict(measured or {}),
    }
    card = weights.save(folder, trained, facts)
    (folder / "README.md").write_text(card_readme(card), "utf-8")
    return card
