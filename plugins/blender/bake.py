"""One bake: plate -> files for the engine -> EXR frames -> shown by the group.

`Bake.step` does a little and returns, for a timer; `Bake.run` does it all, for background mode and scripts. Datablocks
are looked up anew at every step, since undo and removal make old references invalid.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import cache, capture, colour, engine, images, node_group, results, source, state, versions
from .host import frames as host_frames
from .host import stamp
from .problems import Problem
from .sequences import sequence_of
from .task import EngineTask

__all__ = ["Bake", "Report"]

STEP_S = 0.1
STAMP_EVERY_S = 3.0
CAPTURE_SHARE = 0.1
"""Of the progress: the engine takes much longer than Blender's own part."""
Steps = Iterator[bool]
"""A bake in work: True while there is more to do at once, False to come back later."""


@dataclass(kw_only=True)
class Report:
    """What a bake did."""

    status: str = "done"
    """done, failed or cancelled."""
    made: int = 0
    kept: int = 0
    """Frames that were there already and up to date."""
    failed: int = 0
    left: int = 0
    folder: str = ""
    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problem: Problem | None = None

    def __str__(self) -> str:
        parts = [f"{self.made} made" if self.made or not self.kept else "", f"{self.kept} up to date" * bool(self.kept)]
        parts += [f"{self.failed} failed" * bool(self.failed), f"{self.left} not made" * bool(self.left)]
        return ", ".join(part for part in parts if part)


