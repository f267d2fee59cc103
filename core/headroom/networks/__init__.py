"""networks of headroom."""
