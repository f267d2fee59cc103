"""Option types that several commands share."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["emit_json", "json_option", "memory_size"]

# Decimal units as on a disk's label and in `--memory 4GB`; KiB and friends are powers of 1024.
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("kmgt", start=1)}


def memory_size(text: str) -> int:
    """Bytes from ``4GB``, ``512MiB``, ``1.5g`` or a bare number of bytes."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kmgt]?i?)b?", text.strip().lower())
    if not found or found[2] not in _UNITS or float(found[1]) <= 0:
        raise click.BadParameter(f"{text!r} is not a size such as 4GB or 512MiB")
    return int(float(found[1]) * _UNITS[found[2]])


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def emit_json(content: dict[str, Any]) -> None:
    """Writes the command's whole answer as one JSON object; non-finite numbers become null."""
    import json

    click.echo(json.dumps(_strict(content), indent=2, default=str))


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item() if getattr(value, "size", 1) == 1 else value.tolist()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
