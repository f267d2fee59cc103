"""Runs inside Blender's window: sets up what each picture shows, waits for the interface, takes it.

Called by ``take.py``; the names of the pictures follow ``--``. Every picture is a generator that yields the seconds
to wait, so that Blender draws and modal operators run in between.
"""

# ruff: noqa: T201  what was taken is said on the terminal

import math
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import bpy

STAGE = Path(__file__).parent
SHOTS = STAGE / "shots"
MODULE = "bl_ext.user_default.headroom"
PATIENCE_S = 240.0
VIEWED_STOPS = -3.0
DOOR = 0.645
"""Where the middle of the hangar's door is, as a share of the plate's width."""
RENDER_S = 60.0
MENU_HEIGHT = 336
"""Pixels from the first entry of Add > Color to the last."""
Steps = Iterator[float]


def main() -> None:
    wanted = sys.argv[sys.argv.index("--") + 1 :]
    steps = script(wanted)
    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.system.use_online_access = False
    bpy.context.preferences.system.use_region_overlap = False
    bpy.context.preferences.view.show_tooltips = False

    def tick() -> float | None:
        try:
            wait = next(steps)
        except StopIteration:
            os._exit(0)
        except BaseException:  # noqa: BLE001  whatever it is, the window must not stay open for ever
            traceback.print_exc()
            shot("failed")
            os._exit(4)
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                area.tag_redraw()
        return wait

    bpy.app.timers.register(tick, first_interval=1.5, persistent=True)


def script(wanted: list[str]) -> Steps:
    yield from set_up()
    if "preferences" in wanted:
        yield from preferences()
    if {"node", "panel", "progress", "result"} & set(wanted):
        yield from compositor(wanted)
    if "world" in wanted:
        yield from world()
    if "conduct" in wanted:
        yield from conduct()


# ---- pictures ----------------------------------------------------------------------------------------------------


def set_up() -> Steps:
    bpy.ops.wm.read_homefile(use_factory_startup=False, use_splash=False, load_ui=True)
    yield 1.0
    bpy.ops.wm.save_as_mainfile(filepath=str(STAGE / "shot.blend"))
    yield 0.5


def preferences() -> Steps:
    bpy.context.window.workspace = bpy.data.workspaces["Layout"]
    yield 0.5
    area = largest()
    before = area.ui_type
    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Headroom"
    yield 1.0
    bpy.ops.preferences.addon_expand(module=MODULE)
    yield 1.0
    yield from press_health_check(area)
    shot("preferences", area)
    area.ui_type = before
    yield 0.5


def press_health_check(area: bpy.types.Area) -> Steps:
    with override(area):
        bpy.ops.headroom.check_health("INVOKE_DEFAULT")
    yield from until(lambda: bool(module("engine_setup").findings))
    yield 2.0


