"""The extension's preferences: which engine, on what it computes, and whether all is well."""

from types import SimpleNamespace
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import engine, engine_setup, running
from .problems import Problem, report_problem

__all__ = ["preferences", "register", "unregister"]

ICONS = {"ok": "CHECKMARK", "warning": "INFO", "error": "ERROR"}
SHOWN_LINES = 6
_DEFAULTS = SimpleNamespace(engine_path="", device="", memory="", idle_minutes=10, torch="default")


def preferences() -> Any:
    """The preferences, or their defaults where the extension runs without them (a script, a test)."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None and addon.preferences is not None else _DEFAULTS


def _devices(_self: Any, _context: Any, _text: str) -> Any:
    yield from ((device["name"], device.get("label", "")) for device in engine.known_devices())


def _chosen(_self: Any, _context: Any) -> None:
    engine.forget_problem()


class HEADROOM_AP_preferences(bpy.types.AddonPreferences):
    """Shown under Edit > Preferences > Add-ons > Headroom."""

    bl_idname = __package__

    engine_path: StringProperty(
        name="Engine",
        subtype="FILE_PATH",
        description="The headroom program, its Python or its environment's folder. Empty: found by itself",
        update=_chosen,
    )
    torch: EnumProperty(
        name="Build",
        description="Which build of the torch library is installed with the engine",
        items=(
            ("default", "Automatic", "What fits this system"),
            ("cpu", "CPU", "Small download, no GPU"),
            ("cuda", "NVIDIA GPU", "Large download, for NVIDIA cards"),
        ),
    )
    device: StringProperty(
        name="Device",
        description="What the engine computes on: auto, cpu, cuda:0, mps. Empty: automatic",
        search=_devices,
    )
    memory: StringProperty(
        name="Memory", description="How much memory the engine may use, for example 8GB. Empty: what a frame needs"
    )
    idle_minutes: IntProperty(
        name="Free After",
        description="Minutes without work after which the engine ends and gives its memory back. 0: never",
        default=10,
        min=0,
        max=600,
    )

    def draw(self, context: Any) -> None:
        """Engine, computing, health."""
        layout = self.layout
        found = engine.find()
        box = layout.box()
        box.label(text="Engine", icon="SYSTEM")
        box.prop(self, "engine_path", placeholder="Found by itself")
        if found is None:
            box.label(text="No engine was found. Set one up, or choose one.", icon="ERROR")
        else:
            box.label(text=f"In use: {_short(' '.join(found.command), 90)}", icon="CHECKMARK")
            box.label(text=f"Found through: {found.where}", icon="BLANK1")
        self._draw_setup(box)
        row = layout.row()
        row.use_property_split = True
        column = row.column()
        column.prop(self, "device", placeholder="Automatic")
        column.prop(self, "memory", placeholder="What a frame needs")
        column.prop(self, "idle_minutes", text="Free Memory After (min)")
        if engine.is_running():
            column.operator("headroom.stop_engine", icon="QUIT")
        self._draw_health(layout.box())

    def _draw_setup(self, box: Any) -> None:
        work = _at_work.get("setup")
        if work is not None:
            box.progress(factor=work.fraction, text=f"{100 * work.fraction:.0f} %")
            box.label(text=_short(work.message, 90), icon="SORTTIME")
            box.operator("headroom.cancel_setup", icon="CANCEL")
        else:
            row = box.row(align=True)
            row.prop(self, "torch", text="")
            has_own = engine.has_own()
            row.operator("headroom.set_up_engine", text="Set Up Again" if has_own else "Set Up Engine", icon="IMPORT")
            if has_own:
                row.operator("headroom.remove_engine", icon="TRASH")
            if not bpy.app.online_access:
                box.label(text="Setting up needs online access (Preferences > System > Network).", icon="INFO")
            elif engine_setup.packaged()[0] is None:
                box.label(text="This copy of the extension came without the engine's package.", icon="INFO")
        if engine_setup.log:
            lines = box.box().column(align=True)
            for line in list(engine_setup.log)[-SHOWN_LINES:]:
                lines.label(text=_short(line, 110))
            box.operator("headroom.copy_log", icon="COPYDOWN")

    def _draw_health(self, box: Any) -> None:
        row = box.row()
        row.label(text="Health", icon="HEART")
        work = _at_work.get("health")
        row.operator("headroom.check_health", text="Checking ..." if work else "Check", icon="VIEWZOOM")
        column = box.column(align=True)
        for finding in engine_setup.findings:
            line = column.row()
            line.alert = finding.level == "error"
            line.label(text=_short(finding.sentence, 110), icon=ICONS[finding.level])
            if finding.fix:
                column.label(text=_short(finding.fix, 110), icon="BLANK1")


_at_work: dict[str, Any] = {}


class _Work(running.RunningOperator):
    """An operator whose work the preferences show."""

    key: str

    def started(self, context: Any, work: Any, title: str) -> set[str]:
        _at_work[self.key] = work
        return self.begin(context, work, title)

    def ended(self, context: Any, work: Any) -> set[str]:
        """Takes the work away and says how it went."""
        _at_work.pop(self.key, None)
        if work.problem is not None:
            report_problem(self, work.problem)
            return {"CANCELLED"}
        self.report({"INFO"}, self.said(work))
        return {"FINISHED"}

    def cancel(self, context: Any) -> None:
        """Blender ends it."""
        _at_work.pop(self.key, None)
        super().cancel(context)

    def said(self, work: Any) -> str:
        raise NotImplementedError


class HEADROOM_OT_set_up_engine(_Work, bpy.types.Operator):
    """Install the engine into a folder of its own. Nothing is installed into Blender's Python"""

    bl_idname = "headroom.set_up_engine"
    bl_label = "Set Up Engine"
    key = "setup"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Not twice at once."""
        return "setup" not in _at_work

    def execute(self, context: Any) -> set[str]:
        """Starts it."""
        try:
            return self.started(context, engine_setup.Setup(preferences().torch), "Setting up the engine")
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}

    def said(self, work: Any) -> str:
        """At the end."""
        engine.forget_problem()
        engine.describe_soon()
        return "The engine is ready"


class HEADROOM_OT_remove_engine(_Work, bpy.types.Operator):
    """Delete the engine that was set up here, with all its files"""

    bl_idname = "headroom.remove_engine"
    bl_label = "Remove"
    key = "removal"

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Asks first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Any) -> set[str]:
        """Starts it."""
        return self.started(context, engine_setup.Removal(), "Removing the engine")

    def said(self, work: Any) -> str:
        """At the end."""
        engine_setup.log.clear()
        return f"The engine was removed, {work.freed / 1e9:.1f} GB are free again"


class HEADROOM_OT_cancel_setup(bpy.types.Operator):
    """Stop setting up. What stood before still stands"""

    bl_idname = "headroom.cancel_setup"
    bl_label = "Cancel"

    def execute(self, context: Any) -> set[str]:
        """Asks it to stop."""
        work = _at_work.get("setup")
        if work is None:
            return {"CANCELLED"}
        work.cancel()
        return {"FINISHED"}


class HEADROOM_OT_check_health(_Work, bpy.types.Operator):
    """Look at everything that can be wrong with the engine, and say how to put it right"""

    bl_idname = "headroom.check_health"
    bl_label = "Check"
    key = "health"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Not twice at once."""
        return "health" not in _at_work

    def execute(self, context: Any) -> set[str]:
        """Starts it."""
        return self.started(context, engine_setup.HealthCheck(), "Health check")

    def said(self, work: Any) -> str:
        """At the end."""
        wrong = [finding for finding in engine_setup.findings if finding.level == "error"]
        return (
            f"{len(wrong)} things to put right" if len(wrong) > 1 else (wrong[0].sentence if wrong else "All is well")
        )


