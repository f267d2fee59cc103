"""docs/images/brackets-page.jpg: a real stack's frames, and under them the merge at falling exposures.

python benchmarks/bracket_page.py STACKS [--stack merianos_secretbeach] [--method headroom-merge-1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import headroom
from headroom.colour.curves import srgb_encode

IMAGE = Path(__file__).resolve().parents[1] / "docs" / "images" / "brackets-page.jpg"
LOWER = (4.0, 0.0, -4.0)
"""Stops by which the merge is shown, from left to right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stacks", type=Path)
    parser.add_argument("--stack", default="merianos_secretbeach")
    parser.add_argument("--method", default="headroom-merge-1")
    parser.add_argument("--out", type=Path, default=IMAGE)
    options = parser.parse_args()
    mpl.use("Agg")
    frames = sorted((options.stacks / options.stack).glob("*.jpg"))
    hdr = headroom.merge(frames, estimate_ev=True, method=options.method, to="Linear Rec.709 (sRGB)")
    brightest_first = hdr.report["frames"][::-1]
    figure, axes = plt.subplots(2, 3, figsize=(13.2, 6.3), dpi=100)
    for axis, frame in zip(axes[0], brightest_first, strict=True):
        axis.imshow(headroom.read(frame["file"]).codes)
        axis.set_title(f"frame, {frame['ev_stops']:+.1f} EV (measured)", fontsize=10)
    for axis, stops in zip(axes[1], LOWER, strict=True):
        axis.imshow(srgb_encode((hdr.pixels * np.float32(2.0**stops)).clip(0, 1)))
        axis.set_title(f"merge, {stops:+.0f} EV", fontsize=10)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.tight_layout(pad=0.4, h_pad=1.2)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, pil_kwargs={"quality": 88, "optimize": True})
    peak = float(hdr.pixels.max())
    print(
        f"{options.out}: {hdr.report['method']}, peak {peak:.1f} ({np.log2(peak):+.1f} EV over the reference's white)"
    )


if __name__ == "__main__":
    main()
