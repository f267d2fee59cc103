"""Everything that shapes a result, and how its file is written."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from headroom.io.targets import Depth
from headroom.options import Options
from headroom.settings import checked, in_stages

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that shapes a result, and how its file is written."""

    model: str = "headroom-1"
    from_space: str | None = None
    to_space: str | None = None
    ocio_config: str | None = None
    part: str | int | None = None
    lut: Path | None = None
    """Linearises the plates in place of their space."""
    options: Options = field(default_factory=Options)
    mask: bool = False
    gain: bool = False
    depth: Depth = "auto"
    compression: str = "zip"
    device: str = "auto"
    precision: str = "auto"
    memory_bytes: int | None = None
    overwrite: bool = False
    resume: bool = False

    @classmethod
    def of(cls, **chosen: Any) -> Settings:
        """From the flat names of `headroom.settings`, as the command line and the worker's hosts use them."""
        flat = in_stages(checked(chosen))
        lut = None
        if flat["curve"] not in ("declared", "estimate"):
            lut, flat["curve"] = Path(flat["curve"]), "declared"
        options = Options(**{option.name: flat.pop(option.name) for option in fields(Options)})
        return cls(options=options, lut=lut, memory_bytes=flat.pop("memory"), **flat)
