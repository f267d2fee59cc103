"""What a scene remembers of `Light from This Image`, and what a World made by it remembers of its making."""

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from . import colour, engine

__all__ = ["HEADROOM_PG_world", "HEADROOM_PG_world_settings", "register", "unregister"]


def _models(_self: Any, _context: Any, _text: str) -> Iterator[str | tuple[str, str]]:
    for model in engine.known_models():
        yield (model["name"], model.get("summary", ""))


def _spaces(_self: Any, _context: Any, _text: str) -> Iterator[str]:
    yield from (name for name in colour.blender_spaces() if name != "Non-Color")


class HEADROOM_PG_world_settings(bpy.types.PropertyGroup):
    """Of a scene: the panorama, and how it is to be reconstructed."""

    image: PointerProperty(
        name="Panorama", type=bpy.types.Image, description="A lat-long (equirectangular) image, twice as wide as high"
    )
    model: StringProperty(
        name="Model",
        description="Network that reconstructs the highlights. Empty: the engine's default",
        search=_models,
        search_options={"SORT"},
    )
    from_space: StringProperty(
        name="Colour Space",
        description="Colour space that the panorama is stored in. Empty: what the image is set to",
        search=_spaces,
        search_options={"SORT"},
    )
    curve: EnumProperty(
        name="Curve",
        description="What turns the panorama's codes into light",
        items=(
            ("declared", "Colour Space", "The colour space says it exactly"),
            ("estimate", "Estimated", "The network's guess of the camera's curve. For photographs of unknown origin"),
        ),
    )
    boost: FloatProperty(
        name="Boost",
        description="Above 1: the network sees a brighter panorama and adds more light",
        default=1.0,
        min=0.1,
        soft_min=0.5,
        soft_max=3.0,
        max=10.0,
        step=5,
    )
    use_clip_level: BoolProperty(
        name="Set Clip Level", description="Say where the panorama clips, instead of having it detected"
    )
    clip_level: FloatProperty(
        name="Clip Level",
        description="Code value from which a pixel counts as clipped, 1 is white. For panoramas with lowered whites",
        default=1.0,
        min=0.05,
        max=1.0,
        precision=3,
        step=1,
    )
    use_peak_stops: BoolProperty(name="Limit Peak", description="Keep the added light below a number of stops")
    peak_stops: FloatProperty(
        name="Peak Stops",
        description="Softly limits how many stops may be added to a pixel",
        default=6.0,
        min=0.1,
        max=20.0,
        step=10,
    )


class HEADROOM_PG_world(bpy.types.PropertyGroup):
    """Of a World: where its light comes from, and which World it took the place of."""

    previous: PointerProperty(name="Previous World", type=bpy.types.World)
    source: StringProperty(name="Panorama", description="The file that was reconstructed")
    summary: StringProperty(description="What came out, in words")


def register() -> None:
    """Scenes and Worlds get their settings."""
    bpy.utils.register_class(HEADROOM_PG_world_settings)
    bpy.utils.register_class(HEADROOM_PG_world)
    bpy.types.Scene.headroom_world = PointerProperty(type=HEADROOM_PG_world_settings, name="Light from Image")
    bpy.types.World.headroom = PointerProperty(type=HEADROOM_PG_world, name="Headroom")


def unregister() -> None:
    """Taken out again; what is stored in files stays there."""
    del bpy.types.World.headroom
    del bpy.types.Scene.headroom_world
    bpy.utils.unregister_class(HEADROOM_PG_world)
    bpy.utils.unregister_class(HEADROOM_PG_world_settings)
