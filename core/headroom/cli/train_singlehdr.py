"""``headroom train`` of SingleHDR."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.train.run import Progress

__all__ = ["train_singlehdr_command"]


def train_singlehdr_command(
    recipe: str,
    data: Path,
    out: Path | None,
    held_out_every: int,
    *,
    features: Path | None,
    time_budget: float | None,
    steps: int | None,
    device: str,
    start_weights: Path | None,
    compile_network: bool,
    as_json: bool,
) -> tuple[Path, Path]:
    """Train; the run's folder and the weights."""
    from headroom.engine.device import pick_device
    from headroom.errors import PlateError, UsageError
    from headroom.train.scenes import load, split_by_scene
    from headroom.train.singlehdr_loop import train_chain, train_singlehdr
    from headroom.train.singlehdr_pairs import read_pairs
    from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES, Chain

    chosen = SINGLEHDR_RECIPES[recipe]
    run = out or Path("runs") / recipe
    how: dict[str, Any] = {
        "features": features,
        "device": pick_device(device).type,
        "compile_network": compile_network,
    }

    def tell(progress: Progress, name: str = recipe) -> None:
        terms = "  ".join(f"{key} {value:.4g}" for key, value in progress.terms.items())
        click.echo(
            f"{name}  {progress.share:6.1%}  step {progress.step}  {progress.seconds:.0f} s  {terms}", err=as_json
        )

    if isinstance(chosen, Chain):
        if start_weights is not None:
            raise UsageError(f"{recipe} starts from nothing; --start is for its parts, such as {recipe}-joint")
        scenes, held_out = split_by_scene(load(data), every=held_out_every)
        click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; runs in {run}", err=as_json)
        with cancel_on_signal() as cancelled:
            weights = train_chain(
                chosen, scenes, held_out, run, time_budget=time_budget, steps=steps, cancelled=cancelled,
                on_progress=lambda name, progress: tell(progress, name), **how,
            )  # fmt: skip
        return run, weights
    if steps is not None:
        chosen = replace(chosen, steps=steps)
    pairs = read_pairs(data) if chosen.stage == "refine" and data.is_dir() else []
    if pairs:
        scenes, held_out = [], []
        click.echo(f"{len(pairs)} photographs with their merged brackets; run in {run}", err=as_json)
    else:
        scenes, held_out = split_by_scene(load(data), every=held_out_every)
        if not scenes:
            raise PlateError(f"{data}: no scene is left to train on; give more, or --held-out-every 0")
        click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; run in {run}", err=as_json)
    with cancel_on_signal() as cancelled:
        weights = train_singlehdr(
            chosen, scenes, held_out, run, pairs=pairs, time_budget=time_budget, start_weights=start_weights,
            on_progress=tell, cancelled=cancelled, **how,
        )  # fmt: skip
    return run, weights
