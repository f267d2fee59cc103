"""The sidebar: everything about the active HDR Reconstruct node, and the short form beside Blender's own node tab."""

from typing import Any

import bpy

from . import colour, engine, source, state
from .operators import active_group

__all__ = ["register", "unregister"]

CATEGORY = "Headroom"


def _draw_state(layout: Any, group: bpy.types.NodeTree, frame: int) -> None:
    """The state, and the one button that fits it."""
    status = state.status_of(group, frame)
    column = layout.column(align=True)
    if status.kind == "RUNNING":
        column.progress(factor=status.fraction, text=f"{100 * status.fraction:.0f} %")
        column.label(text=status.text, icon="SORTTIME")
        column.operator("headroom.cancel", icon="CANCEL").group_name = group.name
        return
    row = column.row()
    row.scale_y = 1.4
    row.enabled = status.kind != "LINKED" and group.library is None
    words = {"EMPTY": "Run", "FRESH": "Run Again"}.get(status.kind, "Update")
    row.operator("headroom.run", text=words, icon="PLAY").group_name = group.name
    line = column.row()
    line.alert = status.kind in ("STALE", "PARTIAL", "MISSING")
    line.label(text=status.text, icon=status.icon)


class _Sidebar:
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: Any) -> bool:
        """With an HDR Reconstruct node active."""
        return active_group(context) is not None


class HEADROOM_PT_node(_Sidebar, bpy.types.Panel):
    """State and the run button."""

    bl_label = "HDR Reconstruct"
    bl_idname = "HEADROOM_PT_node"

    def draw(self, context: Any) -> None:
        """State, source, what came out."""
        group = active_group(context)
        layout = self.layout
        _draw_state(layout, group, context.scene.frame_current)
        if group.headroom.baked.summary:
            facts = layout.column(align=True)
            for number, line in enumerate(group.headroom.baked.summary.splitlines()):
                facts.label(text=line, icon="BLANK1" if number else "LIGHT_SUN")
        problem = engine.last_problem()
        if problem is not None:
            box = layout.box().column(align=True)
            box.alert = True
            for line in _wrapped(str(problem), context):
                box.label(text=line)
            box.alert = False
            box.operator("headroom.open_preferences", icon="PREFERENCES")


class HEADROOM_PT_source(_Sidebar, bpy.types.Panel):
    """Where the plate comes from."""

    bl_label = "Plate"
    bl_parent_id = "HEADROOM_PT_node"

    def draw(self, context: Any) -> None:
        """Source, colour space, frames."""
        group = active_group(context)
        chosen = group.headroom
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.enabled = group.library is None
        layout.prop(chosen, "source")
        if chosen.source == "IMAGE":
            layout.template_ID(chosen, "image", open="image.open")
            if chosen.image is not None and chosen.image.source in ("SEQUENCE", "MOVIE"):
                layout.prop(chosen, "frame_start")
        elif chosen.source == "CLIP":
            layout.template_ID(chosen, "clip", open="clip.open")
        tag = _tag(group, context)
        layout.prop(chosen, "from_space", placeholder=f"From the image ({tag})" if tag else "From the image")
        layout.prop(chosen, "frames")
        if chosen.frames == "CUSTOM":
            layout.prop(chosen, "frame_list")


class HEADROOM_PT_look(_Sidebar, bpy.types.Panel):
    """What the network does."""

    bl_label = "Reconstruction"
    bl_parent_id = "HEADROOM_PT_node"

    def draw(self, context: Any) -> None:
        """Model, boost, clip level, peak stops, which light."""
        group = active_group(context)
        chosen = group.headroom
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.enabled = group.library is None
        row = layout.row(align=True)
        row.prop(chosen, "model", placeholder=engine.default_model() or "Default")
        row.operator("headroom.refresh", text="", icon="SORTTIME" if engine.describing() else "FILE_REFRESH")
        layout.prop(chosen, "boost")
        _optional(layout, chosen, "use_clip_level", "clip_level", "Clip Level", "Detected")
        _optional(layout, chosen, "use_peak_stops", "peak_stops", "Peak Stops", "No limit")
        layout.prop(chosen, "light")


