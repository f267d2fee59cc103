"""What the artist can do with a node: add, run, cancel, look at the files, clear them."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from . import bake, cache, engine, images, node_group, results, running, state, versions
from .problems import Problem, report_problem

__all__ = ["active_group", "add_node", "register", "unregister"]


def active_group(context: Any) -> bpy.types.NodeTree | None:
    """The HDR Reconstruct group that the artist looks at: the active node's, or the one being edited."""
    space = context.space_data
    tree = versions.active_compositor(space) if getattr(space, "type", "") == "NODE_EDITOR" else None
    if tree is None:
        return None
    node = tree.nodes.active
    group = getattr(node, "node_tree", None) if node is not None and node.select else None
    if node_group.is_ours(group):
        return group
    return tree if node_group.is_ours(tree) else None


def add_node(tree: bpy.types.NodeTree, group: bpy.types.NodeTree | None = None) -> bpy.types.Node:
    """A node in a compositor tree, with a group of its own or the one given."""
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group or node_group.build()
    node.width = 200
    return node


class _GroupOperator:
    """Works on a group by name, else on the active node's."""

    def group(self, context: Any) -> bpy.types.NodeTree:
        name = self.group_name
        found = bpy.data.node_groups.get(name) if name else active_group(context)
        if not node_group.is_ours(found):
            raise Problem(
                f"There is no HDR Reconstruct group {name!r}." if name else "No HDR Reconstruct node is active.",
                "Select the node first.",
            )
        return found


def _group_name() -> Any:
    words = "Name of the node group. Empty: the active node's"
    return StringProperty(name="Group", description=words, options={"SKIP_SAVE"})


class HEADROOM_OT_add(bpy.types.Operator):
    """Add a node that gives a clipped plate its highlights back"""

    bl_idname = "headroom.add_node"
    bl_label = "HDR Reconstruct"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """In a compositor's node editor."""
        if versions.active_compositor(context.space_data) is None:
            cls.poll_message_set("Open the compositor with its nodes first")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        """Adds it where the mouse is."""
        space = context.space_data
        tree = versions.active_compositor(space)
        for other in tree.nodes:
            other.select = False
        node = add_node(tree)
        node.location = space.cursor_location
        tree.nodes.active, node.select = node, True
        engine.describe_soon()
        return {"FINISHED"}

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Adds it and lets the artist place it, as Blender's own nodes do."""
        context.space_data.cursor_location_from_region(event.mouse_region_x, event.mouse_region_y)
        result = self.execute(context)
        if "FINISHED" in result:
            bpy.ops.node.translate_attach_remove_on_cancel("INVOKE_DEFAULT")
        return result


class HEADROOM_OT_run(running.RunningOperator, _GroupOperator, bpy.types.Operator):
    """Reconstruct the frames that are missing or out of date. Esc cancels; what is finished stays"""

    bl_idname = "headroom.run"
    bl_label = "Run"
    bl_options = {"REGISTER", "UNDO"}

    group_name: _group_name()

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Not while the same group runs."""
        group = active_group(context)
        if group is not None and versions.uid_of(group) in state.running:
            cls.poll_message_set("It is running")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        """Starts the bake; in background mode does it all."""
        try:
            group = self.group(context)
            work = bake.Bake(group, context.scene)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        return self.begin(context, work, group.name)

    def ended(self, context: Any, work: Any) -> set[str]:
        """Says how it went."""
        if not engine.known_models():
            engine.describe_soon()  # torch is loaded by now: the list of models costs little
        report = work.report
        for warning in report.warnings[:3]:
            self.report({"WARNING"}, warning)
        if report.status == "failed":
            report_problem(self, report.problem or Problem("The engine failed."))
            return {"CANCELLED"} if not report.made else {"FINISHED"}
        words = f"{work.name}: {report}" if str(report) else f"{work.name}: nothing to do"
        if report.status == "cancelled":
            self.report({"WARNING"}, f"{words}. Cancelled; Run goes on where it stopped")
            return {"FINISHED"} if report.made else {"CANCELLED"}
        self.report({"INFO"}, words)
        return {"FINISHED"}


class HEADROOM_OT_run_all(running.RunningOperator, bpy.types.Operator):
    """Run every HDR Reconstruct node of this file, one after the other"""

    bl_idname = "headroom.run_all"
    bl_label = "Run All"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Starts with the first."""
        groups = [tree for tree in bpy.data.node_groups if node_group.is_ours(tree) and tree.library is None]
        used = [tree for tree in groups if tree.users]
        if not used:
            self.report({"WARNING"}, "There is no HDR Reconstruct node in this file")
            return {"CANCELLED"}
        return self.begin(context, _Several(used, context.scene), "HDR Reconstruct")

    def ended(self, context: Any, work: Any) -> set[str]:
        """Says how each went."""
        failed = 0
        for name, outcome in work.reports:
            if isinstance(outcome, Problem) or outcome.status == "failed":
                failed += 1
                problem = outcome if isinstance(outcome, Problem) else outcome.problem
                self.report({"ERROR"}, f"{name}: {problem}")
            else:
                self.report({"INFO"}, f"{name}: {outcome}")
        return {"CANCELLED"} if failed == len(work.reports) else {"FINISHED"}


