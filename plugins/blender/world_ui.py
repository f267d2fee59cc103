"""Where `Light from This Image` is found: World properties, the image editor's menu."""

from typing import Any

import bpy

from . import world_nodes
from .world_run import WorldJob

__all__ = ["HEADROOM_PT_world", "HEADROOM_PT_world_settings", "register", "running", "unregister"]

running: WorldJob | None = None
"""The job that the interface shows; one at a time."""


class HEADROOM_PT_world(bpy.types.Panel):
    """In the World properties: panorama, button, progress, and the two knobs of the finished World."""

    bl_label = "Light from Image"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "world"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Wherever there is a scene."""
        return context.scene is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Nothing here is slow: what the engine says is remembered elsewhere."""
        layout = self.layout
        settings = context.scene.headroom_world
        layout.template_ID(settings, "image", open="image.open")
        column = layout.column()
        if running is not None:
            row = column.row(align=True)
            row.progress(factor=running.fraction, text=f"{running.message} ...")
            row.operator("headroom.world_cancel", text="", icon="X")
        else:
            label = "Light from This Image" if settings.image else "Light from a File..."
            operator = column.operator("headroom.world_light", text=label, icon="LIGHT_SUN")
            operator.image = settings.image.name if settings.image else ""
        self._result(context, layout)

    def _result(self, context: bpy.types.Context, layout: Any) -> None:
        world = context.scene.world
        if world is None or not world.headroom.source:
            return
        if not world_nodes.has_map(world):
            line = layout.row()
            line.alert = True
            line.label(text="The map is gone: run again", icon="ERROR")
        elif world.headroom.summary:
            layout.label(text=world.headroom.summary, icon="INFO")
        column = layout.column(align=True)
        column.use_property_split = True
        column.use_property_decorate = False
        mapping, background = world_nodes.mapping_of(world), world_nodes.background_of(world)
        if mapping is not None:
            column.prop(mapping.inputs["Rotation"], "default_value", index=2, text="Rotation")
        if background is not None:
            column.prop(background.inputs["Strength"], "default_value", text="Strength")
        if world.headroom.previous is not None:
            text = f"Restore {world.headroom.previous.name}"
            layout.operator("headroom.world_restore", text=text, icon="LOOP_BACK")


class HEADROOM_PT_world_settings(bpy.types.Panel):
    """How the panorama is reconstructed."""

    bl_label = "Reconstruction"
    bl_parent_id = "HEADROOM_PT_world"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "world"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The scene's settings."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.headroom_world
        layout.enabled = running is None
        layout.prop(settings, "model")
        layout.prop(settings, "from_space")
        layout.prop(settings, "curve")
        layout.prop(settings, "boost")
        for switch, value in (("use_clip_level", "clip_level"), ("use_peak_stops", "peak_stops")):
            row = layout.row(heading=settings.bl_rna.properties[value].name)
            row.prop(settings, switch, text="")
            inner = row.row()
            inner.active = getattr(settings, switch)
            inner.prop(settings, value, text="")


def _image_menu(self: Any, context: bpy.types.Context) -> None:
    self.layout.separator()
    row = self.layout.row()
    row.enabled = context.space_data.image is not None
    row.operator("headroom.world_light", icon="WORLD")


_CLASSES = (HEADROOM_PT_world, HEADROOM_PT_world_settings)


def register() -> None:
    """Panels and the menu's entry."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.IMAGE_MT_image.append(_image_menu)


def unregister() -> None:
    """Taken out again."""
    bpy.types.IMAGE_MT_image.remove(_image_menu)
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
