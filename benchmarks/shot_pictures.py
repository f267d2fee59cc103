"""The pictures of docs/shots.md: a pan over the example plate, as it is, per frame and steadied.

    python benchmarks/shot_pictures.py --scratch /tmp/pan      # writes docs/shots/*.png

Made from what is in the repository: ``examples/hangar.jpg``, cut to frames that move over it, the shipped model, and
`headroom convert` as a user runs it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from PIL import Image

import headroom
from headroom.colour.curves import srgb_encode

ROOT = Path(__file__).resolve().parents[1]
PLATE = ROOT / "examples" / "hangar.jpg"
OUT = ROOT / "docs" / "shots"
FRAMES, FIRST, STEP_PX = 12, 1001, 20
WIDTH, HEIGHT, TOP = 640, 360, 120
SHOWN = (1001, 1006, 1012)
STOPS = -2.5
SPACE = "Linear Rec.709 (sRGB)"


def main() -> None:
    parser = argparse.ArgumentParser(description="The pictures of docs/shots.md.")
    parser.add_argument("--scratch", type=Path, required=True)
    scratch = parser.parse_args().scratch
    mpl.use("Agg")
    plates = scratch / "plates"
    plates.mkdir(parents=True, exist_ok=True)
    with Image.open(PLATE) as picture:
        for index in range(FRAMES):
            left = STEP_PX * index
            frame = picture.crop((left, TOP, left + WIDTH, TOP + HEIGHT))
            frame.save(plates / f"hangar.{FIRST + index}.jpg", quality=95)
    for temporal in ("off", "on"):
        command = [sys.executable, "-m", "headroom", "convert", str(plates / "hangar.####.jpg")]
        command += ["-o", str(scratch / temporal / "hangar.####.exr"), "--to", SPACE, "--temporal", temporal]
        subprocess.run(command, check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    strip(scratch)
    highlights(scratch)


def light(folder: Path, frame: int) -> npt.NDArray[np.float32]:
    """(H, W, 3) linear Rec.709."""
    suffix = ".jpg" if folder.name == "plates" else ".exr"
    plate = headroom.read(folder / f"hangar.{frame}{suffix}")
    if suffix == ".exr":
        return plate.rows(0, plate.height)
    return headroom.reconstruct(plate, headroom.Options(strength=0), to=SPACE).pixels


def strip(scratch: Path) -> None:
    """Three frames, darkened: what the plate holds there and what the result holds."""
    figure, axes = plt.subplots(2, len(SHOWN), figsize=(12, 4.7), layout="constrained")
    for row, (folder, title) in zip(axes, (("plates", "plate, linearised"), ("on", "headroom convert")), strict=True):
        for axis, frame in zip(row, SHOWN, strict=True):
            axis.imshow(srgb_encode((light(scratch / folder, frame) * 2.0**STOPS).clip(0, 1)))
            axis.set_title(f"{title}, {frame}, {STOPS:g} stops", fontsize=9)
            axis.set_axis_off()
    figure.savefig(OUT / "pan.png", dpi=75)


def highlights(scratch: Path) -> None:
    """The light of the clipped part of the scene that all frames see, frame by frame."""
    first_left, last_right = STEP_PX * (FRAMES - 1), WIDTH
    figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
    for folder, label in (("off", "--temporal off"), ("on", "--temporal on (the default)")):
        means = []
        for index in range(FRAMES):
            left = first_left - STEP_PX * index
            seen = light(scratch / folder, FIRST + index)[:, left : left + last_right - first_left]
            if index == 0:
                bright = seen.max(axis=2) > 1.2
            means.append(float(np.log2(seen.max(axis=2)[bright]).mean()))
        axis.plot(range(FIRST, FIRST + FRAMES), np.array(means), marker="o", markersize=3, label=label)
    axis.set(xlabel="frame", ylabel="stops above white, mean")
    axis.set_title("The same clipped windows, seen from a moving camera", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(OUT / "steady.png", dpi=110)


if __name__ == "__main__":
    main()
