"""Small merge networks, and brackets of a still scene as tensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from headroom import weights
from headroom.networks import ahdrnet, kalantari, merge1, wu
from headroom.networks.merging import MergeNetwork, Stack

__all__ = ["KINDS", "photographed", "publish", "scene", "small", "window"]

KINDS = ("merge1", "ahdrnet", "kalantari-direct", "kalantari-we", "kalantari-wie", "wu-resnet", "wu-unet")


def small(name: str) -> MergeNetwork:
    """Little networks of each kind in evaluation mode, with random batch-norm statistics."""
    torch.manual_seed(7)
    made: dict[str, MergeNetwork] = {
        "merge1": merge1.MergeOne(merge1.Config(widths=(8, 12, 16))),
        "ahdrnet": ahdrnet.AHDRNet(ahdrnet.Config(features=6, growth=4)),
        "kalantari-direct": kalantari.Kalantari(kalantari.Config(form="direct", widths=(8, 8, 6))),
        "kalantari-we": kalantari.Kalantari(kalantari.Config(form="we", widths=(8, 8, 6))),
        "kalantari-wie": kalantari.Kalantari(kalantari.Config(form="wie", widths=(8, 8, 6))),
        "wu-resnet": wu.Wu(wu.Config(width=4)),
        "wu-unet": wu.Wu(wu.Config(merger="unet", width=4)),
    }
    network = made[name].eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            assert module.running_mean is not None and module.running_var is not None
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.01, 0.1)
    return network


def publish(kind: str, folder: Path) -> None:
    """As an installed model of the folder's name."""
    network = small(kind)
    folder.mkdir(parents=True)
    save_file({key: value.half().contiguous() for key, value in network.state_dict().items()},
              folder / weights.WEIGHTS_FILE)  # fmt: skip
    digest = hashlib.sha256((folder / weights.WEIGHTS_FILE).read_bytes()).hexdigest()
    facts = {
        "name": folder.name, "version": "0", "network": kind.partition("-")[0], "sha256": digest, "licence": "CC0-1.0",
        "training_data": "none", "recipe": "none", "hardware": "none",
        "config": asdict(network.config),  # type: ignore[call-overload]
    }  # fmt: skip
    weights.write_card(folder, json.loads(json.dumps(facts)))


def photographed(truth: torch.Tensor, stops: list[float], reference: int, noise: float = 0.0) -> Stack:
    """Frames of a still scene: (B, 3, H, W) radiance in the reference's scale."""
    exposures = torch.exp2(torch.tensor(stops) - stops[reference])[None].expand(len(truth), -1)
    linear = truth[:, None] * exposures[:, :, None, None, None]
    if noise:
        linear = linear + noise * torch.randn(linear.shape)
    linear = linear.clamp(0, 1)
    return Stack(
        linear=linear,
        clipped=((linear - 0.95) / 0.05).clamp(0, 1),
        valid=torch.ones(len(truth), len(stops), 1, *truth.shape[2:]),
        exposures=exposures,
        reference=reference,
    )


def scene(height: int, width: int, top: float = 3.0) -> torch.Tensor:
    torch.manual_seed(11)
    coarse = torch.rand(1, 3, max(1, height // 8), max(1, width // 8))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").pow(3) * top


def window(stack: Stack, y0: int, y1: int, x0: int, x1: int) -> Stack:
    part = (..., slice(y0, y1), slice(x0, x1))
    return replace(stack, linear=stack.linear[part], clipped=stack.clipped[part], valid=stack.valid[part])
