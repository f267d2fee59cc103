"""The shared parts of the way from plate to light, each traced to a graph that torch 2.1 (Nuke 15.1) knows too.

A trace holds the operators that ran, so the curves and networks that ``convert`` uses are exported as they are,
however they are written (``F.interpolate`` compiled by a new torch does not load in an old one). It also holds
constants: none of them may come from the example's size or device, and a trace that would is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from headroom.clipping import soft_mask
from headroom.colour import curves
from headroom.networks.headroom1 import PATCH_PX, HeadroomOne, LocalNet, stops

__all__ = ["trace_curves", "trace_gain", "trace_mask", "trace_scene"]

EXAMPLE_SIZE = (96, 160)
"""Rows and columns of what is traced: any multiples of 32 would do."""
ENCODE = (
    curves.srgb_encode,
    curves.rec709_encode,
    partial(curves.gamma_encode, gamma=2.2),
    partial(curves.gamma_encode, gamma=2.4),
)
"""Linear Rec.709 to codes, for ``knobs.ENCODINGS`` from sRGB on."""
DECODE = (
    curves.srgb_decode,
    curves.rec709_decode,
    partial(curves.gamma_decode, gamma=2.2),
    partial(curves.gamma_decode, gamma=2.4),
)


class Function(nn.Module):
    """A function of tensors as a module, so that it can be traced and kept in another one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> Tensor:
        """Whatever the function gives."""
        result: Tensor = self.function(*tensors)
        return result


class GainNet(nn.Module):
    """What ``HeadroomOne.local`` does with a tile once the scene was sampled at its place."""

    def __init__(self, local_net: LocalNet) -> None:
        super().__init__()
        self.local_net = local_net

    def forward(self, x_srgb: Tensor, alpha: Tensor, sampled: Tensor) -> Tensor:
        """(B, 3, H, W) twice and (B, F + 4, H/4, W/4) to (B, 3, H, W) stops of gain, at least 0."""
        return stops(self.local_net(x_srgb, alpha, sampled, 4)[0], sampled)[0]


def trace_scene(network: HeadroomOne) -> Any:
    """(1, 6, h, w) scene view to the whole frame's features."""
    return _trace(network.scene_net, torch.rand(1, 6, *EXAMPLE_SIZE))


def trace_gain(network: HeadroomOne) -> Any:
    """(1, 3, H, W) x_srgb, alpha and (1, F + 4, H/4, W/4) features to (1, 3, H, W) stops."""
    rows, columns = EXAMPLE_SIZE
    plate = torch.rand(1, 3, rows, columns)
    features = torch.rand(1, network.config.scene_features + 4, rows // PATCH_PX, columns // PATCH_PX)
    return _trace(GainNet(network.local_net), plate, plate, features)


def trace_mask() -> Any:
    """Codes (1, 3, H, W), clip level and tau (1,) to the soft mask (1, 3, H, W)."""
    return _trace(Function(soft_mask), torch.rand(1, 3, 4, 5), torch.ones(1), torch.full((1,), 0.95))


def trace_curves() -> tuple[Any, Any]:
    """Two module lists: encoders and decoders of ``knobs.ENCODINGS`` from sRGB on."""
    example = torch.rand(1, 3, 4, 5)
    return tuple(nn.ModuleList(_trace(Function(f), example) for f in side) for side in (ENCODE, DECODE))  # type: ignore[return-value]


def _trace(module: nn.Module, *example: Tensor) -> Any:
    module = module.eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # new torch would rather have torch.export, old has none
        warnings.simplefilter("error", TracerWarning)
        return torch.jit.trace(module, example)
