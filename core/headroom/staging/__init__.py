"""Dynamic exposure brackets made out of HDR scenes: hands that shake, things that move, a camera, and the truth."""

from __future__ import annotations

from headroom.staging.bracket import KINDS, Staged, StagedBracket, stage, stage_tensors
from headroom.staging.scenery import Surroundings
from headroom.staging.settings import Staging

__all__ = ["KINDS", "Staged", "StagedBracket", "Staging", "Surroundings", "stage", "stage_tensors"]
