"""The node group `HDR Reconstruct`: native nodes only, so that a .blend renders the same without this extension.

    Image ----------------------------------------------(nothing baked yet)--.
    Baked (frames from the engine) --+-- x ratio^((Strength - 1) * touched) --+-- Exposure --> HDR
    Plate (what was sent)  ----------'   ratio = Baked / Plate, 1 or more
    Baked's headroom.mask -----------------------------------------------------------------> Mask
    log2(largest ratio) * Strength * touched ----------------------------------------------> Gain

With Strength 1 every factor is a power of 0, which is 1: Baked comes out to the bit. Strength 0 gives the plate's
plain linearisation back, and any value between scales the stops that were added, as the engine's own strength does.
"""

from typing import NamedTuple

import bpy

from . import versions

__all__ = ["NAME", "FrameUser", "build", "is_ours", "is_showing", "plate_images", "show", "show_input"]

NAME = "HDR Reconstruct"
LAYOUT = 1
"""Raised when the inner nodes change, so that older groups can be told apart."""
BAKED, PLATE, ALL, EXPOSURE, TOUCHED, INPUT, OUTPUT = (
    "Baked", "Plate", "All Channels", "Exposure", "Touched", "Group Input", "Group Output",
)  # fmt: skip
CHANNELS = ("Red", "Green", "Blue")
LEAST_BASE = 0.01
"""A clipped channel holds more light than this: where the plate holds less, the ratio is no gain."""


class FrameUser(NamedTuple):
    """Which file of a sequence a scene frame shows: ``offset + 1`` at ``start``, ``duration`` files in all."""

    start: int
    duration: int
    offset: int

    def number_at(self, frame: int) -> int:
        """The file number that Blender shows at a scene frame; the last is held, before the first there is none."""
        return min(max(frame - self.start + 1, 0), max(self.duration, 1)) + self.offset


def build() -> bpy.types.NodeTree:
    """A new group that passes its Image through until something was baked."""
    tree = bpy.data.node_groups.new(NAME, versions.COMPOSITOR_TREE)
    _sockets(tree)
    if hasattr(tree, "color_tag"):
        tree.color_tag = "COLOR"
    nodes, links = tree.nodes, tree.links
    enter, leave = nodes.new("NodeGroupInput"), nodes.new("NodeGroupOutput")
    enter.name, leave.name = INPUT, OUTPUT
    baked, plate = nodes.new("CompositorNodeImage"), nodes.new("CompositorNodeImage")
    baked.name, plate.name = BAKED, PLATE
    baked.label, plate.label = "Baked frames", "Plate as sent"
    hdr, base = nodes.new("CompositorNodeSeparateColor"), nodes.new("CompositorNodeSeparateColor")
    hdr.name, base.name = "Baked Channels", "Plate Channels"
    both = nodes.new("CompositorNodeCombineColor")
    both.name = ALL
    exposure = nodes.new("CompositorNodeExposure")
    exposure.name = EXPOSURE

    touched = _math(tree, "GREATER_THAN", None, 0.0, TOUCHED)
    less = _math(tree, "SUBTRACT", enter.outputs["Strength"], 1.0, "Strength - 1")
    power = _math(tree, "MULTIPLY", less, touched, "Power")
    ratios = []
    for channel in CHANNELS:
        floor = _math(tree, "MAXIMUM", base.outputs[channel], LEAST_BASE, f"{channel} Base")
        ratio = _math(tree, "DIVIDE", hdr.outputs[channel], floor, f"{channel} Ratio")
        ratio = _math(tree, "MAXIMUM", ratio, 1.0, f"{channel} Gain")
        factor = _math(tree, "POWER", ratio, power, f"{channel} Factor")
        links.new(_math(tree, "MULTIPLY", hdr.outputs[channel], factor, f"{channel} Out"), both.inputs[channel])
        ratios.append(ratio)
    links.new(hdr.outputs["Alpha"], both.inputs["Alpha"])
    largest = _math(tree, "MAXIMUM", _math(tree, "MAXIMUM", ratios[0], ratios[1], "Larger"), ratios[2], "Largest")
    stops = _math(tree, "LOGARITHM", largest, 2.0, "Stops")
    counted = _math(tree, "MULTIPLY", stops, enter.outputs["Strength"], "Stops Shown")
    links.new(_math(tree, "MULTIPLY", counted, touched, "Gain"), leave.inputs["Gain"])
    links.new(enter.outputs["Exposure"], exposure.inputs["Exposure"])
    links.new(exposure.outputs["Image"], leave.inputs["HDR"])
    _arrange(tree)
    tree.headroom.layout = LAYOUT
    show_input(tree)
    return tree


def is_ours(tree: bpy.types.NodeTree | None) -> bool:
    """Whether a node group was built here (also one that was appended, copied or linked)."""
    return tree is not None and tree.bl_idname == versions.COMPOSITOR_TREE and tree.headroom.layout > 0


def is_showing(tree: bpy.types.NodeTree) -> bool:
    """Whether the group shows baked frames."""
    node = tree.nodes.get(BAKED)
    return node is not None and node.image is not None


