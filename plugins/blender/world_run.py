"""From a clipped panorama to a lit World: what is asked of the engine, and what is built from its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import bpy

from . import cache, colour, versions, world_nodes
from .capture import capture, captured_suffix
from .host.frames import settings_key
from .problems import Problem
from .source import Plate, image_plate
from .task import EngineTask

__all__ = ["WorldJob", "begin", "finish", "light_from_image", "restore"]

LATLONG_RATIO = 2.0
RATIO_TOLERANCE = 0.02
CACHE_KIND = "world"
CAPTURED = "source"
SETTINGS = ("model", "from_space", "curve", "boost", "clip_level", "peak_stops")
"""What may be given by name to `begin` and `light_from_image`; the rest comes from the scene."""


@dataclass
class WorldJob:
    """A panorama on its way. Datablocks are named by number: undo and the user may replace them meanwhile."""

    task: EngineTask
    scene_uid: int
    name: str
    """Of the panorama."""
    source: str
    """The panorama's file as it is kept in the .blend, or the name of an image that only the .blend holds."""
    target: Path
    warnings: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the engine is done with it."""
        return self.task.finished

    @property
    def fraction(self) -> float:
        """0..1."""
        return self.task.fraction

    @property
    def message(self) -> str:
        """What is being done, in words."""
        return self.task.message

    def step(self) -> None:
        """Takes in what happened since the last call; never blocks."""
        self.task.step()

    def cancel(self) -> None:
        """Stops soon; the World stays as it is."""
        self.task.cancel()


def begin(scene: bpy.types.Scene, image: bpy.types.Image, given: Mapping[str, Any] | None = None) -> WorldJob:
    """Starts the engine on a panorama. ``given`` overrides the scene's settings; `Problem` where it cannot be."""
    if scene.library is not None:
        raise Problem(f"The scene {scene.name} is linked from another file and cannot get a World.", "Make it local.")
    settings = engine_settings(scene, given or {})
    plate = image_plate(image, space=settings["from_space"] or "")
    if not plate.is_still:
        what = "a movie" if plate.kind == "movie" else "an image sequence"
        raise Problem(f"{image.name} is {what}; a World is lit by one still.", "Save the frame as an image file.")
    width, height = image.size
    if not (width and height):
        raise Problem(f"Blender cannot read {image.name}.", "Open it in the Image Editor to see why.")
    folder = cache.folder_for(CACHE_KIND)
    cache.check_writable(folder)
    path = _on_disk(plate, image, folder)
    settings["from_space"] = plate.from_space
    key = settings_key({**settings, "config": colour.config_mark(), "source": cache.blend_relative(path)})
    source = image.name_full if plate.is_captured else cache.blend_relative(path)
    target = folder / f"{plate.stem}-{key}.exr"
    asked = {**settings, "ocio_config": colour.config_path(), "overwrite": True, "resume": True}
    task = EngineTask(asked, [{"frame": None, "source": path, "target": str(target)}])
    job = WorldJob(task, versions.uid_of(scene), plate.stem, source, target)
    if abs(width / height / LATLONG_RATIO - 1) > RATIO_TOLERANCE:
        job.warnings.append(
            f"{image.name} is {width} x {height}; a lat-long panorama is twice as wide as high: the light is distorted"
        )
    if cache.is_unsaved():
        job.warnings.append(f"The .blend is not saved: the map goes to {folder}. Save it and run again to move it")
    return job


