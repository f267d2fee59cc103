"""The README's picture: the example plate beside its reconstruction, at falling exposures, and what was invented.

    python benchmarks/readme_pictures.py            # writes docs/images/workshop-ladder.png

Made from what is in the repository: ``examples/workshop.jpg`` and the shipped model.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import headroom
from headroom.colour.curves import srgb_encode

ROOT = Path(__file__).resolve().parents[1]
PLATE = ROOT / "examples" / "workshop.jpg"
OUT = ROOT / "docs" / "images" / "workshop-ladder.png"
STOPS = (0, -1, -2, -3)
GAIN_SHOWN_STOPS = 4.0


def main() -> None:
    mpl.use("Agg")
    plate = headroom.read(PLATE)
    spaces = {"to": "Linear Rec.709 (sRGB)"}
    hdr = headroom.reconstruct(plate, **spaces)
    plain = headroom.reconstruct(plate, headroom.Options(strength=0), **spaces)
    figure, axes = plt.subplots(len(STOPS) + 1, 2, figsize=(10, 17.2), layout="constrained")
    for row, stops in enumerate(STOPS):
        for axis, picture, title in zip(axes[row], (plain, hdr), ("plate, linearised", "headroom-1"), strict=True):
            axis.imshow(srgb_encode((picture.pixels * 2.0**stops).clip(0, 1)))
            axis.set_title(f"{title}, {stops} stops", fontsize=10)
    axes[-1, 0].imshow(hdr.mask, cmap="gray", vmin=0, vmax=1)
    axes[-1, 0].set_title("headroom.mask: what is reconstructed", fontsize=10)
    shown = axes[-1, 1].imshow(hdr.gain_stops, cmap="inferno", vmin=0, vmax=GAIN_SHOWN_STOPS)
    axes[-1, 1].set_title("headroom.gain: stops added", fontsize=10)
    figure.colorbar(shown, ax=axes[-1, 1], shrink=0.8)
    for axis in axes.flat:
        axis.set_axis_off()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=70)
    peak = float(np.max(hdr.pixels))
    print(f"{OUT.relative_to(ROOT)}: peak {peak:.2f} (plate white is 1), {hdr.report['gain_stops_peak']:.2f} stops added")


if __name__ == "__main__":
    main()
