"""What a result says about its own making, and how a resumed job recognises it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import headroom
from headroom import io
from headroom.colour.plan import ColourPlan
from headroom.errors import PlateError
from headroom.io.sequence import digest_of_file
from headroom.reconstruct import Options
from headroom.weights import Card

__all__ = [
    "FINGERPRINT",
    "SETTINGS_MARK",
    "WINDOW",
    "digest_of",
    "digest_of_file",
    "fingerprint",
    "header_attributes",
    "recorded_marks",
]

FINGERPRINT = "headroom:fingerprint"
"""Header attribute: the same sources, settings, weights and version give the same value."""
SETTINGS_MARK = "headroom:settings"
"""Header attribute: the same settings, weights and version give the same value, whatever the source."""
WINDOW = "headroom:window"
"""Header attribute: the frames that steadied this one, itself among them; absent where each was made on its own."""


def digest_of(content: Any) -> str:
    """SHA-256 of plain values, in hex."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def fingerprint(shaping: Mapping[str, Any], *identities: str) -> str:
    """Of everything that decides a result: what shapes it, and the digests of the sources it was made from."""
    return digest_of([shaping, identities])


def recorded_marks(target: Path) -> dict[str, str] | None:
    """Fingerprint and settings mark that a result's header states; None where the file cannot be read."""
    try:
        attributes = io.header(target)["parts"][0]["attributes"]
    except PlateError:
        return None
    stated = {name: attributes.get(name) for name in (FINGERPRINT, SETTINGS_MARK)}
    return {name: mark for name, mark in stated.items() if isinstance(mark, str)}


def header_attributes(
    card: Card, colour: ColourPlan, options: Options, source: Path | None, frame: int | None = None
) -> dict[str, str | int | float]:
    """The ``headroom:*`` attributes of a result: version, model, weights, spaces, options, source."""
    attributes: dict[str, str | int | float] = {
        "headroom:version": headroom.__version__,
        "headroom:model": f"{card.name} {card.version}",
        "headroom:weights": card.sha256,
        "headroom:options": json.dumps(asdict(options), sort_keys=True),
        "headroom:sourceSpace": colour.from_space,
        "headroom:space": colour.to_space,
        "headroom:config": colour.config_name,
        "headroom:configCacheId": colour.cache_id,
    }
    if source is not None:
        attributes["headroom:source"] = source.name
    if frame is not None:
        attributes["headroom:sourceFrame"] = frame
    return attributes
