"""headroom for Nuke: the menu. Nuke reads this in the GUI alone."""

import sys

import nuke

if sys.version_info >= (3, 9):
    from headroom_nuke import menu_items

    menu_items.add()
