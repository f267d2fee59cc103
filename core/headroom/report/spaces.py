"""Both pictures as light in linear Rec.709, which is what the page shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from headroom.colour.gamut import BRADFORD, GAMUTS, REC709, rgb_to_rgb
from headroom.colour.plan import ColourPlan, plan
from headroom.errors import ColourError, UnknownSpaceError, UsageError
from headroom.plate import FloatArray, Plate
from headroom.report.header import Header

__all__ = ["Spaces"]

SAME_POINT = 0.002
"""Chromaticities this near name a known gamut."""


@dataclass
class Spaces:
    """How the two sides are read; the same for all frames unless their headers differ."""

    plate_space: str | None = None
    """What the user says of the plate; else what the result's header says, else what the plate says."""
    result_space: str | None = None
    """What the user says of the result; else its chromaticities, else what its header says."""
    config: str | None = None
    plate_said: str = ""
    """The plate's space and who says so."""
    result_said: str = ""
    warnings: list[str] = field(default_factory=list)
    _plate_plan: ColourPlan | None = None
    _result_plan: ColourPlan | None = None
    _matrix: npt.NDArray[np.float32] | None = None
    _seen: tuple[Any, ...] | None = None

    def prepare(self, result: Plate, plate: Plate | None, header: Header) -> None:
        """Decides for this frame; the same files as before cost nothing."""
        stated = (header.chromaticities, header.space, header.source_space, result.space)
        seen = (*stated, None if plate is None else (plate.space, plate.is_float, plate.bits))
        if seen == self._seen:
            return
        self._seen = seen
        self._prepare_result(result, header)
        if plate is not None:
            self._prepare_plate(plate, header)

    def light_of_result(self, result: Plate, y0: int, y1: int) -> FloatArray:
        """(h, W, 3)"""
        rows = result.rows(y0, y1)
        if self._matrix is not None:
            light: FloatArray = (rows.reshape(-1, 3) @ self._matrix.T).reshape(rows.shape)
            return light
        assert self._result_plan is not None
        return np.asarray(self._result_plan.to_lin709(rows), np.float32)

    def light_of_plate(self, plate: Plate, code: FloatArray) -> FloatArray:
        """Code values (..., 3) as light."""
        assert self._plate_plan is not None
        return np.nan_to_num(np.asarray(self._plate_plan.to_lin709(code), np.float32), posinf=0, neginf=0)

    def light_of_greys(self, count: int) -> FloatArray:
        """(count, 3): the light of neutral codes from 0 to 1; only a guess where the plate's curve is odd."""
        assert self._plate_plan is not None
        ramp = np.repeat(np.linspace(0, 1, count, dtype=np.float32)[:, None], 3, axis=1)
        return np.nan_to_num(np.asarray(self._plate_plan.to_lin709(ramp), np.float32), posinf=0, neginf=0)

    def _prepare_result(self, result: Plate, header: Header) -> None:
        self._matrix = None
        primaries = header.chromaticities
        if self.result_space is None and primaries is not None:
            matrix = rgb_to_rgb(primaries, REC709, BRADFORD)
            if np.isfinite(matrix).all():
                self._matrix = matrix.astype(np.float32)
                self.result_said = f"{_gamut_name(primaries)}, by the chromaticities in its header"
                return
        said = "as you say" if self.result_space else "by its header"
        name = self.result_space or header.space or result.space
        if name is None:
            said = "assumed: it states no chromaticities; correct it with --to"
            self._warn(f"{result.name} states no colour space: taken as linear Rec.709; say which with --to")
        try:
            self._result_plan = plan(name, frm=self.result_space or name, config=self.config, is_float=True, bits=32)
        except (UnknownSpaceError, ColourError):
            if self.result_space:
                raise
            self._warn(
                f"the result's header names {name!r}, which the OCIO config does not have: taken as linear Rec.709"
            )
            self._result_plan = plan(None, config=self.config, is_float=True, bits=32)
            said = "assumed"
        self.result_said = f"{self._result_plan.from_space}, {said}"
        if self._result_plan.kind != "linear":
            raise UsageError(
                f"{result.name}: {self._result_plan.from_space} is not linear; name a linear space with --to"
            )

    def _prepare_plate(self, plate: Plate, header: Header) -> None:
        asked = self.plate_space or header.source_space
        kind: dict[str, Any] = {"config": self.config, "is_float": plate.is_float, "bits": plate.bits}
        try:
            self._plate_plan = plan(plate.space, frm=asked, **kind)
            said = "as you say" if self.plate_space else "as the conversion took it" if asked else "by the plate itself"
        except (UnknownSpaceError, ColourError):
            if self.plate_space or asked is None:
                raise
            self._plate_plan = plan(plate.space, **kind)
            said = "by the plate itself"
            self._warn(
                f"the conversion read the plate as {asked!r}, which this OCIO config does not have: "
                f"read as {self._plate_plan.from_space}; say --from or --ocio-config to correct"
            )
        if asked is None and plate.space is None:
            said = "assumed"
        self.plate_said = f"{self._plate_plan.from_space}, {said}"
        for warning in self._plate_plan.warnings:
            self._warn(warning)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _gamut_name(primaries: tuple[float, ...]) -> str:
    for name, known in GAMUTS.items():
        if all(abs(a - b) <= SAME_POINT for a, b in zip(primaries, known, strict=True)):
            return {"AP1": "ACEScg (AP1)", "AP0": "ACES2065-1 (AP0)"}.get(name, f"linear {name}")
    return "linear light in primaries of its own"