def compositor(wanted: list[str]) -> Steps:
    area, tree, plate, node, viewer = yield from plate_and_node()
    select(tree, node)
    yield 0.5
    yield from frame(area)

    if "node" in wanted:
        place_mouse(area, 0.86, 0.85)
        yield 0.3
        with override(area):
            bpy.ops.wm.call_menu(name="NODE_MT_category_compositor_color")
        yield 0.8
        for _ in range(8):  # down to the last entry, step by step, so that the menu follows
            move_mouse(0, MENU_HEIGHT // 8)
            yield 0.1
        yield 1.0
        shot("node", area)
        key("Escape")
        yield 0.8
    yield from sidebar(area, "Headroom")
    yield from frame(area)
    yield 4.0  # the engine is asked for its models
    if "panel" in wanted:
        place_mouse(area, 0.3, 0.2)
        yield 0.8
        shot("panel", area)
    if {"progress", "result"} & set(wanted):
        with override(area):
            bpy.ops.headroom.run("INVOKE_DEFAULT")
        state = module("state")
        yield from until(lambda: any(work.fraction > 0.45 for work in state.running.values()), 0.05)
        if "progress" in wanted:
            yield 0.15
            shot("progress")
        yield from until(lambda: not state.running)
        yield 2.0
    if "result" in wanted:
        yield from result(area, tree, plate, node, viewer)
    area.ui_type = "VIEW_3D"
    yield 0.5


def plate_and_node() -> Generator[float, None, tuple[Any, ...]]:
    """The compositor in place of the viewport: a sequence through the node into output and viewer."""
    scene = bpy.context.scene
    bpy.context.window.workspace = bpy.data.workspaces["Layout"]
    yield 1.0
    area = largest()
    area.ui_type = "CompositorNodeTree"
    yield 0.5
    area.spaces.active.show_region_asset_shelf = False
    tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    area.spaces.active.show_backdrop = False
    yield 1.0
    plate = tree.nodes.new("CompositorNodeImage")
    plate.image = sequence("plate/hangar.1001.jpg")
    plate.frame_duration, plate.frame_offset, plate.frame_start = 6, 1000, 1
    plate.location, plate.width = (-320, 160), 240
    scene.frame_start, scene.frame_end = 1, 6
    scene.render.resolution_x, scene.render.resolution_y = plate.image.size
    scene.view_settings.view_transform = "Standard"
    with override(area):
        bpy.ops.headroom.add_node()
    yield 0.5
    node = tree.nodes.active
    node.location = (0, 160)
    output = tree.nodes.new("NodeGroupOutput")
    output.location = (280, 160)
    viewer = tree.nodes.new("CompositorNodeViewer")
    viewer.location = (280, 20)
    tree.links.new(plate.outputs[0], node.inputs["Image"])
    tree.links.new(node.outputs["HDR"], output.inputs[0])
    tree.links.new(node.outputs["HDR"], viewer.inputs[0])
    return area, tree, plate, node, viewer


def result(area: bpy.types.Area, tree: Any, plate: Any, node: Any, viewer: Any) -> Steps:
    """HDR and plate in one viewer, three stops down: only one of them still has what is outside the door."""
    scene = bpy.context.scene
    split = tree.nodes.new("CompositorNodeSplit")
    split.inputs["Rotation"].default_value = math.pi / 2
    split.inputs["Position"].default_value = (DOOR, 0.5)
    halves = [socket for socket in split.inputs if socket.type == "RGBA"]
    tree.links.new(plate.outputs[0], halves[0])
    tree.links.new(node.outputs["HDR"], halves[1])
    tree.links.new(split.outputs[0], viewer.inputs[0])
    output = next(one for one in tree.nodes if one.bl_idname == "NodeGroupOutput")
    for one, x, y in ((plate, -300, 0), (node, 0, 40), (split, 280, -20), (output, 500, 40), (viewer, 500, -20)):
        one.location, one.hide = (x, y), True
        one.select = False
    scene.view_settings.exposure = VIEWED_STOPS
    space = area.spaces.active
    space.show_region_ui = False
    space.show_backdrop = True
    yield 1.0
    with override(area):
        bpy.ops.node.view_all()
    yield 8.0
    with override(area):
        bpy.ops.node.backimage_fit()
        bpy.ops.view2d.pan(deltay=int(area.height * 0.36))
    place_mouse(area, 0.3, 0.03)
    yield 3.0
    shot("result", area)
    scene.view_settings.exposure = 0.0


def world() -> Steps:
    scene = bpy.context.scene
    bpy.context.window.workspace = bpy.data.workspaces["Layout"]
    yield 1.0
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    spheres()
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.preview_samples = 96
    scene.cycles.use_preview_denoising = False
    scene.render.preview_pixel_size = "2"
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.exposure = 1.0
    viewport = next(one for one in bpy.context.screen.areas if one.ui_type == "VIEW_3D")
    properties = next(one for one in bpy.context.screen.areas if one.ui_type == "PROPERTIES")
    properties.spaces.active.context = "WORLD"
    run("xdotool", "mousemove", str(properties.x - 1), str(bpy.context.window.height - properties.y - 100))
    yield 1.0  # Blender moves an edge only with the mouse on it
    bpy.ops.screen.area_move(x=properties.x - 1, y=properties.y + 100, delta=-140)
    yield 0.5
    space = viewport.spaces.active
    space.overlay.show_overlays = False
    space.show_gizmo = False
    space.show_region_toolbar = space.show_region_tool_header = False
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom = 24
    space.shading.type = "RENDERED"
    yield 1.0
    panorama = bpy.data.images.load(str(STAGE / "courtyard.png"))
    scene.headroom_world.image = panorama
    scene.world = module("world_nodes").build("Clipped Panorama", panorama)
    place_mouse(viewport, 0.5, 0.02)
    yield RENDER_S
    shot("world-before", viewport)
    bpy.ops.ed.undo_push(message="Clipped Panorama")
    with override(properties):
        bpy.ops.headroom.world_light("INVOKE_DEFAULT", image=panorama.name)
    ui = module("world_ui")
    yield from until(lambda: ui.running is None or ui.running.message.startswith("Recon"), 0.05)
    shot("world-running", properties)
    yield from until(lambda: ui.running is None)
    yield RENDER_S
    shot("world")
    yield from undo_and_redo()
    yield from escape_stops(viewport)


def escape_stops(viewport: bpy.types.Area) -> Steps:
    """Not a picture: Esc in the viewport stops the run, and the World stays as it is."""
    node = module("world_nodes").environment_of(bpy.context.scene.world)
    before, ui = node.image.name, module("world_ui")
    place_mouse(viewport, 0.5, 0.5)
    yield 0.5
    with override(viewport):
        bpy.ops.headroom.world_light("INVOKE_DEFAULT", image="courtyard.png", boost=1.7)
    yield 0.3
    key("Escape")
    yield from until(lambda: ui.running is None)
    after = module("world_nodes").environment_of(bpy.context.scene.world).image.name
    print(f"Esc: {before} -> {after}", flush=True)
    if before != after:
        raise AssertionError("Esc did not stop the run")


def undo_and_redo() -> Steps:
    """Not a picture: Ctrl+Z gives the old World back, and the way forward too."""
    names = [bpy.context.scene.world.name]
    for operator in (bpy.ops.ed.undo, bpy.ops.ed.redo):
        operator()
        yield 2.0
        names.append(bpy.context.scene.world.name)
    print(f"undo and redo: {' -> '.join(names)}", flush=True)
    if names != ["courtyard HDR", "Clipped Panorama", "courtyard HDR"]:
        raise AssertionError(names)


def spheres() -> None:
    for index, (metallic, roughness) in enumerate(((0.0, 1.0), (1.0, 0.3), (1.0, 0.0))):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, radius=0.9, location=(2 * index - 2, 0, 0.9))
        bpy.ops.object.shade_smooth()
        material = bpy.data.materials.new(f"Sphere {index + 1}")
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = (0.8, 0.8, 0.8, 1)
        shader.inputs["Metallic"].default_value, shader.inputs["Roughness"].default_value = metallic, roughness
        bpy.context.object.data.materials.append(material)
    bpy.ops.mesh.primitive_plane_add(size=40)
    ground = bpy.data.materials.new("Ground")
    shader = next(node for node in ground.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.3, 0.3, 0.3, 1)
    shader.inputs["Roughness"].default_value = 0.9
    bpy.context.object.data.materials.append(ground)
    bpy.ops.object.camera_add(location=(0, -9.5, 2.6), rotation=(math.radians(80), 0, 0))
    bpy.context.object.data.passepartout_alpha = 0.0
    bpy.context.scene.camera = bpy.context.object
    bpy.ops.object.select_all(action="DESELECT")


