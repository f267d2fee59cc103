"""``headroom train`` of SingleHDR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.cli.train_asked import Asked

__all__ = ["train_singlehdr_command"]


def train_singlehdr_command(asked: Asked) -> Path:
    """Train; the weights."""
    from headroom.errors import PlateError, UsageError
    from headroom.train.singlehdr_loop import train_chain, train_singlehdr
    from headroom.train.singlehdr_pairs import read_pairs
    from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES, Chain

    recipe, data = asked.recipe, asked.data
    chosen = SINGLEHDR_RECIPES[recipe]
    how: dict[str, Any] = {
        "features": asked.features,
        "device": asked.device_type,
        "compile_network": asked.compile_network,
        "time_budget": asked.time_budget,
    }
    if isinstance(chosen, Chain):
        if asked.start_weights is not None:
            raise UsageError(f"{recipe} starts from nothing; --start is for its parts, such as {recipe}-joint")
        scenes, held_out = asked.split()
        with cancel_on_signal() as cancelled:
            return train_chain(
                chosen, scenes, held_out, asked.run, steps=asked.steps, cancelled=cancelled,
                on_progress=lambda name, progress: asked.tell(progress, name), **how,
            )  # fmt: skip
    chosen = asked.shortened(chosen)
    pairs = read_pairs(data) if chosen.stage == "refine" and data.is_dir() else []
    if pairs:
        scenes, held_out = [], []
        asked.say(f"{len(pairs)} photographs with their merged brackets; run in {asked.run}")
    else:
        scenes, held_out = asked.split()
        if not scenes:
            raise PlateError(f"{data}: no scene is left to train on; give more, or --held-out-every 0")
    with cancel_on_signal() as cancelled:
        return train_singlehdr(
            chosen, scenes, held_out, asked.run, pairs=pairs, start_weights=asked.start_weights,
            on_progress=asked.tell, cancelled=cancelled, **how,
        )  # fmt: skip
