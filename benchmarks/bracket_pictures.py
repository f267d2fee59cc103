"""docs/images/bracket-*.jpg: staged brackets merged in several ways beside their truth, and real stacks.

python benchmarks/bracket_pictures.py SCENES --stacks STACKS

Which staged brackets are shown is decided by what moves in them, not by which method does well: per scene the bracket
whose moving area is largest, every fourth scene. The detail is where the inverse-variance merge is worst.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import headroom
from headroom.camera import Response
from headroom.colour.curves import srgb_encode
from headroom.evaluate.brackets import BracketMethod, bracket_methods, find_stacks, plan_brackets
from headroom.evaluate.brackets.frames import Frames, frames_of
from headroom.evaluate.brackets.ground import Ground, survey
from headroom.evaluate.brackets.methods import bracket_baselines
from headroom.evaluate.brackets.names import DEFAULT, OPENCV_DEBEVEC, OPENCV_TOLD
from headroom.metrics import align_scale
from headroom.metrics.linear import LOG_FLOOR
from headroom.plate import FloatArray
from headroom.staging import StagedBracket

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MERGES = (OPENCV_TOLD, "inverse-variance", "ahdrnet-small", DEFAULT)
TITLES = {OPENCV_TOLD: "OpenCV Debevec, MTB", "inverse-variance": "inverse-variance, flow"}
EVERY = 4
DETAIL = (128, 160)
ERROR_STOPS = 2.0
LINEAR = "Linear Rec.709 (sRGB)"
DOWN_STOPS = -3.0
GREY = 0.18
"""What the middle of a detail's light is shown as."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--stacks", type=Path, help="real brackets, a folder each")
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    mpl.use("Agg")
    options.out.mkdir(parents=True, exist_ok=True)
    methods = [*bracket_methods(), *bracket_baselines()]
    compared = [next(m for m in methods if m.name == name) for name in MERGES if any(m.name == name for m in methods)]
    for staged in most_moving(options.scenes)[::EVERY]:
        path = options.out / f"bracket-{staged.scene}.jpg"
        draw(staged, compared, path)
        print(path)
    if options.stacks:
        draw_real(options.stacks, options.out / "bracket-real.jpg")


def most_moving(scenes: Path) -> list[StagedBracket]:
    """Of each scene's moving brackets the one in which most moves."""
    specs, surroundings = plan_brackets(scenes, ["moving"])
    best: dict[str, StagedBracket] = {}
    for spec in specs:
        staged = spec.stage(surroundings)
        if spec.scene.name not in best or staged.moving.sum() > best[spec.scene.name].moving.sum():
            best[spec.scene.name] = staged
    return list(best.values())


