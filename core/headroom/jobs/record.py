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
from headroom.reconstruct import Options
from headroom.weights import Card

__all__ = ["FINGERPRINT", "fingerprint", "header_attributes", "recorded_fingerprint"]

FINGERPRINT = "headroom:fingerprint"
"""Header attribute: the same source, settings, weights and version give the same value."""

_CHUNK_BYTES = 1 << 20


def fingerprint(source: Path, settings: Mapping[str, Any]) -> str:
    """SHA-256 over the source's bytes and everything that shapes the result."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def recorded_fingerprint(target: Path) -> str | None:
    """The fingerprint that a result's header states; None where it has none or cannot be read."""
    try:
        parts = io.header(target)["parts"]
    except PlateError:
        return None
    mark = parts[0]["attributes"].get(FINGERPRINT)
    return mark if isinstance(mark, str) else None


def header_attributes(
    card: Card, colour: ColourPlan, options: Options, source: Path | None, mark: str | None = None
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
    if mark is not None:
        attributes[FINGERPRINT] = mark
    return attributes
