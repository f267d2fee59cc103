"""`Light from This Image`: operators, and the one place that registers all of the World's part."""

from typing import Any

import bpy
from bpy.props import FloatProperty, StringProperty

from . import world_run, world_settings, world_ui
from .problems import Problem, report_problem

__all__ = ["HEADROOM_OT_world_cancel", "HEADROOM_OT_world_light", "HEADROOM_OT_world_restore", "register", "unregister"]

TICK_S = 0.1


class HEADROOM_OT_world_light(bpy.types.Operator):
    """Reconstruct the highlights of a lat-long image and light the World with it. The old World is kept"""

    bl_idname = "headroom.world_light"
    bl_label = "Light from This Image"
    bl_options = {"REGISTER", "UNDO"}

    image: StringProperty(name="Image", description="Name of an image of this file", options={"SKIP_SAVE"})
    filepath: StringProperty(
        name="File", description="A panorama on disk, in place of an image", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    model: StringProperty(name="Model", options={"SKIP_SAVE"})
    from_space: StringProperty(name="Colour Space", options={"SKIP_SAVE"})
    curve: StringProperty(name="Curve", options={"SKIP_SAVE"})
    boost: FloatProperty(name="Boost", default=1.0, min=0.1, max=10.0, options={"SKIP_SAVE"})
    clip_level: FloatProperty(name="Clip Level", default=1.0, min=0.05, max=1.0, options={"SKIP_SAVE"})
    peak_stops: FloatProperty(name="Peak Stops", default=6.0, min=0.1, max=20.0, options={"SKIP_SAVE"})

    _job: world_run.WorldJob | None = None
    _timer: Any = None

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
                raise Problem("No panorama was named.", "Give an image or a file.")
            given = {name: getattr(self, name) for name in world_run.SETTINGS if self.properties.is_property_set(name)}
            self._job = world_run.begin(context.scene, image, given)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        context.scene.headroom_world.image = image
        if bpy.app.background or context.window is None:
            self._job.task.wait()
            return self._end(context)
        world_ui.running = self._job
        self._timer = context.window_manager.event_timer_add(TICK_S, window=context.window)
        context.window_manager.progress_begin(0, 100)
        context.window_manager.modal_handler_add(self)
        self._show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The interface goes on; Esc stops."""
        job = self._job
        assert job is not None
        if event.type == "ESC" and event.value == "PRESS" and not job.task.finished:
            job.task.cancel()
            self._show(context)
            return {"RUNNING_MODAL"}
        if event.type == "TIMER":
            job.task.step()
            if job.task.finished:
                self._clean_up(context)
                return self._end(context)
            self._show(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, the window closes."""
        if self._job is not None:
            self._job.task.cancel()
            self._clean_up(context)

    def _named_image(self, context: bpy.types.Context) -> bpy.types.Image | None:
        if self.image:
            return bpy.data.images.get(self.image)
        space = context.space_data
        if space is not None and space.type == "IMAGE_EDITOR":
            return space.image
        return context.scene.headroom_world.image

    def _end(self, context: bpy.types.Context) -> set[str]:
        job = self._job
        assert job is not None and job.task.outcome is not None
        if job.task.outcome["status"] == "cancelled":
            self.report({"INFO"}, "Stopped; the World is as it was")
            return {"CANCELLED"}
        try:
            world = world_run.finish(job)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        for warning in job.warnings:
            self.report({"WARNING"}, warning)
        if not job.warnings:
            self.report({"INFO"}, f"{world.name}: {world.headroom.summary or 'lit'}")
        world_ui.redraw(context)
        return {"FINISHED"}

    def _show(self, context: bpy.types.Context) -> None:
        task = self._job.task if self._job else None
        if task is not None:
            context.workspace.status_text_set(f"{task.message}: {100 * task.fraction:.0f} %   (Esc stops)")
            context.window_manager.progress_update(int(100 * task.fraction))
            world_ui.redraw(context)

    def _clean_up(self, context: bpy.types.Context) -> None:
        world_ui.running = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.window_manager.progress_end()
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        world_ui.redraw(context)


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
            world_ui.running.task.cancel()
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
        world_ui.running.task.cancel()
        world_ui.running = None
    world_ui.unregister()
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
    world_settings.unregister()
