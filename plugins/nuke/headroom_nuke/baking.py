"""One bake from the press of the button to the frames on disk: the same steps in the GUI and in ``nuke -t``.

    preparing   knobs, upstream, colour, paths                  main thread
    starting    the engine, what it says of config and model    bake's thread
    baking      plain Read: all files in one run                bake's thread
                chain: render a frame (main thread), submit it, while the engine works on the one before
    finishing   check the files, point the node at them         main thread

In the GUI the bake's thread is a thread of its own; in a terminal it is the main thread, and `in_main` is a plain call.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nuke

from . import cache, callbacks, engine, exr_file, knobs, source
from .errors import BakeCancelled, BakeError
from .host import frames as host_frames
from .host import stamp
from .host.client import Run, Worker
from .hosting import in_main, value
from .outline import Outline, Plan, prepare, settings_of, shaping_of
from .progress import Progress
from .render_input import InputRender
from .results import FrameResult, Result

__all__ = ["Bake", "running"]

AHEAD = 2
"""Rendered frames that may wait for the engine: uncompressed float frames fill disks fast."""

_running: dict[str, Bake] = {}
_lock = threading.Lock()


def running(node_name: str) -> Bake | None:
    """The bake of a node (by full name) that is under way."""
    with _lock:
        return _running.get(node_name)


@dataclass
class _Sent:
    """A run and the pictures that are in it."""

    run: Run
    items: list[source.Item]
    temporary: list[str]


class Bake:
    """One bake of one node."""

    def __init__(
        self,
        node: nuke.Node,
        progress: Progress,
        *,
        frames: Sequence[int] | None = None,
        views: Sequence[str] | None = None,
    ) -> None:
        """``frames``: these exactly, in place of the node's wish; ``views``: likewise."""
        self.node = node
        self.name = node.fullName()
        self.progress = progress
        self.state = "preparing"
        self._frames = None if frames is None else list(frames)
        self._views = None if views is None else list(views)
        self._results: list[FrameResult] = []
        self._total = 1
        self._finished = 0
        self._notes: list[str] = []
        self._entered = False

    def run(self) -> Result:
        """All of it. Never raises for what can go wrong in a bake: the result says it."""
        try:
            with self._alone():
                result = self._bake()
        except (BakeCancelled, KeyboardInterrupt):
            result = Result("cancelled", self._results, notes=tuple(self._notes))
        except BakeError as error:
            result = Result("failed", self._results, error=error.sentence, fix=error.fix, notes=tuple(self._notes))
        except Exception as error:  # noqa: BLE001  in a thread of its own nobody would ever read it
            nuke.tprint(f"headroom: {self.name}:\n{traceback.format_exc()}")
            why = f"Unexpected {type(error).__name__}: {' '.join(str(error).split())}."
            result = Result("failed", self._results, error=why, fix="The terminal has the details.")
        self.state = result.status
        in_main(self._tell_end, result)
        return result

    def cancel(self) -> None:
        """Stop after the tile in work; any thread."""
        self.progress.cancel()

    # ---- the steps -------------------------------------------------------------------------------------------

    def outline(self) -> Outline:
        """Everything about the bake but the baking: nothing is rendered or written."""
        plan = in_main(prepare, self.node, self._frames, self._views)
        self._notes = [*plan.notes, *plan.script.notes, *plan.source.notes]
        self.state = "starting"
        self.progress.at(0.0, "starting the engine")
        worker = engine.worker(plan.wishes.worker_command)
        described = engine.describe(worker, plan.script.config)
        settings = settings_of(plan, described)
        in_main(callbacks.tell, "before_bake", self.node, settings)
        key = host_frames.settings_key(shaping_of(settings, described, plan))
        place = cache.place(
            plan.wishes.cache_path, script=plan.script_path, node=plan.wishes.name.replace(".", "_"),
            plate=plan.source.plate, version=plan.wishes.version, key=key, still=plan.source.still, views=plan.views,
        )  # fmt: skip
        return Outline(plan, worker, described, settings, place)

    def _bake(self) -> Result:
        outline = self.outline()
        plan, worker, settings, place = outline.plan, outline.worker, outline.settings, outline.place
        cache.check_writable(place.folder)
        self._total = len(plan.source.items)
        self.state = "baking"
        if plan.source.read is not None:
            self._bake_files(plan, worker, settings, place)
        else:
            self._bake_render(plan, worker, settings, place)
        self.state = "finishing"
        self._stop_if_asked()
        return in_main(self._finish, plan, place, settings, outline.described)

    def _bake_files(self, plan: Plan, worker: Worker, settings: dict[str, Any], place: cache.Place) -> None:
        items = list(plan.source.items)
        sent = self._send(worker, settings, place, items, [str(item.source) for item in items], [])
        self._await(sent)

    def _bake_render(self, plan: Plan, worker: Worker, settings: dict[str, Any], place: cache.Place) -> None:
        waiting: deque[_Sent] = deque()
        with InputRender(plan.source.upstream, plan.source.plate) as render:
            try:
                for item in plan.source.items:
                    self._stop_if_asked()
                    frame = int(item.frame or 0)
                    self.progress.at(self._fraction(), f"rendering the plate, frame {frame}")
                    try:
                        path = in_main(render.frame, frame, item.view)
                    except BakeCancelled:
                        self.cancel()
                        raise
                    except BakeError as error:
                        # One bad frame does not end a night's work.
                        target = place.path(item.frame, item.view)
                        self._note(FrameResult(item.frame, item.view, "", target, "failed", str(error)))
                        continue
                    waiting.append(self._send(worker, settings, place, [item], [path], [path]))
                    while len(waiting) > AHEAD:
                        self._await(waiting.popleft())
                while waiting:
                    self._await(waiting.popleft())
            finally:
                for sent in waiting:
                    sent.run.cancel()
                for sent in waiting:
                    sent.run.wait()

    def _send(
        self,
        worker: Worker,
        settings: dict[str, Any],
        place: cache.Place,
        items: list[source.Item],
        sources: list[str],
        temporary: list[str],
    ) -> _Sent:
        frames = []
        for item, path in zip(items, sources):
            target = place.path(item.frame, item.view)
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            if Path(target).exists() and not exr_file.is_whole(target):
                # Half a file keeps its header, by which the engine would take it for finished.
                with contextlib.suppress(OSError):
                    Path(target).unlink()
            frames.append({"frame": item.frame, "source": path, "target": target})
        return _Sent(worker.submit(settings, frames), items, temporary)

    def _await(self, sent: _Sent) -> None:
        """Follow a run to its end and take over what it says."""
        before = len(self._results)

        def on_event(event: dict[str, Any]) -> None:
            if event.get("event") == "progress":
                index = int(event.get("index", 0))
                part = self._finished + float(event.get("fraction", 0.0))
                now = f"{_named(sent.items[index])} ({self._finished + 1}/{self._total})"
                self.progress.at(part / self._total, now)
            elif event.get("event") == "frame":
                self._note(_result(sent.items[int(event["index"])], event))

        try:
            outcome = sent.run.wait(on_event, self.progress.cancelled)
        finally:
            for path in sent.temporary:
                with contextlib.suppress(OSError):
                    Path(path).unlink()
        if outcome["status"] == "cancelled":
            raise BakeCancelled("The bake was cancelled.")
        if outcome["status"] == "failed" and len(self._results) - before < len(sent.items):
            # Not a bad frame but the engine itself: there is no use in going on.
            raise BakeError(str(outcome["error"]), outcome.get("fix"))

    def _finish(self, plan: Plan, place: cache.Place, settings: dict[str, Any], described: dict[str, Any]) -> Result:
        bad = [result for result in self._results if result.status not in ("done", "skipped")]
        lost = [result for result in self._results if result not in bad and not exr_file.is_whole(result.target)]
        notes = tuple(self._notes)
        if bad or lost:
            said = bad[0].error if bad else f"{lost[0].target} is not on disk after the bake"
            few = f"{len(bad + lost)} of {self._total} frames failed, " if self._total > 1 else ""
            at = (bad + lost)[0].frame
            where = f"frame {at}: " if at is not None and self._total > 1 else ""
            return Result(
                "failed", self._results, place.pattern, error=f"{few}{where}{said}".rstrip(".") + ".",
                fix="The others are kept: bake again to make only those." if self._total > len(bad + lost) else None,
                notes=notes,
            )  # fmt: skip
        self._stamp(settings, described)
        numbers = [result.frame for result in self._results if result.frame is not None]
        first, last = (min(numbers), max(numbers)) if numbers else (1, 1)
        first, last = self._joined(place.pattern, first, last)
        config = described.get("config") or {}
        knobs.set_baked(
            self.node,
            {
                "baked_file": place.pattern,
                "baked_first": first,
                "baked_last": last,
                "baked_still": plan.source.still,
                "baked_settings": knobs.describe_settings(self.node),
                "baked_source": _bare(self._made_from(plan)),
                "baked_config": _bare(f"{config.get('name')} ({config.get('cache_id')}), {plan.script.where}"),
                "has_bake": True,
            },
        )
        _reload(self.node)
        return Result("done", self._results, place.pattern, first, last, notes=notes)

    # ---- parts of the steps ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One bake a node: a second one would write the same files."""
        with _lock:
            if self.name in _running:
                raise BakeError(f"{self.name} is being baked already.", "Wait for it, or press Cancel.")
            _running[self.name] = self
        self._entered = True
        try:
            yield
        finally:
            with _lock:
                _running.pop(self.name, None)

    def _note(self, result: FrameResult) -> None:
        self._results.append(result)
        self._finished += 1
        callbacks.tell("after_frame", self.node, result)
        said = result.error or "; ".join(result.warnings)
        self.progress.say(
            f"{_named(result)} {result.status} ({self._finished}/{self._total})" + (f": {said}" if said else "")
        )
        self.progress.at(self._fraction(), f"{_named(result)} {result.status}")

    def _fraction(self) -> float:
        return self._finished / max(self._total, 1)

    def _stop_if_asked(self) -> None:
        if self.progress.cancelled():
            raise BakeCancelled("The bake was cancelled.")

    def _stamp(self, settings: dict[str, Any], described: dict[str, Any]) -> None:
        """The sidecar; a folder that became read-only is no reason to lose a bake."""
        sha = next((m.get("sha256") for m in described.get("models", ()) if m.get("name") == settings["model"]), None)
        by_folder: dict[Path, list[dict[str, Any]]] = {}
        for result in self._results:
            entry = {"frame": result.frame, "source": result.source, "target": result.target}
            by_folder.setdefault(stamp.stamp_path(result.target), []).append(entry)
        for path, entries in by_folder.items():
            with contextlib.suppress(OSError):
                stamp.record(
                    path, entries, settings=settings, worker_version=str(described.get("version", "")), model_sha256=sha
                )

    def _joined(self, pattern: str, first: int, last: int) -> tuple[int, int]:
        """The range together with an earlier bake of the same files that it touches."""
        if value(self.node, "has_bake") and value(self.node, "baked_file") == pattern:
            was_first, was_last = int(value(self.node, "baked_first", first)), int(value(self.node, "baked_last", last))
            if was_first <= last + 1 and first <= was_last + 1:
                return min(first, was_first), max(last, was_last)
        return first, last

    def _made_from(self, plan: Plan) -> str:
        if plan.source.read is not None:
            return f"{plan.source.read.name()}, file {plan.source.items[0].source}"
        return f"{plan.source.upstream.name()}, rendered ({plan.source.why})"

    def _tell_end(self, result: Result) -> None:
        if self._entered:  # else the status is that of the bake under way
            knobs.set_status(self.node, str(result))
        self.progress.say(str(result))
        self.progress.close()
        callbacks.tell("after_bake", self.node, result)


def _result(item: source.Item, event: dict[str, Any]) -> FrameResult:
    return FrameResult(
        frame=item.frame,
        view=item.view,
        source=str(event.get("source", "")),
        target=str(event.get("target", "")),
        status=str(event.get("status", "failed")),
        error=event.get("error"),
        warnings=tuple(str(line) for line in event.get("warnings", ())),
        facts=dict(event.get("facts") or {}),
    )


def _named(item: Any) -> str:
    return "picture" if item.frame is None else f"frame {item.frame}"


def _bare(text: str) -> str:
    """Without brackets, which a string knob would evaluate as Tcl."""
    return text.replace("[", "(").replace("]", ")")


def _reload(node: nuke.Node) -> None:
    """Drop what Nuke holds of files that were written anew under the same names."""
    inner = node.node("Baked") if isinstance(node, nuke.Group) else None
    knob = inner.knob("reload") if inner is not None else None
    if isinstance(knob, nuke.Script_Knob):
        knob.execute()
