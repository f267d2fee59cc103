"""What kind of place a panorama shows: results are told apart by it.

A manifest's ``class`` says it; else the table here, for the scenes that the project is measured and trained on; else
words of the name and where the light comes from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from headroom.errors import UsageError
from headroom.evaluate.ibl.light import key_light
from headroom.metrics import luminance
from headroom.metrics.lighting import solid_angles
from headroom.plate import FloatArray

__all__ = ["KINDS", "SUN", "kind_of", "stated_kinds"]

SUN = "sun outdoors"
KINDS = (SUN, "overcast", "night", "interior", "studio")
"""Overcast: outdoors by day with no sun in view, be it for clouds, trees or the hour."""

KNOWN = {
    "aft_lounge": "interior",
    "blue_grotto": "overcast",
    "cobblestone_street_night": "night",
    "forest_slope": "overcast",
    "modern_buildings_night": "night",
    "noon_grass": SUN,
    "photo_studio_01": "studio",
    "quarry_01": SUN,
    "royal_esplanade": "interior",
    "shanghai_riverside": SUN,
    "small_hangar_01": "interior",
    "spree_bank": "overcast",
    "umhlanga_sunrise": SUN,
    "vestibule": "interior",
    "adams_place_bridge": "interior",
    "brown_photostudio_01": "studio",
    "gym_entrance": "interior",
    "lebombo": "interior",
    "mirrored_hall": "interior",
    "outdoor_umbrellas": "overcast",
    "pillars": "interior",
    "narrow_moonlit_road": SUN,  # a full moon lights it like a sun
    "shanghai_bund": "night",
    "oexr_StageEnvLatLong": "studio",
}
WORDS = {
    "studio": ("studio", "stage"),
    "night": ("night", "moonlit", "midnight"),
    "interior": (
        "abandoned", "arena", "autoshop", "basement", "bathroom", "bedroom", "cellar", "chapel", "church", "factory",
        "garage", "gym", "hall", "hallway", "hangar", "hotel", "indoor", "interior", "kitchen", "lab", "library",
        "lobby", "lounge", "mall", "museum", "office", "powerplant", "restaurant", "room", "rotunda", "school",
        "shop", "station", "subway", "theater", "theatre", "tunnel", "vault", "vestibule", "warehouse",
        "workshop", "airport",
    ),
}  # fmt: skip
SUN_SHARE = 0.08
"""Share of a place's light that comes from its brightest cap of 5 degrees where the sun is in view."""
SUN_OVER_MEAN = 100.0
"""The sun's brightest pixel over the mean luminance of the rest, at least."""
HORIZON = -0.05


def stated_kinds(folder: Path) -> dict[str, str]:
    """Classes by scene from the folder's ``manifest.json``, where it states any."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    try:
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
        stated = {Path(item["file"]).stem: str(item["class"]) for item in items if "class" in item}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a manifest with items of file and class ({error!r})") from error
    for scene, kind in stated.items():
        if kind not in KINDS:
            raise UsageError(f"{path}: class {kind!r} of {scene} is not one of {', '.join(KINDS)}")
    return stated


def kind_of(name: str, truth: FloatArray) -> str:
    """One of ``KINDS`` for an (H, W, 3) lat-long in any units."""
    if name in KNOWN:
        return KNOWN[name]
    words = set(re.split(r"[^a-z]+", name.lower()))
    for kind, said in WORDS.items():
        if words & set(said) or any(word.startswith(kind) or word.endswith(kind) for word in words):
            return kind
    return SUN if _sun_in_view(truth) else "overcast"


def _sun_in_view(truth: FloatArray) -> bool:
    lum = luminance(truth.astype(np.float64))
    flux = float((lum * solid_angles(*lum.shape)[:, None]).sum())
    key = key_light(truth)
    mean = (flux - key.energy) / (4.0 * np.pi)
    return bool(
        key.energy >= SUN_SHARE * flux and lum.max() >= SUN_OVER_MEAN * max(mean, 1e-12) and key.direction[1] > HORIZON
    )
