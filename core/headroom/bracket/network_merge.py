"""A merge network as a merger: windows of any number of frames in, light out.

Networks of three frames see more of them as triples around the reference, dark and bright ones paired from the
inside out; a side that has no frame is filled by the reference itself. What the triples give is averaged, each by how
precisely its frames recorded light of that level: inner ones in the middle, outer ones in deep shadows and highlights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headroom import weights
from headroom.bracket.frames import FrameRows, Merged
from headroom.bracket.noise import NoiseModel
from headroom.engine.device import is_out_of_memory, pick_device, pick_precision
from headroom.engine.tiles import padded
from headroom.errors import DeviceError, UsageError
from headroom.networks.merging import READ, SHOT, Light, MergeNetwork, Stack

__all__ = ["NetworkMerger", "load_network_merger", "pad_windows", "triples_of"]

LEAST_PRECISION = 1e-3
"""Of a triple of which no frame recorded a place, as a share of the reference's own: there all triples count alike."""
MERGE_NETWORKS = ("merge1", "ahdrnet", "wu", "kalantari")


class NetworkMerger:
    """A merge network on a device. Not safe for several threads at once."""

    def __init__(
        self,
        module: MergeNetwork,
        *,
        name: str,
        card: weights.Card | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        """Move the module and choose the precision; ``DeviceError`` where the device is missing."""
        self.name, self.card, self.contract = name, card, module.contract
        self.device = pick_device(device)
        self.dtype = pick_precision(precision, self.device, self.contract.dtypes)
        self.module = module.to(self.device).eval()
        self.frames, self.multiple_of, self.halo_px = (
            self.contract.frames, self.contract.multiple_of, self.contract.halo_px,
        )  # fmt: skip
        self.bytes_per_px = self.contract.bytes_per_px

    def __call__(
        self, frames: Sequence[FrameRows], exposures: npt.ArrayLike, reference: int, noise: NoiseModel | None = None, *,
        shares: bool = False,
    ) -> Merged:  # fmt: skip
        """A window of all frames, darkest first, merged; ``DeviceError`` where it does not fit into memory."""
        height, width = frames[0].valid.shape
        try:
            stack = self._stack(frames, np.asarray(exposures, np.float64), reference, noise)
            with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32):
                light = self._any_number(stack) if self.frames == 3 else self.module.merge(stack)
            radiance, doubt = (part[0, ..., :height, :width].float().cpu().numpy() for part in light[:2])
            each = light.shares[0, ..., :height, :width].float().cpu() if shares and light.shares is not None else ()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"out of memory on {self.device} with a window of {width}x{height} px; "
                "close other programs, give less --memory, or use --device cpu"
            ) from error
        return Merged(
            np.ascontiguousarray(radiance.transpose(1, 2, 0)), np.ascontiguousarray(doubt[0]),
            tuple(np.ascontiguousarray(share.permute(1, 2, 0).numpy()) for share in each) or None,
        )  # fmt: skip

    def _any_number(self, stack: Stack) -> Light:
        """Triples averaged; where nothing was recorded at all, at least what the clipped frames prove."""
        doubt = (1 - stack.valid * (1 - stack.clipped.amax(2, keepdim=True))).amin(1)
        triples = triples_of(stack.frames, stack.reference)
        if len(triples) == 1:
            radiance = self.module.merge(_chosen(stack, triples[0])).radiance
        else:
            variance = stack.variance(stack.radiance[:, stack.reference])
            precision = stack.valid * (1 - stack.clipped) / variance
            least = LEAST_PRECISION / variance[:, stack.reference]
            light, gathered = torch.zeros_like(least), torch.zeros_like(least)
            for triple in triples:
                share = least + precision[:, sorted(set(triple))].sum(1)
                light += share * self.module.merge(_chosen(stack, triple)).radiance
                gathered += share
            radiance = light / gathered
        proven = (stack.valid * stack.clipped * stack.radiance).amax(1)
        return Light(radiance + doubt * (proven - radiance).clamp(min=0), doubt)

    def _stack(
        self, frames: Sequence[FrameRows], exposures: npt.NDArray[np.float64], reference: int, noise: NoiseModel | None
    ) -> Stack:
        if len(frames) != len(exposures) or not 0 <= reference < len(frames):
            raise UsageError(f"{len(frames)} frames, {len(exposures)} exposures, reference {reference}: they must fit")
        shape = frames[0].valid.shape
        rows, columns = (max(padded(side, self.multiple_of), self.contract.least_px) for side in shape)
        linear, clipped = (
            pad_windows(np.stack([getattr(frame, name) for frame in frames]), rows, columns).permute(0, 3, 1, 2)[None]
            for name in ("linear", "clipped")
        )
        valid = pad_windows(np.stack([frame.valid for frame in frames])[..., None], rows, columns)
        return Stack(
            linear=linear.contiguous(),
            clipped=clipped.contiguous(),
            valid=valid.permute(0, 3, 1, 2)[None].contiguous(),
            exposures=torch.from_numpy(exposures.astype(np.float32))[None],
            reference=reference,
            noise=noise_tensor(noise),
        ).to(self.device)


def load_network_merger(
    model: str | Path, network: str | None, *, device: str = "auto", precision: str = "auto"
) -> NetworkMerger:
    """A model by name or folder; ``UsageError`` where it merges nothing."""
    loaded = weights.load(model, network=network)
    if loaded.card.network not in MERGE_NETWORKS:
        raise UsageError(f"--method {model}: {loaded.card.name} ({loaded.card.network}) merges nothing")
    return NetworkMerger(loaded.module, name=loaded.card.name, card=loaded.card, device=device, precision=precision)


def triples_of(frames: int, reference: int) -> list[tuple[int, int, int]]:
    """Dark frame, reference, bright frame, from the inside out; a side that runs out repeats its last frame."""
    darker = list(range(reference - 1, -1, -1)) or [reference]
    brighter = list(range(reference + 1, frames)) or [reference]
    count = max(len(darker), len(brighter))
    return [(darker[min(i, len(darker) - 1)], reference, brighter[min(i, len(brighter) - 1)]) for i in range(count)]


def pad_windows(values: npt.NDArray[np.float32], rows: int, columns: int) -> Tensor:
    """(N, h, w, C) to (N, rows, columns, C): below and to the right the last row and column are repeated."""
    below, right = rows - values.shape[1], columns - values.shape[2]
    if below or right:
        values = np.pad(values, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def noise_tensor(noise: NoiseModel | None) -> Tensor:
    """(1, 2) variance per unit of light and in the dark, of the mean channel; the steps between codes grow about as
    photons' noise does."""
    if noise is None:
        return torch.tensor([[SHOT, READ]])
    steps = 0.0 if noise.step is None else float(np.mean(noise.step[:, -1] ** 2))
    shot, read = (float(np.mean(np.square(part))) for part in (noise.shot, noise.read))
    return torch.tensor([[max(shot + steps, 1e-10), max(read, 1e-10)]])


def _chosen(stack: Stack, frames: tuple[int, int, int]) -> Stack:
    at = list(frames)
    return Stack(
        linear=stack.linear[:, at], clipped=stack.clipped[:, at], valid=stack.valid[:, at],
        exposures=stack.exposures[:, at], reference=1, noise=stack.noise,
    )  # fmt: skip
