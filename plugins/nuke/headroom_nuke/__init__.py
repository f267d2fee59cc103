"""headroom in Nuke: what a script may call.

    import headroom_nuke
    headroom_nuke.bake(nuke.toNode("HeadroomReconstruct1"), 1001, 1100)

Standard library and ``nuke`` only, in the syntax of Python 3.9 (Nuke 14). Importing this starts nothing; the engine
(torch, OpenEXR, OpenColorIO) runs as a process of its own and never enters Nuke.
"""

from __future__ import annotations

from .api import bake, cancel, clear, reconstruct_files, use_frames
from .callbacks import register, unregister
from .errors import BakeCancelled, BakeError
from .farm import farm_job
from .results import FrameResult, Result

__version__ = "@VERSION@"

__all__ = [
    "BakeCancelled",
    "BakeError",
    "FrameResult",
    "Result",
    "bake",
    "cancel",
    "clear",
    "farm_job",
    "reconstruct_files",
    "register",
    "unregister",
    "use_frames",
]
