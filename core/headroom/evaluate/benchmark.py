"""Run methods, baselines and oracles over suites of virtual photographs, and collect every number."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from headroom.errors import UsageError
from headroom.evaluate.baselines import baselines
from headroom.evaluate.expandnet import find_peers
from headroom.evaluate.exposures import SHARES, Exposure, expose
from headroom.evaluate.methods import BASE, BEST_GAIN, Method, Oracle, inverse_response, oracles, told
from headroom.evaluate.report import Record, Report
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.score import MEASURES, score
from headroom.evaluate.suites import DEFAULT_SUITES, cases
from headroom.plate import FloatArray

__all__ = ["evaluate"]

ORACLE_MEASURES = {"pu21", "log", "lighting"}
"""What the bounds beside the best gain are measured by: the rest costs seconds and says no more."""


def evaluate(
    folder: Path | str,
    methods: Sequence[Method],
    *,
    suites: Sequence[str] = DEFAULT_SUITES,
    shares: Sequence[float] = SHARES,
    measures: Collection[str] | None = None,
    peers: Path | None = None,
    with_baselines: bool = True,
    progress: Callable[[float, str], None] | None = None,
) -> Report:
    """Measure ``methods`` on all scenes of ``folder``, beside baselines and oracles.

    ``measures``: groups of ``score.MEASURES``; by default all, JOD only where ColorVideoVDP is
    installed. ``peers``: folder with expandnet/weights.pth; by default one named ``peers`` beside
    the scenes or above them. Without ``with_baselines`` only the inverse curve is left.
    ``progress`` is told the share done and the photograph's name.
    """
    scenes = find_scenes(Path(folder))
    notes = []
    if measures is None:
        measures = [group for group in MEASURES if group != "jod" or importlib.util.find_spec("pycvvdp")]
        if "jod" not in measures:
            notes.append("JOD left out: ColorVideoVDP is not installed (pip install 'headroom-hdr[evaluate]').")
    peers = peers or find_peers(Path(folder))
    if with_baselines and peers is None:
        notes.append("ExpandNet left out: no folder peers/expandnet with weights.pth was found.")
    rivals = baselines(peers) if with_baselines else (Method(BASE, inverse_response),)
    bounds = (*oracles(), *(told(method) for method in methods if method.follows_curve))
    names = [method.name for method in (*methods, *rivals)] + [oracle.name for oracle in bounds]
    if len(set(names)) < len(names):
        raise UsageError("two methods in one benchmark have the same name; give each its own")
    plan = [(suite, case) for suite in suites for case in cases(scenes, shares, suite)]
    records: list[Record] = []
    for done, (suite, case) in enumerate(plan):
        if progress:
            progress(done / len(plan), f"{suite}: {case.name}")
        exposure = expose(case)
        for kind, name, prediction, seconds in _answers(exposure, methods, rivals, bounds):
            brief = kind == "oracle" and name != BEST_GAIN
            values = score(prediction, exposure, ORACLE_MEASURES & set(measures) if brief else measures)
            records.append(
                Record(
                    suite=suite,
                    scene=case.scene.name,
                    share=case.share,
                    response=case.response,
                    declared=case.declared,
                    jpeg_quality=case.jpeg_quality,
                    headroom=exposure.headroom,
                    kind=kind,
                    method=name,
                    seconds=seconds,
                    values=values,
                )
            )
    if progress:
        progress(1.0, "done")
    return Report(records, notes)


def _answers(
    exposure: Exposure, methods: Sequence[Method], rivals: Sequence[Method], bounds: Sequence[Oracle]
) -> Iterator[tuple[str, str, FloatArray, float]]:
    for kind, entries in (("method", methods), ("baseline", rivals)):
        for method in entries:
            start = time.perf_counter()
            answer = method.run(exposure.code, exposure.declared, exposure.is_jpeg)
            yield kind, method.name, answer, time.perf_counter() - start
    for oracle in bounds:
        if oracle.needs_wrong_curve and exposure.case.declared == exposure.case.response:
            continue
        yield "oracle", oracle.name, oracle.run(exposure), 0.0
