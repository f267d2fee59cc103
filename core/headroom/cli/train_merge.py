"""``headroom train`` of the networks that merge brackets."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.train.run import Progress

__all__ = ["train_merge_command"]


def train_merge_command(
    recipe: str,
    data: Path,
    out: Path | None,
    held_out_every: int,
    *,
    brackets: Path | None,
    time_budget: float | None,
    steps: int | None,
    device: str,
    start_weights: Path | None,
    compile_network: bool,
    as_json: bool,
) -> tuple[Path, Path]:
    """Train; the run's folder and the weights."""
    from headroom.engine.device import pick_device
    from headroom.train.merge_loop import train_merge
    from headroom.train.merge_recipes import MERGE_RECIPES
    from headroom.train.scenes import load, split_by_scene

    chosen = MERGE_RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, steps=steps)
    scenes, held_out = split_by_scene(load(data), every=held_out_every)
    run = out or Path("runs") / recipe
    click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; run in {run}", err=as_json)

    def tell(progress: Progress) -> None:
        terms = "  ".join(f"{name} {value:.4g}" for name, value in progress.terms.items())
        share = "held out" if math.isnan(progress.share) else f"{progress.share:6.1%}"
        click.echo(f"{share}  step {progress.step}  {progress.seconds:.0f} s  {terms}", err=as_json)

    def tell_staged(done: int, count: int) -> None:
        click.echo(f"brackets staged and aligned: {done} of {count} shards", err=as_json)

    with cancel_on_signal() as cancelled:
        weights = train_merge(
            chosen, scenes, held_out, run, brackets=brackets, device=pick_device(device).type,
            time_budget=time_budget, compile_network=compile_network, start_weights=start_weights,
            on_progress=tell, on_staged=tell_staged, cancelled=cancelled,
        )  # fmt: skip
    return run, weights
