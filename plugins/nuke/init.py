"""headroom for Nuke: runs wherever Nuke does (GUI, terminal, farm). Nothing of the GUI here.

This folder is on the plug-in path when Nuke reads this file, so that the gizmo and the package are found already.
"""

import sys

import nuke

if sys.version_info < (3, 9):
    nuke.tprint("headroom: this needs Nuke 14 or newer; baked frames of its nodes render all the same.")
else:
    nuke.pluginAddPath("./cattery")
