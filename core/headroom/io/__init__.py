"""io of headroom."""