def conduct() -> Steps:
    """Not a picture: undo, redo and File > New, while a run is at work and after it."""
    yield from set_up()
    state = module("state")
    yield from plate_and_node()
    bpy.ops.ed.undo_push(message="Node")

    def status() -> str:
        state.forget_all()
        return str(state.status_of(bpy.data.node_groups["HDR Reconstruct"]).kind)

    def run_it() -> None:
        area = next(one for one in bpy.context.screen.areas if one.ui_type == "CompositorNodeTree")
        with override(area):
            bpy.ops.headroom.run("INVOKE_DEFAULT", group_name="HDR Reconstruct")

    run_it()
    yield from until(lambda: any(work.fraction > 0.2 for work in state.running.values()), 0.05)
    bpy.ops.ed.undo()
    yield 1.0
    bpy.ops.ed.redo()
    yield from until(lambda: not state.running)
    yield 1.0
    said = [status()]
    bpy.ops.ed.undo_push(message="After")
    bpy.ops.ed.undo()
    yield 1.0
    said.append(status())
    bpy.ops.ed.redo()
    yield 1.0
    said.append(status())
    run_it()
    yield from until(lambda: not state.running)
    yield 1.0
    said.append(status())
    bpy.data.node_groups["HDR Reconstruct"].headroom.boost = 1.4
    run_it()
    yield from until(lambda: any(work.fraction > 0.2 for work in state.running.values()), 0.05)
    bpy.ops.wm.read_homefile(use_empty=True, use_splash=False)
    yield 3.0
    print(f"undo, redo, again: {' -> '.join(said)}; after File > New still running: {dict(state.running)}", flush=True)
    if state.running:
        raise AssertionError("a run outlived its file")


