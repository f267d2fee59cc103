"""A measured curve in place of a plate's stated space: ``--curve FILE``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headroom.colour.ocio import load_lut
from headroom.colour.plan import LOG_HEADROOM, ColourPlan
from headroom.errors import ColourError
from headroom.plate import FloatArray

__all__ = ["through_lut"]


def through_lut(chosen: ColourPlan, path: Path) -> ColourPlan:
    """The plan with its codes linearised by a LUT file, which takes 0..1 to linear Rec.709, white at 1."""
    lut = load_lut(path)
    top = float(lut(np.ones((1, 3), np.float32)).max())
    if not np.isfinite(top) or top <= 0:
        raise ColourError(f"{path}: the LUT gives no light for white; it must take codes to linear light")

    def base(code: FloatArray) -> FloatArray:
        return chosen.from_lin709(lut(code))

    to_base: Any = base
    return replace(
        chosen,
        from_space=f"curve of {path.name}",
        kind="log" if top > LOG_HEADROOM else "display",
        white=top if top > LOG_HEADROOM else 1.0,
        mixes_channels=False,
        _base=to_base,
        _to_lin709=lut,
        _display_lin709=None,
        _through_view=False,
        _seen_as_is=False,
    )
