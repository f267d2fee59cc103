"""What merge networks train on: aligned crops of staged brackets with their truth, in memory and as shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from headroom.errors import PlateError, WriteError
from headroom.networks.merging import Stack

__all__ = ["Crops", "Pool", "count_crops", "load_crops", "save_crops", "stack_of"]


@dataclass(frozen=True, kw_only=True)
class Crops:
    """M crops of brackets of N frames with the same reference, stored compactly."""

    linear: Tensor
    """(M, N, 3, H, W) float16: each frame's own exposure, 1.0 its white, as the reference sees it."""
    clipped: Tensor
    """(M, N, 3, H, W) uint8, 255 is clipped."""
    valid: Tensor
    """(M, N, 1, H, W) uint8, 255 is valid."""
    truth: Tensor
    """(M, 3, H, W) float16: light in the reference's scale."""
    moving: Tensor
    """(M, 1, H, W) uint8, 1 where something moves."""
    exposures: Tensor
    """(M, N) float32, the reference 1.0."""
    noise: Tensor
    """(M, 2) float32: variance per unit of light, and in the dark."""
    reference: int

    def __len__(self) -> int:
        """M."""
        return len(self.truth)

    def __getitem__(self, index: Tensor) -> Crops:
        """Those of (K,) numbers, or of a mask."""
        return self.having({name: value[index] for name, value in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """All but the reference."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "reference"}

    def having(self, changed: Mapping[str, Tensor]) -> Crops:
        """With other tensors under some of the names."""
        return Crops(**{**self.tensors(), **changed}, reference=self.reference)

    def of_frames(self, chosen: Sequence[int]) -> Crops:
        """Only some of the frames; the reference must be among them."""
        parts = {name: getattr(self, name)[:, list(chosen)] for name in ("linear", "clipped", "valid", "exposures")}
        return Crops(**{**self.tensors(), **parts}, reference=list(chosen).index(self.reference))


class Pool:
    """Crops by their number of frames; when it is full, the oldest make room."""

    def __init__(self, capacity: int) -> None:
        """``capacity``: crops of each number of frames."""
        self.capacity = capacity
        self._groups: dict[tuple[int, int], Crops] = {}
        self._next: dict[tuple[int, int], int] = {}
        self._fill: dict[tuple[int, int], int] = {}

    def put(self, crops: Crops) -> None:
        """Copy them in, onto the device where the first ones are."""
        key = crops.linear.shape[1], crops.reference
        if key not in self._groups:
            room = {name: value.new_empty((self.capacity, *value.shape[1:])) for name, value in crops.tensors().items()}
            self._groups[key] = Crops(**room, reference=crops.reference)
            self._next[key] = self._fill[key] = 0
        count = min(len(crops), self.capacity)
        at = (torch.arange(count, device=crops.truth.device) + self._next[key]) % self.capacity
        for name, value in self._groups[key].tensors().items():
            value[at] = getattr(crops, name)[:count].to(value.device)
        self._next[key] = (self._next[key] + count) % self.capacity
        self._fill[key] = min(self.capacity, self._fill[key] + count)

    def __len__(self) -> int:
        """Crops of all kinds."""
        return sum(self._fill.values())

    def draw(self, count: int, generator: torch.Generator) -> Crops:
        """Any ``count`` of one kind; kinds are drawn by how many there are of each. ``generator`` on the CPU."""
        keys = list(self._groups)
        shares = torch.tensor([float(self._fill[key]) for key in keys])
        key = keys[int(torch.multinomial(shares, 1, generator=generator))]
        group = self._groups[key]
        chosen = torch.randint(self._fill[key], (count,), generator=generator)
        return group[chosen.to(group.truth.device)]


def stack_of(crops: Crops, *, noise: bool = True) -> Stack:
    """As the networks take them; without ``noise`` nobody measured it."""
    return Stack(
        linear=crops.linear.float(),
        clipped=crops.clipped.float() / 255,
        valid=crops.valid.float() / 255,
        exposures=crops.exposures,
        reference=crops.reference,
        noise=crops.noise if noise else None,
    )


def save_crops(crops: Crops, path: Path) -> None:
    """Write a shard beside and rename."""
    partial = path.with_suffix(".partial")
    try:
        tensors = {name: value.contiguous() for name, value in crops.tensors().items()}
        save_file(tensors, partial, metadata={"reference": str(crops.reference)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot write the brackets ({error}); free some space") from error


def count_crops(path: Path) -> int:
    """How many a shard holds, without reading them."""
    try:
        with safe_open(path, "pt") as file:
            return int(file.get_slice("exposures").get_shape()[0])
    except (OSError, SafetensorError) as error:
        raise PlateError(f"{path}: not a shard of staged brackets ({error}); delete it to make it again") from error


def load_crops(path: Path) -> Crops:
    """Read a shard; ``PlateError`` where it is none."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
            return Crops(**tensors, reference=int(file.metadata()["reference"]))
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise PlateError(f"{path}: not a shard of staged brackets ({error}); delete it to make it again") from error
