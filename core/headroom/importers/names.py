"""Names and shapes of the authors' variables against those that the network has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headroom.errors import WeightsError

__all__ = ["require_names"]

LISTED = 3


def require_names(path: Path, what: str, found: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]]) -> None:
    """``WeightsError`` unless the names are just these, the shapes fit, and all numbers are finite."""
    for problem, names in (("lacks", expected.keys() - found.keys()), ("holds the unknown", found.keys() - expected)):
        if names:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            listed = ", ".join(sorted(names)[:LISTED]) + more
            raise WeightsError(f"{path}: {problem} {listed}; these are not the authors' {what} weights")
    for name, shape in expected.items():
        if tuple(found[name].shape) != shape:
            raise WeightsError(f"{path}: {name} is {tuple(found[name].shape)}, {what}'s is {shape}")
        if not np.isfinite(np.asarray(found[name])).all():
            raise WeightsError(f"{path}: {name} holds numbers that are not finite; fetch the file again")