def draw(staged: StagedBracket, methods: list[BracketMethod], path: Path) -> None:
    """Frames, merges and errors of one bracket's detail."""
    ground, frames = survey(staged), frames_of(staged)
    merged = {method.name: scaled(method.run(frames), ground) for method in methods}
    part = detail(merged["inverse-variance"], ground)
    gain = float(np.clip(GREY / np.median(ground.truth[part].mean(-1)), 0.5, 8.0))
    white = gain * float(np.percentile(ground.truth[part].max(-1), 99.5))
    results = {**merged, "truth": ground.truth}
    columns = max(len(results), len(frames.codes) + 1)
    figure, axes = plt.subplots(3, columns, figsize=(3.1 * columns, 2.75 * 3), layout="constrained")
    for axis, code, ev in zip(axes[0], frames.codes, staged.ev_stops, strict=False):
        axis.imshow(code[part])
        axis.set_title(f"frame, {ev:+g} EV", fontsize=10)
    axes[0, len(frames.codes)].imshow(ground.moving[part], cmap="gray", vmin=0, vmax=1)
    axes[0, len(frames.codes)].set_title("what moves", fontsize=10)
    for column, (name, light) in enumerate(results.items()):
        axes[1, column].imshow(shown(light[part] * np.float32(gain), white))
        axes[1, column].set_title(TITLES.get(name, name), fontsize=10)
        if name != "truth":
            picture = axes[2, column].imshow(
                error(light, ground)[part], cmap="RdBu_r", vmin=-ERROR_STOPS, vmax=ERROR_STOPS
            )
            axes[2, column].set_title("error, stops", fontsize=9)
    figure.colorbar(
        picture, cax=axes[2, len(merged)].inset_axes((0.05, 0.05, 0.06, 0.9)), label="stops, red too bright"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle(f"{staged.scene}, detail of a staged bracket", fontsize=11)
    figure.savefig(path, dpi=70, pil_kwargs={"quality": 88})
    plt.close(figure)


def draw_real(stacks: Path, path: Path) -> None:
    """A row a stack: three of its frames, OpenCV's merge, ours and ours three stops down."""
    places = find_stacks(stacks)
    figure, axes = plt.subplots(len(places), 6, figsize=(15, 1.78 * len(places)), layout="constrained")
    for row, place in zip(axes, places, strict=True):
        print(place.name, flush=True)
        frames, light = merge_as_a_user(place)
        rival = baseline(OPENCV_DEBEVEC).run(frames)
        rival = rival * np.float32(np.exp(np.median(np.log(light.mean(-1).clip(1e-4) / rival.mean(-1).clip(1e-4)))))
        gain = float(np.clip(GREY / np.median(light.mean(-1)), 0.25, 8.0))
        white = gain * float(np.percentile(light.max(-1), 99.8))
        last = len(frames.codes) - 1
        pictures = [(f"{frames.ev_stops[k]:+.1f} EV", frames.codes[k]) for k in (0, frames.reference, last)]
        pictures += [
            ("OpenCV Debevec, MTB", shown(rival * np.float32(gain), white)),
            ("headroom merge", shown(light * np.float32(gain), white)),
            (f"headroom merge, {DOWN_STOPS:g} stops", shown(light * np.float32(gain * 2.0**DOWN_STOPS), 1.0)),
        ]
        for axis, (title, picture) in zip(row, pictures, strict=True):
            axis.imshow(picture, interpolation="antialiased")
            axis.set_title(title, fontsize=9)
            axis.set_axis_off()
        row[0].set_title(f"{place.name}: {pictures[0][0]}", fontsize=9)
    figure.savefig(path, dpi=75, pil_kwargs={"quality": 88})
    plt.close(figure)
    print(path)


def merge_as_a_user(place: Path) -> tuple[Frames, FloatArray]:
    """What ``headroom merge FOLDER`` writes, and its frames as OpenCV takes them; without EXIF, exposures measured."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "merged.exr"
        command = [sys.executable, "-m", "headroom", "merge", place, "-o", out, "--to", LINEAR, "--json"]
        said = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if said.returncode:
            said = subprocess.run([*map(str, command), "--estimate-ev"], capture_output=True, text=True, check=True)
        report = json.loads(said.stdout)["stacks"][0]
        plate = headroom.read(out)
        light = plate.rows(0, plate.height)
    codes = np.stack([np.rint(_codes(Path(frame["file"])) * 255).astype(np.uint8) for frame in report["frames"]])
    ev_stops = tuple(frame["ev_stops"] for frame in report["frames"])
    return Frames(codes, ev_stops, report["reference"], Response.srgb()), light


def _codes(path: Path) -> FloatArray:
    plate = headroom.read(path)
    return plate.rows(0, plate.height)


def baseline(name: str) -> BracketMethod:
    """One of OpenCV's."""
    return next(method for method in bracket_baselines() if method.name == name)


def scaled(light: FloatArray, ground: Ground) -> FloatArray:
    """As the benchmark measures it."""
    result: FloatArray = light * np.float32(align_scale(light, ground.truth, ground.recorded & ~ground.moving))
    return result


def detail(light: FloatArray, ground: Ground) -> Any:
    """Where the merge is worst among what moves: a window of ``DETAIL``."""
    import cv2

    wrong = np.abs(error(light, ground)).clip(0, 2) * ground.moving
    summed = cv2.boxFilter(wrong.astype(np.float32), -1, DETAIL[::-1], borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(int(summed.argmax()), summed.shape)
    top = int(np.clip(y - DETAIL[0] // 2, 0, wrong.shape[0] - DETAIL[0]))
    left = int(np.clip(x - DETAIL[1] // 2, 0, wrong.shape[1] - DETAIL[1]))
    return np.s_[top : top + DETAIL[0], left : left + DETAIL[1]]


def error(light: FloatArray, ground: Ground) -> FloatArray:
    """(H, W) log2 of luminance over the truth's."""
    result: FloatArray = np.log2(light.mean(-1).clip(LOG_FLOOR)) - np.log2(ground.truth.mean(-1).clip(LOG_FLOOR))
    return result


def shown(light: FloatArray, white: float) -> FloatArray:
    """Reinhard's curve with a white point (Reinhard et al. 2002, equation 4), sRGB."""
    light = light.clip(0, None)
    result: FloatArray = srgb_encode((light * (1 + light / max(white, 1.0) ** 2) / (1 + light)).clip(0, 1))
    return result


if __name__ == "__main__":
    main()