# ---- the interface -----------------------------------------------------------------------------------------------


def module(name: str) -> Any:
    return sys.modules[f"{MODULE}.{name}"]


def largest() -> bpy.types.Area:
    return max(bpy.context.screen.areas, key=lambda area: area.width * area.height)


def override(area: bpy.types.Area) -> Any:
    region = next(one for one in area.regions if one.type == "WINDOW")
    return bpy.context.temp_override(window=bpy.context.window, area=area, region=region)


def frame(area: bpy.types.Area) -> Steps:
    with override(area):
        bpy.ops.node.view_all()
    yield 1.0


def sidebar(area: bpy.types.Area, category: str) -> Steps:
    area.spaces.active.show_region_ui = True
    yield 0.8
    region = next(one for one in area.regions if one.type == "UI")
    region.active_panel_category = category
    yield 0.8


def select(tree: Any, node: Any) -> None:
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node


def sequence(first: str) -> bpy.types.Image:
    image = bpy.data.images.load(str(STAGE / first))
    image.source = "SEQUENCE"
    return image


def until(condition: Callable[[], bool], step: float = 0.25) -> Steps:
    waited = 0.0
    while not condition():
        if waited > PATIENCE_S:
            raise TimeoutError("nothing happened")
        waited += step
        yield step


def place_mouse(area: bpy.types.Area, x: float, y: float) -> None:
    """To a place in an area, 0..1 from its lower left."""
    height = bpy.context.window.height
    run("xdotool", "mousemove", str(int(area.x + x * area.width)), str(int(height - area.y - y * area.height)))


def move_mouse(x: int, y: int) -> None:
    run("xdotool", "mousemove_relative", "--", str(x), str(y))


def key(name: str) -> None:
    run("xdotool", "key", name)


def shot(name: str, area: bpy.types.Area | None = None) -> None:
    """The whole window, or one area of it."""
    crop = []
    if area is not None:
        top = bpy.context.window.height - area.y - area.height
        crop = ["-crop", f"{area.width}x{area.height}+{area.x}+{top}", "+repage"]
    run("import", "-window", "root", *crop, str(SHOTS / f"{name}.png"))
    print(f"took {name}", flush=True)


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30)


main()
