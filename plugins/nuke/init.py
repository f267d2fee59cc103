"""headroom for Nuke: runs wherever Nuke does (GUI, terminal, farm). Nothing of the GUI here.

This folder is on the plug-in path when Nuke reads this file, so that the gizmo and the package are found already.
"""

import nuke

if nuke.NUKE_VERSION_MAJOR >= 14:
    nuke.pluginAddPath("./cattery")
else:
    nuke.tprint("headroom: baking needs Nuke 14 or newer; nodes that are baked render here all the same.")
