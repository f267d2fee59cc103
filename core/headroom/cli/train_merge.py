"""``headroom train`` of the networks that merge brackets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.cli.train_asked import Asked

__all__ = ["train_merge_command"]


def train_merge_command(asked: Asked) -> Path:
    """Train; the weights."""
    from headroom.train.merge_loop import train_merge
    from headroom.train.merge_recipes import MERGE_RECIPES

    chosen = asked.shortened(MERGE_RECIPES[asked.recipe]())
    scenes, held_out = asked.split()

    def tell_staged(done: int, count: int) -> None:
        asked.say(f"brackets staged and aligned: {done} of {count} shards")

    with cancel_on_signal() as cancelled:
        return train_merge(
            chosen, scenes, held_out, asked.run, brackets=asked.brackets, device=asked.device_type,
            time_budget=asked.time_budget, compile_network=asked.compile_network, start_weights=asked.start_weights,
            on_progress=asked.tell, on_staged=tell_staged, cancelled=cancelled,
        )  # fmt: skip
