"""A picture of a response curve and of what it rests on: ``--response-plot``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headroom.bracket.response import Response
from headroom.bracket.samples import residual_stops
from headroom.errors import UsageError, WriteError

__all__ = ["plot_response"]

MOST_DOTS = 6000
LEAST_LIGHT = 2.0**-12
COLOURS = ("#d62728", "#2ca02c", "#1f77b4")


def plot_response(response: Response, path: Path, *, stated: Response | None = None) -> None:
    """Left the curve over the places that it was fitted to, right how far frames are apart through it, by code.

    ``stated``: drawn beside it. ``UsageError`` where matplotlib is not installed, ``WriteError`` where the file
    cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise UsageError("--response-plot needs matplotlib: pip install 'headroom-hdr[evaluate]'") from missing
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    codes = np.linspace(0, 1, 512, dtype=np.float32)
    greys = np.repeat(codes[:, None], 3, axis=1)
    light = response.decode(greys)
    samples = response.samples
    if samples is not None:
        own = np.stack([np.interp(samples.code, codes, light[:, channel]) for channel in range(3)], axis=-1)
        seen = np.log2(np.maximum(np.take_along_axis(own, samples.channel[:, None, None], axis=2)[..., 0], 1e-9))
        _, apart = residual_stops(seen, samples)
        place, frame = np.nonzero(samples.weight > 0)
        every = max(1, len(place) // MOST_DOTS)
        place, frame = place[::every], frame[::every]
        for channel, colour in enumerate(COLOURS):
            mine = samples.channel[place] == channel
            at, dots = samples.code[place[mine], frame[mine]], {"s": 2, "alpha": 0.35, "color": colour, "lw": 0}
            left.scatter(at, (seen - apart)[place[mine], frame[mine]], **dots)
            right.scatter(at, apart[place[mine], frame[mine]], **dots)
    lines = [(stated, "stated", "--")] if stated is not None else []
    for curve, label, style in [*lines, (response, response.name, "-")]:
        table = curve.decode(greys)
        same = float(np.abs(table - table[:, :1]).max()) < 1e-4
        for channel in [0] if same else range(3):
            y = np.log2(np.maximum(table[:, channel], LEAST_LIGHT))
            left.plot(codes, y, style, color="black" if same else COLOURS[channel], lw=1.2, label=label)
            label = "_"
    left.set(xlabel="code", ylabel="stops under white", ylim=(np.log2(LEAST_LIGHT), 0.5), title=response.name)
    left.legend(frameon=False)
    title = "frames apart" if response.residual_stops is None else f"RMS {response.residual_stops:.3f} stops"
    right.set(xlabel="code", ylabel="stops from the frames' mean", ylim=(-0.6, 0.6), title=title)
    for axes in (left, right):
        axes.grid(alpha=0.25)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as problem:
        raise WriteError(f"{path}: the response plot cannot be written: {problem}") from problem
