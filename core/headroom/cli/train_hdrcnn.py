"""``headroom train`` of HDRCNN."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.train.run import Progress

__all__ = ["train_hdrcnn_command"]


def train_hdrcnn_command(
    recipe: str,
    data: Path,
    out: Path | None,
    held_out_every: int,
    *,
    time_budget: float | None,
    steps: int | None,
    device: str,
    start_weights: Path | None,
    compile_network: bool,
    as_json: bool,
) -> tuple[Path, Path]:
    """Train; the run's folder and the weights."""
    from headroom.engine.device import pick_device
    from headroom.train.hdrcnn_loop import train_hdrcnn
    from headroom.train.hdrcnn_photographs import photographs
    from headroom.train.hdrcnn_recipes import HDRCNN_RECIPES
    from headroom.train.scenes import load, split_by_scene

    chosen = HDRCNN_RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, steps=steps)
    run = out or Path("runs") / recipe

    def tell(progress: Progress) -> None:
        terms = "  ".join(f"{name} {value:.4g}" for name, value in progress.terms.items())
        begun = "held out" if math.isnan(progress.share) else f"{progress.share:6.1%}"
        taken = "" if math.isnan(progress.seconds) else f"  {progress.seconds:.0f} s"
        click.echo(f"{begun}  step {progress.step}{taken}  {terms}", err=as_json)

    with cancel_on_signal() as cancelled:
        found = photographs(data, cancelled=cancelled) if chosen.source == "photographs" else load(data)
        scenes, held_out = split_by_scene(found, every=held_out_every)
        click.echo(f"{len(scenes)} {chosen.source}, {len(held_out)} held out; run in {run}", err=as_json)
        weights = train_hdrcnn(
            chosen, scenes, held_out, run, device=pick_device(device).type, time_budget=time_budget,
            compile_network=compile_network, start_weights=start_weights, on_progress=tell, cancelled=cancelled,
        )  # fmt: skip
    return run, weights
