"""What a picture of the whole sphere needs beyond one of a part of it: geometry on arrays, no files.

Directions follow OpenEXR's lat-long (ImfEnvmap.h): y is up, the picture's middle looks along +z, a quarter of the
width to the left of it lies +x. Rows run from the zenith to the nadir.
"""
