"""SingleHDR: a camera's pipeline undone step by step, a network for each step. ``system`` puts them together."""
