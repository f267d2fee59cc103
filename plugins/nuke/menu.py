"""headroom for Nuke: the menu. Nuke reads this in the GUI alone."""

import nuke

if nuke.NUKE_VERSION_MAJOR >= 14:  # its Python is the first that the package can be read by
    from headroom_nuke import menu_items

    menu_items.add()
