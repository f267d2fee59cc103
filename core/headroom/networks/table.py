"""Every network by name, as a literal table."""

from __future__ import annotations

from typing import Any

from torch import nn

from headroom.networks import ahdrnet, hdrcnn, headroom1, kalantari, light_power, merge1, wu
from headroom.networks.singlehdr import system as singlehdr

__all__ = ["NETWORKS"]

NETWORKS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "headroom1": (headroom1.HeadroomOne, headroom1.Config),
    "hdrcnn": (hdrcnn.HDRCNN, hdrcnn.Config),
    "singlehdr": (singlehdr.SingleHDR, singlehdr.Config),
    "light-power": (light_power.LightPower, light_power.Config),
    "merge1": (merge1.MergeOne, merge1.Config),
    "ahdrnet": (ahdrnet.AHDRNet, ahdrnet.Config),
    "kalantari": (kalantari.Kalantari, kalantari.Config),
    "wu": (wu.Wu, wu.Config),
}
"""Name in a weights file or card: the module's class and the frozen dataclass that configures it."""