def plate_images(tree: bpy.types.NodeTree) -> list[bpy.types.Image]:
    """The images that the group holds: baked frames and plate."""
    found = (tree.nodes.get(name) for name in (BAKED, PLATE))
    return [node.image for node in found if node is not None and node.image is not None]


def show(
    tree: bpy.types.NodeTree,
    baked: bpy.types.Image,
    plate: bpy.types.Image,
    user: FrameUser | None,
    plate_user: FrameUser | None = None,
) -> None:
    """Shows baked frames. ``user`` maps scene frames to files (``plate_user``: of the plate); None: a still."""
    _assign(tree.nodes[BAKED], baked, user)
    _assign(tree.nodes[PLATE], plate, plate_user or user)
    links = tree.links
    colour = _output(tree.nodes[BAKED], "Combined", "Image")
    mask = _output(tree.nodes[BAKED], "headroom")
    links.new(colour, tree.nodes["Baked Channels"].inputs[0])
    links.new(_output(tree.nodes[PLATE], "Combined", "Image"), tree.nodes["Plate Channels"].inputs[0])
    if mask is not None:
        links.new(mask, tree.nodes[TOUCHED].inputs[0])
        links.new(mask, tree.nodes[OUTPUT].inputs["Mask"])
    links.new(tree.nodes[ALL].outputs[0], tree.nodes[EXPOSURE].inputs["Image"])


def show_input(tree: bpy.types.NodeTree) -> None:
    """Passes Image through; baked frames are let go of."""
    for name in (BAKED, PLATE):
        tree.nodes[name].image = None
    for socket in (tree.nodes[OUTPUT].inputs["Mask"], tree.nodes[TOUCHED].inputs[0]):
        for link in list(socket.links):
            tree.links.remove(link)
    tree.links.new(tree.nodes[INPUT].outputs["Image"], tree.nodes[EXPOSURE].inputs["Image"])


def _assign(node: bpy.types.Node, image: bpy.types.Image, user: FrameUser | None) -> None:
    node.image = image
    if user is not None:
        node.frame_start, node.frame_duration, node.frame_offset = user.start, user.duration, user.offset
        node.use_cyclic = False
        node.use_auto_refresh = True


def _output(node: bpy.types.Node, *names: str) -> bpy.types.NodeSocket | None:
    # Sockets of layers that the file no longer has stay in the list, disabled.
    found = (node.outputs.get(name) for name in names)
    usable = [socket for socket in found if socket is not None and socket.enabled]
    return usable[0] if usable else (node.outputs[0] if "Image" in names else None)


def _sockets(tree: bpy.types.NodeTree) -> None:
    face = tree.interface
    for name, kind, words in (
        ("HDR", "Color", "The plate in linear light with its highlights in it"),
        ("Mask", "Float", "How much of a pixel was reconstructed, 0 to 1"),
        ("Gain", "Float", "Stops that were added to a pixel"),
    ):
        face.new_socket(name, in_out="OUTPUT", socket_type=f"NodeSocket{kind}", description=words)
    face.new_socket(
        "Image", in_out="INPUT", socket_type="NodeSocketColor",
        description="The plate. Shown as it is until a result was baked",
    ).default_value = (0.0, 0.0, 0.0, 1.0)  # fmt: skip
    strength = face.new_socket(
        "Strength", in_out="INPUT", socket_type="NodeSocketFloat",
        description="Scales the stops that were added; 0 is the plain plate. Live, can be animated",
    )  # fmt: skip
    strength.default_value, strength.min_value, strength.max_value = 1.0, 0.0, 2.0
    strength.subtype = "FACTOR"
    exposure = face.new_socket(
        "Exposure", in_out="INPUT", socket_type="NodeSocketFloat",
        description="Stops on the whole result. Live, can be animated",
    )  # fmt: skip
    exposure.default_value, exposure.min_value, exposure.max_value = 0.0, -20.0, 20.0


def _math(
    tree: bpy.types.NodeTree,
    operation: str,
    first: bpy.types.NodeSocket | None,
    second: bpy.types.NodeSocket | float,
    name: str,
) -> bpy.types.NodeSocket:
    node = versions.math_node(tree, operation)
    node.name = node.label = name
    if first is not None:
        tree.links.new(first, node.inputs[0])
    if isinstance(second, float):
        node.inputs[1].default_value = second
    else:
        tree.links.new(second, node.inputs[1])
    return node.outputs[0]


def _arrange(tree: bpy.types.NodeTree) -> None:
    """Places the inner nodes in columns by their distance from the inputs, for people who look inside."""
    depth: dict[str, int] = {}

    def column(node: bpy.types.Node) -> int:
        if node.name not in depth:
            before = [link.from_node for socket in node.inputs for link in socket.links]
            depth[node.name] = 1 + max((column(one) for one in before), default=-1)
        return depth[node.name]

    filled: dict[int, int] = {}
    for node in tree.nodes:
        where = column(node) if node.name != OUTPUT else 11
        tall = 320 if node.bl_idname == "CompositorNodeImage" else 190
        node.location = (where * 220.0, -float(filled.get(where, 0)))
        filled[where] = filled.get(where, 0) + tall
