"""headroom for Nuke: the menu. Nuke reads this in the GUI alone."""

from headroom_nuke import menu_items

menu_items.add()
