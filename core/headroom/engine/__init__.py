"""engine of headroom."""
