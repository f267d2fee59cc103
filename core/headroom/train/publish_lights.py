"""From a finished run of the network of light powers to a model that can be shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headroom import weights
from headroom.train.publish import facts_of, scenes_by_licence, write_model

__all__ = ["publish_lights"]

LIMITS = (
    "A bare sun's or lamp's power is not in an 8-bit file: it is the likely one for such a place, and may be off by a "
    "factor of 2 and more. The spread that goes with every power was learnt from training photographs and is an "
    "underestimate elsewhere. Set --sun-stops or --lamp-stops, or edit the table of lights, where you know better.",
    "Learnt from 92 panoramas, whose own suns and lamps are partly clipped: of 26 suns seven were published 1.6 to 5.4 "
    "times brighter than a half float holds, and oexr_KernerEnvLatLong's had clipped in the camera. On panoramas held "
    "out suns come out half a stop too low in the median, and a third of them is off by more than a factor of 2.",
    "Bare lamps at night vary most: a street lamp seen between leaves and one seen whole look alike when clipped.",
    "A sun behind the rim of a roof or hill, or a moon, is taken for what is likelier in that place.",
    "The colour of what clipped in all channels is guessed from its rim and from the place: a sun in a sky that "
    "clipped as a whole may come out too blue.",
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
    facts = facts_of(
        folder, scenes, version=version, hardware=hardware, data="{count} HDR panoramas", limits=LIMITS, notes=notes,
        measured=measured,
    )  # fmt: skip
    return write_model(folder, trained, facts)
