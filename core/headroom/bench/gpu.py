"""How busy the GPU is while something runs; absent, and said to be, where there is none or nobody can tell."""

from __future__ import annotations

import importlib.util
import threading
from types import TracebackType
from typing import Any

import torch

__all__ = ["GpuUse"]

INTERVAL_S = 0.1


class GpuUse:
    """Samples the device's utilisation in a thread, within a ``with``."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._samples: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="gpu-use", daemon=True)
        self.why_absent: str | None = None
        if device.type != "cuda":
            self.why_absent = f"no GPU in use ({device.type})"
        elif importlib.util.find_spec("pynvml") is None:
            self.why_absent = "not measured: pip install nvidia-ml-py"

    def __enter__(self) -> GpuUse:
        if self.why_absent is None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def mean(self) -> float | None:
        """Share of the time, 0..1, in which some kernel ran; None where it could not be told."""
        return sum(self._samples) / len(self._samples) / 100 if self._samples else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"busy": self.mean, "why_absent": self.why_absent}

    def _sample(self) -> None:
        while not self._over.wait(INTERVAL_S):
            try:
                self._samples.append(int(torch.cuda.utilization(self._device)))
            except Exception as error:  # noqa: BLE001  NVML has errors of its own, and no measure is worth a shot
                self.why_absent = f"not measured: {error}"
                return
