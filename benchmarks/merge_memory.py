"""The most memory that a merge takes: three hand-held frames of 24 megapixels, the default method, on the CPU.

    python benchmarks/merge_memory.py [METHOD]

The frames are made of the example plate, enlarged, shifted and exposed two stops apart; ``headroom merge`` runs in a
process of its own. Of the default method the README says so.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np

from headroom.colour.curves import srgb_decode, srgb_encode

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "hangar.jpg"
BEGIN, END = "<!-- merge-memory: begin -->", "<!-- merge-memory: end -->"
DEFAULT = "headroom-merge-1"
WIDTH, HEIGHT = 6000, 4000
EV_STOPS = (-2, 0, 2)
SHIFTS_PX = ((-9, 4), (0, 0), (7, -11))
SKY_STOPS = 1.5
"""What the example's white stands for here, so that the dark frame has something to add."""


def main(method: str = DEFAULT) -> None:
    code = cv2.resize(cv2.imread(str(EXAMPLE)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    light = srgb_decode(code.astype(np.float32) / 255) * np.float32(2.0**SKY_STOPS)
    with tempfile.TemporaryDirectory() as name:
        frames = []
        for ev_stops, shift in zip(EV_STOPS, SHIFTS_PX, strict=True):
            exposed = np.roll(srgb_encode((light * np.float32(2.0**ev_stops)).clip(0, 1)), shift, (0, 1))
            frames.append(f"{name}/frame{ev_stops:+d}.jpg")
            cv2.imwrite(frames[-1], np.rint(exposed * 255).astype(np.uint8))
        start = time.monotonic()
        command = [sys.executable, "-m", "headroom", "merge", *frames, "-o", f"{name}/merged.exr", "--method", method]
        subprocess.run([*command, "--ev", ",".join(map(str, EV_STOPS)), "--device", "cpu"], check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"{method}: 3 x {WIDTH}x{HEIGHT}, peak {peak / 1e9:.2f} GB, {time.monotonic() - start:.0f} s")
    if method == DEFAULT:
        page = ROOT / "README.md"
        page.write_text(filled(page.read_text("utf-8"), peak), "utf-8")


def filled(readme: str, peak: float) -> str:
    """The README with what a merge takes, in bytes, between its markers."""
    before, rest = readme.split(BEGIN)
    size, most = WIDTH * HEIGHT / 1e6, math.ceil(peak / 1e8) / 10
    said = (
        f"Three hand-held frames of {size:.0f} megapixels merge within {most:.1f} GB on a CPU "
        "(`benchmarks/merge_memory.py`); the order of the files changes no byte."
    )
    return f"{before}{BEGIN}\n{textwrap.fill(said, 120, break_on_hyphens=False)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    main(*sys.argv[1:])
