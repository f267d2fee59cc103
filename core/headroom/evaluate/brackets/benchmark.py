"""Run methods, baselines and oracles over staged brackets, and collect every number."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headroom.errors import Cancelled, UsageError
from headroom.evaluate.brackets.frames import Frames, frames_of
from headroom.evaluate.brackets.ground import Ground, survey
from headroom.evaluate.brackets.methods import BracketMethod, bracket_baselines, bracket_oracles
from headroom.evaluate.brackets.report import BracketRecord, BracketReport
from headroom.evaluate.brackets.score import BRACKET_MEASURES, SHOWN_LIGHT, score_bracket
from headroom.evaluate.brackets.speed import Speed, Timed, measure_speeds
from headroom.evaluate.brackets.stacks import measure_stacks
from headroom.evaluate.scenes import Scene, find_scenes, load_scene
from headroom.staging import KINDS, StagedBracket, Surroundings, stage

__all__ = ["QUICK", "BracketSpec", "Size", "evaluate_brackets", "plan_brackets"]


@dataclass(frozen=True)
class Size:
    """How much a run does."""

    height: int = 256
    width: int = 384
    seeds: tuple[int, ...] = (0, 1)
    scenes: int | None = None
    """None: all."""


QUICK = Size(128, 192, (0,), 4)


@dataclass(frozen=True)
class BracketSpec:
    """One bracket to be staged; the same one every time."""

    scene: Scene
    kind: str
    seed: int
    height: int
    width: int

    @property
    def name(self) -> str:
        """For progress and pictures."""
        return f"{self.scene.name} {self.kind} {self.seed}"

    def stage(self, surroundings: dict[str, Surroundings]) -> StagedBracket:
        """Photograph it; ``surroundings`` by name are what movers are cut out of."""
        others = [place for name, place in sorted(surroundings.items()) if name != self.scene.name]
        return stage(
            surroundings[self.scene.name], seed=self.seed, kind=self.kind, height=self.height, width=self.width,
            others=others,
        )  # fmt: skip


def plan_brackets(
    folder: Path, kinds: Sequence[str] = KINDS, size: Size | None = None
) -> tuple[list[BracketSpec], dict[str, Surroundings]]:
    """All brackets of a run, and the light around them."""
    size = size or Size()
    scenes = find_scenes(folder)[: size.scenes]
    surroundings = {s.name: Surroundings.of(s.name, load_scene(s.path), latlong=s.is_latlong) for s in scenes}
    specs = [
        BracketSpec(scene, kind, seed, size.height, size.width)
        for kind in kinds
        for scene in scenes
        for seed in size.seeds
    ]
    return specs, surroundings


def evaluate_brackets(
    folder: Path | str,
    methods: Sequence[BracketMethod],
    *,
    kinds: Sequence[str] = tuple(reversed(KINDS)),
    size: Size | None = None,
    measures: Collection[str] | None = None,
    with_baselines: bool = True,
    also_timed: Sequence[BracketMethod] = (),
    stacks: Path | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BracketReport:
    """Measure ``methods`` on brackets staged from the scenes of ``folder``, beside OpenCV's and an oracle.

    ``measures``: of ``BRACKET_MEASURES``; by default all, JOD (of each place's first bracket) only where ColorVideoVDP
    is installed. ``also_timed``: networks without weights. ``stacks``: a folder with real brackets, a folder each.
    ``progress`` is told the share done and what is being done. ``Cancelled`` is raised at most one method after
    ``cancelled`` answers True.
    """
    specs, surroundings = plan_brackets(Path(folder), kinds, size)
    notes = []
    if measures is None:
        measures = [group for group in BRACKET_MEASURES if group != "jod" or importlib.util.find_spec("pycvvdp")]
        if "jod" not in measures:
            notes.append("JOD left out: ColorVideoVDP is not installed (pip install 'headroom-hdr[evaluate]').")
    rivals = bracket_baselines(with_opencv=with_baselines)
    names = [method.name for method in (*methods, *rivals)] + [oracle.name for oracle in bracket_oracles()]
    if len(set(names)) < len(names):
        raise UsageError("two methods in one benchmark have the same name; give each its own")

    def tell(name: str, what: str, share: float = 1.0) -> None:
        if cancelled and cancelled():
            raise Cancelled(f"{name}: cancelled")
        if progress:
            progress(share, f"{name}: {what}")

    records: list[BracketRecord] = []
    for done, spec in enumerate(specs if set(measures) != {"speed"} else []):
        tell(spec.name, "the frames", done / len(specs))
        staged = spec.stage(surroundings)
        ground, frames = survey(staged), frames_of(staged)
        facts = _facts(spec, staged, ground)
        entries = [("method", method) for method in methods] + [("baseline", method) for method in rivals]
        groups = [group for group in measures if group != "jod" or spec.seed == specs[0].seed]
        for role, method in entries:
            tell(spec.name, method.name, done / len(specs))
            taken = groups if method.is_light else [group for group in groups if group in SHOWN_LIGHT]
            answer, seconds = timed(method, frames)
            values = {**score_bracket(answer, ground, taken), **seconds}
            records.append(BracketRecord(**facts, role=role, method=method.name, values=values))
        for oracle in bracket_oracles():
            values = score_bracket(oracle.run(frames, ground), ground, groups)
            records.append(BracketRecord(**facts, role="oracle", method=oracle.name, values=values))
    speeds: list[Speed] = []
    if "speed" in measures:
        frames = frames_of(specs[0].stage(surroundings))
        entries_timed = _timed_entries((*methods, *also_timed, *rivals), frames)
        speeds = measure_speeds(entries_timed, tell=lambda name: tell("speed", name))
    found = measure_stacks(stacks, tell=lambda name: tell("real stacks", name)) if stacks else []
    if progress:
        progress(1.0, "done")
    return BracketReport(records, notes, speeds, found)


def _timed_entries(methods: Sequence[BracketMethod], frames: Frames) -> list[Timed]:
    """Methods that headroom aligns for are timed merging alone; what aligning takes is an entry of its own."""

    def of(method: BracketMethod) -> Timed:
        if method.align is not None:
            frames.window(method.align), frames.noise(method.align)
        return Timed(
            method.name if method.align else f"{method.name}, all of it", lambda: method.run(frames),
            frames.megapixels, method.gflop_per_mp, method.parameters, method.trained,
        )  # fmt: skip

    aligning = Timed("aligning by flow", lambda: frames.afresh().aligned("flow"), frames.megapixels)
    wanted = [method for method in methods if " --" not in method.name]
    return [*(of(method) for method in wanted), aligning]


def timed(method: BracketMethod, frames: Frames) -> tuple[np.ndarray, dict[str, float]]:
    """What the method makes of the frames; seconds of aligning and of merging, comparable within one run only."""
    found = {}
    if method.align is not None:
        frames.window(method.align), frames.noise(method.align)
        found["align_seconds"] = frames.align_seconds[method.align]
    start = time.perf_counter()
    answer = method.run(frames)
    return answer, {"merge_seconds": time.perf_counter() - start, **found}


def _facts(spec: BracketSpec, staged: StagedBracket, ground: Ground) -> dict[str, Any]:
    return {
        "scene": spec.scene.name,
        "kind": spec.kind,
        "seed": spec.seed,
        "ev_stops": list(staged.ev_stops),
        "clipped_share": float(ground.clipped.any(-1).mean()),
        "burnt_share": float(ground.burnt.any(-1).mean()),
        "moving_share": float(ground.moving.mean()),
    }
