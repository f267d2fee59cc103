"""Names of the methods that tables and goals speak of."""

from __future__ import annotations

__all__ = [
    "AHDRNET", "CLASSICAL", "DEFAULT", "GOES_ON", "MERTENS", "OPENCV_DEBEVEC", "OPENCV_ROBERTSON", "OPENCV_TOLD",
    "ORACLE", "REFERENCE", "SINGLE",
]  # fmt: skip

DEFAULT = "headroom-merge-1"
GOES_ON = "{}, headroom-1 goes on"
"""A merge, and the single-image network from where every frame clipped: what ``headroom merge`` does by itself."""
AHDRNET = ("ahdrnet", "ahdrnet-small")
OPENCV_DEBEVEC = "OpenCV Debevec"
OPENCV_TOLD = "OpenCV Debevec, response told"
OPENCV_ROBERTSON = "OpenCV Robertson"
MERTENS = "OpenCV Mertens"
REFERENCE = "reference frame alone"
SINGLE = "reference frame, headroom-1"
ORACLE = "oracle: told which samples are right"
CLASSICAL = ("debevec", "inverse-variance", OPENCV_DEBEVEC, OPENCV_TOLD, OPENCV_ROBERTSON)
"""Merges that align and know nothing of ghosts."""
