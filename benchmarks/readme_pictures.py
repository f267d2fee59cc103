"""The README's picture: the example plate, its reconstruction and the truth, at falling exposures.

    python benchmarks/readme_pictures.py            # writes docs/images/hangar-ladder.png

Made from what is in the repository: ``examples/hangar.jpg`` and the shipped model.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import headroom
from headroom.colour.curves import srgb_encode

ROOT = Path(__file__).resolve().parents[1]
PLATE = ROOT / "examples" / "hangar.jpg"
TRUTH = ROOT / "examples" / "hangar-truth.exr"
OUT = ROOT / "docs" / "images" / "hangar-ladder.png"
STOPS = (0, -2, -4)
GAIN_SHOWN_STOPS = 4.0


def main() -> None:
    mpl.use("Agg")
    plate = headroom.read(PLATE)
    spaces = {"to": "Linear Rec.709 (sRGB)"}
    hdr = headroom.reconstruct(plate, **spaces)
    plain = headroom.reconstruct(plate, headroom.Options(strength=0), **spaces)
    truth = headroom.read(TRUTH)
    figure, axes = plt.subplots(len(STOPS) + 1, 3, figsize=(15, 13.8), layout="constrained")
    columns = (
        ("plate, linearised", plain.pixels),
        ("headroom-1", hdr.pixels),
        ("truth", truth.rows(0, truth.height)),
    )
    for row, stops in enumerate(STOPS):
        for axis, (title, light) in zip(axes[row], columns, strict=True):
            axis.imshow(srgb_encode((light * 2.0**stops).clip(0, 1)))
            axis.set_title(f"{title}, {stops} stops", fontsize=10)
    axes[-1, 0].imshow(hdr.mask, cmap="gray", vmin=0, vmax=1)
    axes[-1, 0].set_title("headroom.mask: what is reconstructed", fontsize=10)
    true_gain = np.log2(truth.rows(0, truth.height).max(axis=2).clip(1, None))
    for axis, gain, title in (
        (axes[-1, 1], hdr.gain_stops, "headroom.gain: stops added"),
        (axes[-1, 2], true_gain, "truth: stops above the clip"),
    ):
        shown = axis.imshow(gain, cmap="inferno", vmin=0, vmax=GAIN_SHOWN_STOPS)
        axis.set_title(title, fontsize=10)
    figure.colorbar(shown, ax=axes[-1, 2], shrink=0.8)
    for axis in axes.flat:
        axis.set_axis_off()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=60)
    peak = float(np.max(hdr.pixels))
    added = hdr.report["gain_stops_peak"]
    print(f"{OUT.relative_to(ROOT)}: peak {peak:.2f} (plate white is 1), {added:.2f} stops added")


if __name__ == "__main__":
    main()
