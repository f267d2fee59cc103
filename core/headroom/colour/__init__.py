"""colour of headroom."""