class HEADROOM_PT_more(_Sidebar, bpy.types.Panel):
    """What few people change."""

    bl_label = "Advanced"
    bl_parent_id = "HEADROOM_PT_node"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Curve, mask start, banding, files."""
        group = active_group(context)
        chosen = group.headroom
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.enabled = group.library is None
        for name in ("curve", "tau", "dequantize", "depth", "compression"):
            layout.prop(chosen, name)


class HEADROOM_PT_cache(_Sidebar, bpy.types.Panel):
    """Where the frames lie."""

    bl_label = "Cache"
    bl_parent_id = "HEADROOM_PT_node"

    def draw(self, context: Any) -> None:
        """Folder and what can be done with it."""
        group = active_group(context)
        layout = self.layout
        column = layout.column(align=True)
        column.enabled = group.library is None
        column.prop(group.headroom, "cache", text="")
        if not bpy.data.filepath and group.headroom.cache.startswith("//"):
            warning = column.column(align=True)
            warning.label(text="The .blend is not saved yet:", icon="INFO")
            warning.label(text="frames go to your user folder", icon="BLANK1")
        if group.headroom.baked.frames:
            layout.label(text=f"Frames {group.headroom.baked.frames}", icon="RENDER_ANIMATION")
        row = layout.row(align=True)
        row.operator("headroom.open_cache", text="Open Folder", icon="FILE_FOLDER").group_name = group.name
        row.operator("headroom.clear_cache", icon="TRASH").group_name = group.name


class HEADROOM_PT_node_tab(bpy.types.Panel):
    """The short form in Blender's own Node tab."""

    bl_label = "HDR Reconstruct"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Node"

    poll = _Sidebar.poll

    def draw(self, context: Any) -> None:
        """State and button."""
        _draw_state(self.layout, active_group(context), context.scene.frame_current)


def _optional(layout: Any, chosen: Any, switch: str, value: str, label: str, otherwise: str) -> None:
    row = layout.row(heading=label, align=True)
    row.prop(chosen, switch, text="")
    inner = row.row(align=True)
    inner.active = getattr(chosen, switch)
    if inner.active:
        inner.prop(chosen, value, text="")
    else:
        inner.label(text=otherwise)


def _tag(group: bpy.types.NodeTree, context: Any) -> str:
    """The colour space that the plate's image is set to, where that can be said without reading anything."""
    chosen = group.headroom
    found = {"IMAGE": chosen.image, "CLIP": chosen.clip}.get(chosen.source)
    if chosen.source == "LINK":
        instance = source.find_instance(group, context.scene)
        socket = source.upstream_socket(instance.node) if instance is not None else None
        node = socket.node if socket is not None else None
        found = getattr(node, "image", None) or getattr(node, "clip", None)
        if node is not None and found is None:
            return colour.working_space().replace("scene_linear", "scene linear")
    return colour.tag_of(found) if found is not None else ""


def _wrapped(text: str, context: Any) -> list[str]:
    """Lines that fit the region: about seven pixels a letter at the interface's scale."""
    scale = context.preferences.system.ui_scale
    width = max(int(context.region.width / (7.0 * scale)) - 4, 16)
    lines: list[str] = []
    line = ""
    for word in text.split():
        while len(word) > width:  # a path
            lines += [line] * bool(line) + [word[:width]]
            line, word = "", word[width:]
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return lines + [line] * bool(line)


_CLASSES = (
    HEADROOM_PT_node,
    HEADROOM_PT_source,
    HEADROOM_PT_look,
    HEADROOM_PT_more,
    HEADROOM_PT_cache,
    HEADROOM_PT_node_tab,
)


def register() -> None:
    """All of them, the parent first."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """All of them, backwards."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
