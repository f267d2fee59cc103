"""Shots that do not flicker: what a shot has in common, found once, and gains steadied along the motion of the picture.

``analyse`` looks at every plate of a shot and says where it is cut, at which code it clips and which curve it has.
``Stabiliser`` makes any frame of it from the frame's own plate and the few around it. docs/shots-how-it-works.md.
"""

from __future__ import annotations

from headroom.temporal.analyse import analyse
from headroom.temporal.analysis import Analysis, Segment
from headroom.temporal.stabiliser import Stabiliser, SteadyBand
from headroom.temporal.window import RADIUS

__all__ = ["RADIUS", "Analysis", "Segment", "Stabiliser", "SteadyBand", "analyse"]
