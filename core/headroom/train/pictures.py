"""What a run looks like: its curves, and a sheet of held-out pictures at each checkpoint."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from headroom.colour.curves import srgb_encode
from headroom.networks.headroom1 import Local
from headroom.train.batches import Batch

__all__ = ["plot_log", "validation_picture"]

PANELS = ("log", "low_pass", "gradient", "pu21", "energy", "scene", "spread", "stops_rmse", "stops_bias")
SHEET_ROWS = 4
STOPS_DOWN = 3
GAIN_SHOWN_STOPS = 6.0


def plot_log(log: Path, out: Path) -> None:
    """Each term of ``log.jsonl`` over the steps: training as a line, held-out scenes as dots."""
    mpl.use("Agg")
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in log.read_text("utf-8").splitlines():
        entry = json.loads(line)
        for key, value in entry.items():
            points[key].append((entry["step"], value))
    figure, axes = plt.subplots(3, 3, figsize=(13, 9), layout="constrained")
    for axis, name in zip(axes.flat, PANELS, strict=True):
        for key, style in ((name, {"lw": 0.8}), (f"held_out_{name}", {"marker": "o", "ls": "", "ms": 4})):
            if points[key]:
                steps, values = zip(*points[key], strict=True)
                axis.plot(steps, values, label="held out" if key != name else "training", **style)
        axis.set_title(name, fontsize=10)
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    figure.supxlabel("step")
    figure.savefig(out, dpi=80)
    plt.close(figure)


def validation_picture(batch: Batch, local: Local, out: Path) -> None:
    """Rows of plate, result and truth three stops down, and the gain in false colour, 0 to 6 stops."""
    mpl.use("Agg")
    count = min(SHEET_ROWS, batch.x_srgb.shape[0])
    result = batch.lin * torch.exp2(batch.alpha * local.gain_log2.clamp(0, 16))
    figure, axes = plt.subplots(count, 4, figsize=(16, 2.4 * count), layout="constrained", squeeze=False)
    titles = ("plate", f"result, -{STOPS_DOWN} stops", f"truth, -{STOPS_DOWN} stops", "gain, stops")
    for row in range(count):
        gain = (batch.alpha[row] * local.gain_log2[row]).amax(0).float().cpu().numpy()
        dark = [_shown(light[row] * 2.0**-STOPS_DOWN) for light in (result, batch.truth_lin)]
        pictures = (batch.x_srgb[row].float().cpu().numpy().transpose(1, 2, 0), *dark, gain)
        for column, picture in enumerate(pictures):
            axis = axes[row, column]
            shown = axis.imshow(picture, vmin=0, vmax=GAIN_SHOWN_STOPS, cmap="inferno")
            axis.set_axis_off()
            if row == 0:
                axis.set_title(titles[column], fontsize=10)
            if column == 3:
                figure.colorbar(shown, ax=axis, shrink=0.8)
    figure.savefig(out, dpi=70)
    plt.close(figure)


def _shown(lin: Tensor) -> np.ndarray:
    array = lin.float().cpu().numpy().transpose(1, 2, 0).clip(0, 1)
    return np.asarray(srgb_encode(array))