class HEADROOM_OT_stop_engine(bpy.types.Operator):
    """End the engine and give its memory back. The next run starts it again"""

    bl_idname = "headroom.stop_engine"
    bl_label = "Stop Engine"

    def execute(self, context: Any) -> set[str]:
        """Ends it; runs are cancelled."""
        running.cancel_all()
        engine.close()
        return {"FINISHED"}


class HEADROOM_OT_copy_log(bpy.types.Operator):
    """Copy the whole log, to be sent with a report"""

    bl_idname = "headroom.copy_log"
    bl_label = "Copy Log"

    def execute(self, context: Any) -> set[str]:
        """Setup's lines, then the engine's own."""
        context.window_manager.clipboard = "\n".join([*engine_setup.log, *engine.log_lines()])
        self.report({"INFO"}, "The log was copied")
        return {"FINISHED"}


class HEADROOM_OT_open_preferences(bpy.types.Operator):
    """Open this extension's preferences"""

    bl_idname = "headroom.open_preferences"
    bl_label = "Engine Preferences"

    def execute(self, context: Any) -> set[str]:
        """In Blender's preferences window."""
        bpy.ops.preferences.addon_show(module=__package__)
        return {"FINISHED"}


def _short(text: str, length: int) -> str:
    """The beginning and the end of a long line."""
    if len(text) <= length:
        return text
    return f"{text[: length // 3]} ... {text[-(length - length // 3 - 5) :]}"


_CLASSES = (
    HEADROOM_AP_preferences,
    HEADROOM_OT_set_up_engine,
    HEADROOM_OT_remove_engine,
    HEADROOM_OT_cancel_setup,
    HEADROOM_OT_check_health,
    HEADROOM_OT_stop_engine,
    HEADROOM_OT_copy_log,
    HEADROOM_OT_open_preferences,
)


def register() -> None:
    """All of them."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """All of them, backwards."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
