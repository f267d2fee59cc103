"""``headroom train`` of HDRCNN."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headroom.cli.signals import cancel_on_signal

if TYPE_CHECKING:
    from headroom.cli.train_asked import Asked

__all__ = ["train_hdrcnn_command"]


def train_hdrcnn_command(asked: Asked) -> Path:
    """Train; the weights."""
    from headroom.train.hdrcnn_loop import train_hdrcnn
    from headroom.train.hdrcnn_photographs import photographs
    from headroom.train.hdrcnn_recipes import HDRCNN_RECIPES

    chosen = asked.shortened(HDRCNN_RECIPES[asked.recipe]())
    with cancel_on_signal() as cancelled:
        found = photographs(asked.data, cancelled=cancelled) if chosen.source == "photographs" else None
        scenes, held_out = asked.split(found, chosen.source)
        return train_hdrcnn(
            chosen, scenes, held_out, asked.run, device=asked.device_type, time_budget=asked.time_budget,
            compile_network=asked.compile_network, start_weights=asked.start_weights, on_progress=asked.tell,
            cancelled=cancelled,
        )  # fmt: skip
