"""Write docs/shots-results.md and its pictures from a finished run of the flicker benchmark.

    headroom evaluate SCENES --shots -o out/
    python benchmarks/shot_figures.py SCENES out/shots.json [MORE.json ...]

The figures come from the report; for the pictures a few of its shots are made and reconstructed again. Of several
reports the first that has a method on a shot counts.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from headroom.colour.curves import srgb_encode
from headroom.evaluate.methods import BASE
from headroom.evaluate.scenes import find_scenes
from headroom.evaluate.shots import (
    KINDS,
    ShotMethod,
    ShotReport,
    ShotSpec,
    SyntheticShot,
    model_shot_methods,
    plan_shots,
)
from headroom.evaluate.shots.benchmark import run_method
from headroom.evaluate.shots.geometry import pixel_grid
from headroom.evaluate.shots.ghosts import ON
from headroom.evaluate.shots.report import SHOT_COLUMNS, ShotRecord
from headroom.evaluate.shots.trajectories import at, log2_light

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "shots-results.md"
IMAGES = ROOT / "docs" / "images"

TEMPORAL, PER_FRAME = "headroom-1 temporal", "headroom-1 per frame"
COLOURS = {"truth": "black", PER_FRAME: "#d1495b", TEMPORAL: "#00798c"}
TRACED = ("pan", "zoom", "ramp")
STRIPS = ("lamp", "cutout")
PROFILED = ("lamp", "cutout", "blink")

# Below the clip level by so much, a lamp three stops above it is seen as it is.
STRIP_STOPS = -3.0
STRIP_FRAMES = 5
ERROR_SHOWN_STOPS = 2.0
PROFILE_FRAMES = 6

Made = dict[str, np.ndarray]


def main(scenes: Path, *sources: Path) -> None:
    mpl.use("Agg")
    report = read_report(sources)
    methods = {method.name: method for method in model_shot_methods(device="cpu")}
    specs = plan_shots(find_scenes(scenes))
    made: dict[str, tuple[SyntheticShot, Made]] = {}

    def results(spec: ShotSpec) -> tuple[SyntheticShot, Made]:
        if spec.name not in made:
            print(spec.name, flush=True)
            made[spec.name] = reconstruct(spec, methods)
        return made[spec.name]

    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_kinds(report, IMAGES / "shots-kinds.png")
    draw_traces([results(first(specs, kind)) for kind in TRACED], IMAGES / "shots-trace.png")
    for kind in STRIPS:
        draw_strip(*results(first(specs, kind)), IMAGES / f"shots-{kind}.jpg")
    trail = draw_profile([results(spec) for spec in specs if spec.kind in PROFILED], IMAGES / "shots-after.png")
    PAGE.write_text(page(report, trail), encoding="utf-8")


def read_report(sources: Sequence[Path]) -> ShotReport:
    """One report of all, its methods in the order of the benchmark's roles."""
    found: dict[tuple[object, ...], ShotRecord] = {}
    notes: list[str] = []
    for source in sources:
        content = json.loads(source.read_text("utf-8"))
        notes += [note for note in content["notes"] if note not in notes]
        for record in content["records"]:
            values = {name: math.nan if value is None else value for name, value in record.pop("values").items()}
            entry = ShotRecord(**record, values=values)
            found.setdefault((entry.scene, entry.kind, entry.share, entry.method), entry)
    roles = ("method", "baseline", "oracle")
    return ShotReport(sorted(found.values(), key=lambda r: (roles.index(r.role), r.method != TEMPORAL)), notes)


def first(specs: list[ShotSpec], kind: str) -> ShotSpec:
    return next(spec for spec in specs if spec.kind == kind)


def reconstruct(spec: ShotSpec, methods: dict[str, ShotMethod]) -> tuple[SyntheticShot, Made]:
    shot = SyntheticShot(spec)
    made = {name: run_method(method, shot) for name, method in methods.items()}
    made["truth"] = np.stack([shot.truth(frame) for frame in shot.frames])
    made["plate"] = np.stack([shot.code(frame) for frame in shot.frames])
    return shot, made


