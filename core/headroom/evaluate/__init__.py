"""evaluate of headroom."""