class _Several:
    """Bakes one after the other, as one work."""

    def __init__(self, groups: list[bpy.types.NodeTree], scene: bpy.types.Scene) -> None:
        self._left = [(versions.uid_of(group), group.name) for group in groups]
        self._count, self._scene_uid = len(groups), versions.uid_of(scene)
        self._now: bake.Bake | None = None
        self._cancelled = False
        self.reports: list[tuple[str, Any]] = []
        self.message = ""

    @property
    def finished(self) -> bool:
        return self._now is None and (not self._left or self._cancelled)

    @property
    def fraction(self) -> float:
        return (len(self.reports) + (self._now.fraction if self._now else 0.0)) / self._count

    @property
    def is_busy(self) -> bool:
        return self._now is None or self._now.is_busy

    def step(self) -> None:
        if self._now is None and self._left and not self._cancelled:
            uid, name = self._left.pop(0)
            group = versions.by_uid(bpy.data.node_groups, uid)
            scene = versions.by_uid(bpy.data.scenes, self._scene_uid) or bpy.context.scene
            try:
                if group is None:
                    raise Problem(f"{name} was removed meanwhile.")
                self._now = bake.Bake(group, scene)
            except Problem as problem:
                self.reports.append((name, problem))
                return
        if self._now is not None:
            self._now.step()
            self.message = f"{self._now.name}: {self._now.message}"
            if self._now.finished:
                self.reports.append((self._now.name, self._now.report))
                self._now = None

    def cancel(self) -> None:
        self._cancelled = True
        if self._now is not None:
            self._now.cancel()

    def abandon(self) -> None:
        if self._now is not None:
            self._now.abandon()


class HEADROOM_OT_cancel(_GroupOperator, bpy.types.Operator):
    """Stop the run. Finished frames stay, and Run goes on after them"""

    bl_idname = "headroom.cancel"
    bl_label = "Cancel"

    group_name: _group_name()

    def execute(self, context: Any) -> set[str]:
        """Asks the engine to stop after the tile in work."""
        try:
            work = state.running.get(versions.uid_of(self.group(context)))
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        if work is None:
            return {"CANCELLED"}
        work.cancel()
        running.redraw()
        return {"FINISHED"}


class HEADROOM_OT_open_cache(_GroupOperator, bpy.types.Operator):
    """Show the baked frames in the system's file browser"""

    bl_idname = "headroom.open_cache"
    bl_label = "Open Cache Folder"

    group_name: _group_name()

    def execute(self, context: Any) -> set[str]:
        """Opens the frames' folder, else the cache folder."""
        try:
            group = self.group(context)
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        folder = Path(results.folder_shown(group))
        if not results.folder_shown(group) or not folder.is_dir():
            folder = cache.folder_of(group.headroom.cache)
        if not folder.is_dir():
            self.report({"WARNING"}, f"There is nothing yet in {folder}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


class HEADROOM_OT_clear_cache(_GroupOperator, bpy.types.Operator):
    """Delete this node's baked frames from disk, also those of earlier settings. The node shows the plate again"""

    bl_idname = "headroom.clear_cache"
    bl_label = "Clear Cache"
    bl_options = {"REGISTER", "UNDO"}

    group_name: _group_name()

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Asks first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Any) -> set[str]:
        """Deletes only folders that hold our own stamp."""
        try:
            group = self.group(context)
            if versions.uid_of(group) in state.running:
                raise Problem(f"{group.name} is running.", "Cancel it first.")
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        folders = results.cache_folders(group)
        given = cache.clear(folders)
        shown = node_group.plate_images(group)
        if node_group.is_showing(group):
            node_group.show_input(group)
        images.drop_unused(shown)
        group.headroom.property_unset("baked")
        state.forget(group)
        self.report({"INFO"}, f"{len(folders)} folders deleted, {given / 1e6:.1f} MB free again")
        return {"FINISHED"}


class HEADROOM_OT_refresh(bpy.types.Operator):
    """Ask the engine again which models and devices it has"""

    bl_idname = "headroom.refresh"
    bl_label = "Refresh Models"

    def execute(self, context: Any) -> set[str]:
        """In a thread; at once in background mode."""
        if not bpy.app.background:
            engine.describe_soon()
            return {"FINISHED"}
        try:
            engine.describe()
        except Problem as problem:
            report_problem(self, problem)
            return {"CANCELLED"}
        return {"FINISHED"}


_CLASSES = (
    HEADROOM_OT_add,
    HEADROOM_OT_run,
    HEADROOM_OT_run_all,
    HEADROOM_OT_cancel,
    HEADROOM_OT_open_cache,
    HEADROOM_OT_clear_cache,
    HEADROOM_OT_refresh,
)


def register() -> None:
    """All of them."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """All of them, backwards."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
