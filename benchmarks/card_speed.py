"""Measure what models take a megapixel on one CPU thread, and write it into their cards.

    python benchmarks/card_speed.py models/singlehdr-small models/ahdrnet-small ...

Processor time, not the clock's, so that a busy machine measures the same. Single-image networks: a plate of a megapixel
that clipped everywhere, as ``headroom convert`` runs it, without reading and writing. Networks that merge: what
``headroom merge --align none`` takes more for three frames of two megapixels than for three of one.
"""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from headroom import weights
from headroom.colour.plan import plan
from headroom.plate import Plate
from headroom.reconstruct import Reconstructor
from headroom.train.publish import card_readme

SIDE = 1024
MEGAPIXELS = SIDE * SIDE / 1e6
TIMES = 2
"""The least of so many counts."""
BESIDE = "headroom-1"


def hardware() -> str:
    """What it was measured on, as the system names it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"one thread of an {names[0]} CPU" if names else f"one thread of a {platform.machine()} CPU"


def used(who: int) -> float:
    """Processor seconds so far."""
    found = resource.getrusage(who)
    return found.ru_utime + found.ru_stime


def least(work: Callable[[], None], who: int = resource.RUSAGE_SELF) -> float:
    times = []
    for _ in range(TIMES):
        before = used(who)
        work()
        times.append(used(who) - before)
    return min(times)


def convert_seconds(model: str | Path) -> float:
    """A megapixel."""
    reconstructor = Reconstructor(model, device="cpu", precision="float32")
    plate, colour = Plate(codes=np.full((SIDE, SIDE, 3), 255, np.uint8)), plan(None)

    def work() -> None:
        for _ in reconstructor.bands(plate, colour):
            pass

    return least(work) / MEGAPIXELS


def merge_seconds(folder: Path) -> float:
    """A megapixel of three frames."""
    rng = np.random.default_rng(1)
    light = cv2.resize(rng.random((64, 128, 3), np.float32) ** 2, (2 * SIDE, SIDE)) * 3
    taken = []
    with tempfile.TemporaryDirectory() as name:
        for width in (SIDE, 2 * SIDE):
            frames = []
            for ev_stops in (-2, 0, 2):
                frames.append(f"{name}/{width}{ev_stops:+d}.png")
                code = (light[:, :width] * 2.0**ev_stops).clip(0, 1) ** (1 / 2.2)
                cv2.imwrite(frames[-1], np.rint(code * 255).astype(np.uint8))
            command = [
                *(sys.executable, "-m", "headroom", "merge", *frames, "-o", f"{name}/{width}.exr", "--overwrite"),
                *("--method", str(folder), "--ev", "-2,0,2", "--align", "none", "--no-continue", "--device", "cpu"),
                *("--response", "declared"),
            ]
            run = lambda command=command: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
            taken.append(least(run, resource.RUSAGE_CHILDREN))
    return (taken[1] - taken[0]) / MEGAPIXELS


def main(*folders: Path) -> None:
    torch.set_num_threads(1)
    beside = f"{convert_seconds(BESIDE):.2g}"
    for folder in folders:
        card = weights.read_card(folder)
        if card.network in weights.PLATES:
            speed = f"{convert_seconds(folder):.2g} s a megapixel on {hardware()}, float32, everything clipped"
            speed += f" ({BESIDE} beside it: {beside} s)" if card.name != BESIDE else ""
        else:
            speed = f"{merge_seconds(folder):.2g} s a megapixel of three aligned frames on {hardware()}, float32"
        card = weights.write_card(folder, {**card.facts, "speed": speed})
        (folder / "README.md").write_text(card_readme(card), "utf-8")
        weights.verify(card)
        sys.stdout.write(f"{card.name}: {speed}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
