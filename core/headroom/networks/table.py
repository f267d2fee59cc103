"""Every network by name, as a literal table."""

from __future__ import annotations

from headroom.networks import headroom1

__all__ = ["NETWORKS"]

NETWORKS = {
    "headroom1": (headroom1.HeadroomOne, headroom1.Config),
}
"""Name in a weights file or card: the module's class and the frozen dataclass that configures it."""