class Bake:
    """A group's bake. Raises `Problem` at once where the request makes no sense."""

    def __init__(self, group: bpy.types.NodeTree, scene: bpy.types.Scene) -> None:
        self._uid, self._scene_uid = versions.uid_of(group), versions.uid_of(scene)
        if group.library is not None:
            raise Problem(f"{group.name} is linked from another file.", "Run it there, or make it local first.")
        if self._uid in state.running:
            raise Problem(f"{group.name} is being run already.")
        self.name = group.name
        self.message = "Reading the plate"
        self.fraction = 0.0
        self.report: Report | None = None
        self._cancelled = False
        self._task: EngineTask | None = None
        self._report = Report()
        self._steps = self._work()
        state.running[self._uid] = self

    @property
    def finished(self) -> bool:
        """Whether there is a report."""
        return self.report is not None

    @property
    def is_busy(self) -> bool:
        """Whether Blender itself has work to do, rather than the engine."""
        return self._task is None and not self.finished

    def step(self) -> None:
        """Works for about a tenth of a second, or not at all while the engine does."""
        until = time.monotonic() + STEP_S
        more = True
        while more and not self.finished and time.monotonic() < until:
            try:
                more = next(self._steps)
            except StopIteration:
                self._end()
            except Problem as problem:
                self._report.status, self._report.problem = "failed", problem
                self._end()
            except ReferenceError:
                self._report.status = "failed"
                self._report.problem = Problem(f"{self.name} was changed too much while it ran.", "Run it again.")
                self._end()
            except BaseException:
                self._end()
                raise

    def run(self, on_step: Callable[[], None] | None = None) -> Report:
        """Blocks until it is done."""
        try:
            while not self.finished:
                self.step()
                if on_step is not None:
                    on_step()
                if self._task is not None and not self.finished:
                    time.sleep(0.02)
        except BaseException:
            self.abandon()
            raise
        assert self.report is not None
        return self.report

    def cancel(self) -> None:
        """Stops soon; finished frames stay and are not made again."""
        self._cancelled = True
        self.message = "Stopping"
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Lets go at once: the file is being closed. Finished frames stay on disk."""
        self.cancel()
        state.running.pop(self._uid, None)
        self._steps.close()

    # ---- the work --------------------------------------------------------------------------------------------

    def _work(self) -> Steps:
        group, scene = self._group(), self._scene()
        instance = source.find_instance(group, scene)
        plate = source.plate_of(group, instance)
        numbers = source.wanted_numbers(group, plate, instance.scene if instance else scene)
        if plate.missing:
            gaps = host_frames.format_range(plate.missing)
            self._warn(f"Frames {gaps} of {plate.stem} are missing on disk and were left out.")
        root = cache.folder_of(group.headroom.cache)
        cache.check_writable(root)
        if cache.is_unsaved() and group.headroom.cache.startswith("//"):
            self._warn(f"The .blend is not saved: the frames go to {root}. Save it and run again to move them.")
        _adopt(group, root)
        results.identify(group)
        # Taken now: what the artist changes from here on belongs to the next run.
        version, shaping = results.version_of(group, plate), results.shaping_settings(group, plate)
        self._mark = group.headroom.baked.mark
        settings = results.worker_settings(group, plate)
        targets = {number: host_frames.cached_frame(root, plate.stem, version, number) for number in numbers}
        sources = {} if plate.is_captured else {number: plate.path_of(number) for number in numbers}
        if plate.is_captured:
            yield from self._capture(plate, numbers, root, sources)
            if self._cancelled:
                self._report.status, self._report.left = "cancelled", len(numbers)
                return
        frames = [{"frame": n, "source": sources[n], "target": str(targets[n])} for n in numbers]
        engine_version, hashes = engine.known_version()
        stale = stamp.stale_frames(
            frames, settings=shaping, worker_version=engine_version,
            model_sha256=hashes.get(shaping.get("model") or engine.default_model() or ""),
        )  # fmt: skip
        todo = [frame for frame in frames if frame["frame"] in stale]
        self._report.kept = len(frames) - len(todo)
        self._report.folder = str(next(iter(targets.values())).parent)
        if todo:
            yield from self._through_engine(todo, settings, shaping)
        self._show(plate, version, targets, sources)

    def _capture(
        self, plate: source.Plate, numbers: list[int | None], root: Path, sources: dict[int | None, str]
    ) -> Steps:
        """Writes the frames that only Blender has; ``sources`` gets their files."""
        folder = root / f"{plate.stem}_plate_{results.mark_of(self._group(), plate)}"
        suffix = capture.captured_suffix(plate)
        notes = stamp.read_stamp(folder / stamp.STAMP_NAME) if plate.is_of_file else None
        fresh: list[dict[str, Any]] = []
        try:
            for index, number in enumerate(numbers):
                if self._cancelled:
                    return
                self.message = f"Reading frame {index + 1} of {len(numbers)}" if plate.user else "Reading the plate"
                self.fraction = CAPTURE_SHARE * index / len(numbers)
                target = folder / (f"{plate.stem}{suffix}" if number is None else f"{plate.stem}.{number:04d}{suffix}")
                sources[number] = str(target)
                frame = {"frame": number, "source": plate.path, "target": str(target)}
                # A movie's frames change only with the movie: they are not read again while it is the same.
                if plate.is_of_file and stamp.is_stale(notes, frame, settings={}) is None:
                    continue
                group, scene = self._group(), self._scene()
                instance = source.find_instance(group, scene) if plate.kind == "upstream" else None
                capture.capture(plate, number, target, instance)
                fresh.append(frame)
                yield True
        finally:
            capture.close_movies()
            if plate.is_of_file and fresh:
                stamp.record(folder / stamp.STAMP_NAME, fresh, settings={}, worker_version="Blender")

    def _through_engine(self, todo: list[dict[str, Any]], settings: dict[str, Any], shaping: dict[str, Any]) -> Steps:
        task = EngineTask(settings, todo)
        self._task = task
        fresh: list[dict[str, Any]] = []
        task.on_frame = lambda event: self._frame_done(event, fresh)
        start = self.fraction
        written = time.monotonic()
        try:
            while not task.finished:
                task.step()
                self.message, self.fraction = task.message, start + (1 - start) * task.fraction
                if fresh and (task.finished or time.monotonic() - written > STAMP_EVERY_S):
                    self._stamp(fresh, shaping, task.version)
                    written = time.monotonic()
                if not task.finished:
                    yield False
        finally:
            if not task.finished:
                task.cancel()
                task.release()
            self._stamp(fresh, shaping, task.version)
        outcome = task.outcome
        assert outcome is not None
        self._report.status = outcome["status"]
        self._report.left = len(todo) - self._report.made - self._report.failed - (
            sum(1 for event in outcome["frames"] if event.get("status") == "skipped")
        )  # fmt: skip
        if outcome["status"] == "failed":
            self._report.problem = Problem(outcome["error"] or "The engine failed.", outcome["fix"])

    def _frame_done(self, event: dict[str, Any], fresh: list[dict[str, Any]]) -> None:
        status = event.get("status")
        if status in ("done", "skipped"):
            fresh.append(event)
            self._report.made += status == "done"
            self._report.kept += status == "skipped"
            if status == "done":
                self._facts = event.get("facts", {})
        self._report.failed += status == "failed"
        for warning in event.get("warnings") or ():
            self._warn(warning)

    _facts: dict[str, Any] = {}
    _mark: str = ""

    def _stamp(self, fresh: list[dict[str, Any]], shaping: dict[str, Any], version: str | None) -> None:
        if not fresh:
            return
        _version, hashes = engine.known_version()
        sha = self._facts.get("weights_sha256") or hashes.get(shaping.get("model") or engine.default_model() or "")
        try:
            stamp.record(
                stamp.stamp_path(fresh[0]["target"]), fresh, settings=shaping, worker_version=version or "",
                model_sha256=sha or None,
            )  # fmt: skip
        except OSError as error:
            self._warn(f"The cache's notes could not be written ({error.strerror or error}).")
        fresh.clear()

    def _show(
        self, plate: source.Plate, version: str, targets: dict[int | None, Path], sources: dict[int | None, str]
    ) -> None:
        """Points the group at what is there now, where that is more than nothing."""
        group = self._group()
        folder = next(iter(targets.values())).parent
        there: list[int | None] = [n for n in targets if targets[n].is_file()]
        earlier = group.headroom.baked
        if not there or (self._report.status != "done" and earlier.version and earlier.version != version):
            return  # an older bake that is whole is worth more than a new one that is not
        everything: list[int] = []
        first = targets[there[0]]
        if plate.user is not None:
            numbered = sequence_of(str(first))
            everything = [n for n in numbered.on_disk() if n in set(plate.numbers) | set(there)] if numbered else []
            first = host_frames.cached_frame(folder.parent, plate.stem, version, min(everything))
        previous = node_group.plate_images(group)
        baked = images.image_of(str(first), f"{plate.stem} HDR", plate.user is not None)
        colour.tag_working(baked)
        shown, user = self._plate_image(plate, sources)
        node_group.show(group, baked, shown, plate.user, user)
        images.drop_unused(previous)
        # The mark too: an undo during the run takes it away.
        earlier.version, earlier.mark, earlier.ready, earlier.wanted = version, self._mark, len(there), len(targets)
        earlier.frames = host_frames.format_range(everything) if everything else ""
        some = sources[there[0]]
        earlier.written = os.path.relpath(some, folder).replace("\\", "/") if plate.is_captured else ""
        earlier.face = results.face_of(group)
        if self._facts:
            earlier.summary = results.in_words(self._facts)
        earlier.space, earlier.captured = plate.from_space, plate.kind in ("upstream", "pixels")
        self._report.files = [str(targets[n]) for n in there]
        if self._facts.get("width") and tuple(shown.size) not in ((0, 0), self._size()):
            self._warn(
                f"{plate.stem} is stored turned: Blender shows it {shown.size[0]} x {shown.size[1]}, the result is "
                f"{self._facts['width']} x {self._facts['height']}. Save it upright to work on it here."
            )
        group.update_tag()

    def _size(self) -> tuple[int, int]:
        return int(self._facts.get("width", 0)), int(self._facts.get("height", 0))

    def _plate_image(
        self, plate: source.Plate, sources: dict[int | None, str]
    ) -> tuple[bpy.types.Image, node_group.FrameUser | None]:
        image = versions.by_uid(bpy.data.images, plate.image_uid) if plate.image_uid is not None else None
        if image is not None and plate.shown_as_is:
            return image, plate.user
        first = min(sources.values(), key=lambda path: (len(path), path))
        shown = images.image_of(first, f"{plate.stem} plate", plate.user is not None)
        if plate.kind in ("upstream", "pixels"):
            colour.tag_working(shown)
        elif shown.colorspace_settings.name != plate.from_space:
            shown.colorspace_settings.name = plate.from_space
        return shown, plate.user

    # ---- the end ---------------------------------------------------------------------------------------------

    def _end(self) -> None:
        state.running.pop(self._uid, None)
        self.fraction = 1.0
        group = versions.by_uid(bpy.data.node_groups, self._uid)
        if group is not None:
            state.forget(group)
        self.report = self._report
        self._steps.close()

    def _warn(self, sentence: str) -> None:
        if sentence not in self._report.warnings:
            self._report.warnings.append(sentence)

    def _group(self) -> bpy.types.NodeTree:
        found = versions.by_uid(bpy.data.node_groups, self._uid)
        if found is None:
            raise Problem(f"{self.name} was removed while it ran.")
        return found

    def _scene(self) -> bpy.types.Scene:
        return versions.by_uid(bpy.data.scenes, self._scene_uid) or bpy.context.scene


def _adopt(group: bpy.types.NodeTree, root: Path) -> None:
    """Moves what was made before the .blend was saved to its place beside the .blend."""
    shown = results.folder_shown(group)
    old = Path(shown)
    if cache.is_unsaved() or not shown or not old.is_dir() or not cache.is_of_unsaved(old) or old.parent == root:
        return
    try:
        for folder in [one for one in old.parent.iterdir() if one.is_dir() and not (root / one.name).exists()]:
            shutil.move(str(folder), str(root / folder.name))
    except OSError:
        return  # they are made again instead
