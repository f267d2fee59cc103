"""What a node group remembers: the artist's settings, and what was baked with them."""

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import colour, engine, state, versions

__all__ = ["HEADROOM_PG_baked", "HEADROOM_PG_group", "register", "unregister"]

DEFAULT_CACHE = "//headroom_cache"


def _changed(self: Any, _context: Any) -> None:
    state.forget(self.id_data)


def _models(_self: Any, _context: Any, text: str) -> Iterator[str | tuple[str, str]]:
    for model in engine.known_models():
        yield (model["name"], model.get("summary", ""))


def _spaces(_self: Any, _context: Any, text: str) -> Iterator[str]:
    yield from (name for name in colour.blender_spaces() if name != "Non-Color")


class HEADROOM_PG_baked(bpy.types.PropertyGroup):
    """The last bake."""

    version: StringProperty(description="Stands for the settings that the frames were made with")
    ready: IntProperty(description="Frames that are there")
    wanted: IntProperty(description="Frames that were asked for")
    frames: StringProperty(description="Their numbers")
    summary: StringProperty(description="What came out, in words")
    written: StringProperty(description="A file that Blender wrote for the engine, relative to the frames' folder")
    face: StringProperty(description="Which plate it was, as the settings name it")
    mark: StringProperty(description="Tells plates of the same name apart")
    space: StringProperty(description="Colour space of what the engine was given")
    captured: BoolProperty(description="Whether Blender wrote what the engine was given")


class HEADROOM_PG_group(bpy.types.PropertyGroup):
    """The settings of one HDR Reconstruct group. They travel with it: copy, append and link keep them."""

    layout: IntProperty(default=0, options={"HIDDEN"})
    ident: StringProperty(options={"HIDDEN"})
    baked: PointerProperty(type=HEADROOM_PG_baked)

    source: EnumProperty(
        name="Source",
        description="Where the plate comes from",
        items=(
            ("LINK", "Linked Node", "What is linked into Image. A plate's own files are used where they can be"),
            ("IMAGE", "Image", "An image, image sequence or movie of this file"),
            ("CLIP", "Movie Clip", "A movie clip of this file"),
        ),
        update=_changed,
    )
    image: PointerProperty(
        name="Image", type=bpy.types.Image, description="The plate: a still, a sequence or a movie", update=_changed
    )
    clip: PointerProperty(name="Movie Clip", type=bpy.types.MovieClip, description="The plate", update=_changed)
    frame_start: IntProperty(
        name="Starts At",
        default=1,
        description="Scene frame at which the first frame of the sequence or movie plays",
        update=_changed,
    )

    model: StringProperty(
        name="Model",
        description="Network that reconstructs the highlights. Empty: the engine's default",
        search=_models,
        search_options={"SORT"},
        update=_changed,
    )
    from_space: StringProperty(
        name="Colour Space",
        description="Colour space that the plate was recorded in. Empty: what the image is set to",
        search=_spaces,
        search_options={"SORT"},
        update=_changed,
    )
    boost: FloatProperty(
        name="Boost",
        description="Above 1: the network sees a brighter plate and adds more light",
        default=1.0,
        min=0.1,
        soft_min=0.5,
        soft_max=3.0,
        max=10.0,
        step=5,
        update=_changed,
    )
    use_clip_level: BoolProperty(
        name="Set Clip Level", description="Say where the plate clips, instead of having it detected", update=_changed
    )
    clip_level: FloatProperty(
        name="Clip Level",
        description="Code value from which a pixel counts as clipped, 1 is white. For plates with lifted whites",
        default=1.0,
        min=0.05,
        max=1.0,
        precision=3,
        step=1,
        update=_changed,
    )
    use_peak_stops: BoolProperty(
        name="Limit Peak", description="Keep the added light below a number of stops", update=_changed
    )
    peak_stops: FloatProperty(
        name="Peak Stops",
        description="Softly limits how many stops may be added to a pixel",
        default=6.0,
        min=0.1,
        max=20.0,
        step=10,
        update=_changed,
    )
    light: EnumProperty(
        name="Light",
        description="Which of the lights that are possible. For models that say how far they may be off",
        items=(
            ("median", "Median", "The likeliest, and the best picture"),
            ("mean", "Mean", "Right on average: where the result lights something"),
            ("bold", "Bold", "Brighter than most would be"),
        ),
        update=_changed,
    )
    curve: EnumProperty(
        name="Curve",
        description="What turns the plate's codes into light",
        items=(
            ("declared", "Colour Space", "The colour space says it exactly. Right for footage with a known space"),
            ("estimate", "Estimated", "The network's guess of the camera's curve. For photographs of unknown origin"),
        ),
        update=_changed,
    )
    tau: FloatProperty(
        name="Mask Start",
        description="Share of the clip level at which the soft mask begins",
        default=0.95,
        min=0.05,
        max=0.999,
        precision=3,
        step=1,
        update=_changed,
    )
    dequantize: BoolProperty(
        name="Smooth Banding",
        description="Smooths 8-bit banding by less than half a code value",
        update=_changed,
    )
    depth: EnumProperty(
        name="Depth",
        description="Of the EXR files",
        items=(
            ("auto", "Automatic", "16-bit half float, 32-bit where a value does not fit"),
            ("half", "16 Bit", "Half float"),
            ("float", "32 Bit", "Full float"),
        ),
        update=_changed,
    )
    compression: EnumProperty(
        name="Compression",
        description="Of the EXR files",
        items=(
            ("zip", "ZIP", "Lossless, small; 16 lines at a time"),
            ("zips", "ZIPS", "Lossless; a line at a time"),
            ("piz", "PIZ", "Lossless, good for grain"),
            ("dwaa", "DWAA", "Lossy, very small"),
            ("none", "None", "Largest and fastest"),
        ),
        update=_changed,
    )

    frames: EnumProperty(
        name="Frames",
        description="Which frames a run makes. Frames that are there and up to date are never made again",
        items=(
            ("SOURCE", "Whole Source", "Every frame of the sequence or movie; linked nodes: the scene's range"),
            ("SCENE", "Scene Range", "What the scene's frame range shows"),
            ("CURRENT", "Current Frame", "Only what the current frame shows"),
            ("CUSTOM", "Custom", "Frame numbers of the source"),
        ),
    )
    frame_list: StringProperty(
        name="Numbers", default="1001-1010", description="Frame numbers of the source, for example 1001-1010x2,1020"
    )
    cache: StringProperty(
        name="Cache",
        subtype="DIR_PATH",
        default=DEFAULT_CACHE,
        description="Folder for the EXR frames; // is the folder of the .blend file",
        options=versions.BLEND_RELATIVE,
    )


def register() -> None:
    """The settings become part of every compositor tree."""
    bpy.utils.register_class(HEADROOM_PG_baked)
    bpy.utils.register_class(HEADROOM_PG_group)
    bpy.types.CompositorNodeTree.headroom = PointerProperty(type=HEADROOM_PG_group, name="Headroom")


def unregister() -> None:
    """Taken out again; what is stored in files stays there."""
    del bpy.types.CompositorNodeTree.headroom
    bpy.utils.unregister_class(HEADROOM_PG_group)
    bpy.utils.unregister_class(HEADROOM_PG_baked)
