"""A tiny headroom-1 with random weights: loads in milliseconds, raises highlights a little, needs no download."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

__all__ = ["make_tiny_model"]


def make_tiny_model(folder: Path, *, name: str = "tiny", doubt_width: int = 0) -> Path:
    """Writes ``folder/name`` with weights and card; returns that folder. ``doubt_width``: as in ``Config``."""
    import torch
    from safetensors.torch import save_file

    from headroom.networks.headroom1 import Config, HeadroomOne

    config = Config(scene_widths=(8, 8, 8, 8), scene_features=4, local_widths=(8, 8, 8), curve_width=16,
                    doubt_width=doubt_width)  # fmt: skip
    generator_state = torch.get_rng_state()
    torch.manual_seed(3)
    network = HeadroomOne(config)
    if network.local_net.doubt is not None:
        torch.nn.init.normal_(network.local_net.doubt.get_parameter("2.weight"), std=2.0)
    torch.set_rng_state(generator_state)
    model = folder / name
    model.mkdir(parents=True)
    weights = model / "weights.safetensors"
    save_file({key: value.half() for key, value in network.state_dict().items()}, weights)
    facts = {
        "name": name,
        "version": "0",
        "network": "headroom1",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "licence": "CC0-1.0",
        "training_data": "none: random weights, for tests",
        "recipe": "none",
        "hardware": "none",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    lines += ["", "[config]"] + [f"{key} = {json.dumps(value)}" for key, value in asdict(config).items()]
    (model / "card.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return model
