"""What a result says about its own making, and how a resumed job recognises it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headroom import io
from headroom.errors import PlateError

__all__ = ["FINGERPRINT", "fingerprint", "header_attributes", "recorded_fingerprint"]

FINGERPRINT = "headroom:fingerprint"
"""Header attribute: the same source, settings, weights and version give the same value."""

_CHUNK_BYTES = 1 << 20

_HEADER_NAMES = {
    "model": "headroom:model",
    "weights_sha256": "headroom:weights",
    "from_space": "headroom:sourceSpace",
    "to_space": "headroom:space",
    "config": "headroom:config",
    "config_cache_id": "headroom:configCacheId",
    "curve": "headroom:curve",
    "clip_level": "headroom:clipLevel",
    "clipped_share": "headroom:clippedShare",
}
"""Key of a file's report -> attribute in the picture's header."""


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
    report: Mapping[str, Any], settings: Mapping[str, Any], source: Path, mark: str
) -> dict[str, str | int | float]:
    """The ``headroom:*`` attributes of a result: version, model, weights, spaces, options, source."""
    attributes: dict[str, str | int | float] = {
        "headroom:version": str(settings["version"]),
        "headroom:source": source.name,
        "headroom:options": json.dumps(settings["options"], sort_keys=True, default=str),
        FINGERPRINT: mark,
    }
    for key, name in _HEADER_NAMES.items():
        value = report.get(key)
        if isinstance(value, str | int | float):
            attributes[name] = value
    return attributes
