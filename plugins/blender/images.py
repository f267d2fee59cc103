"""The image datablocks that show plates and results."""

import os

import bpy

from . import cache

__all__ = ["OURS", "drop_unused", "image_of"]

OURS = "headroom"
"""Custom property of the image datablocks that were made here."""


def image_of(path: str, name: str, is_sequence: bool) -> bpy.types.Image:
    """The image datablock of a file, made or read again."""
    wanted = "SEQUENCE" if is_sequence else "FILE"
    for image in bpy.data.images:
        same = image.filepath and os.path.normpath(bpy.path.abspath(image.filepath)) == os.path.normpath(path)
        if same and image.library is None and image.source == wanted and image.get(OURS):
            image.reload()
            return image
    image = bpy.data.images.load(path, check_existing=False)
    image.name = name
    image.source = wanted
    image[OURS] = True
    image.filepath = cache.blend_relative(path)
    return image


def drop_unused(images: list[bpy.types.Image]) -> None:
    """Removes images that were made here and that nothing shows any more."""
    for image in images:
        if image.users == 0 and image.get(OURS):
            bpy.data.images.remove(image)
