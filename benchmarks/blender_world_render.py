"""Inside Blender: three spheres (diffuse, glossy, mirror) lit by environment maps alone, seen from front and back.

Called by ``blender_world.py`` with a job file:

    {"samples": 256, "size": 96, "renders": [{"map": "/abs/env.exr", "space": "Linear Rec.709", "seed": 0,
                                              "target": "/abs/spheres"}]}

Writes ``<target>-front.exr`` and ``<target>-back.exr`` (3 x size wide, 32-bit float, alpha is the coverage). With
``--where`` it only says where this Blender keeps its own panoramas.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]

RADIUS = 0.95
ALBEDO = 0.8
GLOSSY_ROUGHNESS = 0.3
VIEWS = {"front": 0.0, "back": math.pi}


def main() -> None:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if arguments[0] == "--where":
        print("studiolights:", Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "studiolights" / "world")
        return
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    scene, mapping, environment = build(job["size"], job["samples"])
    for number, render in enumerate(job["renders"], 1):
        image = bpy.data.images.load(render["map"])
        image.colorspace_settings.name = render["space"]
        environment.image = image
        scene.cycles.seed = render["seed"]
        for view, turn in VIEWS.items():
            mapping.inputs["Rotation"].default_value[2] = turn
            scene.render.filepath = f"{render['target']}-{view}.exr"
            bpy.ops.render.render(write_still=True)
        bpy.data.images.remove(image)
        print(f"rendered {number}/{len(job['renders'])} {Path(render['target']).name}", flush=True)


def build(size: int, samples: int) -> tuple[Any, Any, Any]:
    """The scene, and the two nodes that change from render to render."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for index, shader in enumerate(("ShaderNodeBsdfDiffuse", "ShaderNodeBsdfAnisotropic", "ShaderNodeBsdfAnisotropic")):
        # Far apart, each before its own piece of the camera: no sphere lights or hides another.
        bpy.ops.mesh.primitive_uv_sphere_add(segments=96, ring_count=48, radius=RADIUS, location=(2 * index - 2, 0, 0))
        sphere = bpy.context.object
        bpy.ops.object.shade_smooth()
        sphere.data.materials.append(material(shader, roughness=GLOSSY_ROUGHNESS if index == 1 else 0.0))
        sphere.visible_diffuse = sphere.visible_glossy = sphere.visible_shadow = False
    scene.collection.objects.link(camera := bpy.data.objects.new("camera", bpy.data.cameras.new("camera")))
    camera.data.type, camera.data.ortho_scale = "ORTHO", 6.0
    camera.location, camera.rotation_euler = (0, -10, 0), (math.pi / 2, 0, 0)
    scene.camera = camera

    scene.world = bpy.data.worlds.new("light")
    if bpy.app.version < (5, 0):  # from then on every World and material has nodes
        scene.world.use_nodes = True
    tree = scene.world.node_tree
    tree.nodes.clear()
    coordinates, mapping, environment, background, output = (
        tree.nodes.new(name)
        for name in (
            "ShaderNodeTexCoord", "ShaderNodeMapping", "ShaderNodeTexEnvironment",
            "ShaderNodeBackground", "ShaderNodeOutputWorld",
        )
    )  # fmt: skip
    tree.links.new(coordinates.outputs["Generated"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], environment.inputs["Vector"])
    tree.links.new(environment.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], output.inputs["Surface"])

    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    # On by default, and it invents what is being measured.
    scene.cycles.use_denoising = False
    scene.cycles.sample_clamp_direct = scene.cycles.sample_clamp_indirect = 0.0
    scene.cycles.max_bounces = 1
    scene.render.film_transparent = True
    scene.render.resolution_x, scene.render.resolution_y = 3 * size, size
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    return scene, mapping, environment


def material(shader: str, roughness: float) -> Any:
    made = bpy.data.materials.new(shader)
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    surface = tree.nodes.new(shader)
    surface.inputs["Color"].default_value = (ALBEDO, ALBEDO, ALBEDO, 1.0)
    surface.inputs["Roughness"].default_value = roughness
    tree.links.new(surface.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return made


main()
