"""The plug-in in the fake Nuke, with the real engine: everything a bake does, in the terminal and in the GUI.

Started by run.py, which says where the plug-in (built and unpacked) and the engine are. Standard library only: runs in
Nuke 14's Python 3.9 as in later ones. The tests stand in hosted_*.py.

    python hosted.py [TEST]...      such as Chains, or Chains.test_...
"""

from __future__ import annotations

import sys
import unittest

import fake_control as control
from headroom_nuke import engine
from hosted_cache import Cache
from hosted_chains import Chains, Views
from hosted_colour import Colour
from hosted_gui import Install, InTheGui
from hosted_node import Node
from hosted_plain_read import PlainRead
from hosted_scripting import Scripting
from hosted_scripts import Farm, Scripts

__all__ = [
    "Cache", "Chains", "Colour", "Farm", "InTheGui", "Install", "Node", "PlainRead", "Scripting", "Scripts", "Views",
]  # fmt: skip

if __name__ == "__main__":
    try:
        program = unittest.main(verbosity=2, exit=False)
    finally:
        engine.close_all()
        control.close()
    sys.exit(not program.result.wasSuccessful())