def engine_settings(scene: bpy.types.Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    """The scene's settings for the engine, with ``given`` over them; None: the engine's default."""
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise Problem(f"There is no setting {', '.join(unknown)}.", f"There are {', '.join(SETTINGS)}.")
    kept = scene.headroom_world
    settings = {
        "model": kept.model or None,
        "from_space": kept.from_space or None,
        "curve": kept.curve,
        "boost": kept.boost,
        "clip_level": kept.clip_level if kept.use_clip_level else None,
        "peak_stops": kept.peak_stops if kept.use_peak_stops else None,
        **given,
    }
    return {**settings, "to_space": colour.working_space()}


def finish(job: WorldJob) -> bpy.types.World:
    """Builds the World from a finished job, or puts the new map into the World that the same panorama lit before."""
    outcome = job.task.outcome or {}
    if outcome.get("status") != "done":
        raise Problem(outcome.get("error") or "The panorama was not reconstructed.", outcome.get("fix"))
    scene = versions.by_uid(bpy.data.scenes, job.scene_uid)
    if scene is None:
        raise Problem("The scene was removed meanwhile.", f"The environment map is {job.target}.")
    image = environment_image(job.target)
    world = scene.world
    if not (_is_lit_by(world, job.source) and world_nodes.replace_image(world, image)):
        previous = world
        world = world_nodes.build(f"{job.name} HDR", image)
        if previous is not None:
            if previous.library is None:
                previous.use_fake_user = True
            world.headroom.previous = previous
        scene.world = world
    world.headroom.source = job.source
    frame = outcome["frames"][0]
    job.warnings += frame.get("warnings") or []
    facts = frame.get("facts") or {}
    if "peak" in facts:  # a map that was there already has no new ones
        world.headroom.summary = summary(facts)
    return world


def environment_image(path: Path) -> bpy.types.Image:
    """The datablock of an environment map, read anew, its numbers taken as they are."""
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        raise Problem(f"The environment map {path} cannot be read: {error}") from None
    image.reload()
    colour.tag_working(image)
    if not image.has_data and not image.size[0]:
        raise Problem(f"The environment map {path} cannot be read.", "Run again.")
    image.filepath = cache.blend_relative(path)
    return image


def summary(facts: Mapping[str, Any]) -> str:
    """What came out, in words."""
    if facts.get("passed_through"):
        return f"HDR already, peak {facts['peak']:.4g}"
    share = 100 * facts.get("masked_share", 0.0)
    if share == 0:
        return "Nothing clips in this image"
    return f"Peak {facts['peak']:.3g}, +{facts.get('gain_stops_peak', 0.0):.1f} stops on {share:.1f} % of the image"


def restore(scene: bpy.types.Scene) -> bpy.types.World:
    """Gives the scene its World from before back; the one with the panorama stays in the file."""
    world = scene.world
    previous = world.headroom.previous if world is not None else None
    if previous is None:
        raise Problem("There is no World from before to go back to.")
    if world.library is None:
        world.use_fake_user = True
    scene.world = previous
    return previous


def light_from_image(
    image: bpy.types.Image | str | Path, scene: bpy.types.Scene | None = None, **settings: Any
) -> bpy.types.World:
    """Lights a scene from a panorama (datablock or file) and returns its World. Blocks; raises `Problem`.

    ``settings``: model, from_space, curve, boost, clip_level, peak_stops; what is not given is the scene's.
    """
    scene = scene or bpy.context.scene
    job = begin(scene, load_panorama(image), settings)
    job.task.wait()
    return finish(job)


def load_panorama(image: bpy.types.Image | str | Path) -> bpy.types.Image:
    """The datablock of a panorama that may be given as a file."""
    if isinstance(image, bpy.types.Image):
        return image
    path = bpy.path.abspath(str(image))
    known = len(bpy.data.images)
    try:
        found = bpy.data.images.load(path, check_existing=True)
        if len(bpy.data.images) > known and bpy.context.preferences.filepaths.use_relative_paths:
            found.filepath = cache.blend_relative(path)  # as Blender's own Open does
        return found
    except RuntimeError:
        why = "cannot be read as an image" if Path(path).is_file() else "is not there"
        raise Problem(f"The panorama {path} {why}.", "Choose another file.") from None


def _on_disk(plate: Plate, image: bpy.types.Image, folder: Path) -> str:
    """The file that the engine reads; what only Blender has is written first, under a name of its own."""
    if not plate.is_captured:
        return plate.path
    mark = sha256(image.name_full.encode()).hexdigest()[:8]
    path = folder / CAPTURED / f"{plate.stem}-{mark}{captured_suffix(plate)}"
    capture(plate, None, path, None)
    return str(path)


def _is_lit_by(world: bpy.types.World | None, source: str) -> bool:
    """Whether a World of this file was made from that panorama; its path may have been absolute before a save."""
    if world is None or world.library is not None or not world.headroom.source:
        return False
    return bpy.path.abspath(world.headroom.source) == bpy.path.abspath(source)
