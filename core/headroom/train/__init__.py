"""train of headroom."""
