"""Run methods, baselines and oracles over synthetic shots, and collect every number."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headroom.errors import Cancelled, UsageError
from headroom.evaluate.expandnet import find_peers
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.shots.ground import Ground, survey
from headroom.evaluate.shots.methods import BASE, ShotMethod, inverse, shot_oracles
from headroom.evaluate.shots.report import ShotRecord, ShotReport
from headroom.evaluate.shots.score import SHOT_MEASURES, score_shot
from headroom.evaluate.shots.shot import SyntheticShot
from headroom.evaluate.shots.spec import KINDS, SHARES, ShotSpec, Size, plan_shots
from headroom.metrics import headroom_stops
from headroom.plate import FloatArray

__all__ = ["evaluate_shots", "run_method"]


def evaluate_shots(
    folder: Path | str,
    methods: Sequence[ShotMethod],
    *,
    kinds: Sequence[str] = tuple(KINDS),
    shares: Sequence[float] = SHARES,
    size: Size | None = None,
    measures: Collection[str] | None = None,
    peers: Path | None = None,
    with_baselines: bool = True,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ShotReport:
    """Measure ``methods`` on synthetic shots of the scenes of ``folder``, beside baselines and oracles.

    ``measures``: of ``SHOT_MEASURES``; by default all, JOD only where ColorVideoVDP is installed. ``peers``: folder
    with expandnet/weights.pth; by default one named ``peers`` beside the scenes or above them. ``progress`` is told the
    share done and what is being done. ``Cancelled`` is raised at most one frame after ``cancelled`` answers True.
    """
    specs = plan_shots(find_scenes(Path(folder)), kinds, shares, size)
    notes = []
    if measures is None:
        measures = [group for group in SHOT_MEASURES if group != "jod" or importlib.util.find_spec("pycvvdp")]
        if "jod" not in measures:
            notes.append("JOD left out: ColorVideoVDP is not installed (pip install 'headroom-hdr[evaluate]').")
    rivals = [ShotMethod(BASE, inverse)]
    peers = peers or find_peers(Path(folder))
    if with_baselines and peers is None:
        notes.append("ExpandNet left out: no folder peers/expandnet with weights.pth was found.")
    elif with_baselines:
        from headroom.evaluate.shots.expandnet import expandnet_shot_methods

        rivals += expandnet_shot_methods(peers)
    names = [method.name for method in (*methods, *rivals)] + [oracle.name for oracle in shot_oracles()]
    if len(set(names)) < len(names):
        raise UsageError("two methods in one benchmark have the same name; give each its own")
    records: list[ShotRecord] = []
    for done, spec in enumerate(specs):

        def tell(what: str, done: int = done, spec: ShotSpec = spec) -> None:
            if progress:
                progress(done / len(specs), f"{spec.name}: {what}")

        tell("the shot")
        ground = survey(SyntheticShot(spec), cancelled=cancelled)
        facts = _facts(ground)
        entries = [("method", method) for method in methods]
        entries += [("baseline", method) for method in rivals if done % method.every == 0]
        for role, method in entries:
            tell(method.name)
            start = time.perf_counter()
            result = run_method(method, ground.shot, cancelled=cancelled)
            seconds = time.perf_counter() - start
            values = score_shot(result, ground, measures)
            records.append(ShotRecord(**facts, role=role, method=method.name, seconds=seconds, values=values))
        for oracle in shot_oracles():
            tell(oracle.name)
            values = score_shot(oracle.run(ground), ground, [m for m in measures if m != "jod" or not oracle.brief])
            records.append(ShotRecord(**facts, role="oracle", method=oracle.name, seconds=0.0, values=values))
    if progress:
        progress(1.0, "done")
    return ShotReport(records, notes)


def run_method(method: ShotMethod, shot: SyntheticShot, *, cancelled: Callable[[], bool] | None = None) -> FloatArray:
    """(frames, H, W, 3) what the method makes of the shot."""
    frames = []
    for light in method.run(shot):
        if cancelled and cancelled():
            raise Cancelled(f"{shot.name}: cancelled")
        frames.append(light)
    return np.stack(frames)


def _facts(ground: Ground) -> dict[str, Any]:
    spec = ground.shot.spec
    return {
        "scene": spec.scene.name,
        "kind": spec.kind,
        "share": spec.share,
        "jpeg_quality": spec.jpeg_quality,
        "clipped_share": float(ground.clipped.mean()),
        "headroom": headroom_stops(ground.truth),
        "ways": sum(len(pair.truth_change) for pair in ground.ways),
    }
