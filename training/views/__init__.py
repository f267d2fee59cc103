"""Made-up places to photograph: described as plain data, rendered by Blender's Cycles, seen through a real lens."""
