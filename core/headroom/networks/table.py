"""Every network by name, as a literal table."""

from __future__ import annotations

from typing import Any

from torch import nn

from headroom.networks import headroom1, light_power

__all__ = ["NETWORKS"]

NETWORKS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "headroom1": (headroom1.HeadroomOne, headroom1.Config),
    "light-power": (light_power.LightPower, light_power.Config),
}
"""Name in a weights file or card: the module's class and the frozen dataclass that configures it."""
