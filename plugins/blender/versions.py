"""The differences between Blender 4.2 and 5.2, and nothing else: every ``bpy.app.version`` is here."""

from typing import Any

import bpy

__all__ = [
    "BLEND_RELATIVE",
    "COMPOSITOR_TREE",
    "active_compositor",
    "by_uid",
    "compositor_of",
    "detach_compositor",
    "discard_scene",
    "ensure_compositor",
    "math_node",
    "outlet",
    "render_path",
    "set_image_format",
    "uid_of",
    "working_space",
]

COMPOSITOR_TREE = "CompositorNodeTree"
_FIVE = bpy.app.version >= (5, 0, 0)
"""5.0: the compositor's tree is a node group of its own, and the file has a working space."""


BLEND_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Option of a path property that may begin with //; 5.x shows others in red."""


def compositor_of(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's compositor tree, or None where it has none."""
    if _FIVE:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def ensure_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's compositor tree; made empty, with an output, where there is none."""
    found = compositor_of(scene)
    if found is not None:
        return found
    if _FIVE:
        tree = bpy.data.node_groups.new("Compositor", COMPOSITOR_TREE)
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
    outlet(tree)
    return tree


def outlet(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket that a render shows; made where the tree has none."""
    kind = "NodeGroupOutput" if _FIVE else "CompositorNodeComposite"
    nodes = [node for node in tree.nodes if node.bl_idname == kind]
    active = next((node for node in nodes if getattr(node, "is_active_output", False)), None)
    node = active or (nodes[0] if nodes else tree.nodes.new(kind))
    return node.inputs[0]


def detach_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Gives a copied scene a compositor tree of its own (in 5.x a copy shares it), and returns it."""
    if _FIVE:
        scene.compositing_node_group = scene.compositing_node_group.copy()
        return scene.compositing_node_group
    return scene.node_tree


def discard_scene(scene: bpy.types.Scene) -> None:
    """Removes a temporary scene with its compositor tree."""
    tree = scene.compositing_node_group if _FIVE else None
    bpy.data.scenes.remove(scene)
    if tree is not None and tree.users == 0:
        bpy.data.node_groups.remove(tree)


def active_compositor(space: Any) -> bpy.types.NodeTree | None:
    """The tree that a node editor shows, where it is a compositor's."""
    tree = getattr(space, "edit_tree", None)
    return tree if tree is not None and tree.bl_idname == COMPOSITOR_TREE else None


def math_node(tree: bpy.types.NodeTree, operation: str) -> bpy.types.Node:
    """A scalar math node."""
    node = tree.nodes.new("ShaderNodeMath" if _FIVE else "CompositorNodeMath")
    node.operation = operation
    return node


def set_image_format(settings: Any, file_format: str, depth: str, mode: str) -> None:
    """``OPEN_EXR`` or ``PNG`` with a colour depth in bits and RGB or RGBA."""
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = file_format
    settings.color_mode = mode
    settings.color_depth = depth
    if file_format == "OPEN_EXR":
        settings.exr_codec = "ZIP"
    else:
        settings.compression = 15


def working_space() -> str | None:
    """The file's own working space (5.x), or None where the colour config alone decides."""
    return str(bpy.data.colorspace.working_space) if _FIVE else None


def render_path(path: str) -> str:
    """A path as ``render.filepath`` takes it: 5.x reads braces as a template."""
    return path.replace("{", "{{").replace("}", "}}") if _FIVE else path


def uid_of(datablock: bpy.types.ID) -> int:
    """A number that stays the same through undo and renaming, for this session."""
    return int(datablock.session_uid)


def by_uid(collection: Any, uid: int) -> Any:
    """The datablock of that number, or None where it was removed."""
    return next((one for one in collection if one.session_uid == uid), None)
