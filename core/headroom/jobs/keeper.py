"""A loaded model that outlives one job, for processes that do many."""

from __future__ import annotations

from typing import Any

from headroom import weights
from headroom.jobs.settings import Settings
from headroom.reconstruct import Reconstructor

__all__ = ["ModelKeeper"]


class ModelKeeper:
    """Holds one model at a time: the one asked for last."""

    def __init__(self) -> None:
        """Empty."""
        self._held: tuple[Any, Reconstructor] | None = None

    def reconstructor(self, settings: Settings) -> Reconstructor:
        """The model of these settings, loaded now only where the last job wanted another one."""
        folder = weights.find(settings.model)
        states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]
        wanted = (str(folder.resolve()), states, settings.device, settings.precision, settings.memory_bytes)
        if self._held is None or self._held[0] != wanted:
            self._held = None  # its memory goes before the next one comes
            loaded = Reconstructor(
                settings.model,
                device=settings.device,
                precision=settings.precision,
                memory_bytes=settings.memory_bytes,
            )
            self._held = (wanted, loaded)
        return self._held[1]
