"""From a picture of the whole sphere to a map that lights: read, place, reconstruct, find lights, set them, write."""
