"""`Light from This Image`: operators, and the one place that registers all of the World's part."""

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from . import world_run, world_settings, world_ui
from .problems import Problem, report_problem
from .running import RunningOperator

__all__ = ["HEADROOM_OT_world_cancel", "HEADROOM_OT_world_light", "HEADROOM_OT_world_restore", "register", "unregister"]


class HEADROOM_OT_world_light(RunningOperator, bpy.types.Operator):
    """Reconstruct the highlights of a lat-long image and light the World with it. The old World is kept"""

    bl_idname = "headroom.world_light"
    bl_label = "Light from This Image"
    bl_options = {"REGISTER", "UNDO"}

    image: StringProperty(name="Image", description="Name of an image of this file", options={"SKIP_SAVE"})
    filepath: StringProperty(
        name="File", description="A panorama on disk, in place of an image", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    model: StringProperty(name="Model", options={"SKIP_SAVE"})
    from_space: StringProperty(name="Colour Space", options={"SKIP_SAVE"})
    curve: StringProperty(name="Curve", options={"SKIP_SAVE"})
    boost: FloatProperty(name="Boost", default=1.0, min=0.1, max=10.0, options={"SKIP_SAVE"})
    clip_level: FloatProperty(name="Clip Level", default=1.0, min=0.05, max=1.0, options={"SKIP_SAVE"})
    peak_stops: FloatProperty(name="Peak Stops", default=6.0, min=0.1, max=20.0, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and a scene to light."""
        if world_ui.running is not None:
            cls.poll_message_set("A panorama is being reconstructed")
            return False
        return context.scene is not None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """From a button or menu: asks for a file where there is no image."""
        if not self.filepath and self._named_image(context) is None:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Starts; waits for the end only where there is no interface."""
        try:
            image = world_run.load_panorama(self.filepath) if self.filepath else self._named_image(context)
            if image is None:
                named = f"There is no image {self.image} in this file." if self.image else "No panorama was named."
                raise Problem(named, "Give an image or a file.")
            given = {name: getattr(self, name) for name in world_run.SETTINGS if self.properties.is_property_set(name)}
            job = world_run.begin(context.scene, image, given)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        context.scene.headroom_world.image = image
        result = self.begin(context, job, f"Light from {image.name}")
        if "RUNNING_MODAL" in result:
            world_ui.running = job
        return result

    def ended(self, context: bpy.types.Context, work: world_run.WorldJob) -> set[str]:
        """Builds the World, or says why not."""
        if work.task.outcome["status"] == "cancelled":
            self.report({"INFO"}, "Stopped; the World is as it was")
            return {"CANCELLED"}
        try:
            world = world_run.finish(work)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        for warning in work.warnings:
            self.report({"WARNING"}, warning)
        if not work.warnings:
            self.report({"INFO"}, f"{world.name}: {world.headroom.summary or 'lit'}")
        return {"FINISHED"}

    def _close(self, context: bpy.types.Context) -> None:
        world_ui.running = None
        super()._close(context)

    def _named_image(self, context: bpy.types.Context) -> bpy.types.Image | None:
        if self.image:
            return bpy.data.images.get(self.image)
        space = context.space_data
        if space is not None and space.type == "IMAGE_EDITOR":
            return space.image
        return context.scene.headroom_world.image


class HEADROOM_OT_world_cancel(bpy.types.Operator):
    """Stop reconstructing the panorama; the World stays as it is"""

    bl_idname = "headroom.world_cancel"
    bl_label = "Stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While something runs."""
        return world_ui.running is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """The running operator notices and cleans up."""
        if world_ui.running is not None:
            world_ui.running.cancel()
        return {"FINISHED"}


class HEADROOM_OT_world_restore(bpy.types.Operator):
    """Give the scene back the World it had before. The one with the panorama stays in the file"""

    bl_idname = "headroom.world_restore"
    bl_label = "Restore Previous World"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A World that took another one's place."""
        world = context.scene.world if context.scene is not None else None
        return world is not None and world.headroom.previous is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Puts it back."""
        try:
            world = world_run.restore(context.scene)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        self.report({"INFO"}, f"The World is {world.name} again")
        return {"FINISHED"}


_CLASSES = (HEADROOM_OT_world_light, HEADROOM_OT_world_cancel, HEADROOM_OT_world_restore)


def register() -> None:
    """Settings, operators, panel and menu."""
    world_settings.register()
    for one in _CLASSES:
        bpy.utils.register_class(one)
    world_ui.register()


def unregister() -> None:
    """In the other order; a running job is stopped."""
    if world_ui.running is not None:
        world_ui.running.cancel()
        world_ui.running = None
    world_ui.unregister()
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
    world_settings.unregister()
