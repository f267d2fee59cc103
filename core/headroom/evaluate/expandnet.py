"""ExpandNet with its released weights as a baseline: alone, and used only where the plate clipped."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headroom.camera import Response
from headroom.errors import WeightsError
from headroom.evaluate.methods import Method, inverse_response
from headroom.metrics import align_scale, well_exposed
from headroom.plate import FloatArray

if TYPE_CHECKING:
    from headroom.networks.expandnet import ExpandNet

__all__ = ["PATCH_PX", "WEIGHTS", "expandnet_methods", "find_peers", "load_expandnet", "stretch"]

WEIGHTS = Path("expandnet") / "weights.pth"

# Code value where the blend begins, as in the other baselines.
TAU = 0.95

PATCH_PX = 512


def find_peers(scenes: Path) -> Path | None:
    """Find a folder ``peers`` beside the scenes or beside a folder above them."""
    for folder in scenes.resolve().parents:
        if (folder / "peers" / WEIGHTS).is_file():
            return folder / "peers"
    return None


def expandnet_methods(peers: Path | None) -> tuple[Method, ...]:
    """Both methods, or none where the weights are not there."""
    if peers is None or not (peers / WEIGHTS).is_file():
        return ()
    network = load_expandnet(peers / WEIGHTS)

    last: dict[bytes, FloatArray] = {}

    def answer(code: FloatArray) -> FloatArray:
        """Both methods ask for the same plate, one after the other; the network is the slow part."""
        key = hashlib.sha256(code.tobytes()).digest()
        if key not in last:
            last.clear()
            last[key] = expand(network, code)
        return last[key]

    def alone(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        del declared, is_jpeg
        return answer(code)

    def blended(code: FloatArray, declared: Response | None, is_jpeg: bool) -> FloatArray:
        base = inverse_response(code, declared, is_jpeg)
        light = answer(code)
        light = light * np.float32(align_scale(light, base, well_exposed(code)))
        peak = code.max(axis=-1, keepdims=True)
        alpha = ((peak - np.float32(TAU)) / np.float32(1.0 - TAU)).clip(0.0, 1.0)
        return np.asarray(base + alpha * (np.maximum(light, base) - base), np.float32)

    return Method("ExpandNet", alone), Method("ExpandNet in the clip only", blended)


def load_expandnet(path: Path) -> ExpandNet:
    """The released weights; nothing in the file is executed."""
    import torch

    from headroom.networks.expandnet import ExpandNet

    network = ExpandNet()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not ExpandNet's released weights ({reason})") from error
    return network.eval()


def expand(network: ExpandNet, code: FloatArray) -> FloatArray:
    """As the release runs it: input and output are each stretched to 0..1."""
    import torch

    with torch.inference_mode():
        tensor = torch.from_numpy(stretch(code)).permute(2, 0, 1)[None]
        light = network.by_patches(tensor, PATCH_PX)[0].permute(1, 2, 0).numpy()
    return stretch(light)


def stretch(image: FloatArray) -> FloatArray:
    """To 0..1, by its own extremes."""
    low, high = float(image.min()), float(image.max())
    if high <= low:
        return image
    return np.asarray((image - low) / (high - low), np.float32)
