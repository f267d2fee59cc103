"""A plan as a Blender file, and what Cycles makes of it. Runs in bpy's Python alone."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import OpenEXR
from mathutils import Vector

from views.light import SUN_DEGREES, sun_luminance

__all__ = ["bpy_version", "is_outdoors", "render", "upright_klx"]

SUNLESS = 6.0
"""Where a sun of its own is drawn, a panorama is cut at so many times the mean of its upper half: its sun goes."""
SMOOTH_STOPS = 0.06
"""Most that a sky's neighbours of four pixels differ on average; ceilings and treetops differ more."""
SENSOR_MM = 36.0
ROUND = 32


def upright_klx(sky: np.ndarray) -> float:
    """What a lat-long (H, W, 3) gives on level ground, in its own unit times pi: luminance by the cosine."""
    height, width = sky.shape[:2]
    polar = (np.arange(height) + 0.5) / height * math.pi
    weight = np.clip(np.cos(polar), 0, None) * np.sin(polar) * (math.pi / height) * (2 * math.pi / width)
    return float((sky @ np.array([0.2126, 0.7152, 0.0722]) * weight[:, None]).sum())


def bpy_version() -> str:
    """What renders, for the manifest."""
    return f"Blender {bpy.app.version_string} (bpy), Cycles, OpenImageDenoise"


def is_outdoors(file: Path) -> bool:
    """Whether a lat-long has a sky over it: its upper third is bright and smooth."""
    image = bpy.data.images.load(str(file))
    pixels = _pixels(image)
    bpy.data.images.remove(image)
    luminance = np.log2(pixels @ np.array([0.2126, 0.7152, 0.0722], np.float32) + 1e-6)
    third = len(luminance) // 3
    above, below = luminance[:third], luminance[-third:]
    rough = float(np.abs(np.diff(above[::4, ::4], axis=1)).mean())
    return rough < SMOOTH_STOPS and float(np.median(above)) > float(np.median(below))


def _pixels(image: Any) -> np.ndarray:
    """(H, W, 3) from the top row down; ``RuntimeError`` in one line where the file is no picture."""
    if not image.size[0]:
        raise RuntimeError(f"{image.filepath}: cannot be read as a picture; take it out of the manifest")
    flat = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(image.size[1], image.size[0], image.channels)[::-1, :, :3]


