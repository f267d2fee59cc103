"""headroom for Nuke: runs wherever Nuke does (GUI, terminal, farm). Nothing of the GUI here.

This folder is on the plug-in path when Nuke reads this file, so that the gizmo and the package are found already.
"""

import nuke

nuke.pluginAddPath("./cattery")
