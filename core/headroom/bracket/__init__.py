"""Several exposures of one scene: the stack, its exposures, its response curve, its alignment, its merging."""