def render(plan: dict[str, Any], sky_file: Path, scratch: Path, *, samples: int, threads: int) -> np.ndarray:
    """(H, W, 3) float32 linear Rec.709 in kcd/m2, as a perfect lens would see it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _cycles(plan["size"], samples, threads)
    _world(plan["sky"], sky_file)
    _things(plan)
    _camera(plan["camera"])
    file = scratch / "view.exr"
    bpy.context.scene.render.filepath = str(file)
    with _silent():
        bpy.ops.render.render(write_still=True)
    with OpenEXR.File(str(file)) as exr:
        light = np.array(exr.channels()["RGBA"].pixels[..., :3], np.float32)
    file.unlink()
    return np.nan_to_num(light, nan=0, posinf=0, neginf=0).clip(0)


def _cycles(size: list[int], samples: int, threads: int) -> None:
    import addon_utils

    addon_utils.enable("cycles")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles, out = scene.cycles, scene.render.image_settings
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    cycles.samples, cycles.use_adaptive_sampling = samples, False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 3, 3
    # Lamps through glass and off mirrors onto walls need thousands of samples, or leave fireflies.
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_direct = cycles.sample_clamp_indirect = 0.0  # no light is cut
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "ACCURATE"
    if hasattr(out, "media_type"):
        out.media_type = "IMAGE"
    out.file_format, out.color_depth, out.exr_codec = "OPEN_EXR", "32", "NONE"


def _world(sky: dict[str, Any], file: Path) -> None:
    """The panorama at its stated light, and the sun: a lamp, and a disc that only the camera sees."""
    image = bpy.data.images.load(str(file))
    pixels = _pixels(image)
    most = np.inf
    if not sky["own_sun"]:
        most = SUNLESS * float(pixels[: image.size[1] // 2].mean())
    scale = sky["klx"] / max(upright_klx(np.minimum(pixels, most)), 1e-9)
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, link = world.node_tree.nodes, world.node_tree.links.new
    where, turn, panorama = (
        nodes.new("ShaderNodeTexCoord"),
        nodes.new("ShaderNodeMapping"),
        nodes.new("ShaderNodeTexEnvironment"),
    )
    cut, light = nodes.new("ShaderNodeVectorMath"), nodes["Background"]
    panorama.image, cut.operation = image, "MINIMUM"
    cut.inputs[1].default_value = [min(most, 1e30)] * 3
    turn.inputs["Rotation"].default_value[2] = math.radians(sky["turn"])
    light.inputs["Strength"].default_value = scale
    link(where.outputs["Generated"], turn.inputs["Vector"])
    link(turn.outputs["Vector"], panorama.inputs["Vector"])
    link(panorama.outputs["Color"], cut.inputs[0])
    link(cut.outputs[0], light.inputs["Color"])
    if sky["sun"] is None:
        return
    sun = sky["sun"]
    height, azimuth = math.radians(sun["height"]), math.radians(sun["azimuth"])
    to_sun = Vector((math.sin(azimuth) * math.cos(height), math.cos(azimuth) * math.cos(height), math.sin(height)))
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.angle, lamp.energy, lamp.color = math.radians(SUN_DEGREES), sun["klx"], sun["colour"]
    placed = bpy.data.objects.new("sun", lamp)
    placed.rotation_euler = to_sun.to_track_quat("Z", "Y").to_euler()
    bpy.context.collection.objects.link(placed)
    toward, within, path = (
        nodes.new("ShaderNodeVectorMath"),
        nodes.new("ShaderNodeMath"),
        nodes.new("ShaderNodeLightPath"),
    )
    seen, disc, both = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeAddShader")
    toward.operation, within.operation, seen.operation = "DOT_PRODUCT", "GREATER_THAN", "MULTIPLY"
    toward.inputs[1].default_value = to_sun
    within.inputs[1].default_value = math.cos(math.radians(SUN_DEGREES / 2))
    bright = nodes.new("ShaderNodeMath")
    bright.operation, bright.inputs[1].default_value = "MULTIPLY", sun_luminance(sun["klx"])
    disc.inputs["Color"].default_value = [*sun["colour"], 1]
    link(where.outputs["Generated"], toward.inputs[0])
    link(toward.outputs["Value"], within.inputs[0])
    link(within.outputs[0], seen.inputs[0])
    link(path.outputs["Is Camera Ray"], seen.inputs[1])
    link(seen.outputs[0], bright.inputs[0])
    link(bright.outputs[0], disc.inputs["Strength"])
    link(light.outputs[0], both.inputs[0])
    link(disc.outputs[0], both.inputs[1])
    link(both.outputs[0], nodes["World Output"].inputs["Surface"])


def _camera(view: dict[str, Any]) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width, camera.sensor_fit, camera.clip_end = SENSOR_MM, "HORIZONTAL", 1000
    camera.lens = SENSOR_MM / 2 / math.tan(math.radians(view["field_degrees"] / 2))
    at, to = Vector(view["at"]), Vector(view["to"])
    if view["f_number"] is not None:
        camera.dof.use_dof = True
        camera.dof.aperture_fstop, camera.dof.aperture_blades = view["f_number"], 7
        camera.dof.focus_distance = max(0.2, view["focus"] * (to - at).length)
    placed = bpy.data.objects.new("camera", camera)
    placed.location = at
    placed.rotation_euler = (to - at).to_track_quat("-Z", "Y").to_euler()
    placed.rotation_euler.rotate_axis("Z", math.radians(view["roll"]))
    bpy.context.collection.objects.link(placed)
    bpy.context.scene.camera = placed


def _things(plan: dict[str, Any]) -> None:
    materials = [_material(facts) for facts in plan["materials"]]
    meshes: dict[tuple[str, int], Any] = {}
    for thing in plan["things"]:
        key = thing["shape"], thing["material"]
        if key not in meshes:
            meshes[key] = _mesh(thing["shape"])
            meshes[key].materials.append(materials[thing["material"]])
        placed = bpy.data.objects.new(thing["shape"], meshes[key])
        placed.location, placed.scale = thing["at"], thing["size"]
        placed.rotation_euler = math.radians(thing["tilt"]), 0, math.radians(thing["turn"])
        bpy.context.collection.objects.link(placed)


def _mesh(shape: str) -> Any:
    """Of extent 1 about the origin; a disc looks up."""
    import bmesh  # it can be found once bpy is there

    mesh, shaped = bpy.data.meshes.new(shape), bmesh.new()
    if shape == "box":
        bmesh.ops.create_cube(shaped, size=1)
    elif shape == "sphere":
        bmesh.ops.create_uvsphere(shaped, u_segments=ROUND, v_segments=ROUND // 2, radius=0.5)
    elif shape == "disc":
        bmesh.ops.create_circle(shaped, cap_ends=True, segments=ROUND, radius=0.5)
    else:
        top = 0.5 if shape == "cylinder" else 0.0
        bmesh.ops.create_cone(shaped, cap_ends=True, segments=ROUND, radius1=0.5, radius2=top, depth=1)
    for face in shaped.faces:
        face.smooth = shape == "sphere" or (shape in ("cylinder", "cone") and len(face.verts) <= 4)
    shaped.to_mesh(mesh)
    shaped.free()
    return mesh


def _material(facts: dict[str, Any]) -> Any:
    material = bpy.data.materials.new(facts["kind"])
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    out = nodes.new("ShaderNodeOutputMaterial")
    make = {"surface": _surface, "glass": _glass, "pane": _pane, "glow": _glow}[facts["kind"]]
    material.node_tree.links.new(make(material.node_tree, facts), out.inputs["Surface"])
    return material


def _surface(tree: Any, facts: dict[str, Any]) -> Any:
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.inputs["Roughness"].default_value = facts["roughness"]
    shader.inputs["Metallic"].default_value = facts["metallic"]
    first, second = ([*colour, 1] for colour in facts["colours"])
    shader.inputs["Base Color"].default_value = first
    if facts["pattern"] == "plain":
        return shader.outputs[0]
    where, mix = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMix")
    names = {"noise": "Noise", "brick": "Brick", "checker": "Checker", "waves": "Wave", "cells": "Voronoi"}
    pattern = tree.nodes.new(f"ShaderNodeTex{names[facts['pattern']]}")
    pattern.inputs["Scale"].default_value = facts["scale"]
    # Faces carry no maps: textures lie in the object's box, stretched with it as cloth and veneer are cut to size.
    tree.links.new(where.outputs["Generated"], pattern.inputs["Vector"])
    if facts["pattern"] == "brick":
        pattern.inputs["Color1"].default_value, pattern.inputs["Color2"].default_value = first, second
        pattern.inputs["Mortar"].default_value = [0.5 * (a + b) for a, b in zip(first, second, strict=True)]
        tree.links.new(pattern.outputs["Color"], shader.inputs["Base Color"])
    else:
        mix.data_type = "RGBA"
        colours = [socket for socket in mix.inputs if socket.type == "RGBA"]
        colours[0].default_value, colours[1].default_value = first, second
        share = pattern.outputs["Distance" if facts["pattern"] == "cells" else "Fac"]
        tree.links.new(share, mix.inputs["Factor"])
        tree.links.new(next(o for o in mix.outputs if o.type == "RGBA"), shader.inputs["Base Color"])
    if facts["bump"]:
        bump, grain = tree.nodes.new("ShaderNodeBump"), tree.nodes.new("ShaderNodeTexNoise")
        grain.inputs["Scale"].default_value = 4 * facts["scale"]
        bump.inputs["Strength"].default_value = facts["bump"]
        bump.inputs["Distance"].default_value = 0.01
        tree.links.new(where.outputs["Generated"], grain.inputs["Vector"])
        tree.links.new(grain.outputs["Fac"], bump.inputs["Height"])
        tree.links.new(bump.outputs[0], shader.inputs["Normal"])
    return shader.outputs[0]


def _glass(tree: Any, facts: dict[str, Any]) -> Any:
    shader = tree.nodes.new("ShaderNodeBsdfGlass")
    shader.inputs["Color"].default_value = [*facts["colour"], 1]
    shader.inputs["Roughness"].default_value, shader.inputs["IOR"].default_value = 0.0, facts["ior"]
    return shader.outputs[0]


def _pane(tree: Any, _facts: dict[str, Any]) -> Any:
    """Light goes straight through but for what the surface mirrors, so that daylight finds its way in."""
    through, mirror = tree.nodes.new("ShaderNodeBsdfTransparent"), tree.nodes.new("ShaderNodeBsdfGlossy")
    fresnel, mix = tree.nodes.new("ShaderNodeFresnel"), tree.nodes.new("ShaderNodeMixShader")
    through.inputs["Color"].default_value = [0.9, 0.92, 0.91, 1]
    mirror.inputs["Roughness"].default_value = 0.0
    tree.links.new(fresnel.outputs[0], mix.inputs[0])
    tree.links.new(through.outputs[0], mix.inputs[1])
    tree.links.new(mirror.outputs[0], mix.inputs[2])
    return mix.outputs[0]


def _glow(tree: Any, facts: dict[str, Any]) -> Any:
    """Emission of the stated radiance along the normal, narrowed to a beam, or with a picture on it."""
    shader = tree.nodes.new("ShaderNodeEmission")
    shader.inputs["Color"].default_value = [*facts["light"], 1]
    shader.inputs["Strength"].default_value = 1.0
    if facts["sharpness"] > 0:
        way, cosine, power = (
            tree.nodes.new("ShaderNodeNewGeometry"),
            tree.nodes.new("ShaderNodeVectorMath"),
            tree.nodes.new("ShaderNodeMath"),
        )
        front, ahead = tree.nodes.new("ShaderNodeMath"), tree.nodes.new("ShaderNodeMath")
        cosine.operation, power.operation, front.operation, ahead.operation = (
            "DOT_PRODUCT",
            "POWER",
            "SUBTRACT",
            "MULTIPLY",
        )
        power.inputs[1].default_value, power.use_clamp, front.inputs[0].default_value = facts["sharpness"], True, 1.0
        tree.links.new(way.outputs["Normal"], cosine.inputs[0])
        tree.links.new(way.outputs["Incoming"], cosine.inputs[1])
        tree.links.new(cosine.outputs["Value"], power.inputs[0])
        tree.links.new(way.outputs["Backfacing"], front.inputs[1])
        tree.links.new(power.outputs[0], ahead.inputs[0])
        tree.links.new(front.outputs[0], ahead.inputs[1])
        tree.links.new(ahead.outputs[0], shader.inputs["Strength"])
    elif facts["screen"]:
        where, cells = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexVoronoi")
        cells.inputs["Scale"].default_value = 4.0
        tree.links.new(where.outputs["Generated"], cells.inputs["Vector"])
        tree.links.new(cells.outputs["Color"], shader.inputs["Color"])
        shader.inputs["Strength"].default_value = max(facts["light"])
    return shader.outputs[0]


@contextmanager
def _silent() -> Iterator[None]:
    """Cycles tells its progress on standard output, whoever owns it."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
