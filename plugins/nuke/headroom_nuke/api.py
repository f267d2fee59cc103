"""For scripts, with a node or without: the same in the GUI, in ``nuke -t`` and in ``python -c "import nuke"``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Callable

import nuke

from . import baking, engine, knobs, progress
from .errors import BakeCancelled, BakeError
from .host import frames as host_frames
from .results import FrameResult, Result

__all__ = ["bake", "baked_files", "cancel", "clear", "reconstruct_files", "use_frames"]


def bake(
    node: nuke.Node,
    first: int | None = None,
    last: int | None = None,
    *,
    step: int = 1,
    views: Sequence[str] | None = None,
    quiet: bool = False,
    check: bool = True,
) -> Result:
    """Bake a HeadroomReconstruct and point it at the frames. Blocks until it is over.

    ``first`` and ``last`` are taken as given; without them the node's own range counts, within the project's.
    Raises ``BakeError`` where it failed (``BakeCancelled`` where somebody stopped it) unless ``check`` is off; its
    ``result`` holds what was done. Frames that are up to date are not made again.
    """
    if (first is None) != (last is None):
        raise ValueError("give both first and last, or neither")
    frames = None if first is None or last is None else list(range(first, last + 1, step))
    if not knobs.is_ours(node):
        knobs.read(node)  # raises, and says what it is instead
    shown = progress.Progress(node.name()) if quiet else progress.for_host(node.name())
    result = baking.Bake(node, shown, frames=frames, views=views).run()
    if check and result.status != "done":
        kind = BakeCancelled if result.status == "cancelled" else BakeError
        error = kind(result.error or "The bake was cancelled.", result.fix)
        error.result = result
        raise error
    return result


def cancel(node: nuke.Node) -> bool:
    """Stop the bake of a node after the tile in work; False where none is under way. Any thread."""
    under_way = baking.running(node.fullName())
    if under_way is None:
        return False
    under_way.cancel()
    return True


def clear(node: nuke.Node, *, delete_files: bool = False) -> list[str]:
    """Forget the bake: the plate passes through. Returns the baked files that are there; deletes them if asked.

    Only files of the node's own pattern and range are ever deleted.
    """
    if not knobs.is_ours(node):
        knobs.read(node)
    if baking.running(node.fullName()) is not None:
        raise BakeError(f"{node.fullName()} is being baked.", "Press Cancel first.")
    files = baked_files(node)
    knobs.set_baked(
        node,
        {
            "has_bake": False, "baked_file": "", "baked_first": 0, "baked_last": 0, "baked_still": False,
            "baked_settings": "", "baked_source": "", "baked_config": "",
        },
    )  # fmt: skip
    knobs.set_status(node, "Not baked.")
    if delete_files:
        for path in files:
            Path(path).unlink()
    return files


def use_frames(node: nuke.Node, pattern: str, first: int, last: int) -> None:
    """Point a node at frames that were made elsewhere (a farm, ``headroom convert``)."""
    if not knobs.is_ours(node):
        knobs.read(node)
    if any(sign in pattern for sign in "[]"):
        raise BakeError(f"{pattern} has square brackets, which Nuke would take for Tcl.", "Choose a name without them.")
    knobs.set_baked(
        node,
        {
            "baked_file": pattern.replace("\\", "/"), "baked_first": first, "baked_last": last,
            "baked_still": not host_frames.has_token(pattern), "baked_settings": "",
            "baked_source": "frames made elsewhere", "baked_config": "", "has_bake": True,
        },
    )  # fmt: skip
    there = len(baked_files(node))
    knobs.set_status(node, f"Reads {there} frame{'s' * (there != 1)} made elsewhere.")


def baked_files(node: nuke.Node) -> list[str]:
    """The files that the node reads and that are there."""
    pattern = str(node["baked_file"].value() or "")
    if not pattern:
        return []
    first, last = int(node["baked_first"].value()), int(node["baked_last"].value())
    found: list[str] = []
    for view in nuke.views() or ["main"]:
        one = pattern.replace("%V", view).replace("%v", view[:1])
        if host_frames.has_token(one):
            found += [host_frames.frame_path(one, n) for n in host_frames.find_frames(one) if first <= n <= last]
        elif Path(one).is_file():
            found.append(one)
    return list(dict.fromkeys(found))


def reconstruct_files(
    source: str | Sequence[str],
    target: str | Sequence[str],
    frames: str | Iterable[int] | None = None,
    *,
    worker_command: str = "",
    on_frame: Callable[[FrameResult], Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
    check: bool = True,
    **settings: Any,
) -> Result:
    """Pictures to EXR files through the engine, without a node.

    ``source`` and ``target``: one file each, lists of the same length, or frame patterns (``plate.####.jpg``);
    ``frames`` then says which ("1001-1010" or numbers; default: all that are on disk). ``settings``: as for
    ``headroom convert``, with underscores (``from_space="sRGB"``, ``boost=1.5``, ``overwrite=True``).
    """
    sources, targets, numbers = _pairs(source, target, frames)
    if settings.get("ocio_config") is None and os.environ.get("OCIO"):
        settings["ocio_config"] = os.environ["OCIO"]
    worker = engine.worker(worker_command)
    results: list[FrameResult] = []

    def on_event(event: Any) -> None:
        if event.get("event") == "frame":
            result = FrameResult(
                numbers[event["index"]], "", event["source"], event["target"], event["status"], event.get("error"),
                tuple(event.get("warnings", ())), dict(event.get("facts") or {}),
            )  # fmt: skip
            results.append(result)
            if on_frame is not None:
                on_frame(result)

    for path in targets:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    run = worker.submit(
        settings, [{"frame": n, "source": s, "target": t} for n, s, t in zip(numbers, sources, targets)]
    )
    outcome = run.wait(on_event, cancelled)
    given = [number for number in numbers if number is not None]
    first, last = (min(given), max(given)) if given else (1, 1)
    pattern = target if isinstance(target, str) else ""
    result = Result(outcome["status"], results, pattern, first, last, outcome["error"], outcome["fix"])
    if check and result.status != "done":
        kind = BakeCancelled if result.status == "cancelled" else BakeError
        error = kind(result.error or "The run was cancelled.", result.fix)
        error.result = result
        raise error
    return result


def _pairs(
    source: str | Sequence[str], target: str | Sequence[str], frames: str | Iterable[int] | None
) -> tuple[list[str], list[str], list[int | None]]:
    if not isinstance(source, str) or not isinstance(target, str):
        if isinstance(source, str) or isinstance(target, str) or len(source) != len(target):
            raise ValueError("source and target: two texts, or two lists of the same length")
        return _absolute(source), _absolute(target), [None] * len(source)
    if not host_frames.has_token(source):
        return _absolute([source]), _absolute([target]), [None]
    if not host_frames.has_token(target):
        raise ValueError(f"{target} needs a frame token such as ####, as {source} has one")
    wanted = host_frames.find_frames(source) if frames is None else frames
    numbers = host_frames.parse_range(wanted) if isinstance(wanted, str) else [int(number) for number in wanted]
    if not numbers:
        raise BakeError(f"No frame of {source} is there.", "Look at its folder and name.")
    return (
        _absolute([host_frames.frame_path(source, number) for number in numbers]),
        _absolute([host_frames.frame_path(target, number) for number in numbers]),
        list(numbers),
    )


def _absolute(paths: Iterable[str]) -> list[str]:
    return [str(Path(path).expanduser().absolute()) for path in paths]