def draw_kinds(report: ShotReport, path: Path) -> None:
    kinds = [kind for kind in KINDS if kind in report.kinds]
    shown = {PER_FRAME: COLOURS[PER_FRAME], TEMPORAL: COLOURS[TEMPORAL], BASE: "#bbbbbb"}
    figure, axis = plt.subplots(figsize=(11, 4), layout="constrained")
    for offset, (name, colour) in enumerate(shown.items()):
        values = [report.interval(name, "excess", kind=kind).mean for kind in kinds]
        axis.bar(np.arange(len(kinds)) + 0.28 * (offset - 1), values, 0.26, color=colour, label=name)
    axis.set_xticks(range(len(kinds)), kinds)
    axis.set_ylabel("excess variation, stops a frame")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_traces(shots: list[tuple[SyntheticShot, Made]], path: Path) -> None:
    figure, axes = plt.subplots(1, len(shots), figsize=(5 * len(shots), 3.8), layout="constrained")
    for axis, (shot, made) in zip(axes, shots, strict=True):
        logs = {name: np.stack([log2_light(light) for light in made[name]]) for name in COLOURS}
        way = trace(shot, logs[PER_FRAME], logs["truth"])
        for name, colour in COLOURS.items():
            values = [float(at(logs[name][i], xy)[0]) for i, xy in enumerate(way)]
            axis.plot(shot.frames, values, color=colour, label=name, marker=".", lw=2 if name == TEMPORAL else 1.2)
        axis.set_title(shot.name, fontsize=10)
        axis.set_xlabel("frame")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("log2 luminance, 0 = clip level")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def trace(shot: SyntheticShot, per_frame: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    """Positions (1, 1, 2) of a scene point in each frame: clipped in all, and of the upper quartile of variation."""
    middle = shot.frames[len(shot.frames) // 2]
    grid = pixel_grid(shot.spec.height, shot.spec.width)[::2, ::2].reshape(-1, 1, 2)
    usable = np.ones(len(grid), bool)
    ways = []
    for index, frame in enumerate(shot.frames):
        there, seen = shot.follow(middle, frame, grid)
        clipped = (shot.truth(shot.frames[index]).max(-1) >= 1.0).astype(np.float32)
        usable &= seen[:, 0] & (at(clipped, np.nan_to_num(there, nan=-9.0)) > 0.999)
        ways.append(there)
    ways = [there[usable] for there in ways]
    errors = np.stack([at(per_frame[i], there) - at(truth[i], there) for i, there in enumerate(ways)])
    variation = np.sqrt(np.mean(np.diff(errors, axis=0) ** 2, axis=0))
    chosen = int(np.argsort(variation)[int(0.75 * variation.size)])
    return [there[chosen : chosen + 1] for there in ways]


def draw_strip(shot: SyntheticShot, made: Made, path: Path) -> None:
    """Every third frame around the mover: plate, and three results so dark that the lamp shows, and their errors."""
    assert shot.mover is not None
    frames = np.linspace(3, len(shot.frames) - 4, STRIP_FRAMES).round().astype(int)
    height, width = shot.spec.height, shot.spec.width
    x, y = np.median(shot.mover.centres, axis=0)
    left, top = int(np.clip(x - 96, 0, width - 192)), int(np.clip(y - 64, 0, height - 128))
    crop = (slice(top, top + 128), slice(left, left + 192))

    def dark(name: str) -> Callable[[int], np.ndarray]:
        return lambda i: srgb_encode((made[name][i][crop] * 2.0**STRIP_STOPS).clip(0, 1))

    def error(name: str) -> Callable[[int], np.ndarray]:
        return lambda i: (log2_light(made[name][i]) - log2_light(made["truth"][i]))[crop]

    rows: list[tuple[str, Callable[[int], np.ndarray], dict[str, Any]]] = [
        ("plate", lambda i: made["plate"][i][crop], {}),
        (f"truth, {STRIP_STOPS:g} stops", dark("truth"), {}),
        (f"temporal, {STRIP_STOPS:g} stops", dark(TEMPORAL), {}),
        (f"per frame, {STRIP_STOPS:g} stops", dark(PER_FRAME), {}),
    ]
    scale = {"cmap": "RdBu_r", "vmin": -ERROR_SHOWN_STOPS, "vmax": ERROR_SHOWN_STOPS}
    rows += [("temporal: error, stops", error(TEMPORAL), scale), ("per frame: error, stops", error(PER_FRAME), scale)]
    size = (3 * STRIP_FRAMES, 2.05 * len(rows))
    figure, axes = plt.subplots(len(rows), STRIP_FRAMES, figsize=size, layout="constrained")
    for line, (title, picture, how) in zip(axes, rows, strict=True):
        for axis, index in zip(line, frames, strict=True):
            shown = axis.imshow(picture(int(index)), **how)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(title, fontsize=10)
    for axis, index in zip(axes[0], frames, strict=True):
        axis.set_title(f"frame {shot.frames[index]}", fontsize=10)
    figure.colorbar(shown, ax=axes[-2:, :], shrink=0.8)
    figure.suptitle(shot.name)
    figure.savefig(path, dpi=64)
    plt.close(figure)


def draw_profile(shots: list[tuple[SyntheticShot, Made]], path: Path) -> float:
    """Mean error on clipped pixels against the frames since a bright thing left them (negative: until it comes).

    Returns by how much the shot's lies above the single frames' in the first frame after: its trail, in stops.
    """
    first_after: dict[str, float] = {}
    steps = [step for step in range(-PROFILE_FRAMES, PROFILE_FRAMES + 1) if step]
    figure, axis = plt.subplots(figsize=(7.5, 4), layout="constrained")
    for name in (PER_FRAME, TEMPORAL):
        sums, counts = np.zeros(len(steps)), np.zeros(len(steps))
        for shot, made in shots:
            on = np.stack([shot.covered(frame) > ON for frame in shot.frames])
            free = np.stack([shot.covered(frame) < 1 - ON for frame in shot.frames])
            error = np.stack([log2_light(light) for light in made[name]])
            error = error - np.stack([log2_light(light) for light in made["truth"]])
            clipped = made["truth"].max(-1) >= 1.0
            for i, step in enumerate(steps):
                where = since(on, step) & free & clipped
                sums[i] += float(error[where].sum())
                counts[i] += int(where.sum())
        means, half = sums / counts.clip(1), len(steps) // 2
        first_after[name] = float(means[half])
        axis.plot(steps[:half], means[:half], marker="o", color=COLOURS[name], label=name)
        axis.plot(steps[half:], means[half:], marker="o", color=COLOURS[name])
    axis.axhline(0, color="black", lw=0.6)
    axis.set_xlabel("frames since a bright thing left a clipped pixel (below 0: until it comes)")
    axis.set_ylabel("mean error, stops")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=80)
    plt.close(figure)
    return first_after[TEMPORAL] - first_after[PER_FRAME]


def since(on: np.ndarray, step: int) -> np.ndarray:
    """Where the last (or next) covered frame lies exactly ``step`` frames back (or ahead)."""
    found = np.zeros_like(on)
    far = abs(step)
    past = on if step > 0 else on[::-1]
    exact = np.zeros_like(on)
    for index in range(far, len(on)):
        exact[index] = past[index - far] & ~past[index - far + 1 : index + 1].any(axis=0)
    found |= exact if step > 0 else exact[::-1]
    return found


def page(report: ShotReport, trail: float) -> str:
    column = {c.name: c for c in SHOT_COLUMNS}
    share = report.ratio(TEMPORAL, PER_FRAME, "excess")
    slow = report.ratio(TEMPORAL, PER_FRAME, "excess_slow")
    means = {name: report.interval(name, "excess").mean for name in (TEMPORAL, PER_FRAME, BASE)}

    def better(name: str, unit: str) -> str:
        found = report.paired(TEMPORAL, PER_FRAME, column[name])
        digits = column[name].digits
        interval = f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}] {unit}"
        return f"{column[name].title}: {interval}".rstrip()

    quality = [("jod", ""), ("pu21_psnr", "dB"), ("worst_frame", "dB"), ("clip_rmse", "stops")]
    ghosts = [("ghost_clip", "stops"), ("ghost_trail", "stops"), ("ghost_bias", "stops")]
    present = {c.name for c in report.columns()}
    lines = [
        "# Steadiness in time: what was measured",
        "`headroom evaluate SCENES --shots`, written by `benchmarks/shot_figures.py`. How the shots are made and what "
        "the measures mean: [evaluation.md](evaluation.md).",
        f"**Excess variation.** `headroom-1` frame by frame {means[PER_FRAME]:.3f} stops a frame; as a shot "
        f"{means[TEMPORAL]:.3f}: **{share.ratio:.2f} of it [{share.low:.2f}, {share.high:.2f}]**; over six frames "
        f"{slow.ratio:.2f} [{slow.low:.2f}, {slow.high:.2f}]. Undoing the curve alone, which reconstructs nothing, has "
        f"{means[BASE]:.3f}: interpolation, and the shots whose exposure changes.",
        "**Quality**, as a shot against frame by frame (positive is better, mean over scenes [95 %]):",
        "\n".join(f"- {better(name, unit)}" for name, unit in quality if name in present),
        "**Beside things that move**, likewise:",
        "\n".join(f"- {better(name, unit)}" for name, unit in ghosts if name in present),
        "![Excess variation by kind of shot](images/shots-kinds.png)",
        "*Excess variation by kind of shot. The grey bars reconstruct nothing: what interpolation leaves, and where "
        "the exposure changes, what holding still costs.*",
        "![One scene point over time](images/shots-trace.png)",
        "*One scene point of three shots, followed along the true motion: of the points that stay clipped, the one at "
        "the upper quartile of per-frame variation.*",
        "![A lamp moves over the scene](images/shots-lamp.jpg)",
        "*A lamp that moves; red is too bright. A trail would be red where the lamp was.*",
        "![A cut-out highlight moves over the scene](images/shots-cutout.jpg)",
        "*The same for a highlight cut out of the scene.*",
        "![Error after a bright thing left](images/shots-after.png)",
        "*All shots in which something bright moves or blinks: mean error of clipped pixels it is about to cover or "
        f"has left. In the first frame after, a shot's lies {trail:+.2f} stops from the single frames' "
        f"({100 * (2**trail - 1):+.0f} % of light): that much trail there is.*",
    ]
    tables = report.markdown().split("\n", 1)[1].lstrip()
    return "\n\n".join(lines) + "\n\n" + tables


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
