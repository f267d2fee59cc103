"""The World that lights with an environment map: plain nodes, so that it renders where the extension is not installed.

Texture Coordinate --Generated--> Mapping (rotation) --> Environment Texture --> Background (strength) --> Output
"""

import os
from typing import Any

import bpy

__all__ = ["background_of", "build", "environment_of", "find_node", "has_map", "mapping_of", "replace_image"]

_COORDINATE, _MAPPING, _ENVIRONMENT = "HDR Coordinate", "HDR Rotation", "HDR Environment"
_BACKGROUND, _OUTPUT = "HDR Strength", "HDR Output"
_CHAIN = (
    (_COORDINATE, "ShaderNodeTexCoord", "Texture Coordinate"),
    (_MAPPING, "ShaderNodeMapping", "Rotation"),
    (_ENVIRONMENT, "ShaderNodeTexEnvironment", "Environment"),
    (_BACKGROUND, "ShaderNodeBackground", "Strength"),
    (_OUTPUT, "ShaderNodeOutputWorld", "World Output"),
)
_LINKS = (
    (_COORDINATE, "Generated", _MAPPING, "Vector"),
    (_MAPPING, "Vector", _ENVIRONMENT, "Vector"),
    (_ENVIRONMENT, "Color", _BACKGROUND, "Color"),
    (_BACKGROUND, "Background", _OUTPUT, "Surface"),
)
_STEP_X, _WIDE = 200.0, 290.0


def build(name: str, image: bpy.types.Image) -> bpy.types.World:
    """A new World lit by a lat-long image datablock, strength 1, not turned."""
    world = bpy.data.worlds.new(name)
    if bpy.app.version < (5, 0):  # from then on every World has nodes, and saying so is deprecated
        world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    x = 0.0
    for node_name, kind, label in _CHAIN:
        node = tree.nodes.new(kind)
        node.name, node.label = node_name, label
        node.location = (x, 0.0)
        node.select = False
        x += _WIDE if kind == "ShaderNodeTexEnvironment" else _STEP_X
    for source, output, target, socket in _LINKS:
        tree.links.new(tree.nodes[source].outputs[output], tree.nodes[target].inputs[socket])
    environment = tree.nodes[_ENVIRONMENT]
    environment.image = image
    environment.projection = "EQUIRECTANGULAR"
    tree.nodes[_OUTPUT].is_active_output = True
    return world


def environment_of(world: bpy.types.World | None) -> Any:
    """The Environment Texture that `build` made, if it is still there."""
    return find_node(world, _ENVIRONMENT, "ShaderNodeTexEnvironment")


def mapping_of(world: bpy.types.World | None) -> Any:
    """The Mapping node whose Z rotation turns the light."""
    return find_node(world, _MAPPING, "ShaderNodeMapping")


def background_of(world: bpy.types.World | None) -> Any:
    """The Background node with the strength."""
    return find_node(world, _BACKGROUND, "ShaderNodeBackground")


def has_map(world: bpy.types.World) -> bool:
    """Whether the map is there: packed, or a file on disk. A World with other nodes in its place has no say."""
    node = environment_of(world)
    image = node.image if node is not None else None
    if image is None:
        return node is None
    return image.packed_file is not None or os.path.isfile(bpy.path.abspath(image.filepath, library=image.library))


def find_node(world: bpy.types.World | None, name: str, kind: str) -> Any:
    """A node by name and kind, or None: the user may have taken it away or put something else in its place."""
    tree = world.node_tree if world is not None else None
    node = tree.nodes.get(name) if tree is not None else None
    return node if node is not None and node.bl_idname == kind else None


def replace_image(world: bpy.types.World, image: bpy.types.Image) -> bool:
    """Puts another map into a World made by `build`, keeping rotation, strength and what was added; False: no place."""
    node = environment_of(world)
    if node is None:
        return False
    node.image = image
    return True
