"""Which device, which precision, how much memory."""

from __future__ import annotations

import os

import torch

from headroom.errors import DeviceError, UsageError

__all__ = ["PRECISIONS", "is_out_of_memory", "pick_device", "pick_precision", "planning_memory"]

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ALIASES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "half": "float16"}
TOTAL_SHARE = 0.25
"""Of a GPU's memory, when no budget is given."""
RAM_LARGEST = 3 << 29
"""1.5 GiB: the most that is planned with on a CPU where no budget is given; larger tiles gain little there."""
RAM_LARGEST_WIDE = 4 << 30
"""The same for networks that take more than RAM_BYTES_PER_PX, which would be cut into small tiles."""
RAM_BYTES_PER_PX = 260
FULL_SHARE = 0.75
"""Of what is free: planning with more would leave other programs none."""
FREE_SHARE = 0.5
"""Of what is free, where memory is that scarce."""


def pick_device(name: str) -> torch.device:
    """``auto`` takes CUDA, then MPS, then the CPU; a device that is asked for but missing is an error."""
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    kind = name.split(":")[0]
    if kind not in present:
        raise UsageError(f"device {name!r} is not known; use auto, cuda, cuda:N, mps or cpu")
    if not present[kind]:
        raise DeviceError(f"device {name!r} is not there (torch {torch.__version__}); use --device cpu")
    return torch.device(name)


def pick_precision(name: str, device: torch.device, supported: tuple[str, ...]) -> torch.dtype:
    """``auto``: float32 on the CPU and MPS, bfloat16 on CUDA. Falls back to float32 where a device lacks the type."""
    name = ALIASES.get(name, name)
    if name == "auto":
        name = "bfloat16" if device.type == "cuda" else "float32"
    if name not in PRECISIONS:
        raise UsageError(f"precision {name!r} is not known; use auto, {', '.join(PRECISIONS)}")
    lacking = (
        name not in supported
        or (name == "float16" and device.type == "cpu")
        or (name == "bfloat16" and device.type == "mps")
        or (name == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported())
    )
    return torch.float32 if lacking else PRECISIONS[name]


def planning_memory(device: torch.device, bytes_per_px: int = RAM_BYTES_PER_PX) -> int:
    """Bytes to plan with when no budget is given.

    The same whatever else runs, so that a frame is cut alike and gives the same bits today and tomorrow, unless the
    machine is so full that it cannot be had: then half of what is free.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        wanted = int(total * TOTAL_SHARE)
    else:
        free, wanted = _free_ram(), RAM_LARGEST if bytes_per_px <= RAM_BYTES_PER_PX else RAM_LARGEST_WIDE
    return wanted if wanted <= free * FULL_SHARE else int(free * FREE_SHARE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error is a device's or the system's way of saying that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _free_ram() -> int:
    try:
        with open("/proc/meminfo") as file:  # noqa: PTH123  a kernel table, not a file of the user's
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return 4 << 30
