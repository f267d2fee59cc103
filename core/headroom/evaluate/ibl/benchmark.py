"""Run methods, baselines and oracles over photographs of panoramas and measure the light of what they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from headroom.errors import UsageError
from headroom.evaluate.baselines import baselines
from headroom.evaluate.expandnet import find_peers
from headroom.evaluate.exposures import SHARES, Exposure, expose
from headroom.evaluate.ibl.kinds import SUN, kind_of, stated_kinds
from headroom.evaluate.ibl.light import TrueLight, ibl_errors
from headroom.evaluate.ibl.report import IblRecord, IblReport
from headroom.evaluate.methods import BASE, Method, inverse_response, oracles
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.suites import cases
from headroom.metrics import align_scale
from headroom.plate import FloatArray

__all__ = ["DEFAULT_SUITE", "evaluate_ibl"]

DEFAULT_SUITE = "srgb"
SUN_ONLY = ("sun_energy", "sun_degrees")
"""Measures that say nothing where no sun is in view."""


def evaluate_ibl(
    folder: Path | str,
    methods: Sequence[Method],
    *,
    suites: Sequence[str] = (DEFAULT_SUITE,),
    shares: Sequence[float] = SHARES,
    peers: Path | None = None,
    with_baselines: bool = True,
    progress: Callable[[float, str], None] | None = None,
) -> IblReport:
    """Measure the light of ``methods`` on all lat-longs of ``folder``, beside baselines and oracles.

    ``peers``: folder with expandnet/weights.pth; by default one named ``peers`` beside the scenes or above them.
    ``progress`` is told the share done and the photograph's name.
    """
    scenes = [scene for scene in find_scenes(Path(folder)) if scene.is_latlong]
    if not scenes:
        raise UsageError(f"{folder} has no lat-long panoramas (twice as wide as high, or said so in manifest.json)")
    stated = stated_kinds(Path(folder))
    peers = peers or find_peers(Path(folder))
    notes = []
    if with_baselines and peers is None:
        notes.append("ExpandNet left out: no folder peers/expandnet with weights.pth was found.")
    rivals = baselines(peers) if with_baselines else (Method(BASE, inverse_response),)
    bounds = [oracle for oracle in oracles() if not oracle.needs_wrong_curve]
    names = [method.name for method in (*methods, *rivals)] + [bound.name for bound in bounds]
    if len(set(names)) < len(names):
        raise UsageError("two methods in one benchmark have the same name; give each its own")
    plan = [(suite, case) for suite in suites for case in cases(scenes, shares, suite)]
    kinds: dict[str, str] = {}
    records: list[IblRecord] = []
    for done, (suite, case) in enumerate(plan):
        if progress:
            progress(done / len(plan), f"{suite}: {case.name}")
        exposure = expose(case)
        name = case.scene.name
        kind = kinds.setdefault(name, stated.get(name) or kind_of(name, exposure.truth))
        truth = TrueLight.of(exposure.truth)

        def add(role: str, method: str, answer: FloatArray) -> None:
            values = _measured(answer, exposure, truth, kind)  # noqa: B023  called in this round of the loop only
            records.append(IblRecord(suite, name, kind, case.share, role, method, values))  # noqa: B023

        for method in methods:
            add("method", method.name, method.run(exposure.code, exposure.declared, exposure.is_jpeg))
        for rival in rivals:
            add("baseline", rival.name, rival.run(exposure.code, exposure.declared, exposure.is_jpeg))
        for bound in bounds:
            add("oracle", bound.name, bound.run(exposure))
    if progress:
        progress(1.0, "done")
    return IblReport(records, notes)


def _measured(answer: FloatArray, exposure: Exposure, truth: TrueLight, kind: str) -> dict[str, float]:
    """Align on what was recorded, then measure; samples that are not finite are counted, and measured as 0."""
    if answer.shape != exposure.truth.shape:
        raise UsageError(f"a method answered {answer.shape} for a plate of {exposure.truth.shape}")
    finite = np.isfinite(answer)
    nonfinite = float(answer.size - np.count_nonzero(finite))
    answer = np.where(finite, answer, np.float32(0)) if nonfinite else answer
    scale = align_scale(answer, exposure.truth, exposure.well_exposed)
    values = asdict(ibl_errors(answer * np.float32(scale), truth))
    if kind != SUN:
        values = {name: value for name, value in values.items() if name not in SUN_ONLY}
    return {**values, "nonfinite": nonfinite}
