"""Measuring a reconstruction: virtual photographs of HDR scenes, baselines, oracles, tables."""

from headroom.evaluate.follow import QuickTable, quick
from headroom.evaluate.methods import Method, MethodFunction

__all__ = ["Method", "MethodFunction", "QuickTable", "quick"]
