"""A tiny SingleHDR with random weights, as a model folder."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

__all__ = ["make_tiny_singlehdr"]


def make_tiny_singlehdr(folder: Path, *, name: str = "tiny-singlehdr", refine: bool = False) -> Path:
    """Writes ``folder/name`` with weights and card; returns that folder. Its stages all change something."""
    import torch
    from safetensors.torch import save_file

    from headroom import weights
    from headroom.networks.singlehdr.system import Config, SingleHDR

    config = Config(
        dequantize_widths=(2, 2, 3, 3, 4), linearize_width=2, hallucinate_widths=(3, 4, 4, 5, 5),
        refine_widths=(2, 2, 3, 3, 3) if refine else (),
    )  # fmt: skip
    state = torch.get_rng_state()
    torch.manual_seed(4)
    network = SingleHDR(config)
    with torch.no_grad():
        network.linearization.head.bias.copy_(torch.linspace(0.4, -0.2, 11))  # type: ignore[union-attr]
    torch.set_rng_state(state)
    model = folder / name
    model.mkdir(parents=True)
    path = model / weights.WEIGHTS_FILE
    save_file({key: value.half() for key, value in network.state_dict().items()}, path)
    weights.write_card(
        model,
        {
            "name": name,
            "version": "0",
            "network": "singlehdr",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "licence": "CC0-1.0",
            "training_data": "none: random weights, for tests",
            "recipe": "none",
            "hardware": "none",
            "config": asdict(config),
        },
    )
    return model
